"""What encloses a room: wall faces with their openings cut out, skirting, floor and ceiling."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from scenes.rendering.mesh import Finish, Mesh, box, join
from scenes.worlds.layout.floorplan import HALF_WALL_M, HEIGHT_M, FloorPlan, Opening, RoomPlan, Side


def _slab(side: Side, low: float, high: float, bottom: float, top: float, finish: Finish) -> Mesh:
    """A piece of a half wall."""
    across = side.at + side.inward * HALF_WALL_M / 2
    middle, length = (low + high) / 2, high - low
    if side.axis == "x":
        return box((length, top - bottom, HALF_WALL_M), finish, (middle, bottom, across))
    return box((HALF_WALL_M, top - bottom, length), finish, (across, bottom, middle))


def _skirting(side: Side, low: float, high: float, finish: Finish) -> Mesh:
    face = side.at + side.inward * (HALF_WALL_M + 0.006)
    middle, length = (low + high) / 2, high - low
    if side.axis == "x":
        return box((length, 0.08, 0.012), finish, (middle, 0.0, face))
    return box((0.012, 0.08, length), finish, (face, 0.0, middle))


def openings_of(plan: FloorPlan, room: RoomPlan, side: Side) -> list[Opening]:
    """Openings in one wall face, in order along it."""
    mine = [o for o in plan.openings if room.id in o.rooms and o.axis == side.axis and abs(o.at - side.at) < 1e-9]
    return sorted(mine, key=lambda o: o.low)


def _wall(plan: FloorPlan, room: RoomPlan, side: Side, wall: Finish, trim: Finish) -> list[Mesh]:
    """One wall face with its openings cut out."""
    parts: list[Mesh] = []
    cursor = side.low
    for o in openings_of(plan, room, side):
        parts.append(_slab(side, cursor, o.low, 0, HEIGHT_M, wall))
        parts.append(_skirting(side, cursor, o.low, trim))
        parts.append(_slab(side, o.low, o.high, o.top, HEIGHT_M, wall))
        if o.bottom > 0:
            parts.append(_slab(side, o.low, o.high, 0, o.bottom, wall))
            parts.append(_skirting(side, o.low, o.high, trim))
        cursor = o.high
    parts.append(_slab(side, cursor, side.high, 0, HEIGHT_M, wall))
    parts.append(_skirting(side, cursor, side.high, trim))
    return parts


_WALLS = ("plaster", "plaster", "wallpaper", "brick")
_FLOORS = {
    "kitchen": ("tiles",),
    "bathroom": ("tiles",),
    "hallway": ("tiles", "planks"),
    "open office": ("carpet", "planks"),
    "meeting room": ("carpet",),
}


def room_shell(plan: FloorPlan, room: RoomPlan, rng: Generator) -> Mesh:
    """Walls, floor and ceiling of a room."""
    base, tint = rng.uniform(0.62, 0.9), rng.uniform(-0.09, 0.09, 3)
    rgb = tuple(float(c) for c in np.clip(base + tint, 0.3, 0.95))
    wall = Finish((rgb[0], rgb[1], rgb[2]), "tiles" if room.kind == "bathroom" else str(rng.choice(_WALLS)))
    material = str(rng.choice(_FLOORS.get(room.kind, ("planks", "planks", "carpet"))))
    brown = rng.uniform(0.35, 0.75)
    floor_rgb = (brown, brown * rng.uniform(0.7, 0.98), brown * rng.uniform(0.5, 0.95))
    trim = Finish((0.85, 0.85, 0.83))
    r = room.rect
    x, z = r.center
    parts = [box((r.width, 0.02, r.depth), Finish(floor_rgb, material), (x, -0.02, z))]
    parts.append(box((r.width, 0.02, r.depth), Finish((0.9, 0.9, 0.88), "plaster"), (x, HEIGHT_M, z)))
    for side in room.sides:
        parts += _wall(plan, room, side, wall, trim)
    return join(*parts)
