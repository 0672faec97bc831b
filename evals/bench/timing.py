"""Fair timing of variants of one job: warm-up, then interleaved repeats, then minimum and median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The repeats of one variant."""

    times_ms: tuple[float, ...]
    """Milliseconds of each repeat, in the order in which they were taken."""

    @property
    def min_ms(self) -> float:
        """The fastest repeat."""
        return min(self.times_ms)

    @property
    def median_ms(self) -> float:
        """The median repeat."""
        return statistics.median(self.times_ms)

    def to_dict(self) -> dict[str, float | int]:
        """JSON-ready."""
        return {"min_ms": self.min_ms, "median_ms": self.median_ms, "repeats": len(self.times_ms)}


def ratio(one: Timing, other: Timing) -> float:
    """How long one variant takes in units of another: the median of the ratios of repeats taken side by side.

    A change of the machine's load between repeats meets both sides of each ratio, which a ratio of medians only has
    when the load is the same in the middle of both. Timings of different lengths are not of one run.
    """
    return statistics.median(a / b for a, b in zip(one.times_ms, other.times_ms, strict=True))


def interleaved(variants: Mapping[str, Callable[[], object]], *, repeats: int, warm_up: int = 1) -> dict[str, Timing]:
    """Time variants in turn (a b c, a b c, ...), so that a change in the machine's load meets all of them.

    Raises:
        ValueError: fewer than one repeat.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    for _ in range(warm_up):
        for run in variants.values():
            run()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeats):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: Timing(times_ms=tuple(times)) for name, times in taken.items()}
