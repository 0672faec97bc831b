"""What one frame says about whether an object is still where it was.

An object is absent on negative evidence alone: its place is in view, depth there is valid, nothing stands in front, and
the depth lies behind where its surface was. Not being detected says nothing. What several frames together say is in
``tools.scene_graph.presence_tracking``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D
from tools.geometry.surfaces import SurfaceImage

MIN_IN_VIEW = 0.5
"""Share of an object's surface that must fall into the frame for a check to count."""
MIN_UNOCCLUDED = 0.5
"""Share of what is in view that must not be hidden by something nearer."""
ABSENT_SHARE, PRESENT_SHARE = 0.45, 0.25
"""A check is negative when at least the first share of the unhidden surface is seen through, and positive up to the
second. In generated worlds 201 to 206, objects that were there had less than 0.1, objects that had left 0.4 to 0.9."""
BEHIND_M, BEHIND_M_PER_M = 0.02, 0.01
"""What is measured lies behind a point when it is farther by this, and this for each metre of distance."""
PROTRUSION_M, PROTRUSION_M_PER_M = 0.015, 0.005
"""A point stands out before a surface when it is this high above it: a banana on a table is 4 cm high."""
MAX_SAMPLES = 250
"""So many points of an object's surface are enough to judge it."""
SELF_OCCLUSION_M = 0.05
"""Within a direction this wide, what of an object's surface is farther by more than this, the object itself hides."""
MAX_RANGE_M = 5.0


class Boxed(Protocol):
    """Anything with a box."""

    box: Box3D | None


AnyBoxed = TypeVar("AnyBoxed", bound=Boxed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceCheck:
    """What one frame says about one surface."""

    in_view: float
    """Share of its points inside the frame and in range."""
    unoccluded: float
    """Of those, the share with valid depth and nothing in front."""
    through: float
    """Of the unoccluded, the share that the frame sees through."""

    @property
    def negative(self) -> bool:
        """Evidence that the object has left."""
        return self.in_view >= MIN_IN_VIEW and self.unoccluded >= MIN_UNOCCLUDED and self.through >= ABSENT_SHARE

    @property
    def doubtful(self) -> bool:
        """Too much of its surface is seen through for an object that is still there."""
        return self.through > PRESENT_SHARE

    @property
    def positive(self) -> bool:
        """Evidence that the object is still there."""
        return self.in_view * self.unoccluded >= 0.2 and not self.doubtful


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Projected:
    """Where N points lie in a frame."""

    local: NDArray[np.float64]
    """(N, 3) in the depth camera's frame."""
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    inside: NDArray[np.bool_]
    """In range and inside the frame, with a pixel to each side."""

    @classmethod
    def of(cls, surface: SurfaceImage, points: NDArray[np.float32]) -> _Projected:
        pose, camera = surface.world_from_camera, surface.camera
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        ahead = (local[:, 2] > 0.2) & (local[:, 2] < MAX_RANGE_M)
        safe = np.where(ahead, local[:, 2], 1.0)
        column = np.floor(local[:, 0] / safe * camera.fx + camera.cx).astype(np.int64)
        row = np.floor(local[:, 1] / safe * camera.fy + camera.cy).astype(np.int64)
        inside = ahead & (column >= 1) & (row >= 1) & (column < camera.width - 1) & (row < camera.height - 1)
        return cls(local=local, row=row, column=column, inside=inside)


def seen_through(surface: SurfaceImage, points: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N,) whether each point has unhidden valid depth, and whether the frame sees through it.

    It sees through a point when the measured depth lies behind the point, and the point stands out before all surfaces
    in the pixels around: a ray beside an edge or along a table top meets other depths in the next pixel.
    """
    return _seen_through(surface, points, _Projected.of(surface, points))


def _seen_through(
    surface: SurfaceImage, points: NDArray[np.float32], at: _Projected
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    z, inside = at.local[:, 2], at.inside
    measured = np.where(inside, surface.depth_m[np.where(inside, at.row, 0), np.where(inside, at.column, 0)], 0.0)
    unhidden = inside & (measured > 0) & (measured > z - (0.03 + 0.015 * z))
    through = unhidden & (measured > z + BEHIND_M + BEHIND_M_PER_M * z)
    rows = np.flatnonzero(through)
    height = _height_above(surface, points[rows], z[rows], at.row[rows], at.column[rows])
    through[rows] = height > PROTRUSION_M + PROTRUSION_M_PER_M * z[rows]
    return unhidden, through


def _height_above(
    surface: SurfaceImage, points: NDArray, z: NDArray, row: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N,) least height of points above what nine pixels show; along the ray where that has no normal."""
    lowest = np.full(len(points), np.inf)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            at = (row + down, column + right)
            depth = surface.depth_m[at]
            above = ((points - surface.points[at]) * surface.normals[at]).sum(-1)
            height = np.where(surface.valid[at], above, np.where(depth > 0, depth - z, np.inf))
            lowest = np.minimum(lowest, height)
    return lowest


def check_presence(surface: SurfaceImage, points: NDArray[np.float32]) -> PresenceCheck:
    """Judge the (N, 3) surface of one object against a frame, see ``check_all``."""
    return check_all(surface, [points])[0]


def check_all(surface: SurfaceImage, surfaces: Sequence[NDArray[np.float32]]) -> list[PresenceCheck]:
    """Judge the (N, 3) surface of each object against a frame.

    Only the side that faces the camera counts: on its other sides there is what it stood on or leant against, which is
    still there when the object has left.
    """
    samples = [points[:: max(1, len(points) // MAX_SAMPLES)] for points in surfaces]
    ends = np.cumsum([0, *(len(sample) for sample in samples)])
    points = np.concatenate([*samples, np.zeros((0, 3), np.float32)])
    of = np.repeat(np.arange(len(surfaces)), np.diff(ends))
    projected = _Projected.of(surface, points)
    inside = projected.inside
    unhidden, through = _seen_through(surface, points, projected)
    facing = inside.copy()
    for k in np.unique(of[through]):
        rows = ends[k] + np.flatnonzero(inside[ends[k] : ends[k + 1]])
        facing[rows] = _nearest_layer(projected.local[rows])

    def share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
        among = np.bincount(of[whole], minlength=len(surfaces))
        return np.bincount(of[part & whole], minlength=len(surfaces)) / np.maximum(among, 1)

    shares = (share(inside, np.ones(len(points), bool)), share(unhidden, facing), share(through, unhidden & facing))
    return [
        PresenceCheck(in_view=float(i), unoccluded=float(h), through=float(t)) for i, h, t in zip(*shares, strict=True)
    ]


def _nearest_layer(local: NDArray) -> NDArray[np.bool_]:
    """(N, 3) points of one object in a camera's frame -> (N,) whether none of its other points is before them."""
    depth = np.maximum(local[:, 2], 1e-6)
    cell = np.floor(local[:, :2] / depth[:, None] * (float(np.median(depth)) / SELF_OCCLUSION_M)).astype(np.int64)
    _, place = np.unique(cell[:, 0] * (1 << 32) + cell[:, 1], return_inverse=True)
    nearest = np.full(place.max(initial=0) + 1, np.inf)
    np.minimum.at(nearest, place, depth)
    return depth <= nearest[place] + SELF_OCCLUSION_M


def may_be_in_view(surface: SurfaceImage, objects: Sequence[AnyBoxed]) -> list[AnyBoxed]:
    """Those that may show in a frame, because the bounding sphere of their box reaches into the view."""
    boxes = [(o, o.box) for o in objects if o.box is not None]
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
    return [o for (o, _), ok in zip(boxes, near & inside, strict=True) if ok]
