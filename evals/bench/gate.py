"""Compare a benchmark's ratios with a committed baseline."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

GATED = (
    "kernel/backproject_normals",
    "kernel/integrate_blocks",
    "kernel/icp_step",
    "kernel/march_image",
    "kernel/refine",
    "kernel/plane_sweep",
    "integrate@",
    "raycast@",
    "track",
)
"""Jobs that a baseline holds; the others take so little time that their ratios are noise."""
BASELINE = Path(__file__).with_name("baseline.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a metric may be at most. All gated metrics are ratios of times in one run, and lower is better."""

    value: float
    """Where it stood when the baseline was made."""
    tolerance: float
    """How much worse, as a fraction, is still within the noise of a shared machine."""

    @property
    def limit(self) -> float:
        """The largest value that passes."""
        return self.value * (1 + self.tolerance)


def read_baseline(path: Path = BASELINE) -> dict[str, Bound]:
    """The bounds of a baseline file.

    Raises:
        ValueError: the file is missing or is not a baseline.
    """
    try:
        content = json.loads(path.read_text())
        return {name: Bound(value=float(b["value"]), tolerance=float(b["tolerance"])) for name, b in content.items()}
    except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected a benchmark baseline in {path}, got {error!r}; write one with --write-baseline"
        ) from error


def violations(
    metrics: Mapping[str, float], baseline: Mapping[str, Bound], *, missing: Collection[str] = ()
) -> list[str]:
    """One line for each baseline metric that is worse than its limit or was not measured.

    ``missing``: variants that could not be measured on this machine (peers that are not installed); not judged.
    """
    lines = []
    for name, bound in baseline.items():
        if name.rpartition("/")[2] in missing:
            continue
        if name not in metrics:
            lines.append(f"{name}: not measured in this run, baseline {bound.value:.3g}")
        elif not metrics[name] <= bound.limit:
            lines.append(f"{name}: {metrics[name]:.3g} is above {bound.limit:.3g} (baseline {bound.value:.3g})")
    return lines


def write_baseline(metrics: Mapping[str, float], path: Path, *, tolerance: float = 0.35) -> None:
    """Make these metrics the baseline."""
    content = {
        name: {"value": round(value, 4), "tolerance": tolerance}
        for name, value in sorted(metrics.items())
        if name.startswith(GATED)
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
