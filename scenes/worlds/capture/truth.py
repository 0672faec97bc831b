"""The ground truth of a written world, as JSON: ``ground_truth/world.json`` and ``ground_truth/frames.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from scenes.recordings.reading.base import RecordingError
from scenes.records import BoxRecord, Record
from scenes.types import Relation, SceneGraph, SceneObject
from scenes.types import Room as SceneRoom
from scenes.vocabulary import ColorTerm, RelationWord
from scenes.worlds.dynamics.timeline import Event, EventKind
from scenes.worlds.layout.floorplan import HALF_WALL_M, Opening, RoomPlan
from scenes.worlds.layout.true_relations import wall_id
from scenes.worlds.world import World

FOLDER = "ground_truth"
WORLD_FILE, FRAMES_FILE, EVENTS_FILE = "world.json", "frames.json", "events.json"
NOTHING = 65535
"""Value in the 16-bit instance images where no surface was hit."""


class ObjectTruth(Record):
    """One thing."""

    id: str
    number: int
    """Its value in the instance images."""
    category: str
    color: ColorTerm | Literal[""]
    box: BoxRecord
    room: str
    support: str
    predicate: RelationWord | Literal[""]
    open_front: str = ""
    """Name of its drawer or door that stands open."""
    behind: str = ""
    """Name of the support's front that it lies behind: hidden unless that one is open."""


class RelationTruth(Record):
    """``subject predicate object``; what is ``attached to`` something has a wall's id there."""

    subject: str
    predicate: RelationWord
    object: str


class RoomTruth(Record):
    """A room."""

    id: str
    label: str
    floor_polygon: tuple[tuple[float, float], ...]
    floor_y: float
    height_m: float


class DoorTruth(Record):
    """A doorway between two rooms: its middle on the floor, its width, and its leaf."""

    rooms: tuple[str, ...]
    center: tuple[float, float]
    width_m: float
    leaf: str = ""
    """Id of the thing that closes it, ``""`` for a doorway without one."""
    open: bool = True
    """Whether people can pass."""


class WallTruth(Record):
    """One wall face of a room, from corner to corner (x, z)."""

    id: str
    room: str
    start: tuple[float, float]
    end: tuple[float, float]


class WorldTruth(Record):
    """What is true of a world at one time."""

    format_version: int = 1
    seed: int
    generator_version: int
    style: str
    map_id: str
    rooms: tuple[RoomTruth, ...]
    doors: tuple[DoorTruth, ...]
    walls: tuple[WallTruth, ...] = ()
    objects: tuple[ObjectTruth, ...]
    relations: tuple[RelationTruth, ...]

    def scene_graph(self, time_s: float = 0.0) -> SceneGraph:
        """The shared type."""
        objects = {
            o.id: SceneObject(
                id=o.id, label=o.category, box=o.box.to_box(), color=o.color, room=o.room, last_seen_s=time_s
            )
            for o in self.objects
        }
        relations = tuple(
            Relation(subject=r.subject, predicate=r.predicate, object=r.object, time_s=time_s) for r in self.relations
        )
        rooms = {
            r.id: SceneRoom(
                id=r.id, label=r.label, floor_polygon=r.floor_polygon, floor_y=r.floor_y, height_m=r.height_m
            )
            for r in self.rooms
        }
        return SceneGraph(map_id=self.map_id, time_s=time_s, objects=objects, relations=relations, rooms=rooms)


class FrameTruth(Record):
    """What one frame shows."""

    frame_id: int
    time_s: float
    room: str
    """Room of the wearer."""
    pixels: dict[str, int]
    """Visible pixels of each object that shows."""


class FramesTruth(Record):
    """All frames, in order."""

    format_version: int = 1
    frames: tuple[FrameTruth, ...]


class EventTruth(Record):
    """One change."""

    time_s: float
    kind: EventKind
    object_id: str
    before: BoxRecord | None
    after: BoxRecord | None
    room_before: str
    room_after: str
    support_before: str
    support_after: str
    front: str = ""
    """The drawer or door that was opened or closed."""
    carried_by: str = ""
    """Id of the thing whose drawer took this one along."""


class EventsTruth(Record):
    """What changed before and during a visit, in order of time."""

    format_version: int = 1
    events: tuple[EventTruth, ...]


def events_truth(events: Sequence[Event]) -> EventsTruth:
    """The record of an event log."""
    return EventsTruth(
        events=tuple(
            EventTruth(
                time_s=e.time_s,
                kind=e.kind,
                object_id=e.object_id,
                before=None if e.before is None else BoxRecord.from_box(e.before),
                after=None if e.after is None else BoxRecord.from_box(e.after),
                room_before=e.room_before,
                room_after=e.room_after,
                support_before=e.support_before,
                support_after=e.support_after,
                front=e.front,
                carried_by=e.carried_by,
            )
            for e in events
        )
    )


def world_truth(world: World) -> WorldTruth:
    """The record of a world."""
    graph = world.scene_graph()
    return WorldTruth(
        seed=world.seed,
        generator_version=world.version,
        style=world.style,
        map_id=world.map_id,
        rooms=tuple(
            RoomTruth(id=r.id, label=r.label, floor_polygon=r.floor_polygon, floor_y=r.floor_y, height_m=r.height_m)
            for r in graph.rooms.values()
        ),
        doors=tuple(_door_truth(world, d) for d in world.plan.doors),
        walls=tuple(_wall_truth(room, i) for room in world.plan.rooms for i in range(len(room.sides))),
        objects=tuple(
            ObjectTruth(
                id=o.id,
                number=o.number,
                category=o.category,
                color=o.color,
                box=BoxRecord.from_box(o.box),
                room=o.room,
                support=o.support,
                predicate=o.predicate,
                open_front=o.open_front,
                behind=o.behind,
            )
            for o in world.objects.values()
        ),
        relations=tuple(
            RelationTruth(subject=r.subject, predicate=r.predicate, object=r.object) for r in graph.relations
        ),
    )


def _door_truth(world: World, door: Opening) -> DoorTruth:
    leaf = next((leaf for leaf in world.leaves if leaf.opening == door), None)
    return DoorTruth(
        rooms=door.rooms,
        center=door.center,
        width_m=door.high - door.low,
        leaf=leaf.id if leaf else "",
        open=leaf is None or leaf.open,
    )


def _wall_truth(room: RoomPlan, index: int) -> WallTruth:
    side = room.sides[index]
    across = side.at + side.inward * HALF_WALL_M
    ends = [(along, across) if side.axis == "x" else (across, along) for along in (side.low, side.high)]
    return WallTruth(id=wall_id(room, index), room=room.id, start=ends[0], end=ends[1])


def read_world_truth(recording: Path | str) -> WorldTruth:
    """The ground truth beside a written world. Raises RecordingError where it is missing or not valid."""
    return _read(Path(recording) / FOLDER / WORLD_FILE, WorldTruth)


def read_frames_truth(recording: Path | str) -> FramesTruth:
    """Per-frame visibility beside a written world. Raises RecordingError where it is missing or not valid."""
    return _read(Path(recording) / FOLDER / FRAMES_FILE, FramesTruth)


def read_events_truth(recording: Path | str) -> EventsTruth:
    """The event log beside a written world. Raises RecordingError where it is missing or not valid."""
    return _read(Path(recording) / FOLDER / EVENTS_FILE, EventsTruth)


_R = TypeVar("_R", bound=Record)


def _read(path: Path, kind: type[_R]) -> _R:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path}: expected the ground truth of a generated world: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordingError(f"{path}: {where}: {first['msg']}") from error
