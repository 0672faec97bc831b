"""A seed becomes a World: rooms, things in them, and what is true about them.

Object 12 of a world has the id ``w12``, and the instance images hold 12 at its pixels; walls, floors and ceilings
hold 0. The same seed and generator version give the same world on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scenes.rendering.mesh import Finish, Mesh, Vec3, box, join
from scenes.rendering.render import Renderer
from scenes.rendering.shading import Instance
from scenes.types import Box3D, Relation, Room, SceneGraph, SceneObject
from scenes.vocabulary import ColorTerm, RelationWord
from scenes.worlds.layout.door_leaves import DOOR, OPEN, Leaf, hang_leaves, leaf_generator
from scenes.worlds.layout.floorplan import HEIGHT_M, FloorPlan, Opening, make_plan
from scenes.worlds.layout.furnish import furnish
from scenes.worlds.layout.furniture_layout import FurnitureLayout
from scenes.worlds.layout.placing import Placed
from scenes.worlds.layout.programme import choose_rooms
from scenes.worlds.layout.true_relations import geometric_relations, wall_relations
from scenes.worlds.layout.tucking import tuck, tucking_generator
from scenes.worlds.layout.walls import room_shell
from scenes.worlds.things.catalogue import CATEGORY

GENERATOR_VERSION = 3
"""Goes up whenever the same seed would give another world. 2 put things under furniture, 3 hung doors."""
_LAYOUT_VERSION = 1
"""Seeds everything else: versions 2 and 3 kept the rooms and things of version 1, with their ids."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldObject:
    """One thing of a world: ground truth, with its mesh."""

    number: int
    category: str
    color: ColorTerm | Literal[""]
    box: Box3D
    """The tight yaw-aligned box of the mesh."""
    room: str
    support: str
    """Id of the object that carries it, ``""`` for floor or wall."""
    predicate: RelationWord | Literal[""]
    """``on`` or ``in`` the support, ``""`` without one."""
    mesh: Mesh
    """In the world frame."""
    position: Vec3
    yaw: float
    open_front: str = ""
    """Name of its drawer or door that stands open, ``""`` for none; ``leaf`` for a room's door that does."""
    behind: str = ""
    """Name of the support's front that it lies behind, ``""`` for none."""
    tucked: bool = False
    """Whether it stands on the floor under something else."""

    @property
    def id(self) -> str:
        """``w`` and the number."""
        return f"w{self.number}"

    def to_scene_object(self, time_s: float = 0.0) -> SceneObject:
        """The shared type."""
        return SceneObject(
            id=self.id, label=self.category, box=self.box, color=self.color, room=self.room, last_seen_s=time_s
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Everything that is true at one moment."""

    seed: int
    style: str
    plan: FloorPlan
    objects: Mapping[str, WorldObject]
    shells: Mapping[str, Mesh]
    """Walls, floor and ceiling of each room, by room id."""
    version: int = GENERATOR_VERSION
    lights: tuple[Vec3, ...] = ()
    placed: tuple[Placed, ...] = ()
    """How the things were placed, for later changes."""
    leaves: tuple[Leaf, ...] = ()
    """Of the doors between rooms."""
    next_number: int = 0
    """First object number that was never used."""

    @property
    def map_id(self) -> str:
        """Names the world's own frame."""
        return f"world-{self.seed}"

    @property
    def rooms(self) -> dict[str, Room]:
        """Rooms by id."""
        return {plan.id: plan.to_room() for plan in self.plan.rooms}

    @property
    def open_doorways(self) -> tuple[Opening, ...]:
        """Doorways between rooms that nothing closes."""
        shut = [leaf.opening for leaf in self.leaves if not leaf.open]
        return tuple(door for door in self.plan.doors if door not in shut)

    @property
    def hidden(self) -> frozenset[str]:
        """Ids of things behind closed fronts."""
        return frozenset(
            o.id for o in self.objects.values() if o.behind and self.objects[o.support].open_front != o.behind
        )

    def relations(self, objects: Mapping[str, WorldObject], time_s: float = 0.0) -> tuple[Relation, ...]:
        """Support of some things, what follows from their boxes, and which walls carry them."""
        support = [
            Relation(subject=o.id, predicate=o.predicate, object=o.support, time_s=time_s)
            for o in objects.values()
            if o.predicate and o.support in objects
        ]
        geometric = geometric_relations(objects, time_s)
        return (*support, *geometric, *wall_relations(objects, self.plan, time_s))

    def scene_graph(self, time_s: float = 0.0) -> SceneGraph:
        """The true scene graph. ``attached to`` relates things to walls (``layout.true_relations.wall_id``)."""
        objects = {id: o.to_scene_object(time_s) for id, o in self.objects.items()}
        relations = self.relations(self.objects, time_s)
        return SceneGraph(map_id=self.map_id, time_s=time_s, objects=objects, relations=relations, rooms=self.rooms)

    def instances(self) -> list[Instance]:
        """What the renderer draws."""
        light = {room.id: i for i, room in enumerate(self.plan.rooms)}
        shells = [Instance(number=0, mesh=mesh, light=light[id]) for id, mesh in self.shells.items()]
        things = [
            Instance(number=o.number, mesh=o.mesh, light=light[o.room], origin=o.position, yaw=o.yaw)
            for o in self.objects.values()
        ]
        return shells + things

    def renderer(self, threads: int = 0) -> Renderer:
        """A renderer of this moment (loads Open3D); ``threads`` 0 takes all cores."""
        return Renderer(self.instances(), self.lights, threads=threads)


def yaw_box(mesh: Mesh, yaw: float) -> Box3D:
    """The tight box around a world mesh whose axes are turned by a yaw about +y."""
    c, s = math.cos(yaw), math.sin(yaw)
    # Columns of world_from_box.
    rotation = np.array([(c, 0, s), (0, 1, 0), (-s, 0, c)])
    local = mesh.vertices.astype(np.float64) @ rotation
    low, high = local.min(0), local.max(0)
    center = rotation @ ((low + high) / 2)
    size = high - low
    return Box3D(
        center=(float(center[0]), float(center[1]), float(center[2])),
        size=(float(size[0]), float(size[1]), float(size[2])),
        quaternion_xyzw=(0.0, math.sin(yaw / 2), 0.0, math.cos(yaw / 2)),
    )


def _object(p: Placed) -> WorldObject:
    mesh = p.shape.mesh.turned("y", p.yaw).moved(p.position)
    return WorldObject(
        number=p.number,
        category=p.category,
        color=p.color if p.category not in CATEGORY or CATEGORY[p.category].one_color else "",
        box=yaw_box(mesh, p.yaw),
        room=p.room,
        support=f"w{p.support}" if p.support else "",
        predicate=p.predicate,
        mesh=mesh,
        position=p.position,
        yaw=p.yaw,
        open_front=p.shape.open_front,
        behind=p.behind,
        tucked=p.tucked,
    )


def _windows(plan: FloorPlan, first: int) -> list[WorldObject]:
    """A pane and a frame in every window opening."""
    out: list[WorldObject] = []
    frame, pane = Finish((0.93, 0.93, 0.93)), Finish((0.9, 0.95, 1.0), "sky")
    for o in (o for o in plan.openings if o.kind == "window"):
        room = next(r for r in plan.rooms if r.id == o.rooms[0])
        side = next(s for s in room.sides if s.axis == o.axis and s.at == o.at)
        w, h = o.high - o.low, o.top - o.bottom
        parts = [box((w, h, 0.012), pane)]
        parts += [box((0.05, h, 0.03), frame, (x, 0, 0.01)) for x in (-w / 2 + 0.025, 0.0, w / 2 - 0.025)]
        parts += [box((w, 0.05, 0.03), frame, (0, y, 0.01)) for y in (0.0, h - 0.05)]
        x, z = o.center
        mesh = join(*parts).turned("y", side.yaw).moved((x, o.bottom, z))
        out.append(
            WorldObject(
                number=first + len(out),
                category="window",
                color="",
                box=yaw_box(mesh, side.yaw),
                room=room.id,
                support="",
                predicate="",
                mesh=mesh,
                position=(x, o.bottom, z),
                yaw=side.yaw,
            )
        )
    return out


def _door(leaf: Leaf) -> WorldObject:
    mesh, yaw = leaf.mesh(leaf.turned_deg), leaf.yaw(leaf.turned_deg)
    return WorldObject(
        number=leaf.number,
        category=DOOR,
        color=leaf.color,
        box=yaw_box(mesh, yaw),
        room=leaf.room,
        support="",
        predicate="",
        mesh=mesh,
        position=leaf.hinge,
        yaw=yaw,
        open_front=OPEN if leaf.open else "",
    )


def make_world(seed: int, *, rooms: int | None = None, style: str | None = None, clutter: float = 1.0) -> World:
    """The world of a seed.

    Args:
        seed: any non-negative integer.
        rooms: 3 to 9; by default 3 or 4, drawn from the seed.
        style: ``apartment`` (default) or ``office``.
        clutter: factor on how many small things lie around.

    Raises:
        ValueError: for a negative seed, another style, or a room count out of range.
    """
    if seed < 0:
        raise ValueError(f"expected a seed >= 0, got {seed}")
    rng = np.random.default_rng((_LAYOUT_VERSION, seed))
    count = rooms if rooms is not None else int(rng.integers(3, 5))
    chosen = choose_rooms(count, style or "apartment", rng)
    plan = make_plan(chosen, rng)
    shells = {room.id: room_shell(plan, room, rng) for room in plan.rooms}
    layout = FurnitureLayout(plan=plan, rng=rng)
    furnish(layout, clutter)
    lights: list[Vec3] = []
    for room in plan.rooms:
        x, z = room.rect.center
        lights.append((x + float(rng.uniform(-0.4, 0.4)), HEIGHT_M - 0.15, z + float(rng.uniform(-0.4, 0.4))))
    windows = _windows(plan, layout.next_number)
    layout.rng, layout.next_number = tucking_generator(seed), layout.next_number + len(windows)
    tuck(layout)
    leaves = hang_leaves(layout, leaf_generator(seed))
    world = World(
        seed=seed,
        style=style or "apartment",
        plan=plan,
        objects={window.id: window for window in windows},
        shells=shells,
        lights=tuple(lights),
        leaves=leaves,
    )
    return with_things(world, layout.placed, layout.next_number)


def with_things(world: World, placed: Sequence[Placed], next_number: int) -> World:
    """The same rooms and windows with these things in them, and the doors as ``world.leaves`` says."""
    others = {*(p.number for p in world.placed), *(leaf.number for leaf in world.leaves)}
    windows = [o for o in world.objects.values() if o.number not in others]
    doors = [_door(leaf) for leaf in world.leaves]
    things = sorted([*(_object(p) for p in placed), *windows, *doors], key=lambda o: o.number)
    objects = {o.id: o for o in things}
    return replace(world, objects=objects, placed=tuple(placed), next_number=next_number)
