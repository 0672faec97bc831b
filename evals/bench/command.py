"""``sightline bench``: one run that times everything, prints a table, and ends with one line of JSON."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.bench import gate
from evals.bench.kernels import build_packages, time_kernels
from evals.bench.machine import Machine, this_machine
from evals.bench.peers import PEERS, missing_peers, with_registered_depth
from evals.bench.pipelines import PipelineResult, time_pipelines
from evals.bench.registration import time_registration
from evals.bench.scene import RoomScene, orbit
from evals.bench.timing import Timing, ratio
from scenes.errors import InputError
from scenes.recordings import open_recording
from scenes.types import Camera, Frame
from tools.kernels.compiled import compiler_available

FRAMES = 8
FRAME_STRIDE = 3
"""Frames of a recording between two that are used: neighbours would show nearly the same."""


def run(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 done, 1 a gated metric is worse than the baseline.

    Raises:
        InputError: a recording or baseline that cannot be read or does not fit.
    """
    options = _parser().parse_args(argv)
    if options.write_baseline is not None and options.runs < gate.MIN_RUNS:
        raise InputError(f"expected --runs {gate.MIN_RUNS} or more with --write-baseline, got {options.runs}")
    machine, input_name = this_machine(), options.recording.name if options.recording else "analytic room"
    baseline = gate.read_baseline(options.baseline) if options.gate else None
    if baseline is not None:
        baseline.check_comparable(machine, input_name)
    frames = _frames(options.recording)
    if options.build:
        return _build(frames, options.voxels)
    absent = missing_peers(tuple(PEERS))
    peers = () if options.no_peer else tuple(name for name in PEERS if name not in absent)
    runs, timings, gaps = [], {}, {}
    for _ in range(options.runs):
        timings, gaps = _measure(options, frames, peers)
        runs.append(ratios(timings))
    metrics = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    _print_table(timings, metrics)
    if not options.no_peer:
        print("\n".join(absent.values()))
    report = {
        "machine": machine.to_dict(),
        "input": input_name,
        "runs": options.runs,
        "timings_ms": {name: {v: t.to_dict() for v, t in variants.items()} for name, variants in timings.items()},
        "surface_gap_m": gaps,
        "ratios": metrics,
        "missing_peers": absent,
    }
    if options.write_baseline is not None:
        gate.write_baseline(runs, options.write_baseline, machine=machine, input_name=input_name)
    if baseline is not None:
        report["gate"] = _judge(metrics, baseline, machine, [name for name in PEERS if name not in peers])
    print(json.dumps(report))
    return 1 if report.get("gate") else 0


def _measure(
    options: argparse.Namespace, frames: Sequence[Frame], peers: Sequence[str]
) -> tuple[dict[str, dict[str, Timing]], dict[str, float]]:
    """One run: the timings of each job's variants, and how far surfaces are from Open3D's, in metres."""
    timings: dict[str, dict[str, Timing]] = {}
    gaps: dict[str, float] = {}
    compiled = compiler_available()
    if not options.skip_kernels:
        for name, variants in time_kernels(frames[:2], options.voxels[0], repeats=options.repeats).items():
            timings[f"kernel/{name}"] = variants
    for voxel_m in options.voxels:
        result = time_pipelines(
            frames, voxel_m, repeats=options.repeats, with_peer="open3d" in peers, compiled=compiled
        )
        _add_pipeline(timings, gaps, result, f"@{1000 * voxel_m:g}mm")
    if not options.skip_registration:
        timings |= time_registration(frames, options.voxels[0], repeats=options.repeats, peers=peers, compiled=compiled)
    return timings, gaps


def _judge(
    metrics: Mapping[str, float], baseline: gate.Baseline, machine: Machine, missing: Sequence[str]
) -> list[str]:
    """What is worse than the baseline, printed; and of which other versions the baseline is."""
    print("\n".join(baseline.other_versions(machine)))
    failed = gate.violations(metrics, baseline.bounds, missing=missing)
    print("\n".join(failed) or "gate: every ratio is within the baseline")
    return failed


def ratios(timings: Mapping[str, Mapping[str, Timing]]) -> dict[str, float]:
    """Compiled time over that of every other variant, repeat by repeat (``timing.ratio``); lower is better."""
    return {
        f"{job} compiled/{other}": round(ratio(variants["compiled"], timing), 4)
        for job, variants in timings.items()
        if "compiled" in variants
        for other, timing in variants.items()
        if other != "compiled"
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sightline bench", description=__doc__)
    parser.add_argument("--recording", type=Path, help="an RGB-D recording with poses; an analytic room when absent")
    parser.add_argument("--voxels", type=float, nargs="+", default=[0.02], help="voxel sizes in metres")
    parser.add_argument("--repeats", type=_positive, default=15, help="timed repeats of each variant")
    parser.add_argument("--runs", type=_positive, default=1, help="repeats of the whole run; ratios are medians")
    parser.add_argument("--no-peer", action="store_true", help="leave out every peer")
    parser.add_argument("--skip-kernels", action="store_true", help="time whole pipelines only")
    parser.add_argument("--skip-registration", action="store_true", help="leave out tracking and features")
    parser.add_argument("--build", action="store_true", help="build ahead-of-time packages of the kernels, and stop")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a ratio is worse than the baseline")
    parser.add_argument("--baseline", type=Path, default=gate.BASELINE, help="the baseline to compare with")
    parser.add_argument("--write-baseline", type=Path, metavar="FILE", help="make these runs' ratios the baseline")
    return parser


def _build(frames: Sequence[Frame], voxels: Sequence[float]) -> int:
    """Packages for the shapes of these frames; 1 without a compiler."""
    if not compiler_available():
        print("expected a C++ compiler (g++ or clang++), found none; packages are built where there is one")
        return 1
    built = [path for voxel_m in voxels for path in build_packages(frames[:2], voxel_m)]
    print("\n".join(str(path) for path in built))
    print(json.dumps({"packages": [path.name for path in built]}))
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _frames(path: Path | None) -> list[Frame]:
    """The frames to work on, with depth and colour of one camera.

    Raises:
        InputError: the recording has too few frames, or frames without depth.
    """
    if path is None:
        camera = Camera(width=640, height=480, fx=525.0, fy=525.0, cx=320.0, cy=240.0)
        return [RoomScene().frame(pose, camera=camera, id=i) for i, pose in enumerate(orbit(FRAMES))]
    recording = open_recording(path)
    if len(recording) < FRAMES:
        raise InputError(f"expected at least {FRAMES} frames in {path}, found {len(recording)}; use a longer recording")
    stride = min(FRAME_STRIDE, len(recording) // FRAMES)
    return [with_registered_depth(recording[i * stride]) for i in range(FRAMES)]


def _add_pipeline(
    timings: dict[str, dict[str, Timing]], gaps: dict[str, float], result: PipelineResult, suffix: str
) -> None:
    timings[f"integrate{suffix}"] = result.integrate
    timings[f"raycast{suffix}"] = result.raycast
    if result.surface_gap_m is not None:
        gaps[f"integrate{suffix}"] = round(result.surface_gap_m, 5)


def _print_table(timings: Mapping[str, Mapping[str, Timing]], metrics: Mapping[str, float]) -> None:
    print(f"{'job':32} {'variant':10} {'min ms':>9} {'median ms':>10}  compiled/this")
    for job, variants in timings.items():
        for name, timing in variants.items():
            beside = metrics.get(f"{job} compiled/{name}")
            shown = "" if beside is None else f"{beside:.2f}"
            print(f"{job:32} {name:10} {timing.min_ms:9.2f} {timing.median_ms:10.2f}  {shown}")
