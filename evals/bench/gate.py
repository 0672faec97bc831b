"""Compare a benchmark's ratios with a committed baseline.

Only ratios of times taken side by side are held against a baseline, because milliseconds are those of one machine on
one day. How much worse is still noise is not chosen but measured: a baseline is written from several runs, and a
metric may be worse by twice the range over those runs, and by ``MIN_TOLERANCE`` at least. Ratios belong to an
instruction set and a number of threads; a baseline of other ones is refused.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.bench.machine import Machine
from scenes.errors import InputError

GATED = (
    "kernel/backproject_normals",
    "kernel/integrate_blocks",
    "kernel/icp_step",
    "kernel/march_image",
    "kernel/refine",
    "kernel/plane_scores",
    "integrate@",
    "raycast@",
    "track",
)
"""Jobs that are gated; the others take so little time that their ratios are noise."""
BASELINE = Path(__file__).with_name("baseline.json")
MIN_TOLERANCE = 0.10
"""Least tolerance, as a fraction: a few runs in a row do not show all noise."""
SPREAD_FACTOR = 2.0
"""Tolerance in units of the range over the runs: of few runs, the range understates the spread."""
MIN_RUNS = 3
"""Runs from which a range can be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a metric may be at most. All gated metrics are ratios of times in one run, and lower is better."""

    value: float
    """Median over the runs of the baseline."""
    tolerance: float
    """How much worse, as a fraction, is still within the noise."""

    @property
    def limit(self) -> float:
        """The largest value that passes."""
        return self.value * (1 + self.tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A baseline file."""

    isa: str
    threads: int
    versions: Mapping[str, str]
    recorded_on: str
    """Name of the input: a recording, or the analytic room."""
    bounds: Mapping[str, Bound]

    def check_comparable(self, machine: Machine, input_name: str) -> None:
        """Raises InputError when the ratios of this machine and input say nothing about the baseline's."""
        expected = (self.isa, self.threads, self.recorded_on)
        got = (machine.isa, machine.threads, input_name)
        if got != expected:
            raise InputError(
                f"expected a run on {expected[0]} with {expected[1]} threads on {expected[2]}, as the baseline, got "
                f"{got[0]} with {got[1]} threads on {got[2]}; write a baseline of your own with --write-baseline"
            )

    def other_versions(self, machine: Machine) -> list[str]:
        """One line for each timed package of another version than the baseline's."""
        return [
            f"{name} {machine.versions[name]} here, {version} in the baseline"
            for name, version in self.versions.items()
            if name in machine.versions and machine.versions[name] != version
        ]


def read_baseline(path: Path = BASELINE) -> Baseline:
    """A baseline file.

    Raises:
        InputError: the file is missing or is not a baseline.
    """
    try:
        content = json.loads(path.read_text())
        bounds = {
            name: Bound(value=float(b["value"]), tolerance=float(b["tolerance"]))
            for name, b in content["metrics"].items()
        }
        machine = content["machine"]
        return Baseline(
            isa=str(machine["isa"]),
            threads=int(machine["threads"]),
            versions={str(k): str(v) for k, v in machine["versions"].items()},
            recorded_on=str(content["input"]),
            bounds=bounds,
        )
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"expected a benchmark baseline in {path}, got {error!r}; write one with --write-baseline"
        ) from error


def violations(
    metrics: Mapping[str, float], bounds: Mapping[str, Bound], *, missing: Collection[str] = ()
) -> list[str]:
    """One line for each baseline metric that is worse than its limit or was not measured.

    ``missing``: variants that could not be measured on this machine (peers that are not installed); not judged.
    """
    lines = []
    for name, bound in bounds.items():
        if name.rpartition("/")[2] in missing:
            continue
        if name not in metrics:
            lines.append(f"{name}: not measured in this run, baseline {bound.value:.3g}")
        elif not metrics[name] <= bound.limit:
            lines.append(f"{name}: {metrics[name]:.3g} is above {bound.limit:.3g} (baseline {bound.value:.3g})")
    return lines


def write_baseline(runs: Sequence[Mapping[str, float]], path: Path, *, machine: Machine, input_name: str) -> None:
    """Make the ratios of several runs the baseline; only what all of them measured counts.

    Raises:
        InputError: fewer than ``MIN_RUNS`` runs.
    """
    if len(runs) < MIN_RUNS:
        raise InputError(f"expected at least {MIN_RUNS} runs for a baseline, got {len(runs)}; e.g. --runs 5")
    metrics = {}
    for name in sorted(set.intersection(*(set(run) for run in runs))):
        if name.startswith(GATED):
            values = [run[name] for run in runs]
            value = statistics.median(values)
            spread = (max(values) - min(values)) / value
            tolerance = max(MIN_TOLERANCE, SPREAD_FACTOR * spread)
            metrics[name] = {"value": round(value, 4), "tolerance": round(tolerance, 3), "spread": round(spread, 3)}
    content = {"machine": machine.to_dict(), "input": input_name, "runs": len(runs), "metrics": metrics}
    path.write_text(json.dumps(content, indent=1) + "\n")
