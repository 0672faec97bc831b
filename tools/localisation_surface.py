"""What a map's surface says of a pose: how much of an image agrees with it.

Renders the map once from the pose, small, and compares. Knows nothing of features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scenes.geometry import inverse, project, transform
from scenes.types import Camera, Frame
from tools.localisation_tracks import DepthCorrection
from tools.mapping import SurfaceMap
from tools.rendering import View
from tools.tracking import WORKING_WIDTH, working_image

CHECK_WIDTH = 72
"""Pixels across of the view that a pose is judged by: 4,000 rays at most."""
MAX_DEPTH_M = 8.0
"""Measured depth beyond this is not used."""
NEAR_M, NEAR_SHARE = 0.05, 0.03
"""Depths agree within 5 cm and 3%."""
MIN_OVERLAP = 0.05
"""Share of an image that must have both depths for the comparison to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A pose against the surface."""

    points: float
    """Share of the given points that are visible where the pose puts them."""
    depth: float | None
    """Share of the image's own depth that agrees; None without depth or without overlap."""

    @property
    def agreement(self) -> float:
        """The worse of both."""
        return self.points if self.depth is None else min(self.points, self.depth)


def working_camera(camera: Camera, width: int = WORKING_WIDTH) -> Camera:
    """The same camera, ``width`` pixels wide or less, for what needs no detail."""
    width = min(width, camera.width)
    return camera.resized(width, max(1, round(camera.height * width / camera.width)))


def check_pose(surface: SurfaceMap, camera: Camera, camera_from_world: Tensor, points: Tensor) -> tuple[Checked, View]:
    """How many of (M, 3) points the map shows from a pose, and the view itself, ``CHECK_WIDTH`` wide."""
    small = working_camera(camera, CHECK_WIDTH)
    view = surface.raycast(small, inverse(camera_from_world), color=False)
    p_camera = transform(camera_from_world, points)
    uv, inside = project(small, p_camera)
    column, row = uv[:, 0].clamp(0, small.width - 1).long(), uv[:, 1].clamp(0, small.height - 1).long()
    rendered = view.depth_m[row, column].double()
    seen = inside & (rendered > 0)
    near = (rendered - p_camera[:, 2]).abs() < NEAR_M + NEAR_SHARE * p_camera[:, 2]
    # A point at a hole of the map is neither seen nor refuted.
    share = float((seen & near).sum()) / max(float(seen.sum()), 0.5 * len(points), 1.0)
    return Checked(points=share, depth=None), view


def check_depth(checked: Checked, view: View, frame: Frame, correction: DepthCorrection) -> Checked:
    """``checked`` with the image's own depth compared to the view, which ``check_pose`` gave."""
    if frame.depth_m is None or frame.depth_camera is None:
        return checked
    own = resampled(frame, working_camera(frame.camera, CHECK_WIDTH), correction)
    both = view.valid & (own > 0)
    if float(both.float().mean()) < MIN_OVERLAP:
        return checked
    same = (view.depth_m - own).abs() < NEAR_M + NEAR_SHARE * own
    return replace(checked, depth=float(same[both].float().mean()))


def resampled(frame: Frame, small: Camera, correction: DepthCorrection) -> Tensor:
    """The image's depth in a small copy of its colour camera: (h, w) float32, 0 where there is none."""
    assert frame.depth_m is not None
    assert frame.depth_camera is not None
    depth, sampled = working_image(frame.depth_m, frame.depth_camera, MAX_DEPTH_M)
    v, u = (depth > 0).nonzero(as_tuple=True)
    z = depth[v, u].double()
    x, y = (u + 0.5 - sampled.cx) / sampled.fx * z, (v + 0.5 - sampled.cy) / sampled.fy * z
    p_camera = transform(frame.camera_from_depth, torch.stack([x, y, z], -1))
    uv, inside = project(small, p_camera)
    at = uv[inside][:, 1].long() * small.width + uv[inside][:, 0].long()
    out = torch.full((small.width * small.height,), torch.inf)
    seen = p_camera[inside]
    corrected = correction(seen[:, 2], seen[:, :2] / seen[:, 2:])
    out.scatter_reduce_(0, at, corrected.float(), "amin")
    return torch.where(torch.isfinite(out), out, 0.0).reshape(small.height, small.width)
