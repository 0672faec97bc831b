"""Statistics of scores: standard errors clustered by scene, paired comparison, correction for many tests, power.

Pure functions of numbers. Formulas agree with inspect_ai's ``stderr(cluster=...)``, statsmodels' ``mcnemar`` and
scipy's paired tests on their golden outputs (``tests/evals/test_stats.py``). Questions about one scene share its map
and its layout, so their errors are not independent: resampling draws scenes, never single questions.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
RESAMPLES = 10_000
CONFIDENCE = 0.95
FEW_CLUSTERS = 6
"""6^6 = 46,656 draws of clusters can be enumerated."""


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None of nothing."""
    return math.fsum(values) / len(values) if len(values) else None


def stderr(values: Sequence[float]) -> float:
    """Standard error of the mean with n - 1 in the variance; 0 for fewer than two values, as in inspect_ai."""
    n = len(values)
    return float(np.std(np.asarray(values, np.float64), ddof=1)) / math.sqrt(n) if n > 1 else 0.0


def clustered_stderr(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """``sqrt(C / (C - 1) sum_c (sum_{i in c} (x_i - mean))^2) / n``; 0 with one cluster or one value, as in inspect_ai.

    Raises ValueError: not one cluster for each value, or a cluster that is None or NaN.
    """
    if len(values) != len(clusters):
        raise ValueError(f"expected a cluster for each of {len(values)} values, got {len(clusters)}")
    if any(c is None or (isinstance(c, float) and math.isnan(c)) for c in clusters):
        raise ValueError("expected a cluster for each value, got None or NaN")
    if len(values) < 2:
        return 0.0
    x = np.asarray(values, np.float64)
    number = {c: k for k, c in enumerate(dict.fromkeys(clusters))}
    if len(number) < 2:
        return 0.0
    sums = np.zeros(len(number))
    np.add.at(sums, [number[c] for c in clusters], x - x.mean())
    return math.sqrt(len(number) / (len(number) - 1) * float(sums @ sums)) / len(x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its uncertainty."""

    mean: float
    stderr: float
    low: float
    high: float
    n: int
    clusters: int

    def percent(self) -> str:
        """``41.2 % ± 2.3``."""
        return f"{100 * self.mean:.1f} % ± {100 * self.stderr:.1f}"


def interval(values: Sequence[float], clusters: Sequence[Hashable], level: float = CONFIDENCE) -> Interval | None:
    """Mean with its clustered standard error and t interval (clusters - 1 degrees of freedom); None of nothing."""
    if not values:
        return None
    center, count = math.fsum(values) / len(values), len(set(clusters))
    error = clustered_stderr(values, clusters)
    reach = error * float(stats.t.ppf((1 + level) / 2, max(count - 1, 1))) if error else 0.0
    return Interval(mean=center, stderr=error, low=center - reach, high=center + reach, n=len(values), clusters=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Two systems on the same items, right or wrong."""

    only_a: int
    only_b: int
    exact: float
    """Two-sided binomial p."""
    mid_p: float
    """The same with half of the observed outcome's probability: less conservative (Fagerland et al., 2013)."""
    corrected: float
    """p of the chi-square with continuity correction; 1 without discordant pairs (statsmodels says 0 there)."""


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> McNemar:
    """McNemar's test. Raises ValueError: not the same number of items."""
    if len(a) != len(b):
        raise ValueError(f"expected the same items, got {len(a)} and {len(b)}")
    only_a = sum(bool(x) and not y for x, y in zip(a, b, strict=True))
    only_b = sum(bool(y) and not x for x, y in zip(a, b, strict=True))
    n, k = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return McNemar(only_a=0, only_b=0, exact=1.0, mid_p=1.0, corrected=1.0)
    exact = min(1.0, 2 * float(stats.binom.cdf(k, n, 0.5)))
    mid = min(1.0, 2 * float(stats.binom.cdf(k, n, 0.5)) - float(stats.binom.pmf(k, n, 0.5)))
    if only_a == only_b:
        mid = 1.0
    chi2 = (abs(only_a - only_b) - 1) ** 2 / n
    return McNemar(only_a=only_a, only_b=only_b, exact=exact, mid_p=mid, corrected=float(stats.chi2.sf(chi2, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The paired difference ``mean(a - b)``."""

    mean: float
    low: float
    high: float
    """Percentile interval of the bootstrap over clusters."""
    stderr: float
    """Clustered, analytic."""
    p: float
    """Two-sided, of the sign-flip test over clusters: its level is exact for few scenes too, where the t statistic and
    the percentile interval call equal systems different up to twice too often (20 scenes: 5.4 % and 8.2 % of 4,000
    simulated comparisons, the sign flips 4.2 %)."""
    n: int
    clusters: int


def paired_difference(
    a: Sequence[float],
    b: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    level: float = CONFIDENCE,
    rng: np.random.Generator | None = None,
) -> Difference:
    """Two systems on the same items. Raises ValueError: no item, or not as many of each.

    ``rng``: of the bootstrap; the same one gives the same interval. None: seed 0.
    """
    if not len(a) == len(b) == len(clusters) or not len(a):
        raise ValueError(
            f"expected the same items of both systems, got {len(a)}, {len(b)} and {len(clusters)} clusters"
        )
    d = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    count = len(set(clusters))
    error = clustered_stderr(d.tolist(), clusters)
    center = float(d.mean())
    rng = rng or np.random.default_rng(0)
    number = {c: k for k, c in enumerate(dict.fromkeys(clusters))}
    sums = np.bincount([number[c] for c in clusters], weights=d, minlength=count)
    p = sign_flip_p(sums.tolist(), rng=rng)  # of one scene it is 1: that says nothing about other scenes
    drawn = bootstrap_means(d, clusters, resamples, rng)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Difference(mean=center, low=float(low), high=float(high), stderr=error, p=p, n=len(d), clusters=count)


def bootstrap_means(values: Floats, clusters: Sequence[Hashable], resamples: int, rng: np.random.Generator) -> Floats:
    """Means of all items of as many clusters as there are, drawn with replacement: (resamples,), or (C^C,) for few.

    With up to ``FEW_CLUSTERS`` clusters all C^C draws are made, so the distribution is exact.
    """
    number = {c: k for k, c in enumerate(dict.fromkeys(clusters))}
    index = np.array([number[c] for c in clusters])
    sums = np.bincount(index, weights=values, minlength=len(number))
    sizes = np.bincount(index, minlength=len(number)).astype(np.float64)
    count = len(number)
    if count <= FEW_CLUSTERS:
        # Draw number n, written in base C, says which cluster comes at each place.
        places = (np.arange(count**count)[:, None] // count ** np.arange(count)) % count
        return sums[places].sum(axis=1) / sizes[places].sum(axis=1)
    # How often each cluster is drawn, rather than which: one multinomial a resample.
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    return (drawn @ sums) / (drawn @ sizes)


def sign_flip_p(differences: Sequence[float], *, limit: int = 16, rng: np.random.Generator | None = None) -> float:
    """Two-sided permutation p of a mean difference: all sign patterns up to ``limit`` values, else 10,000 of them."""
    d = np.asarray(differences, np.float64)
    n = len(d)
    if n <= limit:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = 2.0 * (rng or np.random.default_rng(0)).integers(0, 2, size=(RESAMPLES, n)) - 1.0
    means = np.abs(signs @ d)
    observed = abs(float(d.sum()))
    hits = int((means >= observed - 1e-9 * max(1.0, observed)).sum())
    return hits / len(means) if n <= limit else (hits + 1) / (len(means) + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p of each test (Holm, 1979): with these, all tests together are wrong as often as one alone."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    out, highest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        out[k] = highest
    return out


def detectable(stderr_of_difference: float, *, power: float = 0.8, level: float = CONFIDENCE) -> float:
    """The smallest true difference that a comparison with this standard error finds with this probability."""
    return stderr_of_difference * float(stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power))


def items_needed(difference: float, stderr_now: float, n_now: int, *, power: float = 0.8) -> int | None:
    """How many items of the same kind would find a difference; None for a difference of zero."""
    if difference == 0:
        return None
    return math.ceil(n_now * (detectable(stderr_now, power=power) / abs(difference)) ** 2)
