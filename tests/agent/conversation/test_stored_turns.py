"""Turns that an older version stored in the memory of a map still open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.conversation.turn import fact_from_json, fact_to_json
from scenes.records import GroundedAnswer, TypedValue
from tools.memory.map_memory import MapMemory
from tools.toolbox.facts import Fact

VERSION_1: dict[str, Any] = {
    "schema_version": 1,
    "answer": "The mug is on the table.",
    "status": "answered",
    "citations": [{"claim": "the mug is 2 m away, on the table; in view", "source": "o1"}],
    "frame": {"id": 7, "time_s": 9.0, "world_from_camera": None},
    "model": {"base": "embedded", "backend": "local"},
}


def test_a_turn_that_version_1_stored_opens_after_a_restart(tmp_path: Path) -> None:
    with MapMemory(tmp_path / "memory.db") as memory:
        memory.add_turn("where is the mug?", VERSION_1, 9.0, 7)
    with MapMemory(tmp_path / "memory.db") as memory:
        (turn,) = memory.texts(kinds=("turn",))
    assert turn.extra is not None
    answer = GroundedAnswer.model_validate(turn.extra["answer"])
    assert answer.citations[0].evidence == "the mug is 2 m away, on the table; in view"


@pytest.mark.parametrize(
    "fact",
    [
        Fact(
            id="o1", role="place", text="the mug is 2 m away; in view", short="the mug is 2 m away", object_ids=("o1",)
        ),
        Fact(id="f1", role="count", text="2 mugs", value=TypedValue(kind="count", value=2)),
    ],
)
def test_a_fact_survives_the_graph_state_with_its_role_and_short_form(fact: Fact) -> None:
    assert fact_from_json(fact_to_json(fact)) == fact
