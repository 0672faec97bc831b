"""Tracking a frame and describing an image: this project's, eager and compiled, beside each peer that is installed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from evals.bench.peers import Open3DOdometry, RootSiftPose, SmallGicp
from evals.bench.timing import Timing, interleaved
from scenes.geometry import backproject, pixel_grid
from scenes.types import Frame
from tools.kernels.compiled import COMPILED, EAGER, KernelSet, wait_until_compiled
from tools.mapping.posed_depth import PosedDepth
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import Tracker

MAX_DEPTH_M = 5.0
FEATURES = 1024


def time_registration(
    frames: Sequence[Frame], voxel_m: float, *, repeats: int, peers: Collection[str], compiled: bool
) -> dict[str, dict[str, Timing]]:
    """Jobs ``track`` (the pose of the second frame from that of the first) and ``features``, per variant.

    ``frames`` must have depth and colour of one camera. ``peers``: names of ``peers.PEERS`` that are installed.
    """
    sets: dict[str, KernelSet] = {"eager": EAGER} | ({"compiled": COMPILED} if compiled else {})
    tracking: dict[str, Callable[[], object]] = {name: _tracking(frames, voxel_m, s) for name, s in sets.items()}
    gray = frames[1].rgb.float().mean(-1) / 255
    features: dict[str, Callable[[], object]] = {
        name: (lambda s=s: s.detect_and_describe(gray, FEATURES)) for name, s in sets.items()
    }
    if "open3d" in peers:
        odometry = Open3DOdometry(max_depth_m=MAX_DEPTH_M)
        before, now = odometry.prepare(frames[0]), odometry.prepare(frames[1])
        tracking["open3d"] = lambda: odometry.relative(now, before)
    if "small_gicp" in peers:
        gicp = SmallGicp(threads=torch.get_num_threads())
        target, source = (_points(frame) for frame in frames[:2])
        tracking["small_gicp"] = lambda: gicp.align(source, target)
    if {"opencv", "poselib"} <= set(peers):
        rootsift, image = RootSiftPose(FEATURES), frames[1].rgb.numpy()
        features["opencv"] = lambda: rootsift.describe(image)
    for job in (tracking, features):
        for run in job.values():
            run()
    wait_until_compiled()
    return {"track": interleaved(tracking, repeats=repeats), "features": interleaved(features, repeats=repeats)}


def _tracking(frames: Sequence[Frame], voxel_m: float, kernels: KernelSet) -> Callable[[], object]:
    surface_map = SurfaceMap(voxel_m=voxel_m, max_depth_m=MAX_DEPTH_M, kernels=kernels)
    surface_map.integrate(frames[0])
    return lambda: Tracker(surface_map, world_from_camera=frames[0].world_from_camera, kernels=kernels).track(frames[1])


def _points(frame: Frame) -> NDArray[np.float64]:
    """(N, 3) points of a frame's depth, in its camera."""
    depth_m = PosedDepth.of(frame).depth_m
    points = backproject(frame.camera, pixel_grid(frame.camera.width, frame.camera.height), depth_m)
    return points[depth_m > 0].double().numpy()
