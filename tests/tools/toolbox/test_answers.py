"""The checker that stands between the model's words and the wearer."""

from __future__ import annotations

from typing import Any

import pytest

from scenes.records import TypedValue
from tools.toolbox.answers import AnswerArguments, check_answer, derive_anchors, derive_citations, derive_value
from tools.toolbox.facts import Fact
from tools.toolbox.snapshot import SnapshotContext

FACTS = (
    Fact(id="f1", role="count", text="2 mugs", value=TypedValue(kind="count", value=2), object_ids=("o2", "o3")),
    Fact(id="o5", role="place", text="your bag is 2.4 m away, behind you", object_ids=("o5",)),
)


def answer(text: str, *cite: str, **rest: Any) -> AnswerArguments:
    return AnswerArguments.model_validate({"status": "answered", "cite": cite, "text": text, **rest})


@pytest.mark.parametrize(
    "given",
    [
        answer("I have seen 2 mugs.", "f1"),
        answer("I have seen two mugs.", "f1"),
        answer("Your bag is 2.4 m away, behind you.", "o5"),
        answer("2 mugs, and your bag is 2.4 m away.", "f1", "o5"),
        answer("I have not seen a piano.", status="abstained", reason="never_seen"),
        answer("Hello!", status="clarify"),
    ],
)
def test_a_grounded_answer_stands(given: AnswerArguments) -> None:
    assert check_answer(given, FACTS) is None


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (answer("Your bag is 2.4 m away.", "o9"), "o9"),
        (answer("Your bag is 2.5 m away.", "o5"), "2.5"),
        (answer("Your bag is 24 m away.", "o5"), "24"),
        (answer("Your bag is 2.4 m away.", "f1"), "2.4"),
        (answer("I have seen three mugs.", "f1"), "3"),
        (answer("The mug is on the table."), "cites"),
        (answer("No.", status="abstained"), "reason"),
        (answer("Yes.", "f1", reason="moved"), "no reason"),
        (answer("  ", "f1"), "empty"),
    ],
)
def test_an_ungrounded_answer_is_refused_with_the_reason(given: AnswerArguments, complaint: str) -> None:
    assert complaint in (check_answer(given, FACTS) or "")


def test_value_citations_and_anchors_come_from_the_cited_facts(kitchen: SnapshotContext) -> None:
    assert derive_value(("o5", "f1"), FACTS) == TypedValue(kind="count", value=2)
    assert [c.source for c in derive_citations(("f1",), FACTS)] == ["f1"]
    anchors = derive_anchors(("f1",), FACTS, kitchen)
    assert [a.object_id for a in anchors] == ["o2", "o3"]
    assert anchors[0].box.to_box() == kitchen.graph.objects["o2"].box
    assert anchors[0].map_id == "m1"
    assert anchors[0].direction is not None
    assert anchors[0].direction.in_view
