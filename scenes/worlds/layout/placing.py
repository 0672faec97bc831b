"""Where a thing stands and how much space it takes: hulls, turned surfaces, and the floor that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from scenes.vocabulary import ColorTerm, RelationWord
from scenes.worlds.layout.floorplan import Rect, Side
from scenes.worlds.things.shapes import Shape, Surface

BODY_RADIUS_M = 0.22
"""Half the width of a walking person: doors must stay this reachable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hull:
    """Axis-aligned 3D bounds."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def overlaps(self, other: Hull, gap: float = 0.0) -> bool:
        """Whether the two come closer than ``gap`` on every axis."""
        return all(
            a < d + gap and c < b + gap for a, b, c, d in zip(self.low, self.high, other.low, other.high, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """One thing in its place."""

    number: int
    category: str
    color: ColorTerm | Literal[""]
    shape_seed: int
    shape: Shape
    position: tuple[float, float, float]
    """Of the middle of its base."""
    yaw: float
    room: str
    support: int = 0
    """Number of the thing that carries it; 0 for the floor or a wall."""
    predicate: RelationWord | Literal[""] = ""
    """``on`` or ``in`` the support, ``""`` without one."""
    behind: str = ""
    """Name of the support's front that must be open to see it, ``""`` for none."""
    tucked: bool = False
    """Whether it stands on the floor under something else."""

    @property
    def hull(self) -> Hull:
        """Axis-aligned bounds in the world."""
        return hull_of(self.shape, self.position, self.yaw)


def hull_of(shape: Shape, position: tuple[float, float, float], yaw: float) -> Hull:
    """Bounds of a shape's box after a yaw."""
    low, high = shape.mesh.bounds
    c, s = abs(math.cos(yaw)), abs(math.sin(yaw))
    half_x, half_z = float(high[0] - low[0]) / 2, float(high[2] - low[2]) / 2
    ex, ez = c * half_x + s * half_z, s * half_x + c * half_z
    x, y, z = position
    if shape.open_front:
        # Only closed shapes are centred on their position.
        dx, dz = turn(yaw, float(low[0] + high[0]) / 2, float(low[2] + high[2]) / 2)
        x, z = x + dx, z + dz
    return Hull(low=(x - ex, y + float(low[1]), z - ez), high=(x + ex, y + float(high[1]), z + ez))


def turn(yaw: float, x: float, z: float) -> tuple[float, float]:
    """Rotate a floor vector by a yaw about +y."""
    c, s = math.cos(yaw), math.sin(yaw)
    return c * x + s * z, -s * x + c * z


def on_floor(hull: Hull, area: Rect) -> bool:
    return area.contains(hull.low[0], hull.low[2]) and area.contains(hull.high[0], hull.high[2])


def on_face(side: Side, along: float, y: float, off: float) -> tuple[float, float, float]:
    across = side.at + side.inward * off
    return (along, y, across) if side.axis == "x" else (across, y, along)


def pick_spot(rng: Generator, surface: Surface, local: Hull, spot: str) -> tuple[float, float] | None:
    """A place for a footprint on a surface, or None where it is too large."""
    ex, ez = local.high[0], local.high[2]
    x0, x1, z0, z1 = surface.x[0] + ex, surface.x[1] - ex, surface.z[0] + ez, surface.z[1] - ez
    if x1 < x0 or z1 < z0:
        return None
    share = {"back": (0.0, 0.15), "front": (0.65, 1.0), "any": (0.0, 1.0)}[spot]
    z = z0 + (z1 - z0) * float(rng.uniform(*share))
    return float(rng.uniform(x0, x1)), z


def occupancy(area: Rect, hulls: list[Hull], cell: float, radius: float) -> NDArray[np.bool_]:
    """(rows along z, columns along x) grid: True where the centre of a person cannot be."""
    rows, columns = int(area.depth / cell) + 1, int(area.width / cell) + 1
    grid = np.zeros((rows, columns), bool)
    for h in hulls:
        i0, i1 = (h.low[2] - area.z0) / cell, (h.high[2] - area.z0) / cell
        j0, j1 = (h.low[0] - area.x0) / cell, (h.high[0] - area.x0) / cell
        grid[max(0, math.floor(i0)) : max(0, math.ceil(i1)) + 1, max(0, math.floor(j0)) : max(0, math.ceil(j1)) + 1] = (
            True
        )
    reach = math.ceil(radius / cell)
    grown = np.asarray(ndimage.distance_transform_edt(~np.pad(grid, 1, constant_values=True)))
    return grown[1:-1, 1:-1] <= reach - 0.5
