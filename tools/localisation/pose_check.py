"""Checks a pose against the map's surface: which share of matched points and of measured depth the surface confirms.

Renders the map's depth once from the pose, small, and compares. Knows nothing of features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional

from scenes.geometry import inverse, project, transform
from scenes.types import Camera, Frame
from tools.depth.estimate import warp_depth
from tools.kernels.compiled import KernelSet
from tools.localisation.depth_correction import DepthCorrection
from tools.mapping.rendering import RenderedView
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import WORKING_WIDTH, working_image

CHECK_WIDTH = 72
"""Width in pixels of the rendering that a pose is judged by: 4,000 rays at most."""
MAX_DEPTH_M = 8.0
"""Measured depth beyond this is not used."""
DEPTH_TOLERANCE_M, DEPTH_TOLERANCE_SHARE = 0.05, 0.03
"""Two depths agree within 5 cm plus 3% of the depth."""
MIN_OVERLAP = 0.05
"""Share of an image that must have both depths for the comparison to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceAgreement:
    """How far the map's surface confirms a pose."""

    points: float
    """Share of the matched points that the rendering shows where the pose puts them."""
    depth: float | None
    """Share of the image's own depth that agrees with the rendering; None without depth or without overlap."""

    @property
    def agreement(self) -> float:
        """The smaller of both shares."""
        return self.points if self.depth is None else min(self.points, self.depth)


def downscaled_camera(camera: Camera, width: int = WORKING_WIDTH) -> Camera:
    """The same camera with an image of at most ``width`` pixels across."""
    width = min(width, camera.width)
    return camera.resized(width, max(1, round(camera.height * width / camera.width)))


def check_points(
    surface: SurfaceMap, camera: Camera, camera_from_world: Tensor, points: Tensor
) -> tuple[SurfaceAgreement, RenderedView]:
    """The share of (M, 3) points that the map shows from a pose, and the rendering itself, ``CHECK_WIDTH`` wide."""
    small = downscaled_camera(camera, CHECK_WIDTH)
    view = surface.raycast(small, inverse(camera_from_world), color=False)
    p_camera = transform(camera_from_world, points)
    uv, inside = project(small, p_camera)
    column, row = uv[:, 0].clamp(0, small.width - 1).long(), uv[:, 1].clamp(0, small.height - 1).long()
    rendered = view.depth_m[row, column].double()
    comparable = inside & (rendered > 0)
    agrees = (rendered - p_camera[:, 2]).abs() < DEPTH_TOLERANCE_M + DEPTH_TOLERANCE_SHARE * p_camera[:, 2]
    # A point at a hole of the map is neither confirmed nor refuted.
    share = float((comparable & agrees).sum()) / max(float(comparable.sum()), 0.5 * len(points), 1.0)
    return SurfaceAgreement(points=share, depth=None), view


def check_depth(checked: SurfaceAgreement, view: RenderedView, depth_m: Tensor | None) -> SurfaceAgreement:
    """``checked`` with the image's own depth (of ``downscaled_depth``, if any) compared to the rendering."""
    if depth_m is None:
        return checked
    own = functional.interpolate(depth_m[None, None], view.depth_m.shape, mode="nearest")[0, 0]
    both = view.valid & (own > 0)
    if float(both.float().mean()) < MIN_OVERLAP:
        return checked
    agrees = (view.depth_m - own).abs() < DEPTH_TOLERANCE_M + DEPTH_TOLERANCE_SHARE * own
    return replace(checked, depth=float(agrees[both].float().mean()))


def downscaled_depth(frame: Frame, small: Camera, correction: DepthCorrection, kernels: KernelSet) -> Tensor | None:
    """A frame's own depth, corrected, in the pixels of ``small``: (h, w) float32, 0 where there is none.

    ``small`` is a small copy of the colour camera. None where the frame has no depth.
    """
    if frame.depth_m is None or frame.depth_camera is None or not bool((frame.depth_m > 0).any()):
        return None
    depth, sampled = working_image(frame.depth_m, frame.depth_camera, MAX_DEPTH_M)
    return correction.of_image(warp_depth(depth, sampled, frame.camera_from_depth, small, kernels), small)
