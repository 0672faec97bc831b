"""The leaves of the doors between rooms: where each hangs, how it stands, and what that looks like.

They come after everything else and have random choices of their own, so that the rooms and things of a world are the
same with and without them. A leaf hangs in its doorway at the face of the room that it opens into; where furniture
leaves it no room on any side, the doorway stays without one, as many do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from scenes.rendering.mesh import Mesh, Vec3, box, join
from scenes.vocabulary import ColorTerm
from scenes.worlds.layout.floorplan import HALF_WALL_M, FloorPlan, Opening
from scenes.worlds.layout.furniture_layout import FurnitureLayout
from scenes.worlds.layout.placing import Hull
from scenes.worlds.things.shapes import Appearance

DOOR = "door"
"""Category of a leaf."""
OPEN = "leaf"
"""What ``WorldObject.open_front`` holds while it stands open."""
THICK_M, GAP_M = 0.04, 0.01
"""Thickness of a leaf, and the gap to the frame and the floor."""
HANDLE_M = 0.06
"""How far a handle stands out."""
CLEAR_M = 0.02
"""Least distance of a leaf from everything else."""
DOORWAY_REACH_M = 0.45
"""How far before a doorway no other door's leaf may stand."""
SWING_SHARES = (0.35, 0.7, 1.0)
"""Shares of a leaf's full turn at which collisions are checked."""
OPEN_DEG = (82.0, 90.0)
LEAF_COLORS: tuple[ColorTerm, ...] = ("white", "white", "brown", "gray", "white")
CLOSED_DOOR_PROBABILITY = 0.15
"""Probability that one door of a world is closed when the first visit begins: most inner doors of homes are open."""
OPENING_PROBABILITY, CLOSING_PROBABILITY = 0.8, 0.2
"""Per visit: that a closed door is opened before it, and that some open door is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf in a doorway."""

    number: int
    opening: Opening
    room: str
    """Id of the room that it opens into."""
    inward: int
    """+1 or -1: where that room lies on the axis across the wall."""
    at_high: bool
    """Whether it hangs at the doorway's end with the larger coordinate."""
    open_deg: float
    """How far it opens."""
    color: ColorTerm
    seed: int
    """Of its looks."""
    open: bool = True

    @property
    def id(self) -> str:
        """As of any thing."""
        return f"w{self.number}"

    @property
    def hinge(self) -> Vec3:
        """Foot of the axis that it turns about."""
        o = self.opening
        along = o.high - GAP_M if self.at_high else o.low + GAP_M
        across = o.at + self.inward * HALF_WALL_M
        return (along, GAP_M, across) if o.axis == "x" else (across, GAP_M, along)

    def yaw(self, turned_deg: float) -> float:
        """Yaw of a leaf that is turned from its closed state: its local x axis points from the hinge along it."""
        ahead = -1.0 if self.at_high else 1.0
        along = (ahead, 0.0) if self.opening.axis == "x" else (0.0, ahead)
        across = (0.0, float(self.inward)) if self.opening.axis == "x" else (float(self.inward), 0.0)
        c, s = math.cos(math.radians(turned_deg)), math.sin(math.radians(turned_deg))
        x, z = (c * along[k] + s * across[k] for k in (0, 1))
        # A yaw turns the x axis towards -z.
        return math.atan2(-z, x)

    @property
    def turned_deg(self) -> float:
        """How far it is turned from its closed state."""
        return self.open_deg if self.open else 0.0

    def mesh(self, turned_deg: float) -> Mesh:
        """The leaf in the world."""
        x, y, z = self.hinge
        return self._shape().turned("y", self.yaw(turned_deg)).moved((x, y, z))

    def hull(self, turned_deg: float) -> Hull:
        """Axis-aligned bounds of the leaf, without its handles."""
        x, y, z = self.hinge
        low, high = self._slab_mesh().turned("y", self.yaw(turned_deg)).moved((x, y, z)).bounds
        return Hull(
            low=(float(low[0]), float(low[1]), float(low[2])), high=(float(high[0]), float(high[1]), float(high[2]))
        )

    @property
    def width_m(self) -> float:
        """Of the leaf."""
        return self.opening.high - self.opening.low - 2 * GAP_M

    @property
    def _inside(self) -> float:
        """Sign of the local z axis, closed, towards the wall in which the leaf hangs."""
        return float(self.inward if self.at_high == (self.opening.axis == "x") else -self.inward)

    def _slab_mesh(self) -> Mesh:
        look = Appearance(np.random.default_rng(self.seed), self.color)
        w, h = self.width_m, self.opening.top - 2 * GAP_M
        return box((w, h, THICK_M), look.body(), (w / 2, 0.0, self._inside * THICK_M / 2))

    def _shape(self) -> Mesh:
        """In its own frame: hinge at the origin, along x; two panels and a handle on each face."""
        look = Appearance(np.random.default_rng(self.seed), self.color)
        w, h = self.width_m, self.opening.top - 2 * GAP_M
        z, metal, panel = self._inside * THICK_M / 2, look.metal(), look.body().shade(look.u(0.86, 0.94))
        parts = [self._slab_mesh()]
        for side in (-1, 1):
            face = z + side * (THICK_M / 2 + 0.003)
            parts += [box((w * 0.66, top - low, 0.006), panel, (w / 2, low, face)) for low, top in _panels(h)]
            grip = z + side * (THICK_M / 2 + HANDLE_M - 0.01)
            parts.append(box((0.02, 0.02, HANDLE_M), metal, (w - 0.07, 1.02, z + side * (THICK_M + HANDLE_M) / 2)))
            parts.append(box((0.12, 0.022, 0.02), metal, (w - 0.12, 1.02, grip)))
        return join(*parts)


def _panels(height: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return (0.12 * height, 0.44 * height), (0.54 * height, 0.93 * height)


def leaf_generator(seed: int) -> Generator:
    """The random choices of a world's leaves."""
    return np.random.default_rng((16, seed))


def hang_leaves(layout: FurnitureLayout, rng: Generator) -> tuple[Leaf, ...]:
    """A leaf in each doorway where one can swing, in a furnished world; all stand open but perhaps one."""
    leaves: list[Leaf] = []
    for opening in layout.plan.doors:
        leaf = _fitted_leaf(layout, opening, leaves, rng)
        if leaf is not None:
            leaves.append(leaf)
            layout.next_number += 1
    if rng.random() < CLOSED_DOOR_PROBABILITY:
        leaves = list(_one_closed(layout.plan, leaves, rng))
    return tuple(leaves)


def _fitted_leaf(layout: FurnitureLayout, opening: Opening, others: Sequence[Leaf], rng: Generator) -> Leaf | None:
    color, seed, turn = (
        LEAF_COLORS[int(rng.integers(len(LEAF_COLORS)))],
        int(rng.integers(2**31)),
        float(rng.uniform(*OPEN_DEG)),
    )
    sides = [(room, at_high) for room in opening.rooms for at_high in (False, True)]
    for k in rng.permutation(len(sides)):
        room, at_high = sides[k]
        x, z = layout.room(room).rect.center
        inward = 1 if (z if opening.axis == "x" else x) > opening.at else -1
        leaf = Leaf(
            number=layout.next_number,
            opening=opening,
            room=room,
            inward=inward,
            at_high=at_high,
            open_deg=turn,
            color=color,
            seed=seed,
        )
        if _can_swing(layout, leaf, others):
            return leaf
    return None


def _can_swing(layout: FurnitureLayout, leaf: Leaf, others: Sequence[Leaf]) -> bool:
    """Whether a leaf meets nothing on its way, leaves the other doorways free, and people room to pass."""
    room = layout.room(leaf.room)
    around = [p.hull for p in layout.placed if p.room == leaf.room and p.category != "rug"]
    doorways = [_doorway(o) for o in layout.plan.doors if o is not leaf.opening]
    # Its edge at the hinge stays in the doorway unless it stands at a right angle.
    walls = room.rect.shrunk(HALF_WALL_M - THICK_M)
    for share in SWING_SHARES:
        hull = leaf.hull(share * leaf.open_deg)
        if any(hull.overlaps(other, CLEAR_M) for other in (*around, *doorways, *(o.hull(o.open_deg) for o in others))):
            return False
    hull = leaf.hull(leaf.open_deg)
    inside = walls.contains(hull.low[0], hull.low[2]) and walls.contains(hull.high[0], hull.high[2])
    return inside and layout.passable(room, hull)


def _doorway(opening: Opening) -> Hull:
    """What must stay free of leaves of other doors."""
    x, z = opening.center
    half = (opening.high - opening.low) / 2
    dx, dz = (half, DOORWAY_REACH_M) if opening.axis == "x" else (DOORWAY_REACH_M, half)
    return Hull(low=(x - dx, 0.0, z - dz), high=(x + dx, opening.top, z + dz))


def reachable_rooms(plan: FloorPlan, leaves: Sequence[Leaf], start: str) -> frozenset[str]:
    """Ids of the rooms that are reached from one through open doorways."""
    shut = [leaf.opening for leaf in leaves if not leaf.open]
    found, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for door in plan.doors:
            if door in shut or here not in door.rooms:
                continue
            new = set(door.rooms) - found
            found |= new
            waiting += sorted(new)
    return frozenset(found)


def largest_connected_rooms(plan: FloorPlan, leaves: Sequence[Leaf]) -> frozenset[str]:
    """The largest part of a home that is joined by open doorways; of equals, the one with the first room."""
    return max((reachable_rooms(plan, leaves, room.id) for room in plan.rooms), key=len)


def _one_closed(plan: FloorPlan, leaves: Sequence[Leaf], rng: Generator) -> tuple[Leaf, ...]:
    """One more door closed, of those that shut off no more than one room; as before where there is none."""
    for k in rng.permutation(len(leaves)):
        after = tuple(replace(leaf, open=leaf.open and i != int(k)) for i, leaf in enumerate(leaves))
        if leaves[k].open and len(largest_connected_rooms(plan, after)) >= len(plan.rooms) - 1:
            return after
    return tuple(leaves)


def leaves_at_visit(plan: FloorPlan, leaves: Sequence[Leaf], seed: int, visit: int) -> tuple[Leaf, ...]:
    """How the doors stand when visit number ``visit`` begins. Same arguments, same doors."""
    rng = np.random.default_rng((17, seed, visit))
    after = tuple(replace(leaf, open=leaf.open or bool(rng.random() < OPENING_PROBABILITY)) for leaf in leaves)
    return _one_closed(plan, after, rng) if rng.random() < CLOSING_PROBABILITY else after
