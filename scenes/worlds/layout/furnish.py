"""Which furniture, wall decoration and small things each room gets, and where: along walls, in the open, on and in
furniture, on walls.
"""

from __future__ import annotations

import math

import numpy as np

from scenes.worlds.layout.floorplan import HALF_WALL_M, RoomPlan
from scenes.worlds.layout.furniture_layout import FurnitureLayout
from scenes.worlds.layout.placing import Placed, hull_of, on_face, on_floor, turn
from scenes.worlds.layout.programme import ROOM_KIND
from scenes.worlds.things.catalogue import CATEGORIES, CATEGORY


def furnish(layout: FurnitureLayout, clutter: float = 1.0) -> None:
    """Fill every room; ``clutter`` is a factor on how many small things lie around."""
    layout.reserve_openings()
    for room in layout.plan.rooms:
        _furnish_room(layout, room)
    for room in layout.plan.rooms:
        _hang(layout, room)
        _clutter(layout, room, clutter)


def _furnish_room(layout: FurnitureLayout, room: RoomPlan) -> None:
    kind = ROOM_KIND[room.kind]
    wanted = [*kind.must, *(name for name, p in kind.may if layout.rng.random() < p)]
    for name in wanted:
        thing = _against_wall(layout, name, room) if CATEGORY[name].place == "wall" else _in_open(layout, name, room)
        if thing is None:
            continue
        if name == "table":
            _seat_around(layout, thing, room)
        elif name == "desk":
            _seat_in_front(layout, thing, room)


def _against_wall(layout: FurnitureLayout, name: str, room: RoomPlan) -> Placed | None:
    color, seed, shape = layout.choose(name)
    low, high = shape.mesh.bounds
    w, d = float(high[0] - low[0]), float(high[2] - low[2])
    for _ in range(30):
        side = room.sides[layout.rng.integers(4)]
        span_low, span_high = side.low + HALF_WALL_M + w / 2, side.high - HALF_WALL_M - w / 2
        if span_high < span_low:
            continue
        along = float(layout.rng.uniform(span_low, span_high))
        across = side.at + side.inward * (HALF_WALL_M + 0.02 + d / 2 + float(layout.rng.uniform(0, 0.03)))
        x, z = (along, across) if side.axis == "x" else (across, along)
        if layout.fits(shape, (x, 0.0, z), side.yaw, room):
            return layout.add(name, color, seed, shape, (x, 0.0, z), side.yaw, room.id)
    return None


def _in_open(layout: FurnitureLayout, name: str, room: RoomPlan) -> Placed | None:
    color, seed, shape = layout.choose(name)
    f, flat = room.floor, name == "rug"
    for _ in range(30):
        x, z = float(layout.rng.uniform(f.x0, f.x1)), float(layout.rng.uniform(f.z0, f.z1))
        yaw = float(layout.rng.integers(4)) * math.pi / 2
        sofa = next((p for p in layout.placed if p.category == "sofa" and p.room == room.id), None)
        if name == "coffee table" and sofa is not None:
            dx, dz = turn(sofa.yaw, float(layout.rng.uniform(-0.3, 0.3)), float(layout.rng.uniform(0.95, 1.25)))
            x, z, yaw = sofa.position[0] + dx, sofa.position[2] + dz, sofa.yaw
        hull = hull_of(shape, (x, 0.0, z), yaw)
        if flat:
            fits = not any(hull.overlaps(p.hull) for p in layout.placed) and on_floor(hull, f.shrunk(0.1))
        else:
            fits = layout.fits(shape, (x, 0.0, z), yaw, room)
        if fits:
            return layout.add(name, color, seed, shape, (x, 0.0, z), yaw, room.id)
    return None


def _seat_around(layout: FurnitureLayout, table: Placed, room: RoomPlan) -> None:
    """Chairs of one kind on the sides of a table, facing it."""
    color, seed, shape = layout.choose("chair")
    low, high = shape.mesh.bounds
    _, t_high = table.shape.mesh.bounds
    depth = float(high[2] - low[2])
    long_side = float(t_high[0]) > 0.65
    spots = [(x, s) for s in (-1, 1) for x in ((-0.3, 0.3) if long_side else (0.0,))]
    places = [(x, s * (float(t_high[2]) + depth / 2 + 0.03), 0.0 if s < 0 else math.pi) for x, s in spots]
    places += [(s * (float(t_high[0]) + depth / 2 + 0.03), 0.0, -s * math.pi / 2) for s in (-1, 1)]
    for x, z, yaw in places:
        if layout.rng.random() < 0.25:
            continue
        dx, dz = turn(table.yaw, x, z)
        at = (table.position[0] + dx, 0.0, table.position[2] + dz)
        if layout.fits(shape, at, table.yaw + yaw, room):
            layout.add("chair", color, seed, shape, at, table.yaw + yaw, room.id)


def _seat_in_front(layout: FurnitureLayout, desk: Placed, room: RoomPlan) -> None:
    name = "office chair" if layout.rng.random() < 0.7 else "chair"
    color, seed, shape = layout.choose(name)
    depth = float(shape.mesh.bounds[1][2])
    reach = float(desk.shape.mesh.bounds[1][2]) + depth + 0.05
    for _ in range(5):
        yaw = desk.yaw + math.pi + float(layout.rng.uniform(-0.5, 0.5))
        dx, dz = turn(desk.yaw, float(layout.rng.uniform(-0.2, 0.2)), reach + float(layout.rng.uniform(0.05, 0.25)))
        at = (desk.position[0] + dx, 0.0, desk.position[2] + dz)
        if layout.fits(shape, at, yaw, room):
            layout.add(name, color, seed, shape, at, yaw, room.id)
            return


def _hang(layout: FurnitureLayout, room: RoomPlan) -> None:
    for name, probability in ROOM_KIND[room.kind].walls:
        if layout.rng.random() >= probability:
            continue
        color, seed, shape = layout.choose(name)
        low, high = shape.mesh.bounds
        w, h, d = (float(v) for v in high - low)
        for _ in range(20):
            side = room.sides[layout.rng.integers(4)]
            along = float(
                layout.rng.uniform(side.low + 0.3 + w / 2, max(side.high - 0.3 - w / 2, side.low + 0.31 + w / 2))
            )
            y = float(layout.rng.uniform(1.45, 1.75)) - h / 2
            at = on_face(side, along, y, HALF_WALL_M + d / 2 + 0.002)
            if layout.free(hull_of(shape, at, side.yaw), room, gap=0.05):
                layout.add(name, color, seed, shape, at, side.yaw, room.id)
                break


def _clutter(layout: FurnitureLayout, room: RoomPlan, clutter: float) -> None:
    """Small things on and in everything in the room that has a surface."""
    factor = clutter * ROOM_KIND[room.kind].clutter
    for host in [p for p in layout.placed if p.room == room.id and p.shape.surfaces]:
        options = [(c, c.hosts[host.category]) for c in CATEGORIES if c.hosts.get(host.category, 0) > 0]
        if not options:
            continue
        weights = np.array([w for _, w in options])
        for surface in host.shape.surfaces:
            area = (surface.x[1] - surface.x[0]) * (surface.z[1] - surface.z[0])
            mean = min(6.0, 1.0 + 5.5 * area) * factor * (0.5 if host.category in ("chair", "bench", "stool") else 1.0)
            used: set[str] = set()
            for _ in range(int(layout.rng.poisson(mean))):
                pick = options[layout.rng.choice(len(options), p=weights / weights.sum())][0]
                # A second monitor or kettle on one surface is rare.
                if pick.name in used and (pick.spot != "any" or layout.rng.random() < 0.5):
                    continue
                if layout.put(pick, host, surface, room) is not None:
                    used.add(pick.name)
