"""Tracking without given poses: absolute trajectory error and time, beside Open3D's odometry on the same frames.

``ate`` agrees with the public evaluation of trajectories: positions after the best rigid alignment (Umeyama 1991).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evals.bench.peers import Open3DOdometry, missing_peers
from evals.perception.report import Report, Row
from scenes.errors import InputError
from scenes.recordings import open_recording
from scenes.types import Frame
from tools.kernels.compiled import wait_until_compiled
from tools.mapping.posed_depth import PosedDepth
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import Tracker

DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "redkitchen"


def umeyama(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation (3, 3) and translation (3,) that best move (N, 3) ``source`` onto ``target``.

    Raises:
        ValueError: fewer than three positions, or all on one line: the rotation is not determined.
    """
    if source.shape != target.shape or len(source) < 3:
        raise ValueError(f"expected two equal lists of at least 3 positions, got {source.shape} and {target.shape}")
    mean_source, mean_target = source.mean(0), target.mean(0)
    covariance = (target - mean_target).T @ (source - mean_source) / len(source)
    u, scale, vt = np.linalg.svd(covariance)
    if np.count_nonzero(scale > np.finfo(np.float64).eps) < 2:
        raise ValueError("the positions lie on one line; an alignment needs a plane")
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    return rotation, mean_target - rotation @ mean_source


def ate(
    estimate: NDArray[np.float64], reference: NDArray[np.float64], *, align: bool = True
) -> tuple[float, NDArray[np.float64]]:
    """Root mean square absolute trajectory error in metres, and the error of each position, (N,).

    Args:
        estimate, reference: (N, 3) camera positions of the same moments.
        align: move the estimate onto the reference first.

    Raises:
        ValueError: positions that cannot be aligned.
    """
    if align:
        rotation, translation = umeyama(estimate, reference)
        estimate = estimate @ rotation.T + translation
    error = np.linalg.norm(estimate - reference, axis=1)
    return float(np.sqrt(np.mean(error**2))), error


def associate(
    stamps: Sequence[float], others: Sequence[float], *, max_gap_s: float = 0.01, offset_s: float = 0.0
) -> list[tuple[int, int]]:
    """Pairs of indices: each stamp with the nearest of ``others`` (moved by ``offset_s``) when it is near enough."""
    moved = np.asarray(others, dtype=np.float64) + offset_s
    if len(moved) == 0:
        return []
    nearest = [(i, int(np.abs(moved - stamp).argmin())) for i, stamp in enumerate(stamps)]
    return [(i, j) for i, j in nearest if abs(moved[j] - stamps[i]) <= max_gap_s]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedTrajectory:
    """One trajectory: a pose per frame or None where it was lost, and what each frame took."""

    poses: tuple[Tensor | None, ...]
    track_ms: tuple[float, ...]
    total_ms: tuple[float, ...]
    """Tracking and fusing."""


def follow(frames: Sequence[Frame], *, voxel_m: float, start: Tensor) -> TrackedTrajectory:
    """Track frame after frame; each frame whose pose was found is fused at that pose."""
    surface_map = SurfaceMap(voxel_m=voxel_m, max_depth_m=5.0)
    tracker = Tracker(surface_map, world_from_camera=start)
    poses: list[Tensor | None] = []
    track_ms, total_ms = [], []
    for frame in frames:
        begin = time.perf_counter()
        found = tracker.track(frame)
        tracked = time.perf_counter()
        if found.world_from_camera is not None:
            surface_map.integrate(frame.with_pose(found.world_from_camera))
        poses.append(found.world_from_camera)
        track_ms.append(1e3 * (tracked - begin))
        total_ms.append(1e3 * (time.perf_counter() - begin))
    return TrackedTrajectory(poses=tuple(poses), track_ms=tuple(track_ms), total_ms=tuple(total_ms))


def peer_follow(frames: Sequence[Frame], *, start: Tensor) -> TrackedTrajectory:
    """The same by Open3D's tensor odometry from frame to frame, with its own defaults."""
    odometry = Open3DOdometry(max_depth_m=5.0)
    prepared = [odometry.prepare(frame) for frame in frames]
    poses: list[Tensor | None] = [start]
    spent = [0.0]
    pose = start
    for before, now in pairwise(prepared):
        begin = time.perf_counter()
        pose = pose @ odometry.relative(now, before)
        spent.append(1e3 * (time.perf_counter() - begin))
        poses.append(pose)
    return TrackedTrajectory(poses=tuple(poses), track_ms=tuple(spent), total_ms=tuple(spent))


def score(run: TrackedTrajectory, frames: Sequence[Frame]) -> dict[str, float]:
    """ATE over the tracked frames, the share that was tracked, and times."""
    found = [(p, f.world_from_camera) for p, f in zip(run.poses, frames, strict=True) if p is not None]
    estimate = np.stack([p[:3, 3].numpy() for p, _ in found])
    reference = np.stack([q[:3, 3].numpy() for _, q in found if q is not None])
    rmse, error = ate(estimate, reference)
    return {
        "ate_m": rmse,
        "ate_unaligned_m": ate(estimate, reference, align=False)[0],
        "worst_m": float(error.max()),
        "tracked": len(found) / len(frames),
        "track_ms": statistics.median(run.track_ms[1:]),
        "total_ms": statistics.median(run.total_ms[1:]),
        "total_ms_p95": float(np.percentile(run.total_ms[1:], 95)),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, metavar="PATH", help="an RGB-D recording with poses")
    parser.add_argument("--voxel", type=float, default=0.02, help="edge of a voxel, metres")
    parser.add_argument("--frames", type=int, help="use only the first n frames")
    parser.add_argument("--no-peer", action="store_true", help="leave out Open3D's odometry")


def frames_of(path: Path, count: int | None = None) -> list[Frame]:
    """The frames of a posed RGB-D recording.

    Raises:
        InputError: there is no recording, or it has no depth or no poses.
    """
    if not path.exists():
        raise InputError(f"expected a recording in {path}, found nothing; give one with --data PATH")
    recording = open_recording(path)
    frames = [recording[i] for i in range(min(len(recording), count or len(recording)))]
    if len(frames) < 3 or any(f.depth_m is None or f.world_from_camera is None for f in frames):
        raise InputError(f"expected a recording with depth and poses in {path}; give another one with --data PATH")
    return frames


def run(args: argparse.Namespace) -> Report:
    """Track a recording without its poses and compare with them."""
    frames = frames_of(args.data, args.frames)
    start = PosedDepth.of(frames[0]).world_from_camera
    blind = [replace(frame, world_from_camera=None) for frame in frames]
    # A short pass first: what is timed is the steady state, not the compilation.
    follow(blind[:4], voxel_m=args.voxel, start=start)
    wait_until_compiled()
    ours = score(follow(blind, voxel_m=args.voxel, start=start), frames)
    found: dict[str, Mapping[str, Any]] = {"sightline": ours}
    rows = [
        Row(
            what="ATE, root mean square", value=ours["ate_m"], unit="m", target=0.03, better="lower", count=len(frames)
        ),
        Row(what="frames tracked", value=ours["tracked"], target=1.0, count=len(frames)),
        Row(what="tracking, median a frame", value=ours["track_ms"], unit="ms", target=20.0, better="lower"),
        Row(what="tracking and fusing, median a frame", value=ours["total_ms"], unit="ms"),
    ]
    missing = missing_peers(("open3d",))
    if missing:
        rows.append(Row(what="Open3D odometry", value=None, note=missing["open3d"]))
    elif not args.no_peer:
        peer = score(peer_follow(frames, start=start), frames)
        found["open3d"] = peer
        rows.append(Row(what="Open3D odometry: ATE", value=peer["ate_m"], unit="m", count=len(frames)))
        rows.append(Row(what="Open3D odometry, median a frame", value=peer["track_ms"], unit="ms"))
    return Report(
        suite="tracking",
        settings={
            "data": args.data.name,
            "frames": len(frames),
            "voxel_m": args.voxel,
            "threads": torch.get_num_threads(),
        },
        rows=tuple(rows),
        items=tuple({"system": name} | dict(values) for name, values in found.items()),
    )
