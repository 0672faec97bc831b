"""Calibration of confidences: ECE with equal mass and equal width, Brier, risk-coverage and its area.

Sources of the definitions: Guo et al. 2017, Nixon et al. 2019, Geifman et al. 2018. There is one variant: ties of
confidence are dealt with openly (``aurc`` takes the input's order, ``aurc_tie_expected`` the mean over orders).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Items of similar confidence."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All figures of (confidence, right) pairs."""

    ece_equal_mass: float
    ece_equal_width: float | None
    """None where a confidence is outside 0..1."""
    brier: float
    aurc: float
    aurc_tie_expected: float
    aurc_optimal: float
    bins: tuple[Bin, ...]
    """With equal mass."""
    risk_coverage: tuple[tuple[float, float], ...]
    """(coverage, risk) at each distinct confidence, the most confident first."""


def calibration(confidence: ArrayLike, correct: ArrayLike, bins: int = BINS) -> Calibration | None:
    """None for no items or a confidence that is NaN. Raises ValueError: not as many of both."""
    c, y = np.asarray(confidence, np.float64).reshape(-1), np.asarray(correct, np.float64).reshape(-1)
    if len(c) != len(y):
        raise ValueError(f"expected as many confidences as results, got {len(c)} and {len(y)}")
    if not len(c) or bool(np.isnan(c).any()):
        return None
    groups = equal_mass_bins(c, y, bins)
    down = np.argsort(-c, kind="stable")
    errors = 1 - y[down]
    return Calibration(
        ece_equal_mass=_gap(groups, len(c)),
        ece_equal_width=ece_equal_width(c, y, bins) if bool(((c >= 0) & (c <= 1)).all()) else None,
        brier=float(((c - y) ** 2).mean()),
        aurc=float(_area(errors)),
        aurc_tie_expected=float(_expected_area(c[down], errors)),
        aurc_optimal=float(_area(np.sort(errors))),
        bins=tuple(groups),
        risk_coverage=tuple(_risk_coverage(c[down], errors)),
    )


def equal_mass_bins(confidence: Floats, correct: Floats, bins: int) -> list[Bin]:
    """Items sorted by confidence (stable) in ``bins`` groups, the first n mod bins one larger; no empty ones.

    Trap: with tied confidences the groups depend on the order of the input.
    """
    order = np.argsort(confidence, kind="stable")
    groups = (g for g in np.array_split(order, bins) if len(g))
    return [Bin(n=len(g), confidence=float(confidence[g].mean()), accuracy=float(correct[g].mean())) for g in groups]


def ece_equal_width(confidence: Floats, correct: Floats, bins: int = BINS) -> float:
    """Bins (j / n, (j + 1) / n]; 0 is in the first."""
    edges = np.arange(1, bins) / bins
    number = np.searchsorted(edges, confidence, side="left")
    found = []
    for j in range(bins):
        inside = number == j
        if bool(inside.any()):
            mean = float(confidence[inside].mean())
            found.append(Bin(n=int(inside.sum()), confidence=mean, accuracy=float(correct[inside].mean())))
    return _gap(found, len(confidence))


def brier_multiclass(probabilities: ArrayLike, labels: Sequence[int]) -> float:
    """Mean over items of the squared distance from the one-hot label, (N, K) probabilities."""
    p = np.asarray(probabilities, np.float64)
    hot = np.zeros_like(p)
    hot[np.arange(len(p)), np.asarray(labels)] = 1
    return float(((p - hot) ** 2).sum(1).mean())


def _gap(bins: Sequence[Bin], total: int) -> float:
    return math.fsum(b.n / total * abs(b.accuracy - b.confidence) for b in bins)


def _area(errors: Floats) -> Fraction:
    """Mean over i of the error rate among the first i items, exact."""
    seen, total = 0, Fraction(0)
    for i, wrong in enumerate(errors, 1):
        seen += int(wrong)
        total += Fraction(seen, i)
    return total / len(errors)


def _expected_area(confidence: Floats, errors: Floats) -> Fraction:
    """The same with ties in random order: inside a tie each item counts as the tie's mean error."""
    seen, total, start = Fraction(0), Fraction(0), 0
    for end in _tie_ends(confidence):
        each = Fraction(int(errors[start:end].sum()), end - start)
        for i in range(start + 1, end + 1):
            seen += each
            total += seen / i
        start = end
    return total / len(errors)


def _risk_coverage(confidence: Floats, errors: Floats) -> list[tuple[float, float]]:
    n = len(errors)
    return [(end / n, float(errors[:end].sum()) / end) for end in _tie_ends(confidence)]


def _tie_ends(confidence: Floats) -> list[int]:
    n = len(confidence)
    return [k for k in range(1, n + 1) if k == n or confidence[k] != confidence[k - 1]]
