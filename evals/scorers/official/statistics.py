"""Intervals and paired tests as public packages compute them.

Sources of the definitions: inspect_ai ``scorer/_metrics/std.py`` (MIT), statsmodels' McNemar, scipy's tests. Reports
use ``evals.stats``, which is the strict variant: no false significance without discordant pairs, scenes resampled
instead of single items.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""inspect_ai's letters: correct, incorrect, partial, no answer."""
LEVELS = (0.95, 0.9)
MONTE_CARLO_RESAMPLES = 200_000


def value_of(value: Any) -> float:
    """A score as a number; what is neither number nor letter counts as 0."""
    if isinstance(value, str):
        return LETTERS.get(value, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def variance_compatible(values: Sequence[float]) -> float:
    """With n - 1. Trap: 0 for fewer than two values, where it is undefined."""
    with np.errstate(invalid="ignore"):
        return float(np.var(np.asarray(values, np.float64), ddof=1)) if len(values) > 1 else 0.0


def stderr_compatible(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> float:
    """Standard error of the mean; with clusters ``sqrt(C / (C - 1) sum_c (sum_{i in c} (x_i - mean))^2) / n``.

    Traps: one value or one cluster give 0 and not undefined; ids are compared as Python does, so 1, 1.0 and True are
    one cluster; an id that is None or NaN raises ValueError.
    """
    if clusters is None:
        return math.sqrt(variance_compatible(values)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    if any(c is None or c != c for c in clusters):
        raise ValueError("expected a cluster id for each value, got None or NaN")
    x = np.asarray(values, np.float64)
    number = {c: k for k, c in enumerate(dict.fromkeys(clusters))}
    if len(x) < 2 or len(number) < 2:
        return 0.0
    sums = np.zeros(len(number))
    with np.errstate(invalid="ignore"):
        np.add.at(sums, [number[c] for c in clusters], x - x.mean())
        return math.sqrt(len(number) / (len(number) - 1) * float(sums @ sums)) / len(x)


def t_interval_compatible(
    values: Sequence[float], level: float = 0.95, clusters: Sequence[Hashable] | None = None
) -> tuple[float, float]:
    """Mean -+ t times the standard error; values - 1 or clusters - 1 degrees of freedom. No values: (0, 0)."""
    if not len(values):
        return 0.0, 0.0
    error = stderr_compatible(values, clusters)
    freedom = (len(values) if clusters is None else len(set(clusters))) - 1
    with np.errstate(invalid="ignore"):
        center = float(np.mean(np.asarray(values, np.float64)))
    reach = error * float(stats.t.ppf((1 + level) / 2, freedom)) if error else 0.0
    return center - reach, center + reach


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarTests:
    """(statistic, p) of the exact test and of chi-square with and without correction; mid-p, None where undefined."""

    table: tuple[tuple[int, int], tuple[int, int]]
    """((both, only a), (only b, neither))."""
    exact: tuple[float, float]
    corrected: tuple[float, float]
    plain: tuple[float, float]
    mid_p: float | None


def mcnemar_compatible(a: Sequence[Any], b: Sequence[Any]) -> McNemarTests:
    """Two systems, right or wrong on the same items.

    Trap: without discordant pairs the corrected chi-square is inf with p = 0, a false significance.
    """
    counts = Counter((bool(x), bool(y)) for x, y in zip(a, b, strict=True))
    only_a, only_b = counts[True, False], counts[False, True]
    n, k = only_a + only_b, min(only_a, only_b)
    tail = Fraction(sum(math.comb(n, i) for i in range(k + 1)), 2**n)
    at = Fraction(math.comb(n, k), 2**n)
    mid = None if not n else 1.0 if only_a == only_b else float(min(1, 2 * tail - at))
    corrected = (abs(only_a - only_b) - 1) ** 2 / n if n else math.inf
    plain = (only_a - only_b) ** 2 / n if n else math.nan
    return McNemarTests(
        table=((counts[True, True], only_a), (only_b, counts[False, False])),
        exact=(float(k), float(min(1, 2 * tail))),
        corrected=(corrected, float(stats.chi2.sf(corrected, 1))),
        plain=(plain, float(stats.chi2.sf(plain, 1))),
        mid_p=mid,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapDistribution:
    """Of the mean paired difference over all n^n resamples."""

    mean: float
    std: float
    low: float
    median: float
    high: float
    p_at_most_0: float
    p_below_0: float


def bootstrap_exact(differences: Sequence[Fraction]) -> BootstrapDistribution:
    """Exact, in rationals; quantiles 0.025, 0.5 and 0.975 are the smallest value with at least that probability.

    Costs the square of the number of distinct sums: for few items.
    """
    n = len(differences)
    sums: Counter[Fraction] = Counter({Fraction(0): 1})
    for _ in range(n):
        drawn: Counter[Fraction] = Counter()
        for total, ways in sums.items():
            for d in differences:
                drawn[total + d] += ways
        sums = drawn
    ways_in_all = n**n
    means = sorted((total / n, Fraction(ways, ways_in_all)) for total, ways in sums.items())
    center = sum((m * p for m, p in means), Fraction(0))
    spread = sum(((m - center) ** 2 * p for m, p in means), Fraction(0))

    def quantile(share: Fraction) -> float:
        reached = Fraction(0)
        for m, p in means:
            reached += p
            if reached >= share:
                return float(m)
        return float(means[-1][0])

    return BootstrapDistribution(
        mean=float(center),
        std=math.sqrt(spread),
        low=quantile(Fraction(1, 40)),
        median=quantile(Fraction(1, 2)),
        high=quantile(Fraction(39, 40)),
        p_at_most_0=float(sum((p for m, p in means if m <= 0), Fraction(0))),
        p_below_0=float(sum((p for m, p in means if m < 0), Fraction(0))),
    )


def bootstrap_percentile(
    differences: ArrayLike, resamples: int = MONTE_CARLO_RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """(low, high, standard error) of the mean by resampling items, 95 %. Raises ValueError for fewer than two items."""
    d = np.asarray(differences, np.float64)
    if len(d) < 2:
        raise ValueError(f"expected at least two items, got {len(d)}")
    rng = np.random.default_rng(seed)
    # How often each item is drawn, rather than which: the same distribution, a fraction of the memory.
    drawn = rng.multinomial(len(d), np.full(len(d), 1 / len(d)), size=resamples) @ d / len(d)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high), float(drawn.std(ddof=1))


def sign_flip_exact(differences: Sequence[Fraction]) -> float:
    """Two-sided: the share of the 2^n sign patterns whose mean is at least as far from 0, in rationals."""
    sums: Counter[Fraction] = Counter({Fraction(0): 1})
    for d in differences:
        flipped: Counter[Fraction] = Counter()
        for total, ways in sums.items():
            flipped[total + d] += ways
            flipped[total - d] += ways
        sums = flipped
    observed = abs(sum(differences, Fraction(0)))
    return float(Fraction(sum(ways for total, ways in sums.items() if abs(total) >= observed), 2 ** len(differences)))


def paired_t_compatible(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """(t, p). Trap of scipy: a side of length 1 is repeated and not rejected."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns of constant differences, which give t = inf
        result = stats.ttest_rel(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return float(result.statistic), float(result.pvalue)


def wilcoxon_compatible(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """(statistic, p), zero differences dropped. Trap as in ``paired_t_compatible``."""
    with np.errstate(all="ignore"):
        result = stats.wilcoxon(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return float(result.statistic), float(result.pvalue)
