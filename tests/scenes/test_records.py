"""Records that cross a disk: what an older version wrote is still read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from scenes.records import ANSWER_SCHEMA_VERSION, GroundedAnswer

VERSION_1: dict[str, Any] = {
    "schema_version": 1,
    "answer": "Your bag is 2.4 m away.",
    "status": "answered",
    "citations": [{"claim": "your bag is 2.4 m away, behind you", "source": "o5"}],
    "frame": {"id": 3, "time_s": 1.5, "world_from_camera": None},
    "model": {"base": "embedded", "backend": "local"},
}


def test_an_answer_stored_as_version_1_opens_as_the_present_version() -> None:
    answer = GroundedAnswer.model_validate_json(json.dumps(VERSION_1))
    assert answer.schema_version == ANSWER_SCHEMA_VERSION == 2
    assert [(c.evidence, c.source) for c in answer.citations] == [("your bag is 2.4 m away, behind you", "o5")]
    assert GroundedAnswer.model_validate_json(answer.model_dump_json()) == answer


def test_the_old_field_is_refused_in_a_record_of_the_present_version() -> None:
    with pytest.raises(ValidationError, match="claim"):
        GroundedAnswer.model_validate({**VERSION_1, "schema_version": 2})


@pytest.mark.parametrize("version", [0, 3, "1"])
def test_an_answer_of_an_unknown_version_is_refused(version: int | str) -> None:
    with pytest.raises(ValidationError, match="schema_version"):
        GroundedAnswer.model_validate({**VERSION_1, "schema_version": version, "citations": []})
