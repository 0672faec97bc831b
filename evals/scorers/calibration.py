"""Does confidence mean something: expected calibration error, risk against coverage, and the area under that curve.

Confidences and correctness (0 or 1) of single answers. Functions return None for no answers or a NaN confidence:
undefined is not zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

BINS = 15
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of similar confidence."""

    n: int
    confidence: float
    accuracy: float
    """Means."""


def _checked(confidence: Sequence[float], correct: Sequence[float]) -> tuple[Floats, Floats] | None:
    if len(confidence) != len(correct):
        raise ValueError(f"expected a confidence for each answer, got {len(confidence)} and {len(correct)}")
    c, y = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    return None if not len(c) or bool(np.isnan(c).any()) else (c, y)


def equal_mass_bins(confidence: Sequence[float], correct: Sequence[float], bins: int = BINS) -> list[Bin] | None:
    """Sorted by confidence (stable), cut into ``bins`` groups of equal size, the first ones one larger; none is empty.

    Ties are cut where they fall, so their order in the input matters. Raises ValueError for lists of different length.
    """
    if (checked := _checked(confidence, correct)) is None:
        return None
    c, y = checked
    groups = np.array_split(np.argsort(c, kind="stable"), bins)
    return [Bin(n=len(g), confidence=float(c[g].mean()), accuracy=float(y[g].mean())) for g in groups if len(g)]


def calibration_error(confidence: Sequence[float], correct: Sequence[float], bins: int = BINS) -> float | None:
    """ECE with equal-mass bins: ``sum_b n_b / n |accuracy_b - confidence_b|``. Raises as ``equal_mass_bins``."""
    found = equal_mass_bins(confidence, correct, bins)
    return None if found is None else _error(found)


def equal_width_error(confidence: Sequence[float], correct: Sequence[float], bins: int = BINS) -> float | None:
    """ECE with bins ``(j / bins, (j + 1) / bins]``, 0 in the first; None also where a confidence is outside 0..1."""
    if (checked := _checked(confidence, correct)) is None:
        return None
    c, y = checked
    if float(c.min()) < 0 or float(c.max()) > 1:
        return None
    index = np.clip(np.searchsorted(np.arange(1, bins) / bins, c, side="left"), 0, bins - 1)
    groups = [np.flatnonzero(index == k) for k in range(bins)]
    return _error([Bin(n=len(g), confidence=float(c[g].mean()), accuracy=float(y[g].mean())) for g in groups if len(g)])


def _error(bins: Sequence[Bin]) -> float:
    n = sum(b.n for b in bins)
    return math.fsum(b.n / n * abs(b.accuracy - b.confidence) for b in bins)


def brier(confidence: Sequence[float], correct: Sequence[float]) -> float | None:
    """Mean squared difference of confidence and correctness (Brier, 1950)."""
    if (checked := _checked(confidence, correct)) is None:
        return None
    c, y = checked
    return float(((c - y) ** 2).mean())


def brier_multiclass(probabilities: Sequence[Sequence[float]], labels: Sequence[int]) -> float:
    """``mean_i sum_k (p_ik - [y_i = k])^2``. Raises ValueError: not a label for each row."""
    if len(probabilities) != len(labels):
        raise ValueError(f"expected a label for each row, got {len(probabilities)} and {len(labels)}")
    p = np.asarray(probabilities, np.float64)
    return float(((p - np.eye(p.shape[1])[list(labels)]) ** 2).sum(axis=1).mean())


def aurc(confidence: Sequence[float], correct: Sequence[float], *, ties: str = "expected") -> float | None:
    """Area under risk against coverage: the mean over i of the error rate among the i surest answers (Geifman, 2019).

    ``ties``: ``expected`` = the expectation when equal confidences come in random order; ``stable`` = in input order.
    """
    if (checked := _checked(confidence, correct)) is None:
        return None
    c, y = checked
    order = np.argsort(-c, kind="stable")
    wrong = (1.0 - y[order]).tolist()
    if ties == "expected":
        start = 0
        for _, group in groupby(c[order].tolist()):
            size = len(list(group))
            share = math.fsum(wrong[start : start + size]) / size
            wrong[start : start + size] = [share] * size
            start += size
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean())


def aurc_optimal(correct: Sequence[float]) -> float | None:
    """The least AURC that these answers allow: all right ones first; None of nothing."""
    ordered = sorted(correct, reverse=True)
    return aurc([float(y) for y in ordered], ordered, ties="stable")


def risk_coverage(confidence: Sequence[float], correct: Sequence[float]) -> list[tuple[float, float]] | None:
    """(coverage, risk) at every distinct confidence, the surest first."""
    if (checked := _checked(confidence, correct)) is None:
        return None
    c, y = checked
    order = np.argsort(-c, kind="stable")
    surest, errors = c[order], np.cumsum(1.0 - y[order])
    last = np.append(np.flatnonzero(np.diff(surest)), len(surest) - 1)
    return [(float((k + 1) / len(c)), float(errors[k] / (k + 1))) for k in last]
