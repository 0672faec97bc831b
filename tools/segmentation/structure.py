"""The building itself: floor, walls and ceiling, found in frames and remembered across them.

Only these are background. A table top or a cupboard front is a plane too, but it belongs to a thing.
The world is gravity-aligned with Y up, so a floor is a height and a wall is a direction and an offset.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tools.geometry.surfaces import Bools, Floats, SurfaceImage

THING, FLOOR, WALL, CEILING, UNSURE = 0, 1, 2, 3, 4
"""Values of a background image. UNSURE is a large upright plane that may yet be a wall or a wardrobe."""

EYE_ABOVE_FLOOR_M = (0.95, 2.3)
"""A head is this far above the floor that its wearer sits or stands on; a table is nearer."""
CEILING_ABOVE_FLOOR_M = 2.0
"""Lowest ceiling; building codes ask for more."""
WALL_AREA_M2 = 0.3
CEILING_TOUCH_M = 0.12
"""A wall reaches the ceiling to within this; where no ceiling is known, it is higher than ``TALL_M``."""
TALL_M = 2.3
"""Higher than wardrobes and fridges."""
WIDE_M = 1.6
"""An unbroken upright plane of this width with nothing behind it is taken for a wall until its top is seen."""
MAX_BEHIND_SHARE = 0.12
"""A plane with more surface behind it than this share of its own pixels is open behind."""
KNOWN_WALL_FRAMES = 4
"""After so many frames a wall is recognised by position alone."""


@dataclass(slots=True, kw_only=True)
class Wall:
    """A vertical plane ``normal . (x, z) = offset``; the normal points into the room."""

    normal: NDArray[np.float64]
    offset: float
    extent: tuple[float, float]
    """Range of the coordinate along the wall, ``(-nz, nx) . (x, z)``."""
    top: float
    """Highest y seen on it."""
    frames: int = 1
    votes: int = 0
    """Sightings that showed it reach the ceiling, minus those that showed something behind its top edge."""
    open_behind: bool = False
    """Surface was seen behind it through its own extent."""

    @property
    def kind(self) -> int:
        """WALL, THING for the side of a thing, or UNSURE."""
        if self.votes != 0:
            return WALL if self.votes > 0 else THING
        wide = self.extent[1] - self.extent[0] >= WIDE_M
        return WALL if wide and not self.open_behind else UNSURE

    def distance(self, points: Floats) -> Floats:
        """Signed distance of (..., 3) points, positive on the room's side."""
        return (points[..., 0] * self.normal[0] + points[..., 2] * self.normal[1] - self.offset).astype(np.float32)

    def along(self, points: Floats) -> Floats:
        """Coordinate of (..., 3) points along the wall."""
        return (points[..., 2] * self.normal[0] - points[..., 0] * self.normal[1]).astype(np.float32)


@dataclass(slots=True)
class Structure:
    """What is known of one map's floor, ceiling and walls. Mutable: every frame may add to it."""

    floor_y: float | None = None
    floor_weight: float = 0.0
    ceiling_y: float | None = None
    walls: list[Wall] = field(default_factory=list)

    def observe(self, surface: SurfaceImage) -> NDArray[np.uint8]:
        """Learn from a frame and return its (h, w) background image."""
        self._update_floor(surface)
        out = np.zeros(surface.valid.shape, np.uint8)
        self._mark_levels(surface, out)
        for wall in self._known():
            out[_on_known_wall(surface, wall) & (out == THING)] = WALL
        for wall, inliers in _upright_planes(surface, out == THING, self.floor_y, self.ceiling_y):
            merged = self._merge_wall(wall)
            on_plane = inliers & (np.abs(merged.distance(surface.points)) < _slack(surface)) & (out == THING)
            out[on_plane] = merged.kind
        return out

    def _known(self) -> list[Wall]:
        return [w for w in self.walls if w.frames >= KNOWN_WALL_FRAMES and w.kind == WALL]

    def holds(self, points: Floats) -> Bools:
        """(N,) which points lie on the known floor, ceiling or walls."""
        out = np.zeros(len(points), bool)
        if self.floor_y is not None:
            out |= points[:, 1] < self.floor_y + 0.025
        if self.ceiling_y is not None:
            out |= points[:, 1] > self.ceiling_y - 0.06
        for wall in self._known():
            along = wall.along(points)
            inside = (along > wall.extent[0] - 0.1) & (along < wall.extent[1] + 0.1)
            out |= inside & (np.abs(wall.distance(points)) < 0.04)
        return out

    def wall_yaw(self) -> float | None:
        """Direction of the wall that was seen most, its frames times its length: yaw in radians; None without walls."""
        if not self.walls:
            return None
        wall = max(self.walls, key=lambda w: w.frames * (w.extent[1] - w.extent[0]))
        return float(np.arctan2(-wall.normal[1], wall.normal[0]))

    def _update_floor(self, surface: SurfaceImage) -> None:
        eye_y = float(surface.eye[1])
        low, high = eye_y - EYE_ABOVE_FLOOR_M[1], eye_y - EYE_ABOVE_FLOOR_M[0]
        level = surface.valid & (surface.normals[..., 1] > 0.9)
        height, area = _level_height(surface.points[..., 1][level], _areas(surface)[level], low, high, lowest=True)
        if height is None or area < 0.3:
            return
        if self.floor_y is None or height < self.floor_y - 0.25:
            # A lower level than any before: what was taken for the floor was a table or a platform.
            self.floor_y, self.floor_weight = height, area
        elif abs(height - self.floor_y) < 0.15:
            weight = min(self.floor_weight, 50.0)
            self.floor_y = (self.floor_y * weight + height * area) / (weight + area)
            self.floor_weight = weight + area

    def _mark_levels(self, surface: SurfaceImage, out: NDArray[np.uint8]) -> None:
        y, up = surface.points[..., 1], surface.normals[..., 1]
        has_depth = surface.depth_m > 0
        if self.floor_y is not None:
            near = np.abs(y - self.floor_y) < 0.03 + 0.008 * surface.depth_m
            out[has_depth & ((near & ((up > 0.75) | ~surface.valid)) | (y < self.floor_y - 0.05))] = FLOOR
            # The foot of a wall or of furniture is rounded by smoothing; the lowest centimetres are floor.
            out[has_depth & (np.abs(y - self.floor_y) < 0.02 + 0.004 * surface.depth_m)] = FLOOR
        down = surface.valid & (up < -0.85)
        base = self.floor_y if self.floor_y is not None else float(surface.eye[1]) - 1.4
        low = base + CEILING_ABOVE_FLOOR_M
        height, area = _level_height(y[down], _areas(surface)[down], low, base + 4.5, lowest=False)
        if height is not None and area > 0.3 and (self.ceiling_y is None or height > self.ceiling_y - 0.1):
            self.ceiling_y = height if self.ceiling_y is None else 0.7 * self.ceiling_y + 0.3 * height
        if self.ceiling_y is not None:
            out[has_depth & (y > self.ceiling_y - 0.06)] = CEILING

    def _merge_wall(self, wall: Wall) -> Wall:
        """Merge a sighting into the wall that it shows, or add it; returns the remembered wall."""
        for old in self.walls:
            if old.normal @ wall.normal > 0.97 and abs(old.offset - wall.offset) < 0.1:
                gap = max(wall.extent[0] - old.extent[1], old.extent[0] - wall.extent[1])
                # A wall may go on behind furniture; the sides of two things in a row are not one side.
                if gap < (1.5 if THING not in (old.kind, wall.kind) else 0.2):
                    w = min(old.frames, 20)
                    normal = old.normal * w + wall.normal
                    old.normal = normal / np.linalg.norm(normal)
                    old.offset = (old.offset * w + wall.offset) / (w + 1)
                    old.extent = (min(old.extent[0], wall.extent[0]), max(old.extent[1], wall.extent[1]))
                    old.top = max(old.top, wall.top)
                    old.frames += 1
                    old.votes += wall.votes
                    old.open_behind |= wall.open_behind
                    return old
        self.walls.append(wall)
        return wall


def _slack(surface: SurfaceImage) -> Floats:
    """Distance from a plane within which a sample may still lie on it: sensor noise grows with depth."""
    return (0.025 + 0.01 * surface.depth_m).astype(np.float32)


def _areas(surface: SurfaceImage) -> Floats:
    """(h, w) square metres that each pixel covers, facing the camera."""
    return (surface.depth_m**2 / (surface.camera.fx * surface.camera.fy)).astype(np.float32)


def _level_height(y: Floats, area: Floats, low: float, high: float, *, lowest: bool) -> tuple[float | None, float]:
    """Height and area of the extreme substantial level between two heights."""
    if high <= low:
        return None, 0.0
    bins = max(2, int((high - low) / 0.03))
    histogram, edges = np.histogram(y, bins=bins, range=(low, high), weights=area)
    smooth = np.convolve(histogram, np.ones(3), "same")
    if smooth.max(initial=0.0) <= 0:
        return None, 0.0
    good = np.flatnonzero(smooth >= 0.4 * smooth.max())
    # The extreme good bin starts the flank of a level; the level itself is the local maximum there.
    start = good[0] if lowest else good[-1]
    window = np.arange(max(0, start - 3), min(bins, start + 4))
    best = int(window[smooth[window].argmax()])
    inside = (y >= edges[max(0, best - 1)]) & (y <= edges[min(bins, best + 2)])
    return float(np.average(y[inside], weights=area[inside])), float(smooth[best])


def _on_known_wall(surface: SurfaceImage, wall: Wall) -> Bools:
    p = surface.points
    along = wall.along(p)
    near = (
        (np.abs(wall.distance(p)) < _slack(surface)) & (along > wall.extent[0] - 0.3) & (along < wall.extent[1] + 0.3)
    )
    facing = surface.normals[..., 0] * wall.normal[0] + surface.normals[..., 2] * wall.normal[1]
    return (surface.depth_m > 0) & near & ((facing > 0.6) | ~surface.valid)


def _upright_planes(
    surface: SurfaceImage, free: Bools, floor_y: float | None, ceiling_y: float | None
) -> list[tuple[Wall, Bools]]:
    """Large vertical planes of this frame, each with what it shows about being a wall."""
    upright = surface.valid & free & (np.abs(surface.normals[..., 1]) < 0.3)
    if upright.sum() < 0.01 * upright.size:
        return []
    angle = np.arctan2(surface.normals[..., 2], surface.normals[..., 0])
    area = _areas(surface)
    histogram, _ = np.histogram(angle[upright], bins=90, range=(-np.pi, np.pi), weights=area[upright])
    out: list[tuple[Wall, Bools]] = []
    for _ in range(4):
        smooth = histogram + np.roll(histogram, 1) + np.roll(histogram, -1)
        best = int(smooth.argmax())
        if smooth[best] < WALL_AREA_M2:
            break
        theta = -np.pi + (best + 0.5) * 2 * np.pi / 90
        near = upright & (np.cos(angle - theta) > 0.94)
        out += _planes_of_direction(surface, near, area, floor_y, ceiling_y)
        for k in range(-4, 5):
            histogram[(best + k) % 90] = 0.0
    return out


def _planes_of_direction(
    surface: SurfaceImage, near: Bools, area: Floats, floor_y: float | None, ceiling_y: float | None
) -> list[tuple[Wall, Bools]]:
    mean = (surface.normals[near][:, [0, 2]] * area[near][:, None]).sum(0).astype(np.float64)
    normal = mean / max(float(np.linalg.norm(mean)), 1e-9)
    offsets = surface.points[..., 0] * normal[0] + surface.points[..., 2] * normal[1]
    low, high = float(offsets[near].min()), float(offsets[near].max()) + 1e-3
    bins = max(1, int((high - low) / 0.05) + 1)
    histogram, _ = np.histogram(offsets[near], bins=bins, range=(low, high), weights=area[near])
    out: list[tuple[Wall, Bools]] = []
    for _ in range(3):
        smooth = np.convolve(histogram, np.ones(3), "same")
        best = int(smooth.argmax())
        if smooth[best] < WALL_AREA_M2:
            break
        centre = low + (best + 0.5) * (high - low) / bins
        inliers = near & (np.abs(offsets - centre) < 0.08 + 0.5 * _slack(surface))
        histogram[max(0, best - 2) : best + 3] = 0.0
        wall = _as_wall(surface, inliers, normal, area, floor_y, ceiling_y)
        if wall is not None:
            out.append((wall, inliers))
    return out


def _as_wall(
    surface: SurfaceImage,
    inliers: Bools,
    normal: NDArray[np.float64],
    area: Floats,
    floor_y: float | None,
    ceiling_y: float | None,
) -> Wall | None:
    """The plane that some inliers show, refined by least squares; None when it is small or low."""
    p = surface.points[inliers].astype(np.float64)
    if len(p) < 40:
        return None
    xz, weight = p[:, [0, 2]], area[inliers].astype(np.float64)
    centre = np.average(xz, axis=0, weights=weight)
    _, vectors = np.linalg.eigh(np.cov((xz - centre).T, aweights=weight))
    fitted = vectors[:, 0] * np.sign(vectors[:, 0] @ normal)
    if fitted @ normal < 0.95:
        fitted = normal
    wall = Wall(normal=fitted, offset=float(fitted @ centre), extent=(0.0, 0.0), top=float(np.percentile(p[:, 1], 99)))
    along = wall.along(surface.points[inliers])
    wall.extent = (float(np.percentile(along, 1)), float(np.percentile(along, 99)))
    base = floor_y if floor_y is not None else float(surface.eye[1]) - 1.4
    wall.votes = _top_vote(surface, inliers, wall, ceiling_y if ceiling_y is not None else base + TALL_M)
    lateral = wall.along(surface.points)
    inside = (lateral > wall.extent[0]) & (lateral < wall.extent[1]) & (surface.points[..., 1] < wall.top)
    behind = inside & (surface.depth_m > 0) & (wall.distance(surface.points) < -0.15)
    wall.open_behind = bool(behind.sum() > MAX_BEHIND_SHARE * inliers.sum())
    # A low piece is a wall only as far as the image border hides how it goes on.
    return wall if wall.votes != 0 or inliers[:2].any() or wall.top > base + 1.5 else None


def _top_vote(surface: SurfaceImage, inliers: Bools, wall: Wall, ceiling_y: float) -> int:
    """+1 when the plane is seen to reach the ceiling, -1 when something behind is seen over its top, else 0.

    Judged per image column, by the sample just above the plane's highest one: over a wardrobe's front that is the
    wall behind it; over a wall it is the ceiling, which lies on the room's side, or nothing.
    """
    columns = np.flatnonzero(inliers.any(0))
    top_row = inliers[:, columns].argmax(0)
    reaches = surface.points[top_row, columns, 1] > ceiling_y - CEILING_TOUCH_M
    over = np.maximum(top_row - 3, 0)
    seen_over = (top_row >= 4) & (surface.depth_m[over, columns] > 0)
    ends = seen_over & (wall.distance(surface.points[over, columns]) < -0.08) & ~reaches
    if reaches.sum() >= 0.2 * len(columns) and reaches.sum() > ends.sum():
        return 1
    return -1 if ends.sum() >= 0.3 * len(columns) else 0
