"""OpenEQA: the judge's mark and its aggregate (LLM-Match).

Source of the definitions: open-eqa, ``openeqa/evaluation/llm_match.py`` and ``evaluate-predictions.py`` (MIT). The
judge itself is not here: these functions read what it replied.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TAG = "Your mark:"
LOWEST, HIGHEST = 1, 5
_MARK = re.compile(r"(?:mark\W*?[:=]?\W*)?(?<![\d.])([1-5])(?:\s*/\s*5|\s*out of 5|\.0+)?(?![\d.]*\d)", re.IGNORECASE)

Judge = Callable[[str, str], str]
"""(question id, prediction) -> the judge's reply."""


def parse_mark_compatible(reply: str) -> int:
    """The integer after the first ``Your mark:``, or a reply of digits only.

    Traps: "4/5", "4.", "3.5" and "5 " raise ValueError; 0, 6 and 10 pass; the tag is case sensitive.
    """
    if reply.isdigit():
        return int(reply)
    start = reply.find(TAG)
    if start < 0:
        raise ValueError(f"expected {TAG!r} in the judge's reply, got {reply[:80]!r}")
    line = reply[start:].split("\n", 1)[0]
    return int(line.replace(TAG, "").strip())


def parse_mark_strict(reply: str | None) -> int | None:
    """The mark 1..5 that the reply gives once, also as "4/5" or "4.0"; None (unscored) for none or several."""
    text = reply or ""
    position = text.lower().find("mark")
    found = {int(m.group(1)) for m in _MARK.finditer(text[position:] if position >= 0 else text)}
    return found.pop() if len(found) == 1 else None


def match_score_compatible(prediction: str | None, ask: Callable[[], str]) -> int:
    """The mark of a prediction; 0 for None, which is not sent to the judge. An empty one is."""
    return 0 if prediction is None else parse_mark_compatible(ask())


def preprocess_compatible(answer: str | None) -> str | None:
    """What the judge is shown. Trap: all after the last period is cut, so "It is 3.5 meters" becomes "It is 3."."""
    if answer is None:
        return None
    end = answer.rfind(".")
    return answer[: end + 1] if end >= 0 else answer


def percent_compatible(marks: Sequence[float]) -> float:
    """Mean of ``(clip(mark, 1, 5) - 1) / 4`` in percent; NaN for none. Raises TypeError for a mark that is None."""
    if not marks:
        return math.nan
    scores = [(mark if math.isnan(mark) else min(max(mark, LOWEST), HIGHEST)) - 1 for mark in marks]
    return math.fsum(scores) / len(scores) / (HIGHEST - LOWEST) * 100 if not _has_nan(scores) else math.nan


def percent_strict(marks: Mapping[Any, int | None], expected: Sequence[Any]) -> tuple[float | None, int]:
    """(percent over the judged questions with missing answers as 0, number of unscored ones).

    ``marks``: question id -> mark, None where the judge's reply had none (left out of the mean and counted). A
    question of ``expected`` that is not in ``marks`` has no answer, and counts as 0.
    """
    unscored = sum(key in marks and marks[key] is None for key in expected)
    scores = [0.0 if key not in marks else _share(marks[key]) for key in expected]
    known = [s for s in scores if s is not None]
    return (100 * math.fsum(known) / len(known) if known else None), unscored


def evaluate_compatible(
    dataset: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
    mark_of: Callable[[str], Any],
    *,
    force: bool = False,
    dry_run: bool = False,
    existing: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a file of answers.

    Traps: marks of ``existing`` are kept and never judged again, unknown ids among them stay in the mean; without
    ``force`` the ids and numbers must agree (AssertionError); with it a missing answer is left out of the mean and
    not wrong, an unknown id raises KeyError, and the last of several answers wins.
    """
    questions = {item["question_id"]: item for item in dataset}
    answers = {item["question_id"]: item for item in results}
    if not force:
        assert len(dataset) == len(results), f"expected {len(dataset)} answers, got {len(results)}"
        assert set(questions) == set(answers), "expected the same question ids"
    scores: dict[str, Any] = dict(existing or {})
    sent: dict[str, str | None] = {}
    for number, (key, result) in enumerate(answers.items()):
        if dry_run and number >= 5:
            break
        if key in scores:
            continue
        _ = questions[key]
        sent[key] = preprocess_compatible(result["answer"])
        scores[key] = 0 if sent[key] is None else mark_of(key)
    final = percent_compatible(list(scores.values()))
    return {"final_score": final, "printed": f"final score: {final:.1f}", "scores": scores, "sent_to_judge": sent}


def _share(mark: int | None) -> float | None:
    return None if mark is None else (min(max(mark, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST)


def _has_nan(values: Sequence[float]) -> bool:
    return any(math.isnan(v) for v in values)
