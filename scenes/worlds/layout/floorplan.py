"""Rooms, walls, doors and windows of one storey.

The footprint is an axis-aligned rectangle cut into rooms by straight walls. Every wall between two rooms is made of
two half walls, one per room, so that each room can have its own wallpaper and openings have real reveals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from scenes.types import Room

HALF_WALL_M = 0.06
HEIGHT_M = 2.5
DOOR_HEIGHT_M = 2.05
MIN_SIDE_M = 2.5
"""No room is narrower: a bed, a wardrobe and a way past them must fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """An axis-aligned rectangle on the floor."""

    x0: float
    z0: float
    x1: float
    z1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def depth(self) -> float:
        return self.z1 - self.z0

    @property
    def center(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.z0 + self.z1) / 2

    def shrunk(self, margin: float) -> Rect:
        """Smaller by a margin on every side."""
        return Rect(x0=self.x0 + margin, z0=self.z0 + margin, x1=self.x1 - margin, z1=self.z1 - margin)

    def contains(self, x: float, z: float) -> bool:
        """Whether a point lies inside or on the edge."""
        return self.x0 <= x <= self.x1 and self.z0 <= z <= self.z1


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A door or a window in a wall."""

    kind: str
    """``door``, ``window`` or ``entrance`` (a door to the outside)."""
    axis: str
    """The axis along which the wall runs, ``x`` or ``z``."""
    at: float
    """The wall's coordinate on the other axis."""
    low: float
    high: float
    """Extent along the wall."""
    bottom: float
    top: float
    rooms: tuple[str, ...]
    """The one or two rooms that it opens to."""

    @property
    def center(self) -> tuple[float, float]:
        """(x, z) of the middle of the opening."""
        middle = (self.low + self.high) / 2
        return (middle, self.at) if self.axis == "x" else (self.at, middle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One inner wall face of a room."""

    axis: str
    at: float
    """Boundary coordinate on the other axis (the middle of the wall)."""
    inward: int
    """+1 or -1: direction of the room's inside on the other axis."""
    low: float
    high: float

    @property
    def yaw(self) -> float:
        """Yaw of a thing whose back is to this wall (its front, +z, points inwards)."""
        if self.axis == "x":
            return 0.0 if self.inward > 0 else np.pi
        return np.pi / 2 * self.inward


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPlan:
    """One room of the plan."""

    id: str
    kind: str
    label: str
    rect: Rect
    """Between the middles of the walls."""
    sides: tuple[Side, ...]

    @property
    def floor(self) -> Rect:
        """The floor between the wall faces."""
        return self.rect.shrunk(HALF_WALL_M)

    def to_room(self) -> Room:
        """The shared type."""
        f = self.floor
        corners = ((f.x0, f.z0), (f.x1, f.z0), (f.x1, f.z1), (f.x0, f.z1))
        return Room(id=self.id, label=self.label, floor_polygon=corners, height_m=HEIGHT_M)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorPlan:
    """All rooms and openings."""

    rooms: tuple[RoomPlan, ...]
    openings: tuple[Opening, ...]

    @property
    def doors(self) -> tuple[Opening, ...]:
        """Openings that a person walks through."""
        return tuple(o for o in self.openings if o.kind == "door")

    def room_at(self, x: float, z: float) -> str:
        """Id of the room at a point, ``""`` outside."""
        return next((r.id for r in self.rooms if r.rect.contains(x, z)), "")


def _split(rect: Rect, count: int, rng: Generator) -> list[Rect]:
    """Cut a rectangle into ``count`` rooms by repeatedly halving the largest."""
    rects = [rect]
    while len(rects) < count:
        largest = max(range(len(rects)), key=lambda i: rects[i].width * rects[i].depth)
        r = rects.pop(largest)
        ratio = rng.uniform(0.42, 0.58)
        if r.width >= r.depth:
            cut = r.x0 + r.width * ratio
            rects += [Rect(x0=r.x0, z0=r.z0, x1=cut, z1=r.z1), Rect(x0=cut, z0=r.z0, x1=r.x1, z1=r.z1)]
        else:
            cut = r.z0 + r.depth * ratio
            rects += [Rect(x0=r.x0, z0=r.z0, x1=r.x1, z1=cut), Rect(x0=r.x0, z0=cut, x1=r.x1, z1=r.z1)]
    return rects


def make_sides(r: Rect) -> tuple[Side, ...]:
    """The four wall faces of a room, in the order z0, z1, x0, x1."""
    return (
        Side(axis="x", at=r.z0, inward=1, low=r.x0, high=r.x1),
        Side(axis="x", at=r.z1, inward=-1, low=r.x0, high=r.x1),
        Side(axis="z", at=r.x0, inward=1, low=r.z0, high=r.z1),
        Side(axis="z", at=r.x1, inward=-1, low=r.z0, high=r.z1),
    )


def shared_wall(a: RoomPlan, b: RoomPlan, at_least: float = 1.4) -> tuple[str, float, float, float] | None:
    """(axis, at, low, high) of the wall between two rooms, where they share more than ``at_least`` metres."""
    for s in a.sides:
        for t in b.sides:
            if s.axis == t.axis and s.inward == -t.inward and abs(s.at - t.at) < 1e-9:
                low, high = max(s.low, t.low), min(s.high, t.high)
                if high - low > at_least:
                    return s.axis, s.at, low, high
    return None


def _doors(rooms: list[RoomPlan], rng: Generator) -> list[Opening]:
    """A random spanning tree of doors, and a few more."""
    walls = [(a, b, w) for i, a in enumerate(rooms) for b in rooms[i + 1 :] if (w := shared_wall(a, b))]
    joined = {room.id: room.id for room in rooms}
    doors: list[Opening] = []
    for index in rng.permutation(len(walls)):
        a, b, (axis, at, low, high) = walls[index]
        if joined[a.id] == joined[b.id] and rng.random() > 0.25:
            continue
        old, new = joined[b.id], joined[a.id]
        joined = {k: new if v == old else v for k, v in joined.items()}
        width = rng.uniform(0.85, 0.95)
        start = rng.uniform(low + 0.25, high - 0.25 - width)
        doors.append(
            Opening(
                kind="door",
                axis=axis,
                at=at,
                low=start,
                high=start + width,
                bottom=0.0,
                top=DOOR_HEIGHT_M,
                rooms=(a.id, b.id),
            )
        )
    return doors


def _windows(rooms: list[RoomPlan], outer: Rect, rng: Generator) -> list[Opening]:
    """Windows in outside walls; every room gets at least a try on each."""
    windows: list[Opening] = []
    edges = {("x", outer.z0), ("x", outer.z1), ("z", outer.x0), ("z", outer.x1)}
    for room in rooms:
        for side in room.sides:
            if (side.axis, side.at) not in edges or rng.random() > 0.65:
                continue
            width = min(rng.uniform(0.9, 1.6), side.high - side.low - 1.2)
            start = rng.uniform(side.low + 0.5, side.high - 0.5 - width)
            bottom = rng.uniform(0.9, 1.1)
            windows.append(
                Opening(
                    kind="window",
                    axis=side.axis,
                    at=side.at,
                    low=start,
                    high=start + width,
                    bottom=bottom,
                    top=2.2,
                    rooms=(room.id,),
                )
            )
    return windows


def make_plan(kinds: tuple[tuple[str, str], ...], rng: Generator) -> FloorPlan:
    """A floor plan with one room for each (kind, label); tries shapes until no room is too narrow."""
    for _ in range(200):
        area = len(kinds) * rng.uniform(12.0, 17.0)
        aspect = rng.uniform(1.0, 1.5)
        w, d = (area * aspect) ** 0.5, (area / aspect) ** 0.5
        outer = Rect(x0=-w / 2, z0=-d / 2, x1=w / 2, z1=d / 2)
        rects = _split(outer, len(kinds), rng)
        if min(min(r.width, r.depth) for r in rects) < MIN_SIDE_M:
            continue
        # The largest rooms go to the kinds that come first.
        rects.sort(key=lambda r: -r.width * r.depth)
        rooms = [
            RoomPlan(id=f"r{i}", kind=kind, label=label, rect=rect, sides=make_sides(rect))
            for i, ((kind, label), rect) in enumerate(zip(kinds, rects, strict=True), start=1)
        ]
        doors = _doors(rooms, rng)
        if len(doors) >= len(rooms) - 1:
            return FloorPlan(rooms=tuple(rooms), openings=(*doors, *_windows(rooms, outer, rng)))
    raise RuntimeError(f"no floor plan found for {len(kinds)} rooms")  # practically impossible: 200 tries
