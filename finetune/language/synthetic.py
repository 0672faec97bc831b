"""Random scenes for language training: a graph, a pose and a gaze, without pixels.

The scenes need not look like homes; they must make every tool give every kind of result, over names that a model
cannot guess. Realistic scenes come from ``scenes.worlds``.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

import torch

from scenes.questions.lexicon import CONTAINERS, OWNERS, ROOMS, SUPPORTS, invented_word, object_name
from scenes.types import Box3D, Camera, Relation, Room, SceneGraph, SceneObject
from scenes.vocabulary import COLOR_WORDS
from tools.toolbox.context import Gaze, Note
from tools.toolbox.snapshot import SnapshotContext

CAMERAS = (
    Camera(width=640, height=480, fx=525.0, fy=525.0, cx=320.0, cy=240.0),
    Camera(width=320, height=240, fx=240.0, fy=240.0, cx=160.0, cy=120.0),
    Camera(width=504, height=896, fx=700.0, fy=700.0, cx=252.0, cy=448.0),
)
NOTES = (
    *("needs washing", "needs new batteries", "is broken", "belongs to anna", "was a gift", "is almost empty"),
    *("has to go back", "leaks", "is too heavy", "must be repaired", "was cheap", "is for the guests", "is dusty"),
    *("should be painted", "cost a lot", "goes to the attic", "is wobbly", "is borrowed", "squeaks", "is very old"),
)


def random_scene(rng: random.Random) -> SnapshotContext:
    """A scene of 1-4 rooms and 5-13 objects, seen at some time from somewhere."""
    now = round(rng.choice((rng.uniform(2, 60), rng.uniform(60, 900), rng.uniform(900, 20000))), 1)
    rooms = _random_rooms(rng)
    objects, relations = _random_objects(rng, rooms, now)
    graph = SceneGraph(
        map_id="synthetic",
        time_s=now,
        objects={o.id: o for o in objects},
        relations=tuple(relations),
        rooms={r.id: r for r in rooms},
    )
    eye = _random_point(rng, rng.choice(rooms), 1.6)
    routed = rng.random() > 0.1
    bends = [(rng.uniform(-3, 3), rng.uniform(-3, 3)) for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 4)))]

    def route(goal: tuple[float, float, float]) -> list[tuple[float, float, float]]:
        corners = [(eye[0], 0.0, eye[2]), *((eye[0] + x, 0.0, eye[2] + z) for x, z in bends), (goal[0], 0.0, goal[2])]
        return corners if routed else []

    return SnapshotContext(
        routes=route,
        graph=graph,
        camera=rng.choice(CAMERAS),
        world_from_camera=head_pose(eye, rng.uniform(-math.pi, math.pi), rng.gauss(-0.25, 0.2)),
        time_s=now,
        gazed=random_gaze(rng, graph),
        notes=[
            Note(text=rng.choice(NOTES), time_s=rng.uniform(0, now), object_id=o.id)
            for o in objects
            if o.label and rng.random() < 0.12
        ],
    )


def head_pose(eye: tuple[float, float, float], yaw: float, pitch: float) -> torch.Tensor:
    """``world_from_camera`` of an upright head: yaw about the vertical, pitch up positive, radians."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    forward = (sy * cp, sp, -cy * cp)
    right = (cy, 0.0, sy)
    down = (
        forward[1] * right[2] - forward[2] * right[1],
        forward[2] * right[0] - forward[0] * right[2],
        forward[0] * right[1] - forward[1] * right[0],
    )
    rows = [[right[k], down[k], forward[k], eye[k]] for k in range(3)]
    return torch.tensor([*rows, [0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)


def random_gaze(rng: random.Random, graph: SceneGraph) -> Gaze:
    """Mostly an object; sometimes a bare surface, nothing, or no gaze at all."""
    obj = rng.choice(list(graph.objects.values()))
    chance = rng.random()
    if chance < 0.88:
        return Gaze(object_id=obj.id, point=obj.box.center)
    if chance < 0.93:
        return Gaze(point=obj.box.center, reason="unsupported", miss="there is no object where you look")
    if chance < 0.96:
        return Gaze(reason="no_depth", miss="there is no depth where you look")
    return Gaze(reason="unsupported", miss="no gaze was given")


def _random_rooms(rng: random.Random) -> list[Room]:
    rooms, x = [], 0.0
    for i, label in enumerate(rng.sample(ROOMS, rng.randint(1, 4))):
        width, depth = rng.uniform(2, 6), rng.uniform(2, 6)
        corners = ((x, 0.0), (x + width, 0.0), (x + width, depth), (x, depth))
        rooms.append(Room(id=f"r{i + 1}", label=label, floor_polygon=corners))
        x += width
    return rooms if rng.random() < 0.75 else [replace(r, label="") for r in rooms[:1]]


def _random_point(rng: random.Random, room: Room, y: float) -> tuple[float, float, float]:
    (x0, z0), _, (x1, z1), _ = room.floor_polygon
    return (rng.uniform(x0, x1), y, rng.uniform(z0, z1))


def _random_objects(rng: random.Random, rooms: list[Room], now: float) -> tuple[list[SceneObject], list[Relation]]:
    ids = rng.sample(range(1, rng.choice((15, 40, 99, 300))), 13)
    names: list[str] = []
    objects: list[SceneObject] = []
    relations: list[Relation] = []
    holders: list[SceneObject] = []
    for k in range(rng.randint(5, 13)):
        holder = rng.choice(holders) if holders and k >= 2 and rng.random() < 0.7 else None
        if holder is None and len(holders) < 4 and rng.random() < 0.8:
            name = rng.choice(SUPPORTS if rng.random() < 0.6 else CONTAINERS)
            name = invented_word(rng) if rng.random() < 0.15 else name
        elif names and rng.random() < 0.3:
            name = rng.choice(names)
        else:
            name = object_name(rng)
        names.append(name)
        obj = _random_object(rng, f"o{ids[k]}", name, rooms, holder, now)
        objects.append(obj)
        if holder is None:
            holders.append(obj)
        else:
            default = "in" if holder.label in CONTAINERS else "on"
            predicate = default if rng.random() < 0.85 else rng.choice(("under", "next to", "attached to", "above"))
            relations.append(Relation(subject=obj.id, predicate=predicate, object=holder.id))
    return objects, relations


def _random_object(
    rng: random.Random, object_id: str, name: str, rooms: list[Room], holder: SceneObject | None, now: float
) -> SceneObject:
    room = next((r for r in rooms if holder and r.id == holder.room), rng.choice(rooms))
    if holder is None:
        size = (rng.uniform(0.3, 2.4), rng.uniform(0.3, 2.0), rng.uniform(0.3, 1.2))
        x, _, z = _random_point(rng, room, 0.0)
        center = (x, size[1] / 2, z)
    else:
        size = (rng.uniform(0.04, 0.6), rng.uniform(0.03, 0.5), rng.uniform(0.04, 0.5))
        hx, hy, hz = holder.box.center
        wide, tall, deep = holder.box.size
        center = (
            hx + rng.uniform(-0.4, 0.4) * wide,
            hy + (tall + size[1]) / 2,
            hz + rng.uniform(-0.4, 0.4) * deep,
        )
    turn = rng.uniform(-math.pi, math.pi)
    taught, aliases, source = name, (), "vlm"
    if holder is not None and rng.random() < 0.15:
        owner = "my" if rng.random() < 0.7 else f"{rng.choice(OWNERS)}'s"
        taught, aliases, source = f"{owner} {name}", (name,), "user"
    elif rng.random() < 0.07:
        taught, source = "", "none"
    days = rng.choice((rng.uniform(13, 24), 36.0, 72.0, 240.0)) * 3600.0
    seen = (
        now - days
        if rng.random() < 0.04
        else now
        if rng.random() < 0.3
        else max(0.0, now - rng.expovariate(1 / rng.choice((8.0, 40.0, 400.0))))
    )
    return SceneObject(
        id=object_id,
        label=taught,
        box=Box3D(center=center, size=size, quaternion_xyzw=(0.0, math.sin(turn / 2), 0.0, math.cos(turn / 2))),
        label_source=source,
        aliases=aliases,
        color=rng.choice(COLOR_WORDS) if rng.random() < 0.8 else "",
        room=room.id if room.label else "",
        last_seen_s=seen,
        present=rng.random() > 0.08,
    )
