"""Depth from posed neighbours: which neighbours, at which resolution, and the way back to the colour image.

For recordings without a depth sensor. The kernel is ``tools.core.sweep``. Knows nothing of recordings or maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from scenes.geometry import inverse
from scenes.types import Camera, Frame
from tools.core.sweep import depth_of_scores
from tools.depth.estimate import DepthEstimate
from tools.kernels import compiled

WORKING_WIDTH = 160
"""Pixels across of the images that are swept."""
NEIGHBOURS = 4
TARGET_BASELINES_M = (0.1, 0.2, 0.35, 0.5)
"""Distances of the neighbours to choose: with short ones more pixels match, with long ones depth is more exact and
depends less on pose errors of a centimetre."""
BASELINE_TOLERANCE = 0.6
"""Largest deviation of a neighbour from its target distance, as a share of that distance."""
MAX_TURN_RAD = 0.6
"""Largest angle between the viewing directions of two neighbours."""
PLANES = 64
MIN_DEPTH_M, MAX_DEPTH_M = 0.5, 6.5
"""Range of the sweep; the planes are evenly spaced in inverse depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepView:
    """A posed grey image at working resolution."""

    gray: Tensor
    """(H, W) float32, 0..1."""
    intrinsics: Tensor
    """(3, 3) float64 of the small image."""
    world_from_camera: Tensor
    """(4, 4) float64."""

    @classmethod
    def of(cls, frame: Frame) -> SweepView | None:
        """The view of a frame; None without a pose."""
        if frame.world_from_camera is None:
            return None
        height, width = working_size(frame.camera)
        gray = frame.rgb.float().mean(-1) / 255
        small = functional.interpolate(gray[None, None], (height, width), mode="area")[0, 0]
        scale = torch.tensor([width / frame.camera.width, height / frame.camera.height, 1.0], dtype=torch.float64)
        intrinsics = frame.camera.intrinsics.double() * scale[:, None]
        return cls(gray=small, intrinsics=intrinsics, world_from_camera=frame.world_from_camera.double())


def working_size(camera: Camera) -> tuple[int, int]:
    """Height and width of the small image of a camera."""
    return max(1, round(camera.height * WORKING_WIDTH / camera.width)), WORKING_WIDTH


def choose_neighbours(view: SweepView, others: Sequence[SweepView]) -> list[SweepView]:
    """At most one view for each target baseline, of those with a similar viewing direction and the same size."""
    pose = view.world_from_camera
    candidates = [
        (float((other.world_from_camera[:3, 3] - pose[:3, 3]).norm()), i)
        for i, other in enumerate(others)
        if other.gray.shape == view.gray.shape
        and float((other.world_from_camera[:3, 2] * pose[:3, 2]).sum().clamp(-1, 1).arccos()) <= MAX_TURN_RAD
    ]
    chosen: list[int] = []
    for target_m in TARGET_BASELINES_M:
        left = [(abs(baseline - target_m), i) for baseline, i in candidates if i not in chosen]
        if left and min(left)[0] <= BASELINE_TOLERANCE * target_m:
            chosen.append(min(left)[1])
    return [others[i] for i in chosen]


def sweep_depth(
    frame: Frame, others: Sequence[SweepView], *, compile: bool | None = None, kernels: compiled.KernelSet | None = None
) -> DepthEstimate | None:
    """Depth of a posed frame from views near it; None without a pose or without a useful neighbour.

    ``compile`` and ``kernels``: as for ``SurfaceMap``.
    """
    view = SweepView.of(frame)
    if view is None:
        return None
    chosen = choose_neighbours(view, others)
    if not chosen:
        return None
    # The kernel takes a fixed number of neighbours: missing ones are copies of the first with weight 0.
    weight = torch.tensor([1.0] * len(chosen) + [0.0] * (NEIGHBOURS - len(chosen)))
    full = [*chosen, *[chosen[0]] * (NEIGHBOURS - len(chosen))]
    moves = [inverse(other.world_from_camera) @ view.world_from_camera for other in full]
    back = torch.linalg.inv(view.intrinsics)
    projection = torch.stack([o.intrinsics @ move[:3, :3] @ back for o, move in zip(full, moves, strict=True)]).float()
    offset = torch.stack([o.intrinsics @ move[:3, 3] for o, move in zip(full, moves, strict=True)]).float()
    inverse_depths = torch.linspace(1 / MAX_DEPTH_M, 1 / MIN_DEPTH_M, PLANES)
    scores = (kernels or compiled.kernels(compile)).plane_scores(
        view.gray, torch.stack([other.gray for other in full]), projection, offset, weight, inverse_depths
    )
    depth, valid, sigma = depth_of_scores(scores, view.gray, inverse_depths)
    if not bool(valid.any()):
        return None
    size = (frame.camera.height, frame.camera.width)
    depth, sigma = (_upsampled_nearest(image, size) for image in (depth, sigma))
    return DepthEstimate(camera=frame.camera, depth_m=depth, valid=depth > 0, sigma_m=sigma, source="sweep")


def _upsampled_nearest(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsampling by nearest neighbour: interpolating across a jump of depth would create surfaces that do not exist."""
    return functional.interpolate(image[None, None], size, mode="nearest")[0, 0].contiguous()
