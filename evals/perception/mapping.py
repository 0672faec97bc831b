"""Mapping a whole walk: frames a second end to end, memory, and how well the map predicts frames it has not seen.

``reconstruction`` agrees with the public evaluation of reconstructed points.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree

from evals.bench.peers import Open3DGrid, missing_peers, with_registered_depth
from evals.perception.depth import SHARED, depth_metrics
from evals.perception.report import Report, Row
from scenes.errors import InputError
from scenes.recordings import Recording, open_recording
from scenes.types import Frame
from tools.kernels.compiled import wait_until_compiled
from tools.mapping.posed_depth import PosedDepth
from tools.mapping.surface_map import SurfaceMap

DEFAULT_DATA = SHARED / "hololens"
HELD_OUT = 10
"""Every n-th frame is not fused but compared with the map."""
PEER_FRAMES = 25
"""Frames of which both maps are built for the comparison of surfaces."""


def reconstruction(
    predicted: NDArray[np.float64], target: NDArray[np.float64], *, threshold_m: float = 0.05
) -> dict[str, float]:
    """Accuracy and completeness in metres, and precision, recall and F-score at a threshold (strictly below it).

    Args:
        predicted, target: (N, 3) points.

    Raises:
        ValueError: points that are not finite.
    """
    if len(predicted) == 0 or len(target) == 0:
        far = float("inf")
        return {"acc": far, "comp": far, "overall": far, "precision": 0.0, "recall": 0.0, "fscore": 0.0}
    to_target = np.asarray(KDTree(target).query(predicted)[0])
    to_predicted = np.asarray(KDTree(predicted).query(target)[0])
    precision, recall = float((to_target < threshold_m).mean()), float((to_predicted < threshold_m).mean())
    both = precision + recall
    accuracy, completeness = float(to_target.mean()), float(to_predicted.mean())
    return {
        "acc": accuracy,
        "comp": completeness,
        "overall": (accuracy + completeness) / 2,
        "precision": precision,
        "recall": recall,
        "fscore": 2 * precision * recall / both if both else 0.0,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, metavar="PATH", help="an RGB-D recording with poses")
    parser.add_argument("--voxel", type=float, default=0.02, help="edge of a voxel, metres")
    parser.add_argument("--no-peer", action="store_true", help="leave out Open3D")


def run(args: argparse.Namespace) -> Report:
    """Map a recording once for time and memory, and judge the surface on frames that were left out."""
    if not args.data.exists():
        raise InputError(f"expected a recording in {args.data}, found nothing; give one with --data PATH")
    recording = open_recording(args.data)
    frames = [recording[i] for i in range(min(3, len(recording)))]
    if any(f.depth_m is None or f.world_from_camera is None for f in frames):
        raise InputError(f"expected a recording with depth and poses in {args.data}; give another one with --data PATH")
    warm = SurfaceMap(voxel_m=args.voxel)
    for frame in frames:
        warm.integrate(frame)
    wait_until_compiled()
    surface_map, seconds, fused = _walk(recording, args.voxel)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    judged = [_judge(surface_map, recording[i]) for i in range(0, len(recording), HELD_OUT)]
    found = [j for j in judged if j is not None]
    rows = [
        Row(
            what="whole walk mapped, reading included", value=fused / seconds, unit="frames/s", target=15.0, count=fused
        ),
        Row(what="peak memory of the process", value=peak_mb, unit="MB", target=2048.0, better="lower"),
        Row(what="the map itself", value=surface_map.volume.bytes_used / 2**20, unit="MB"),
        Row(
            what="AbsRel of rendered depth, unseen frames",
            value=statistics.fmean(j["abs_rel"] for j in found) if found else None,
            count=len(found),
        ),
    ]
    missing = missing_peers(("open3d",))
    if missing:
        rows.append(Row(what="F-score at 2 cm against Open3D's mesh", value=None, note=missing["open3d"]))
    elif not args.no_peer:
        rows.append(_against_open3d(recording, args.voxel))
    return Report(
        suite="mapping",
        settings={"data": args.data.name, "voxel_m": args.voxel, "threads": torch.get_num_threads()},
        rows=tuple(rows),
        items=tuple(found),
    )


def _walk(recording: Recording, voxel_m: float) -> tuple[SurfaceMap, float, int]:
    """A map of all frames but the held-out ones, the seconds it took with reading, and the frames fused."""
    surface_map = SurfaceMap(voxel_m=voxel_m)
    begin, fused = time.perf_counter(), 0
    for i in range(len(recording)):
        if i % HELD_OUT:
            fused += surface_map.integrate(recording[i]).ok
    return surface_map, time.perf_counter() - begin, fused


def _judge(surface_map: SurfaceMap, frame: Frame) -> dict[str, float] | None:
    """Rendered against measured depth; None where nothing is seen by both."""
    seen = PosedDepth.of(frame)
    view = surface_map.raycast(seen.camera, seen.world_from_depth, color=False)
    both = view.valid & (seen.depth_m > 0) & (seen.depth_m < surface_map.max_depth_m)
    if not bool(both.any()):
        return None
    return {"frame": frame.id} | depth_metrics(view.depth_m[both], seen.depth_m[both])


def _against_open3d(recording: Recording, voxel_m: float) -> Row:
    frames = [with_registered_depth(recording[i]) for i in range(min(PEER_FRAMES, len(recording)))]
    surface_map = SurfaceMap(voxel_m=voxel_m, max_depth_m=5.0)
    grid = Open3DGrid(voxel_m, max_depth_m=5.0)
    for frame in frames:
        surface_map.integrate(frame)
        grid.integrate(grid.prepare(frame))
    ours = surface_map.mesh().vertices.double().numpy()
    values = reconstruction(ours, grid.mesh_vertices().astype(np.float64), threshold_m=0.02)
    return Row(what="F-score at 2 cm against Open3D's mesh", value=values["fscore"], count=len(frames))
