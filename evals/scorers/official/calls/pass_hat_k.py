"""Success over repeated trials: pass^k (all of k trials succeed) and pass@k (one of k does).

Source of the definitions: tau2-bench ``metrics/agent_metrics.py`` (MIT) and inspect_ai's reducers (MIT).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

REWARD_TOLERANCE = 1e-6


def pass_hat_k_compatible(trials: int, successes: int, k: int) -> float:
    """``C(successes, k) / C(trials, k)``.

    Traps: more successes than trials give more than 1; k = 0 gives 1; k beyond the trials and negative numbers raise
    ValueError.
    """
    if trials < k:
        raise ValueError(f"expected at least {k} trials, got {trials}")
    return math.comb(successes, k) / math.comb(trials, k)


def pass_hat_k_strict(trials: int, successes: int, k: int) -> float | None:
    """The same; None for k beyond the trials. Raises ValueError unless 1 <= k and 0 <= successes <= trials."""
    if k < 1 or not 0 <= successes <= trials:
        raise ValueError(f"expected 1 <= k and 0 <= successes <= trials, got k={k}, {successes} of {trials}")
    return math.comb(successes, k) / math.comb(trials, k) if k <= trials else None


def is_successful(reward: float) -> bool:
    """Whether a reward is 1 to 1e-6: 0.999 is a failure, and so is 2."""
    return 1 - REWARD_TOLERANCE <= reward <= 1 + REWARD_TOLERANCE


def tasks_compatible(simulations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """pass^k of each task and their means, from rows of task_id, reward and infra_error.

    Traps: rows with an infrastructure error are dropped, so one broken task lowers the largest k for all, and a task
    that lost all its rows leaves the mean; a NaN reward is a failure and not in the mean reward.
    """
    kept: dict[Any, list[float]] = {}
    for row in simulations:
        if not row.get("infra_error"):
            kept.setdefault(row["task_id"], []).append(row["reward"])
    counts = {task: (len(r), sum(map(is_successful, r))) for task, r in sorted(kept.items())}
    largest = min((n for n, _ in counts.values()), default=0)
    per_task = {
        task: {f"pass^{k}": pass_hat_k_compatible(n, c, k) for k in range(1, largest + 1)}
        for task, (n, c) in counts.items()
    }
    names = [f"pass^{k}" for k in range(1, largest + 1)]
    rewards = [r for row in kept.values() for r in row if not math.isnan(r)]
    return {
        "max_k": largest,
        "per_task": per_task,
        "mean": {name: math.fsum(t[name] for t in per_task.values()) / len(per_task) for name in names},
        "avg_reward": math.fsum(rewards) / len(rewards) if rewards else None,
    }


def tasks_strict(tasks: Mapping[Any, Sequence[bool | None]], k: int) -> float | None:
    """Mean pass^k over all tasks; a trial that broke (None) counts as failed. None where a task has fewer trials."""
    values = [pass_hat_k_strict(len(trials), sum(bool(t) for t in trials), k) for trials in tasks.values()]
    if not values or any(v is None for v in values):
        return None
    return math.fsum(v for v in values if v is not None) / len(values)


def pass_k_reducer_compatible(values: Sequence[float], k: int) -> float:
    """inspect_ai's pass^k of one sample: a value counts as a success from 1 on; NaN for fewer values than k."""
    n, c = len(values), sum(v >= 1 for v in values)
    return math.comb(c, k) / math.comb(n, k) if k <= n else math.nan


def pass_at_reducer_compatible(values: Sequence[float], k: int) -> float:
    """inspect_ai's pass@k of one sample: ``1 - C(n - c, k) / C(n, k)``; NaN for fewer values than k."""
    n, c = len(values), sum(v >= 1 for v in values)
    return 1 - math.comb(n - c, k) / math.comb(n, k) if k <= n else math.nan
