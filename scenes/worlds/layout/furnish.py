"""Puts furniture along walls and in the open, things on and in it, and pictures on walls.

One rule decides everything: the axis-aligned hull of a new thing overlaps no hull that is already there (except of
the thing that carries it), and the doors of a room stay reachable from one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from scenes.vocabulary import ColorTerm, RelationWord
from scenes.worlds.layout.floorplan import HALF_WALL_M, FloorPlan, RoomPlan
from scenes.worlds.layout.placing import (
    BODY_RADIUS_M,
    Hull,
    Placed,
    hull_of,
    occupancy,
    on_face,
    on_floor,
    pick_spot,
    turn,
)
from scenes.worlds.layout.programme import ROOM_KIND
from scenes.worlds.things.catalogue import CATEGORIES, CATEGORY, Category, build
from scenes.worlds.things.shapes import Shape, Surface

_CELL = 0.08


@dataclass(slots=True)
class Furnisher:
    """Fills one world; state is what is placed so far."""

    plan: FloorPlan
    rng: Generator
    placed: list[Placed] = field(default_factory=list)
    reserved: list[Hull] = field(default_factory=list)
    """Space that must stay free: in front of doors and windows."""
    next_number: int = 1

    def run(self, clutter: float = 1.0) -> list[Placed]:
        """Furnish every room."""
        self.reserve_openings()
        for room in self.plan.rooms:
            self._furnish(room)
        for room in self.plan.rooms:
            self._hang(room)
            self._clutter(room, clutter)
        return self.placed

    def reserve_openings(self) -> None:
        """Keep the space at doors and windows free from now on."""
        for o in self.plan.openings:
            reach = 0.85 if o.kind == "door" else 0.35
            side = 0.1 if o.kind == "door" else 0.0
            x, z = o.center
            half = (o.high - o.low) / 2 + side
            dx, dz = (half, reach) if o.axis == "x" else (reach, half)
            self.reserved.append(Hull(low=(x - dx, o.bottom, z - dz), high=(x + dx, o.top, z + dz)))

    def free(self, hull: Hull, room: RoomPlan, *, ignore: int = 0, gap: float = 0.015) -> bool:
        """Whether nothing is in the way of a hull but the thing numbered ``ignore``."""
        f = room.floor
        inside = hull.low[0] >= f.x0 and hull.high[0] <= f.x1 and hull.low[2] >= f.z0 and hull.high[2] <= f.z1
        if not inside or any(hull.overlaps(r) for r in self.reserved):
            return False
        return not any(hull.overlaps(p.hull, gap) for p in self.placed if p.number != ignore and p.category != "rug")

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

    def _furnish(self, room: RoomPlan) -> None:
        kind = ROOM_KIND[room.kind]
        wanted = [*kind.must, *(name for name, p in kind.may if self.rng.random() < p)]
        for name in wanted:
            thing = self._against_wall(name, room) if CATEGORY[name].place == "wall" else self._in_open(name, room)
            if thing is None:
                continue
            if name == "table":
                self._seat_around(thing, room)
            elif name == "desk":
                self._seat_in_front(thing, room)

    def _against_wall(self, name: str, room: RoomPlan) -> Placed | None:
        color, seed, shape = self.choose(name)
        low, high = shape.mesh.bounds
        w, d = float(high[0] - low[0]), float(high[2] - low[2])
        for _ in range(30):
            side = room.sides[self.rng.integers(4)]
            span_low, span_high = side.low + HALF_WALL_M + w / 2, side.high - HALF_WALL_M - w / 2
            if span_high < span_low:
                continue
            along = float(self.rng.uniform(span_low, span_high))
            across = side.at + side.inward * (HALF_WALL_M + 0.02 + d / 2 + float(self.rng.uniform(0, 0.03)))
            x, z = (along, across) if side.axis == "x" else (across, along)
            if self._fits(shape, (x, 0.0, z), side.yaw, room):
                return self.add(name, color, seed, shape, (x, 0.0, z), side.yaw, room.id)
        return None

    def _in_open(self, name: str, room: RoomPlan) -> Placed | None:
        color, seed, shape = self.choose(name)
        f, flat = room.floor, name == "rug"
        for _ in range(30):
            x, z = float(self.rng.uniform(f.x0, f.x1)), float(self.rng.uniform(f.z0, f.z1))
            yaw = float(self.rng.integers(4)) * math.pi / 2
            sofa = next((p for p in self.placed if p.category == "sofa" and p.room == room.id), None)
            if name == "coffee table" and sofa is not None:
                dx, dz = turn(sofa.yaw, float(self.rng.uniform(-0.3, 0.3)), float(self.rng.uniform(0.95, 1.25)))
                x, z, yaw = sofa.position[0] + dx, sofa.position[2] + dz, sofa.yaw
            hull = hull_of(shape, (x, 0.0, z), yaw)
            if flat:
                fits = not any(hull.overlaps(p.hull) for p in self.placed) and on_floor(hull, f.shrunk(0.1))
            else:
                fits = self._fits(shape, (x, 0.0, z), yaw, room)
            if fits:
                return self.add(name, color, seed, shape, (x, 0.0, z), yaw, room.id)
        return None

    def _fits(self, shape: Shape, position: tuple[float, float, float], yaw: float, room: RoomPlan) -> bool:
        hull = hull_of(shape, position, yaw)
        return self.free(hull, room) and self.passable(room, hull)

    def passable(self, room: RoomPlan, extra: Hull) -> bool:
        """Whether a person can still walk between all doors of the room, and most of the floor hangs together."""
        f = room.floor
        hulls = [extra, *(p.hull for p in self.placed if p.room == room.id and p.support == 0 and p.category != "rug")]
        blocked = occupancy(f, [h for h in hulls if h.low[1] < 1.9], _CELL, BODY_RADIUS_M)
        labels = np.zeros(blocked.shape, np.int32)
        ndimage.label(~blocked, output=labels)
        sizes = np.bincount(labels.reshape(-1))[1:]
        if len(sizes) == 0 or sizes.max() < 0.9 * sizes.sum():
            return False
        main = int(sizes.argmax()) + 1
        for door in self.plan.doors:
            if room.id in door.rooms:
                x, z = door.center
                i = int(np.clip((z - f.z0) / _CELL, 3, blocked.shape[0] - 4))
                j = int(np.clip((x - f.x0) / _CELL, 3, blocked.shape[1] - 4))
                if labels[i, j] != main:
                    return False
        return True

    def _seat_around(self, table: Placed, room: RoomPlan) -> None:
        """Chairs of one kind on the sides of a table, facing it."""
        color, seed, shape = self.choose("chair")
        low, high = shape.mesh.bounds
        _, t_high = table.shape.mesh.bounds
        depth = float(high[2] - low[2])
        long_side = float(t_high[0]) > 0.65
        spots = [(x, s) for s in (-1, 1) for x in ((-0.3, 0.3) if long_side else (0.0,))]
        places = [(x, s * (float(t_high[2]) + depth / 2 + 0.03), 0.0 if s < 0 else math.pi) for x, s in spots]
        places += [(s * (float(t_high[0]) + depth / 2 + 0.03), 0.0, -s * math.pi / 2) for s in (-1, 1)]
        for x, z, yaw in places:
            if self.rng.random() < 0.25:
                continue
            dx, dz = turn(table.yaw, x, z)
            at = (table.position[0] + dx, 0.0, table.position[2] + dz)
            if self._fits(shape, at, table.yaw + yaw, room):
                self.add("chair", color, seed, shape, at, table.yaw + yaw, room.id)

    def _seat_in_front(self, desk: Placed, room: RoomPlan) -> None:
        name = "office chair" if self.rng.random() < 0.7 else "chair"
        color, seed, shape = self.choose(name)
        depth = float(shape.mesh.bounds[1][2])
        reach = float(desk.shape.mesh.bounds[1][2]) + depth + 0.05
        for _ in range(5):
            yaw = desk.yaw + math.pi + float(self.rng.uniform(-0.5, 0.5))
            dx, dz = turn(desk.yaw, float(self.rng.uniform(-0.2, 0.2)), reach + float(self.rng.uniform(0.05, 0.25)))
            at = (desk.position[0] + dx, 0.0, desk.position[2] + dz)
            if self._fits(shape, at, yaw, room):
                self.add(name, color, seed, shape, at, yaw, room.id)
                return

    def _hang(self, room: RoomPlan) -> None:
        for name, probability in ROOM_KIND[room.kind].walls:
            if self.rng.random() >= probability:
                continue
            color, seed, shape = self.choose(name)
            low, high = shape.mesh.bounds
            w, h, d = (float(v) for v in high - low)
            for _ in range(20):
                side = room.sides[self.rng.integers(4)]
                along = float(
                    self.rng.uniform(side.low + 0.3 + w / 2, max(side.high - 0.3 - w / 2, side.low + 0.31 + w / 2))
                )
                y = float(self.rng.uniform(1.45, 1.75)) - h / 2
                at = on_face(side, along, y, HALF_WALL_M + d / 2 + 0.002)
                if self.free(hull_of(shape, at, side.yaw), room, gap=0.05):
                    self.add(name, color, seed, shape, at, side.yaw, room.id)
                    break

    def _clutter(self, room: RoomPlan, clutter: float) -> None:
        """Small things on and in everything in the room that has a surface."""
        factor = clutter * ROOM_KIND[room.kind].clutter
        for host in [p for p in self.placed if p.room == room.id and p.shape.surfaces]:
            options = [(c, c.hosts[host.category]) for c in CATEGORIES if c.hosts.get(host.category, 0) > 0]
            if not options:
                continue
            weights = np.array([w for _, w in options])
            for surface in host.shape.surfaces:
                area = (surface.x[1] - surface.x[0]) * (surface.z[1] - surface.z[0])
                mean = (
                    min(6.0, 1.0 + 5.5 * area) * factor * (0.5 if host.category in ("chair", "bench", "stool") else 1.0)
                )
                used: set[str] = set()
                for _ in range(int(self.rng.poisson(mean))):
                    pick = options[self.rng.choice(len(options), p=weights / weights.sum())][0]
                    # A second monitor or kettle on one surface is rare.
                    if pick.name in used and (pick.spot != "any" or self.rng.random() < 0.5):
                        continue
                    if self._put(pick, host, surface, room) is not None:
                        used.add(pick.name)

    def put_new(self, category: Category, host: Placed) -> Placed | None:
        """A new thing on some surface of a host; None where it does not fit."""
        room = self.room(host.room)
        surface = host.shape.surfaces[self.rng.integers(len(host.shape.surfaces))]
        return self._put(category, host, surface, room)

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

    def room(self, id: str) -> RoomPlan:
        """The plan of a room."""
        return next(room for room in self.plan.rooms if room.id == id)

    def _put(self, category: Category, host: Placed, surface: Surface, room: RoomPlan) -> Placed | None:
        color, seed, shape = self.choose(category.name)
        place = self.place_on(category, shape, host, surface, room)
        if place is None:
            return None
        position, yaw = place
        return self.add(
            category.name, color, seed, shape, position, yaw, room.id, host.number, surface.predicate,
            behind=surface.front,
        )  # fmt: skip

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
