"""Fair timing of variants of one job: warm-up, then interleaved repeats, then minimum and median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds over the repeats of one variant."""

    min_ms: float
    median_ms: float
    repeats: int


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
    return {
        name: Timing(min_ms=min(times), median_ms=statistics.median(times), repeats=repeats)
        for name, times in taken.items()
    }
