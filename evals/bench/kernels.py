"""Each compiled kernel against its own eager twin, on the arguments with which the pipelines call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evals.bench.timing import Timing, interleaved
from scenes.types import Frame
from tools.core.backproject import pad_with_invalid
from tools.core.pooled_gradients import level_keypoints, luma, pyramid, split_even_odd_columns
from tools.core.pose_steps import rigid_exp_batch
from tools.depth.sweep import SweepView, sweep_depth
from tools.kernels.compiled import COMPILED, EAGER, Kernel, KernelSet
from tools.mapping.posed_depth import PosedDepth
from tools.mapping.rendering import intrinsics_of
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import Tracker

KERNEL_NAMES = tuple(field.name for field in fields(KernelSet))


def recorded_arguments(frames: Sequence[Frame], voxel_m: float) -> dict[str, tuple[Any, ...]]:
    """The arguments of the largest call of each kernel while some frames are mapped and rendered."""
    calls: dict[str, tuple[Any, ...]] = {}

    def recorder(name: str) -> Callable[..., Any]:
        function = getattr(EAGER, name)

        def record(*args: Any) -> Any:
            if name not in calls or _size(args) >= _size(calls[name]):
                calls[name] = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)
            return function(*args)

        return record

    recorders = KernelSet(**{name: recorder(name) for name in KERNEL_NAMES})
    surface_map = SurfaceMap(voxel_m=voxel_m, kernels=recorders)
    for frame in frames:
        surface_map.integrate(frame)
    frame = frames[-1]
    seen = PosedDepth.of(frame)
    surface_map.raycast(seen.camera, seen.world_from_depth)
    Tracker(surface_map, world_from_camera=seen.world_from_camera, kernels=recorders).track(frame)
    neighbour_pose = seen.world_from_camera.clone()
    neighbour_pose[0, 3] += 0.12
    neighbour = SweepView.of(frame.with_pose(neighbour_pose))
    sweep_depth(frame, [] if neighbour is None else [neighbour], kernels=recorders)
    calls["detect_and_describe"] = (frame.rgb.float().mean(-1) / 255, 1024)
    return calls | _depth_arguments(frame, seen) | _feature_arguments(frame) | _pose_arguments(frame)


def _depth_arguments(frame: Frame, seen: PosedDepth) -> dict[str, tuple[Any, ...]]:
    """Of the kernels that work on whole depth images; the tracker calls them with smaller ones."""
    k = intrinsics_of(seen.camera)
    points, normals, valid = EAGER.backproject_normals(pad_with_invalid(seen.depth_m), k)
    live = (points.reshape(3, -1), normals.reshape(3, -1), valid.reshape(-1))
    still = torch.eye(4, dtype=torch.float64)
    shifted = torch.eye(4)
    shifted[0, 3] = 0.02
    size = (frame.camera.height, frame.camera.width)
    return {
        "backproject_normals": (pad_with_invalid(seen.depth_m), k),
        "icp_step": (*live, seen.depth_m, normals, k, still, torch.tensor(0.1)),
        "forward_warp": (seen.depth_m, k, shifted, intrinsics_of(frame.camera), *size),
    }


def _feature_arguments(frame: Frame) -> dict[str, tuple[Any, ...]]:
    """Of the kernels of local features and of matching, on random descriptors."""
    g = torch.Generator().manual_seed(0)
    descriptors = torch.nn.functional.normalize(torch.rand(2500, 128, generator=g), dim=-1)
    codes = torch.randint(0, 16, (20000, 128), generator=g, dtype=torch.uint8)
    gray = torch.nn.functional.interpolate(luma(frame.rgb)[None, None], (120, 160), mode="bilinear", antialias=True)[
        0, 0
    ]
    pairs = torch.stack([torch.randint(0, n, (15000,), generator=g) for n in (len(descriptors), len(codes))], -1)
    level = pyramid(luma(frame.rgb))[0]
    place, _, maps = level_keypoints(level, split_even_odd_columns(level), 1000)
    some, lengths = codes[:500], codes[:500].float().norm(dim=-1)
    places = torch.rand(2, 120, 2, generator=g)
    return {
        "luma": (frame.rgb,),
        "level_keypoints": (level, split_even_odd_columns(level), 1000),
        "keypoint_descriptors": (maps, place),
        "mutual_nearest_codes": (descriptors[:750].bfloat16(), some, lengths, torch.tensor(0.0), torch.arange(500.0)),
        "match_agreement": (places[0], places[0] + 0.01 * places[1]),
        "pair_similarity": (descriptors, codes, torch.tensor(0.0), pairs),
        "block_matches": (gray, gray.roll(2, 1), torch.ones_like(gray, dtype=torch.bool), 6, 800),
    }


def _pose_arguments(frame: Frame) -> dict[str, tuple[Any, ...]]:
    """Poses around that of a frame, against 600 of the points that it sees; half of them with depth."""
    g = torch.Generator().manual_seed(0)
    intrinsics = intrinsics_of(frame.camera).double()
    uv = torch.rand(600, 2, generator=g, dtype=torch.float64) * torch.tensor([frame.camera.width, frame.camera.height])
    depth_m = 1 + 3 * torch.rand(600, generator=g, dtype=torch.float64)
    points = torch.cat([(uv - intrinsics[2:]) / intrinsics[:2] * depth_m[:, None], depth_m[:, None]], -1)
    depth_m[::2] = 0
    matches = (uv, points, depth_m, torch.rand(600, generator=g, dtype=torch.float64), intrinsics)
    poses = rigid_exp_batch(0.01 * torch.randn(250, 6, generator=g, dtype=torch.float64))
    gate_px, scale_px = torch.tensor([24.0, 7.2], dtype=torch.float64)
    columns = [column.float().contiguous() for part in matches[:4] for column in (part.T if part.dim() > 1 else [part])]
    settings = [value.float() for value in (intrinsics, gate_px, scale_px)]
    return {"pose_costs": (poses, *matches, gate_px), "pose_step": (poses[:4].clone(), *columns, *settings)}


def time_kernels(frames: Sequence[Frame], voxel_m: float, *, repeats: int) -> dict[str, dict[str, Timing]]:
    """Per kernel, the timings of ``eager`` and, where it could be compiled, of ``compiled``."""
    results: dict[str, dict[str, Timing]] = {}
    for name, arguments in recorded_arguments(frames, voxel_m).items():
        kernel: Kernel = getattr(COMPILED, name)
        variants: dict[str, Callable[[], object]] = {"eager": _call(kernel.eager, arguments)}
        if kernel.prepare(*arguments):
            variants["compiled"] = _call(kernel, arguments)
        results[name] = interleaved(variants, repeats=repeats)
    return results


def build_packages(frames: Sequence[Frame], voxel_m: float) -> list[Path]:
    """An ahead-of-time package of each kernel for the shapes of these frames (``tools.kernels.packages``)."""
    return [
        getattr(COMPILED, name).build(*arguments) for name, arguments in recorded_arguments(frames, voxel_m).items()
    ]


def _size(arguments: tuple[Any, ...]) -> int:
    return sum(argument.numel() for argument in arguments if isinstance(argument, Tensor))


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[], object]:
    return lambda: function(*arguments)
