"""What a map's surface says of a pose: how much of an image agrees with it.

Renders the map once from the pose, small, and compares. Knows nothing of features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional

from scenes.geometry import inverse, project, transform
from scenes.types import Camera, Frame
from tools.depth.estimate import warped
from tools.kernels.compiled import KernelSet
from tools.localisation.triangulation import DepthCorrection
from tools.mapping.rendering import View
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import WORKING_WIDTH, working_image

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


def check_depth(checked: Checked, view: View, depth_m: Tensor | None) -> Checked:
    """``checked`` with the image's own depth (``resampled``, if it has any) compared to the view of ``check_pose``."""
    if depth_m is None:
        return checked
    own = functional.interpolate(depth_m[None, None], view.depth_m.shape, mode="nearest")[0, 0]
    both = view.valid & (own > 0)
    if float(both.float().mean()) < MIN_OVERLAP:
        return checked
    same = (view.depth_m - own).abs() < NEAR_M + NEAR_SHARE * own
    return replace(checked, depth=float(same[both].float().mean()))


def resampled(frame: Frame, small: Camera, correction: DepthCorrection, kernels: KernelSet) -> Tensor:
    """The image's depth in a small copy of its colour camera: (h, w) float32, 0 where there is none."""
    assert frame.depth_m is not None
    assert frame.depth_camera is not None
    depth, sampled = working_image(frame.depth_m, frame.depth_camera, MAX_DEPTH_M)
    return correction.of_image(warped(depth, sampled, frame.camera_from_depth, small, kernels), small)
