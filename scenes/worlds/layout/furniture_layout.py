"""Where the things of one world stand, while it is being filled: what is free, what fits, and what is put where.

One rule decides everything: the axis-aligned hull of a new thing overlaps no hull that is already there (except of
the thing that carries it), and the doors of a room stay reachable from one another. Which things a room holds is
chosen elsewhere: ``layout.furnish``, ``layout.tucking``, ``worlds.dynamics``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from scenes.vocabulary import ColorTerm, RelationWord
from scenes.worlds.layout.floorplan import FloorPlan, RoomPlan
from scenes.worlds.layout.placing import BODY_RADIUS_M, Hull, Placed, hull_of, occupancy, pick_spot, turn
from scenes.worlds.things.catalogue import CATEGORY, Category, build
from scenes.worlds.things.shapes import Shape, Surface

_CELL_M = 0.08
"""Cell of the grid on which it is decided whether people can pass."""


@dataclass(slots=True)
class FurnitureLayout:
    """The things of one world in their places; new ones are added, known ones put elsewhere."""

    plan: FloorPlan
    rng: Generator
    placed: list[Placed] = field(default_factory=list)
    reserved: list[Hull] = field(default_factory=list)
    """Space that must stay free: in front of doors and windows."""
    next_number: int = 1

    def reserve_openings(self) -> None:
        """Keep the space at doors and windows free from now on."""
        for o in self.plan.openings:
            reach = 0.85 if o.kind == "door" else 0.35
            side = 0.1 if o.kind == "door" else 0.0
            x, z = o.center
            half = (o.high - o.low) / 2 + side
            dx, dz = (half, reach) if o.axis == "x" else (reach, half)
            self.reserved.append(Hull(low=(x - dx, o.bottom, z - dz), high=(x + dx, o.top, z + dz)))

    def room(self, id: str) -> RoomPlan:
        """The plan of a room."""
        return next(room for room in self.plan.rooms if room.id == id)

    def free(self, hull: Hull, room: RoomPlan, *, ignore: int = 0, gap: float = 0.015) -> bool:
        """Whether nothing is in the way of a hull but the thing numbered ``ignore``."""
        f = room.floor
        inside = hull.low[0] >= f.x0 and hull.high[0] <= f.x1 and hull.low[2] >= f.z0 and hull.high[2] <= f.z1
        if not inside or any(hull.overlaps(r) for r in self.reserved):
            return False
        return not any(hull.overlaps(p.hull, gap) for p in self.placed if p.number != ignore and p.category != "rug")

    def passable(self, room: RoomPlan, extra: Hull) -> bool:
        """Whether a person can still walk between all doors of the room, and most of the floor hangs together."""
        f = room.floor
        hulls = [extra, *(p.hull for p in self.placed if p.room == room.id and p.support == 0 and p.category != "rug")]
        blocked = occupancy(f, [h for h in hulls if h.low[1] < 1.9], _CELL_M, BODY_RADIUS_M)
        labels = np.zeros(blocked.shape, np.int32)
        ndimage.label(~blocked, output=labels)
        sizes = np.bincount(labels.reshape(-1))[1:]
        if len(sizes) == 0 or sizes.max() < 0.9 * sizes.sum():
            return False
        main = int(sizes.argmax()) + 1
        for door in self.plan.doors:
            if room.id in door.rooms:
                x, z = door.center
                i = int(np.clip((z - f.z0) / _CELL_M, 3, blocked.shape[0] - 4))
                j = int(np.clip((x - f.x0) / _CELL_M, 3, blocked.shape[1] - 4))
                if labels[i, j] != main:
                    return False
        return True

    def fits(self, shape: Shape, position: tuple[float, float, float], yaw: float, room: RoomPlan) -> bool:
        """Whether a thing on the floor meets nothing, and leaves people room to pass."""
        hull = hull_of(shape, position, yaw)
        return self.free(hull, room) and self.passable(room, hull)

    def choose(self, name: str) -> tuple[ColorTerm, int, Shape]:
        """Colour, seed and shape of a new thing."""
        colors = CATEGORY[name].colors
        color = colors[int(self.rng.integers(len(colors)))]
        seed = int(self.rng.integers(2**31))
        return color, seed, build(name, color, seed)

    def add(
        self,
        name: str,
        color: ColorTerm,
        seed: int,
        shape: Shape,
        position: tuple[float, float, float],
        yaw: float,
        room: str,
        support: int = 0,
        predicate: RelationWord | Literal[""] = "",
        *,
        behind: str = "",
        tucked: bool = False,
    ) -> Placed:
        """Add a new thing under the next number."""
        thing = Placed(
            number=self.next_number,
            category=name,
            color=color,
            shape_seed=seed,
            shape=shape,
            position=position,
            yaw=yaw,
            room=room,
            support=support,
            predicate=predicate,
            behind=behind,
            tucked=tucked,
        )
        self.placed.append(thing)
        self.next_number += 1
        return thing

    def place_on(
        self, category: Category, shape: Shape, host: Placed, surface: Surface, room: RoomPlan
    ) -> tuple[tuple[float, float, float], float] | None:
        """A free position and yaw on a surface of a host."""
        low, high = shape.mesh.bounds
        if float(high[1] - low[1]) > surface.headroom:
            return None
        for _ in range(10):
            if category.faces_front:
                local_yaw = float(self.rng.normal(0, 0.12)) if surface.predicate == "on" else 0.0
            else:
                local_yaw = float(self.rng.uniform(-math.pi, math.pi))
            local = hull_of(shape, (0.0, 0.0, 0.0), local_yaw)
            at = pick_spot(self.rng, surface, local, category.spot)
            if at is None:
                continue
            dx, dz = turn(host.yaw, *at)
            # A hair above what carries it, or the two would share a face; the floor has no such face of its own.
            lift = 0.001 if surface.predicate else 0.0
            position = (host.position[0] + dx, host.position[1] + surface.y + lift, host.position[2] + dz)
            hull = hull_of(shape, position, host.yaw + local_yaw)
            if self.free(hull, room, ignore=host.number, gap=0.01):
                return position, host.yaw + local_yaw
        return None

    def put(self, category: Category, host: Placed, surface: Surface, room: RoomPlan) -> Placed | None:
        """A new thing on one surface of a host; None where it does not fit."""
        color, seed, shape = self.choose(category.name)
        place = self.place_on(category, shape, host, surface, room)
        if place is None:
            return None
        position, yaw = place
        return self.add(
            category.name, color, seed, shape, position, yaw, room.id, host.number, surface.predicate,
            behind=surface.front,
        )  # fmt: skip

    def put_new(self, category: Category, host: Placed) -> Placed | None:
        """A new thing on some surface of a host; None where it does not fit."""
        room = self.room(host.room)
        surface = host.shape.surfaces[self.rng.integers(len(host.shape.surfaces))]
        return self.put(category, host, surface, room)

    def put_again(self, thing: Placed, host: Placed, front: str | None = None) -> bool:
        """Put a known thing on a host, with ``front`` only behind that open front; False where it does not fit."""
        room = self.room(host.room)
        for surface in host.shape.surfaces:
            if front is not None and surface.front != front:
                continue
            place = self.place_on(CATEGORY[thing.category], thing.shape, host, surface, room)
            if place is not None:
                position, yaw = place
                moved = replace(
                    thing,
                    position=position,
                    yaw=yaw,
                    room=room.id,
                    support=host.number,
                    predicate=surface.predicate,
                    behind=surface.front,
                )
                self.placed.append(moved)
                return True
        return False
