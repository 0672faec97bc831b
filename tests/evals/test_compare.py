"""Two runs side by side: what is decisive is said, and what is not too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evals.compare import compare, comparison_json, comparison_markdown
from evals.items import Gold, Item
from evals.predictions import Prediction, Run, new_header
from evals.score import Scored, score_run
from scenes.errors import InputError
from scenes.records import Citation, FrameRef, GroundedAnswer, ModelRef, ToolCallRecord, TypedValue

SCENES, PER_SCENE = 12, 20


def items(text: str = "how many mugs") -> list[Item]:
    return [
        Item(
            id=f"s{s}-{k}",
            dialog=f"s{s}-{k}",
            cluster=f"s{s}",
            family=("count", "exist")[k % 2],
            wording="test",
            text=text,
            frame_id=0,
            time_s=0.0,
            gold=Gold(status="answered", value=TypedValue(kind="count", value=2), points=False),
        )
        for s in range(SCENES)
        for k in range(PER_SCENE)
    ]


def answer(right: bool) -> GroundedAnswer:
    said = "2 mugs" if right else "3 mugs"
    return GroundedAnswer(
        answer=f"I have seen {said}.",
        status="answered",
        value=TypedValue(kind="count", value=int(said[0])),
        citations=(Citation(evidence=said, source="f1"),),
        tool_calls=(ToolCallRecord(name="find_objects", arguments={}, result=f"f1 {said}"),),
        frame=FrameRef(id=0, time_s=0.0, world_from_camera=None),
        model=ModelRef(base="test", backend="test"),
    )


def scored(right: Callable[[Item, int], bool], asked: Sequence[Item] | None = None, version: int = 1) -> Scored:
    """A run in which ``right`` says which items are right."""
    asked = items() if asked is None else asked
    header = new_header("test", version, {}, asked)
    predictions = {
        item.id: Prediction(
            id=item.id, suite="test", version=version, config=header.config, answer=answer(right(item, n))
        )
        for n, item in enumerate(asked)
    }
    return score_run(Run(path=Path("p"), header=header, items=tuple(asked), predictions=predictions, problems=()))


def test_a_clear_winner_is_named_with_the_difference():
    found = compare(scored(lambda i, n: n % 10 < 9), scored(lambda i, n: n % 10 < 5), "new", "old")
    headline = found.scorers[0]
    assert headline.decisive
    assert headline.difference.mean == pytest.approx(0.4)
    assert "new is better than old by 40.0 points" in headline.words("new", "old")
    assert "new is better than old" in comparison_markdown(found)
    assert comparison_json(found)["scorers"][0]["decisive"] is True


def test_a_small_difference_is_said_not_to_be_decisive_and_how_many_items_it_takes():
    found = compare(scored(lambda i, n: (n * 7) % 11 < 6), scored(lambda i, n: (n * 5) % 13 < 7), "new", "old")
    headline = found.scorers[0]
    assert not headline.decisive
    assert headline.words("new", "old").startswith("Not decisive")
    assert "items" in headline.words("new", "old")


def test_equal_runs_have_no_difference():
    one = scored(lambda i, n: n % 3 == 0)
    assert compare(one, one).scorers[0].words("A", "B") == "No difference on any item."


def test_one_scene_is_never_decisive():
    asked = [i for i in items() if i.cluster == "s0"]
    found = compare(scored(lambda i, n: True, asked), scored(lambda i, n: False, asked))
    assert not found.scorers[0].decisive
    assert "one scene" in found.scorers[0].words("A", "B")


def test_only_shared_items_are_compared_and_the_others_are_counted():
    some = items()[:100]
    found = compare(scored(lambda i, n: True, some), scored(lambda i, n: True))
    assert (found.shared, found.only_a, found.only_b) == (100, 0, SCENES * PER_SCENE - 100)


def test_runs_of_other_versions_other_gold_or_without_shared_items_are_refused():
    one = scored(lambda i, n: True)
    with pytest.raises(InputError, match="two runs of one suite"):
        compare(one, scored(lambda i, n: True, version=2))
    with pytest.raises(InputError, match="same question under one id"):
        compare(one, scored(lambda i, n: True, items("how many cups")))
    other = [i.model_copy(update={"id": f"x{i.id}"}) for i in items()]
    with pytest.raises(InputError, match="items in common"):
        compare(one, scored(lambda i, n: True, other))


def test_many_families_together_are_wrong_no_more_often_than_one():
    """Holm's correction: the adjusted p of a family is never below its own."""
    found = compare(scored(lambda i, n: n % 4 != 0), scored(lambda i, n: n % 5 != 0))
    assert len(found.families) == 2
    assert all(c.adjusted_p >= c.difference.p for _, c in found.families)
