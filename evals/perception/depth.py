"""Depth from posed neighbours against the sensor: AbsRel where both are valid, coverage, time.

A sweep is as good as its poses, so a recording for which reference poses from structure from motion lie beside it is
measured with its own poses and with those. ``depth_metrics`` agrees with the public evaluation of depth estimation on
flat arrays; see its docstring.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from evals.perception.report import Report, Row
from evals.scorers.pose_metrics import poses_by_frame
from scenes.errors import InputError
from scenes.recordings import Recording, open_recording
from scenes.types import Frame
from tools.depth.depth_recording import NEIGHBOUR_HISTORY, NEIGHBOUR_STRIDE
from tools.depth.estimate import register_depth
from tools.depth.model import DepthModel
from tools.depth.sweep import MAX_DEPTH_M, MIN_DEPTH_M, SweepView, sweep_depth
from tools.kernels.compiled import wait_until_compiled

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
DEFAULT_DATA = (SHARED / "hololens", SHARED / "redkitchen")
REFERENCE_POSES = {"redkitchen": Path("redkitchen_poses/pgt_sfm_seq01_first500.txt")}
"""Recordings and their poses from structure from motion, of the colour camera, in the folder beside them."""
MAX_ABS_REL, MIN_COVERAGE = 0.10, 0.5
"""Targets of each frame."""
MIN_FRAMES_BEFORE = 20
"""The first frames have no neighbours yet."""


def depth_metrics(predicted: Tensor, target: Tensor) -> dict[str, float]:
    """Metrics of (N,) depths, all of them positive: AbsRel, SqRel, RMSE, RMSE of the logarithm, log10, SILog and the
    shares within factors 1.25, 1.25^2 and 1.25^3 (strictly).

    SILog is the square root of the mean squared log difference less half the squared mean, as in Eigen et al. 2014.
    """
    log = predicted.log() - target.log()
    ratio = torch.maximum(predicted / target, target / predicted)
    difference = predicted - target
    values = {f"d{k}": (ratio < 1.25**k).sum() / max(len(ratio), 1) for k in (1, 2, 3)}
    values |= {
        "abs_rel": (difference.abs() / target).mean(),
        "sq_rel": (difference.square() / target).mean(),
        "rmse": difference.square().mean().sqrt(),
        "rmse_log": log.square().mean().sqrt(),
        "log10": (predicted.log10() - target.log10()).abs().mean(),
        "silog": (log.square().mean() - 0.5 * log.mean().square()).sqrt(),
    }
    return {name: float(value) for name, value in values.items()}


def measure(frame_at: Callable[[int], Frame], indices: range, model: DepthModel | None) -> list[dict[str, float]]:
    """One record per frame: metrics where sweep and sensor are valid, coverage, and milliseconds of the sweep alone."""
    records = []
    for index in indices:
        frame = frame_at(index)
        views = [
            SweepView.of(frame_at(i))
            for i in range(index - 1, max(-1, index - 1 - NEIGHBOUR_HISTORY), -NEIGHBOUR_STRIDE)
        ]
        others = [view for view in views if view is not None]
        if not records:
            sweep_depth(frame, others)
            wait_until_compiled()
        begin = time.perf_counter()
        found = sweep_depth(frame, others)
        if model is not None:
            found = model.estimate(frame, found)
        spent = 1e3 * (time.perf_counter() - begin)
        sensor = register_depth(frame)
        if sensor is None:
            raise InputError(
                "expected a recording with sensor depth to compare with; give another one with --data PATH"
            )
        record: dict[str, float] = {"frame": frame.id, "ms": spent, "coverage": 0.0, "abs_rel": math.nan}
        if found is not None:
            both = found.valid & (sensor >= MIN_DEPTH_M) & (sensor <= MAX_DEPTH_M)
            record["coverage"] = float(found.valid.float().mean())
            if bool(both.any()):
                record |= depth_metrics(found.depth_m[both], sensor[both])
                error = (found.depth_m - sensor).abs()[both]
                record["within_sigma"] = float((error <= found.sigma_m[both]).float().mean())
        records.append(record)
    return records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--data", type=Path, nargs="+", default=DEFAULT_DATA, metavar="PATH", help="RGB-D recordings")
    parser.add_argument("--every", type=int, default=25, help="measure every n-th frame")
    parser.add_argument("--ids", type=_ids, metavar="FIRST:LAST", help="only frames with these ids (default: all)")
    parser.add_argument("--depth-model", metavar="NAME", help="also run a depth model, a folder or a hub id")


def _ids(text: str) -> range:
    """``FIRST:LAST`` of the command line, both included."""
    try:
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FIRST:LAST, e.g. 0:248; got {text!r}") from None
    return range(first, last + 1)


def _chosen(recording: Recording, ids: range | None, every: int) -> range:
    """Indices of the frames to measure: every n-th whose id is wanted and that has neighbours behind it."""
    wanted = [i for i, frame_id in enumerate(recording.frame_ids) if ids is None or frame_id in ids]
    if not wanted or wanted[-1] < MIN_FRAMES_BEFORE:
        raise InputError(
            f"expected --ids with frames of {recording.path.name} after its {MIN_FRAMES_BEFORE}th, e.g. "
            f"{recording.frame_ids[0]}:{recording.frame_ids[-1]}, got none of them"
        )
    return range(max(MIN_FRAMES_BEFORE, wanted[0]), wanted[-1] + 1, every)


def pose_sources(recording: Recording) -> dict[str, Callable[[int], Frame]]:
    """Frames by index, per source of their poses: the recording, and structure from motion where there is such.

    Raises:
        InputError: a frame of the recording has no reference pose.
    """
    sources: dict[str, Callable[[int], Frame]] = {"own poses": recording.__getitem__}
    file = recording.path.parent / REFERENCE_POSES.get(recording.path.name, Path())
    if file.is_file():
        poses = poses_by_frame(file)
        missing = [frame_id for frame_id in recording.frame_ids if frame_id not in poses]
        if missing:
            raise InputError(
                f"{file}: expected a pose of every frame of {recording.path.name}, got none of {missing[0]}"
            )
        sources["SfM poses"] = lambda index: recording[index].with_pose(poses[recording.frame_ids[index]])
    return sources


def run(args: argparse.Namespace) -> Report:
    """Estimate depth without the sensor and compare with it."""
    model = None if args.depth_model is None else DepthModel.load(args.depth_model)
    rows: list[Row] = []
    items: list[Mapping[str, object]] = []
    for path in args.data:
        if not path.exists():
            raise InputError(f"expected a recording in {path}, found nothing; give one with --data PATH")
        recording = open_recording(path)
        indices = _chosen(recording, args.ids, args.every)
        for source, frame_at in pose_sources(recording).items():
            records = measure(frame_at, indices, model)
            items += [{"recording": path.name, "poses": source} | record for record in records]
            rows += rows_of(records, f"{path.name}, {source}: {'model' if model else 'sweep'}")
    settings = {
        "data": [p.name for p in args.data],
        "every": args.every,
        "ids": None if args.ids is None else f"{args.ids.start}:{args.ids.stop - 1}",
        "depth_model": args.depth_model,
    }
    return Report(
        suite="depth", settings=settings | {"threads": torch.get_num_threads()}, rows=tuple(rows), items=tuple(items)
    )


def rows_of(records: list[dict[str, float]], name: str) -> list[Row]:
    """What is reported of the records of one recording."""
    known = [r["abs_rel"] for r in records if not math.isnan(r["abs_rel"])]
    count = len(records)
    error = statistics.fmean(known) if known else None
    coverage = statistics.fmean(r["coverage"] for r in records)
    good = sum(r["abs_rel"] <= MAX_ABS_REL and r["coverage"] >= MIN_COVERAGE for r in records)
    spent = statistics.median(r["ms"] for r in records)
    return [
        Row(what=f"{name}, AbsRel where valid", value=error, target=MAX_ABS_REL, better="lower", count=len(known)),
        Row(what=f"{name}, coverage", value=coverage, target=MIN_COVERAGE, count=count),
        Row(what=f"{name}, frames that reach both", value=good / count, target=1.0, count=count),
        Row(what=f"{name}, median a frame", value=spent, unit="ms", count=count),
    ]
