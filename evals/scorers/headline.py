"""All scores of one answer, and their conjunction: the headline ``grounded_correct``.

An answer counts in the headline when it is right, points at the right things and nothing else, and every word of it is
supported by what a tool returned. Parts that cannot be judged for an item do not count against it; an item without any
evidence to judge (small talk) has no headline, and is told apart in every table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evals.items import Item
from evals.predictions import Prediction
from evals.scorers.evidence import judge_evidence
from evals.scorers.grounding import Match, judge_grounding
from evals.scorers.score import UNSCORED, Score
from evals.scorers.values import judge_answer, judge_spoken, judge_status, judge_typed

Outcome = Literal["right", "wrong", "abstained", "error", "missing"]
HEADLINE = "grounded_correct"
SCORERS = ("answer", "status", "spoken", "typed", "grounding", "anchors_f1", "acc_25", "acc_50", "evidence", HEADLINE)
SCORERS_ALL = (*SCORERS, "abstention")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemScores:
    """All judgements of one item."""

    item: Item
    outcome: Outcome
    scores: Mapping[str, Score]
    prediction: Prediction | None
    """None where it is missing or could not be read."""

    def value(self, name: str) -> float | None:
        """One score; None = unscored."""
        return self.scores[name].value if name in self.scores else None


def score_item(item: Item, prediction: Prediction | None, match: Match, *, unreadable: str = "") -> ItemScores:
    """Judge one answer.

    ``unreadable``: why a line for this item could not be used; then it is an error, not missing.
    """
    answer = None if prediction is None else prediction.answer
    if answer is None or answer.status == "error":
        why = unreadable or _failure(prediction)
        outcome: Outcome = "missing" if prediction is None and not unreadable else "error"
        return ItemScores(item=item, outcome=outcome, scores=_none_right(item, match, why), prediction=prediction)
    status, typed, said = judge_status(item, answer), judge_typed(item, answer), judge_spoken(item, answer)
    right = judge_answer(item, answer, status, typed, said)
    grounding, evidence = judge_grounding(item, answer, match), judge_evidence(item, answer)
    scores = {"status": status, "typed": typed, "spoken": said, "answer": right, **grounding, "evidence": evidence}
    scores[HEADLINE] = conjunction(item, right, grounding["grounding"], evidence)
    outcome = "right" if right.right else "wrong" if answer.status == "answered" else "abstained"
    scores["abstention"] = Score(value={"right": 1.0, "abstained": 0.0}.get(outcome, -1.0))
    return ItemScores(item=item, outcome=outcome, scores=scores, prediction=prediction)


def conjunction(item: Item, right: Score, grounding: Score, evidence: Score) -> Score:
    """1 where the answer is right, points right and is supported; unscored for small talk."""
    if needs_no_evidence(item):
        return UNSCORED
    parts = {"answer": right, "grounding": grounding, "evidence": evidence}
    wrong = [f"{name}: {part.explanation}" for name, part in parts.items() if part.right is False]
    return Score(value=float(not wrong), answer=right.answer, explanation=" | ".join(wrong))


def needs_no_evidence(item: Item) -> bool:
    """Whether the right answer calls no tool: small talk, and what no tool can do."""
    return item.gold.status != "answered" and not item.trace


def _failure(prediction: Prediction | None) -> str:
    if prediction is None:
        return "no answer in the file"
    if prediction.error is not None:
        return prediction.error
    return prediction.answer.answer if prediction.answer is not None else "no answer"


def _none_right(item: Item, match: Match, why: str) -> dict[str, Score]:
    """Scores of what is missing or failed: zero wherever an answer would have been judged."""
    zero = Score(value=0.0, explanation=why)
    has_value = item.gold.value is not None and item.gold.status == "answered"
    points = zero if item.gold.points else UNSCORED
    boxed = points if item.gold.boxes else UNSCORED
    return {
        "status": zero,
        "answer": zero,
        "typed": zero if has_value else UNSCORED,
        "spoken": zero if has_value else UNSCORED,
        "grounding": points,
        "anchors_f1": points,
        **({"acc_25": boxed, "acc_50": boxed} if match == "box" else {}),
        "evidence": UNSCORED if needs_no_evidence(item) else zero,
        HEADLINE: UNSCORED if needs_no_evidence(item) else zero,
        "abstention": zero,
    }
