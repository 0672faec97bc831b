"""pass^k of tau-bench: would a system succeed every time, not only once in a while (Yao et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REWARD_TOLERANCE = 1e-6
"""A reward this near to 1 is a success; partial rewards are not."""


def pass_hat_k(trials: int, successes: int, k: int) -> float:
    """``C(successes, k) / C(trials, k)``: the chance that k trials, drawn from these without return, all succeed.

    Raises ValueError: k larger than the trials, a negative number, more successes than trials.
    """
    if k > trials or successes > trials or min(trials, successes, k) < 0:
        raise ValueError(f"expected 0 <= k, successes <= trials, got {k}, {successes}, {trials}")
    return math.comb(successes, k) / math.comb(trials, k)


def succeeded(reward: float) -> bool:
    """Whether a reward is 1."""
    return abs(reward - 1.0) <= REWARD_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """pass^k for k from 1 to the smallest number of trials of a task."""

    per_task: Mapping[str, tuple[float, ...]]
    mean: tuple[float, ...]
    """Over tasks; k = 1 first. Empty where no task has a trial."""


def reliability(rewards: Mapping[str, Sequence[float]]) -> Reliability:
    """Task -> rewards of its trials (failed infrastructure left out) -> pass^k. A task without a trial is left out."""
    kept = {task: values for task, values in rewards.items() if values}
    most = min((len(values) for values in kept.values()), default=0)
    per_task = {
        task: tuple(pass_hat_k(len(v), sum(map(succeeded, v)), k) for k in range(1, most + 1))
        for task, v in kept.items()
    }
    mean = tuple(math.fsum(p[k] for p in per_task.values()) / len(per_task) for k in range(most))
    return Reliability(per_task=per_task, mean=mean)
