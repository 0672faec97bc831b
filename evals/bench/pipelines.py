"""Whole jobs - fuse a frame, render a view - compiled, eager, and by Open3D, on the same frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from evals.bench.peers import Open3DGrid
from evals.bench.timing import Timing, interleaved
from scenes.types import Frame
from tools.kernels.compiled import wait_until_compiled
from tools.mapping.posed_depth import PosedDepth
from tools.mapping.surface_map import SurfaceMap

MAX_DEPTH_M = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult:
    """Timings per variant for one voxel size, and the distance of the map's surface from Open3D's."""

    integrate: dict[str, Timing]
    raycast: dict[str, Timing]
    surface_gap_m: float | None
    """Median distance of the map's mesh vertices to Open3D's mesh, metres; None without the peer."""


def time_pipelines(
    frames: Sequence[Frame], voxel_m: float, *, repeats: int, with_peer: bool, compiled: bool = True
) -> PipelineResult:
    """Fuse ``frames`` into one map per variant, then time the next fusions and renderings.

    Each timed fusion takes the next frame in turn, the same one for every variant. ``frames`` must have depth and
    colour of one camera (``peers.with_registered_depth``), because Open3D's grid knows one pose for both.
    """
    pose, camera = PosedDepth.of(frames[-1]).world_from_camera, frames[-1].camera
    maps = {"eager": _fused(frames, voxel_m, compile=False)}
    if compiled:
        maps["compiled"] = _fused(frames, voxel_m, compile=True)
    for surface_map in maps.values():
        surface_map.raycast(camera, pose)
    grid = Open3DGrid(voxel_m, max_depth_m=MAX_DEPTH_M) if with_peer else None
    prepared = [grid.prepare(frame) for frame in frames] if grid is not None else []
    if grid is not None:
        for images in prepared:
            grid.integrate(images)
    wait_until_compiled()
    gap = None if grid is None else _surface_gap(maps["eager"], grid)

    calls = dict.fromkeys((*maps, "open3d"), 0)

    def next_frame(name: str) -> int:
        calls[name] += 1
        return calls[name] % len(frames)

    integrate: dict[str, Callable[[], object]] = {
        name: (lambda name=name, m=m: m.integrate(frames[next_frame(name)])) for name, m in maps.items()
    }
    raycast: dict[str, Callable[[], object]] = {name: (lambda m=m: m.raycast(camera, pose)) for name, m in maps.items()}
    if grid is not None:
        integrate["open3d"] = lambda: grid.integrate(prepared[next_frame("open3d")])
        raycast["open3d"] = lambda: grid.raycast(camera, pose)
    timed_integrate = interleaved(integrate, repeats=repeats, warm_up=len(frames))
    if grid is not None:
        # Open3D renders the blocks of the frame that it fused last: let that be the one whose view is rendered.
        grid.integrate(prepared[-1])
    timed_raycast = interleaved(raycast, repeats=max(3, repeats // 2))
    return PipelineResult(integrate=timed_integrate, raycast=timed_raycast, surface_gap_m=gap)


def _fused(frames: Sequence[Frame], voxel_m: float, *, compile: bool) -> SurfaceMap:
    surface_map = SurfaceMap(voxel_m=voxel_m, max_depth_m=MAX_DEPTH_M, compile=compile)
    for frame in frames:
        surface_map.integrate(frame)
    return surface_map


def _surface_gap(surface_map: SurfaceMap, grid: Open3DGrid) -> float:
    distance = grid.distance_to_mesh(surface_map.mesh().vertices.numpy())
    return float(torch.from_numpy(distance).median())
