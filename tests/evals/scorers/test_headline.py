"""The headline: right answers score one, planted cheats and single wrong words score nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from evals.items import Item
from evals.scorers.headline import HEADLINE, ItemScores, score_item
from scenes.questions.lexicon import ROOMS
from scenes.records import Citation, GroundedAnswer
from scenes.vocabulary import BASIC_COLORS
from tests.evals.conftest import Known


def judged(known: Known, item: Item, answer: GroundedAnswer) -> ItemScores:
    return score_item(item, known.prediction(item, answer), "id")


def headline(known: Known, change: Callable[[Item, GroundedAnswer], GroundedAnswer]) -> list[ItemScores]:
    """All items that have a headline, each gold answer changed."""
    scored = [judged(known, item, change(item, known.answers[item.id])) for item in known.items]
    return [s for s in scored if s.value(HEADLINE) is not None]


def test_answers_that_follow_from_the_tools_are_right_everywhere(known: Known):
    scored = headline(known, lambda item, answer: answer)
    assert len(scored) >= 60
    assert len({s.item.family for s in scored}) >= 30
    assert [(s.item.id, s.scores[HEADLINE].explanation) for s in scored if s.value(HEADLINE) != 1] == []


def test_small_talk_is_judged_by_its_status_and_has_no_headline(known: Known):
    talk = [i for i in known.items if i.family in ("greeting", "thanks", "unsupported")]
    assert talk
    for item in talk:
        scores = judged(known, item, known.answers[item.id])
        assert (scores.value(HEADLINE), scores.value("answer")) == (None, 1.0)


EVERYTHING = "Yes, no, 1, 2, 3, 1 m, 2 m, left, right, " + ", ".join((*BASIC_COLORS, *ROOMS)) + "."
CHEATS: dict[str, Callable[[Item, GroundedAnswer], dict[str, object]]] = {
    "echo the question": lambda item, a: {"answer": item.text, "citations": (), "anchors": (), "tool_calls": ()},
    "echo with the right evidence": lambda item, a: {"answer": item.text},
    "list every option": lambda item, a: {"answer": EVERYTHING},
    "empty": lambda item, a: {"answer": "", "citations": (), "anchors": (), "value": None, "tool_calls": ()},
    "cite what does not exist": lambda item, a: {
        "citations": tuple(Citation(evidence=c.evidence, source="o999") for c in a.citations) or (_nothing(),),
        "status": "answered",
        "reason": None,
        "anchors": tuple(x.model_copy(update={"object_id": "o999"}) for x in a.anchors),
    },
    "always abstain": lambda item, a: {
        "answer": "I have not seen it.",
        "status": "abstained",
        "reason": "never_seen",
        "citations": (),
        "anchors": (),
        "value": None,
        "tool_calls": (),
    },
    "right answer without evidence": lambda item, a: {"citations": (), "tool_calls": ()},
}


def _nothing() -> Citation:
    return Citation(evidence="nothing", source="o999")


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_planted_cheat_scores_nothing(known: Known, cheat: str):
    scored = headline(known, lambda item, a: a.model_copy(update=CHEATS[cheat](item, a)))
    assert len(scored) >= 60
    assert [(s.item.family, s.scores[HEADLINE].answer) for s in scored if s.value(HEADLINE) != 0] == []


def test_abstaining_from_everything_gains_nothing_and_answering_wrongly_loses(known: Known):
    def abstention(change: dict[str, object]) -> float:
        scored = [judged(known, i, known.answers[i.id].model_copy(update=change)) for i in known.items]
        answerable = [s.value("abstention") for s in scored if s.item.gold.value is not None]
        return sum(v for v in answerable if v is not None) / len(answerable)

    assert abstention({}) == 1.0
    assert abstention({"status": "abstained", "reason": "never_seen"}) == 0.0
    assert abstention({"answer": "Yes, not 77."}) == -1.0


SWAPS = (
    ("color", r"\b(red|orange|yellow|green|blue|purple|pink|brown|black|white|gray)\b", "turquoise"),
    ("side", r"\b(left|right)\b", "sideways"),
    ("number", r"\b\d+(\.\d+)?(?= (?:m|cm)\b)", "77"),
    ("room", r"\b(kitchen|bathroom|hallway)\b", "garage"),
)


@pytest.mark.parametrize(("what", "pattern", "other"), SWAPS)
def test_one_word_that_no_tool_said_loses_the_headline(known: Known, what: str, pattern: str, other: str):
    changed = [
        (item, answer.model_copy(update={"answer": re.sub(pattern, other, answer.answer)}))
        for item in known.items
        if (answer := known.answers[item.id]).status == "answered" and re.search(pattern, answer.answer)
    ]
    assert len(changed) >= 3, what
    for item, answer in changed:
        scores = judged(known, item, answer)
        assert scores.value("evidence") == 0, answer.answer
        assert scores.value(HEADLINE) == 0
        assert other in scores.scores["evidence"].explanation


def test_a_garbled_word_is_supported_by_nothing(known: Known):
    item = next(i for i in known.items if i.family == "where_is")
    answer = known.answers[item.id]
    garbled = answer.model_copy(update={"answer": "Dad,The li " + answer.answer})
    assert judged(known, item, garbled).scores["evidence"].metadata["unsupported"] == ("dad", "li")


def test_pointing_at_one_thing_too_many_or_at_another_is_wrong(known: Known):
    pointed = [i for i in known.items if len(known.answers[i.id].anchors) == 1 and i.gold.points]
    extra = next(a for i in known.items for a in known.answers[i.id].anchors if a.object_id != "o0")
    for item in pointed[:20]:
        answer = known.answers[item.id]
        other = extra.model_copy(update={"object_id": "o998"})
        two = judged(known, item, answer.model_copy(update={"anchors": (*answer.anchors, other)}))
        assert two.value("grounding") == 0
        assert two.value("anchors_f1") == pytest.approx(2 / 3)
        assert judged(known, item, answer.model_copy(update={"anchors": (other,)})).value("anchors_f1") == 0


def test_a_missing_answer_counts_as_wrong_wherever_an_answer_would_be_judged(known: Known):
    for item in known.items:
        there, missing = judged(known, item, known.answers[item.id]), score_item(item, None, "id")
        assert missing.outcome == "missing"
        for name, score in there.scores.items():
            assert (score.value is None) == (missing.scores[name].value is None), (item.id, name)
            assert not missing.scores[name].value
