"""Is a thing still where it was? Only what a frame really shows can answer.

A thing is absent on negative evidence alone: its place is in view, depth there is valid, nothing stands in front, and
the depth lies behind where its surface was. Not being detected says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D
from tools.surfaces import SurfaceImage

MIN_IN_VIEW = 0.5
"""Share of a thing's surface that must fall into the frame for a look to count."""
MIN_UNOCCLUDED = 0.5
"""Share of what is in view that must not be hidden by something nearer."""
THROUGH_SHARE = 0.75
"""A look is negative when at least this share of the unhidden surface is seen through."""
ABSENT_LOOKS = 3
ABSENT_AFTER_S = 0.5
"""Several negative looks over some time: one frame may be blurred or badly placed."""
MAX_SAMPLES = 150
MAX_RANGE_M = 5.0


class Boxed(Protocol):
    """Anything with a box."""

    box: Box3D | None


Seen = TypeVar("Seen", bound=Boxed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one frame says about one surface."""

    in_view: float
    """Share of its points inside the frame and in range."""
    unoccluded: float
    """Of those, the share with valid depth and nothing in front."""
    through: float
    """Of the unoccluded, the share that the frame sees through."""

    @property
    def negative(self) -> bool:
        """Evidence that the thing has left."""
        return self.in_view >= MIN_IN_VIEW and self.unoccluded >= MIN_UNOCCLUDED and self.through >= THROUGH_SHARE

    @property
    def positive(self) -> bool:
        """Evidence that a surface is still there."""
        return self.in_view * self.unoccluded >= 0.2 and self.through <= 0.4


def seen_through(surface: SurfaceImage, points: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N,) whether each point has unhidden valid depth, and whether that depth lies behind the point."""
    pose, camera = surface.world_from_camera, surface.camera
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    z = local[:, 2]
    ahead = (z > 0.2) & (z < MAX_RANGE_M)
    safe = np.where(ahead, z, 1.0)
    column = np.floor(local[:, 0] / safe * camera.fx + camera.cx).astype(np.int64)
    row = np.floor(local[:, 1] / safe * camera.fy + camera.cy).astype(np.int64)
    inside = ahead & (column >= 1) & (row >= 1) & (column < camera.width - 1) & (row < camera.height - 1)
    measured = np.where(inside, surface.depth_m[np.where(inside, row, 0), np.where(inside, column, 0)], 0.0)
    margin = 0.03 + 0.015 * z
    unhidden = inside & (measured > 0) & (measured > z - margin)
    return unhidden, unhidden & (measured > z + margin)


def look(surface: SurfaceImage, points: NDArray[np.float32]) -> Look:
    """Judge a thing's (N, 3) surface against a frame."""
    sample = points[:: max(1, len(points) // MAX_SAMPLES)]
    pose, camera = surface.world_from_camera, surface.camera
    local = (sample - pose[:3, 3]) @ pose[:3, :3]
    z = np.maximum(local[:, 2], 1e-6)
    u, v = local[:, 0] / z * camera.fx + camera.cx, local[:, 1] / z * camera.fy + camera.cy
    inside = (local[:, 2] > 0.2) & (local[:, 2] < MAX_RANGE_M) & (u >= 1) & (v >= 1)
    inside &= (u < camera.width - 1) & (v < camera.height - 1)
    if not inside.any():
        return Look(in_view=0.0, unoccluded=0.0, through=0.0)
    unhidden, through = seen_through(surface, sample[inside])
    return Look(
        in_view=float(inside.mean()),
        unoccluded=float(unhidden.mean()),
        through=float(through.sum() / max(unhidden.sum(), 1)),
    )


def in_view(surface: SurfaceImage, things: Sequence[Seen]) -> list[Seen]:
    """Those of some things with a box that may show in a frame: their bounding sphere reaches into the view."""
    boxes = [(t, t.box) for t in things if t.box is not None]
    if not boxes:
        return []
    pose, camera = surface.world_from_camera, surface.camera
    center = np.array([b.center for _, b in boxes])
    reach = np.array([np.linalg.norm(b.size) / 2 for _, b in boxes])
    local = (center - pose[:3, 3]) @ pose[:3, :3]
    slope_x = max(camera.cx, camera.width - camera.cx) / camera.fx
    slope_y = max(camera.cy, camera.height - camera.cy) / camera.fy
    z = local[:, 2]
    near = (z > -reach) & (z < MAX_RANGE_M + reach)
    inside = (np.abs(local[:, 0]) < slope_x * z + reach * np.hypot(1.0, slope_x)) & (
        np.abs(local[:, 1]) < slope_y * z + reach * np.hypot(1.0, slope_y)
    )
    return [t for (t, _), ok in zip(boxes, near & inside, strict=True) if ok]
