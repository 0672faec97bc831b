"""VSI-Bench: mean relative accuracy, multiple choice, and the mean over question types.

Source of the definitions: thinking-in-space, ``lmms_eval/tasks/vsibench/utils.py`` (Apache-2.0).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from evals.scorers.official.answers.number_words import number_in

MRA = "MRA:.5:.95:.05"
ACCURACY = "accuracy"
DIRECTIONS = tuple(f"object_rel_direction_{level}" for level in ("easy", "medium", "hard"))
CHOICE_TYPES = (*DIRECTIONS, "object_rel_distance", "route_planning", "obj_appearance_order")
NUMBER_TYPES = ("object_abs_distance", "object_counting", "object_size_estimation", "room_size_estimation")
LISTED = (
    ("object_counting", MRA),
    ("object_abs_distance", MRA),
    ("object_size_estimation", MRA),
    ("room_size_estimation", MRA),
    ("object_rel_distance", ACCURACY),
    ("object_rel_direction", ACCURACY),
    ("route_planning", ACCURACY),
    ("obj_appearance_order", ACCURACY),
)
"""Question types in the order of the official table, with the name of their score."""

_LETTER = re.compile(r"(?<![A-Za-z])([A-Za-z])(?![A-Za-z'])")


def first_token(prediction: str) -> str:
    """The text before the first space, without dots at its end and blanks around it."""
    return prediction.split(" ")[0].rstrip(".").strip()


def mean_relative_accuracy_compatible(
    prediction: float, truth: float, start: float = 0.5, end: float = 0.95, interval: float = 0.05
) -> float:
    """Mean over thresholds t = 0.50 .. 0.95 of ``|p - g| / g <= 1 - t``.

    Traps: truth 0 raises ZeroDivisionError; a negative truth gives 1; the comparison has no tolerance, so that
    4 beside 5 scores 0.6 and not 0.7; the number of thresholds is a truncated float.
    """
    error = abs(prediction - truth) / truth
    thresholds = np.linspace(start, end, int((end - start) / interval + 2))
    return float(np.mean(error <= 1 - thresholds))


def mean_relative_accuracy_strict(prediction: float, truth: float) -> float:
    """The same with the error relative to ``|g|``, 1e-9 of tolerance, and exactness required where g is 0."""
    if not (math.isfinite(prediction) and math.isfinite(truth)):
        return 0.0
    if truth == 0:
        return float(prediction == 0)
    error = abs(prediction - truth) / abs(truth)
    return sum(error <= (10 - k) / 20 + 1e-9 for k in range(10)) / 10


def number_score_compatible(prediction: str, truth: Any) -> float:
    """MRA of an answer in words.

    Trap: only what stands before the first space is read, by Python's ``float``: "about 5", "5m" and "five" score 0.
    """
    p, g = _float(first_token(prediction)), _float(truth)
    return 0.0 if p is None or g is None else mean_relative_accuracy_compatible(p, g)


def number_score_strict(prediction: str | None, truth: float) -> float:
    """MRA of the one number that the answer names, as a figure or as a word; 0 for none or several."""
    number = number_in(prediction or "")
    return 0.0 if number is None else mean_relative_accuracy_strict(number, float(truth))


def choice_score_compatible(prediction: str, truth: str) -> float:
    """1 where the first token is the letter, case ignored.

    Traps: "A)", "(A)" and a leading blank score 0, "A B C D" counts as A, an empty answer fits an empty truth.
    """
    return 1.0 if first_token(prediction).lower() == truth.lower() else 0.0


def choice_score_strict(prediction: str | None, truth: str, options: Sequence[str] = ()) -> float:
    """1 where the answer names the right option, by letter or by its words, and no other.

    ``options``: "A. chair", ... The article "a" in lower case inside a sentence is not a letter.
    """
    text = (prediction or "").strip()
    letters = {option[:1].upper() for option in options} or set("ABCD")
    found = {
        m.group(1).upper()
        for m in _LETTER.finditer(text)
        if m.group(1).upper() in letters and (m.group(1).isupper() or len(text.strip("().:*` ")) == 1)
    }
    if not found:
        words = {o[:1].upper(): o.partition(".")[2].strip().lower() for o in options}
        found = {k for k, word in words.items() if word and re.search(rf"\b{re.escape(word)}\b", text.lower())}
    return float(bool(truth) and found == {truth.strip().upper()})


def item_score_compatible(item: Mapping[str, Any], results: Sequence[Any]) -> tuple[str, float]:
    """Name and value of one question's score; ValueError for a question type that is not VSI-Bench's."""
    prediction, kind = results[0], item["question_type"]
    if kind in CHOICE_TYPES:
        return ACCURACY, choice_score_compatible(prediction, item["ground_truth"])
    if kind in NUMBER_TYPES:
        return MRA, number_score_compatible(prediction, item["ground_truth"])
    raise ValueError(f"expected a question type of VSI-Bench, got {kind!r}")


def aggregate_compatible(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Percent: ``overall`` (mean over question types, the three direction levels first averaged into one) and types.

    Traps: easy directions without medium or hard raise KeyError; medium or hard without easy count in ``overall``
    but are not listed; NaN scores are skipped; a type of NaN only raises AttributeError; no rows raise KeyError.
    """
    means = _means_by_type(rows)
    if f"{DIRECTIONS[0]}_{ACCURACY}" in means:
        parts = [means.pop(f"{level}_{ACCURACY}") for level in DIRECTIONS]
        means[f"object_rel_direction_{ACCURACY}"] = sum(parts[1:], 0.0 + parts[0]) / len(parts)
    means["overall"] = sum(means.values()) / len(means)
    listed = ("overall", *(f"{kind}_{score}" for kind, score in LISTED))
    # The official table asks NumPy numbers for .item(), which a plain float (the mean of NaN only) lacks.
    return {key: means[key].item() * 100 for key in listed if key in means}


def aggregate_strict(rows: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Percent from (question type, score) of every question of the set, 0 for a missing answer.

    The mean over types, with the direction levels that occur averaged into one type first. Empty: ``{}``.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    for kind, value in rows:
        if kind not in CHOICE_TYPES and kind not in NUMBER_TYPES:
            raise ValueError(f"expected a question type of VSI-Bench, got {kind!r}")
        scores[kind].append(value)
    means = {kind: math.fsum(values) / len(values) for kind, values in scores.items()}
    levels = [means.pop(level) for level in DIRECTIONS if level in means]
    if levels:
        means["object_rel_direction"] = math.fsum(levels) / len(levels)
    if not means:
        return {}
    named = {f"{kind}_{score}": 100 * means[kind] for kind, score in LISTED if kind in means}
    return {"overall": 100 * math.fsum(means.values()) / len(means), **named}


def _means_by_type(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``type_score`` -> mean without NaN (NumPy float; a plain NaN where there is no other)."""
    if not any("question_type" in row for row in rows):
        raise KeyError("question_type")
    kinds = sorted({row["question_type"] for row in rows if row.get("question_type") is not None})
    means: dict[str, Any] = {}
    for kind in kinds:
        score = _score_name(kind)
        if not any(score in row for row in rows):
            raise KeyError(score)
        column = [row.get(score) for row in rows if row.get("question_type") == kind]
        values = np.array([math.nan if v is None else float(v) for v in column])
        known = ~np.isnan(values)
        means[f"{kind}_{score}"] = np.where(known, values, 0.0).sum() / known.sum() if known.any() else math.nan
    return means


def _score_name(kind: str) -> str:
    if kind in CHOICE_TYPES:
        return ACCURACY
    if kind in NUMBER_TYPES:
        return MRA
    raise ValueError(f"expected a question type of VSI-Bench, got {kind!r}")


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
