"""Relations that follow from true boxes: next to, above, below, under, and attached to a wall.

The names are those of ``scenes.vocabulary.RELATIONS``, as in the relations that ``tools`` finds. Support (on, in) is
known from placement and is not derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from scenes.types import Box3D, Relation
from scenes.vocabulary import RelationWord
from scenes.worlds.layout.floorplan import HALF_WALL_M, FloorPlan, RoomPlan, Side
from scenes.worlds.layout.footprints import footprint, footprint_gap_m

UNDER_SHARE = 0.4
"""Share of a thing's footprint that must lie under another, as in ``tools``."""
ON_FLOOR_M = 0.05
"""A thing whose base is lower stands on the floor."""
HUNG_FROM_M = 0.2
"""Nothing else carries a thing that begins higher and rests on no other."""
AT_WALL_M = 0.06
"""Largest gap between a wall and what hangs on it: hooks, frames, the depth of a shelf's bracket."""
NEXT_TO_M = 0.35
"""Largest gap between two footprints that people still call next to each other (indoors, small things less)."""


class Thing(Protocol):
    """What a relation needs to know."""

    @property
    def id(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def box(self) -> Box3D: ...
    @property
    def room(self) -> str: ...
    @property
    def support(self) -> str: ...


def vertical(box: Box3D) -> tuple[float, float]:
    """Lowest and highest y of a yaw-aligned box."""
    return box.center[1] - box.size[1] / 2, box.center[1] + box.size[1] / 2


def _next_to_limit(a: Box3D, b: Box3D) -> float:
    """Small things must be closer than large ones: half the smaller footprint diagonal, 10 to 35 cm."""
    smaller = min((x.size[0] ** 2 + x.size[2] ** 2) ** 0.5 for x in (a, b))
    return min(NEXT_TO_M, max(0.1, 0.5 * smaller))


def geometric_relations(objects: Mapping[str, Thing], time_s: float) -> list[Relation]:
    """All derived relations of things in one room."""
    things = [o for o in objects.values() if o.category not in ("rug", "window", "door")]
    out: list[Relation] = []

    def add(subject: Thing, predicate: RelationWord, object: Thing) -> None:
        out.append(Relation(subject=subject.id, predicate=predicate, object=object.id, time_s=time_s))

    for i, a in enumerate(things):
        for b in things[i + 1 :]:
            if a.room != b.room or a.support == b.id or b.support == a.id:
                continue
            gap = footprint_gap_m(a.box, b.box)
            (a_low, a_high), (b_low, b_high) = vertical(a.box), vertical(b.box)
            if a.support == b.support and abs(a_low - b_low) < 0.05 and 0 < gap < _next_to_limit(a.box, b.box):
                add(a, "next to", b)
                add(b, "next to", a)
            elif gap == 0 and not (a.support or b.support):
                if _under(a.box, b.box):
                    add(a, "under", b)
                elif _under(b.box, a.box):
                    add(b, "under", a)
                elif a_low >= b_high - 0.01:
                    add(a, "above", b)
                    add(b, "below", a)
                elif b_low >= a_high - 0.01:
                    add(b, "above", a)
                    add(a, "below", b)
    return out


def _under(a: Box3D, b: Box3D) -> bool:
    """Whether a stands on the floor within the outline of b, which reaches over it."""
    (a_low, a_high), (b_low, b_high) = vertical(a), vertical(b)
    if a_low > ON_FLOOR_M or b_low > ON_FLOOR_M or a_high >= b_high:
        return False
    # A grid over a, in b's own axes.
    steps = np.linspace(-0.5, 0.5, 9)
    corners = footprint(a)
    u, v = corners[1] - corners[0], corners[3] - corners[0]
    points = corners.mean(0) + steps[:, None, None] * u + steps[None, :, None] * v
    around = footprint(b)
    inside = np.ones(points.shape[:2], bool)
    for axis in (around[1] - around[0], around[3] - around[0]):
        inside &= np.abs((points - around.mean(0)) @ axis) <= (axis @ axis) / 2
    return bool(inside.mean() >= UNDER_SHARE)


def wall_id(room: RoomPlan, side: int) -> str:
    """Names one wall face of a room: ``r2-wall-0``."""
    return f"{room.id}-wall-{side}"


def wall_relations(objects: Mapping[str, Thing], plan: FloorPlan, time_s: float) -> list[Relation]:
    """``attached to`` for what hangs: its object is a ``wall_id``, for walls are no objects."""
    rooms = {room.id: room for room in plan.rooms}
    out: list[Relation] = []
    for o in objects.values():
        room = rooms.get(o.room)
        if room is None or o.support or o.category == "window" or vertical(o.box)[0] < HUNG_FROM_M:
            continue
        gaps = [_wall_gap_m(o.box, side) for side in room.sides]
        nearest = int(np.argmin(gaps))
        if gaps[nearest] <= AT_WALL_M:
            wall = wall_id(room, nearest)
            out.append(Relation(subject=o.id, predicate="attached to", object=wall, time_s=time_s))
    return out


def _wall_gap_m(box: Box3D, side: Side) -> float:
    """Distance of the nearest corner of a footprint from a wall face."""
    across = footprint(box)[:, 1 if side.axis == "x" else 0]
    return float(np.abs((across - side.at) * side.inward - HALF_WALL_M).min())
