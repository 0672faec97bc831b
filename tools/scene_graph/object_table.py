"""The objects of one map: which parts each is made of, and the log of what happened to them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from scenes.types import Change
from tools.errors import ToolError
from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.part_map import PartMap

logger = logging.getLogger(__name__)


class UnknownObjectError(ToolError):
    """No object with that id."""


class ObjectTable:
    """Objects by id, and the parts that each owns. Whoever changes it here keeps ids, parts and events consistent."""

    def __init__(self, parts: PartMap) -> None:
        self.parts = parts
        self.objects: dict[str, MapObject] = {}
        self.object_of_part: dict[int, str] = {}
        self.events: list[Change] = []
        """In the order in which they were noticed."""
        self.next_object = 1
        self.revision = 0
        """Grows whenever objects come, go, move or change their shape: relations must then be found again."""

    def get(self, object_id: str) -> MapObject:
        """The object with an id. Raises ``UnknownObjectError``, which names some ids that exist."""
        if object_id not in self.objects:
            raise UnknownObjectError("the id of a mapped thing", f'"{object_id}"', tuple(list(self.objects)[:8]))
        return self.objects[object_id]

    def add(self, group: Sequence[int]) -> MapObject:
        """A new object with the history of some parts. The parts are not given to it yet, see ``give_parts``."""
        parts = [self.parts.parts[p] for p in group]
        new = MapObject(
            id=f"o{self.next_object}",
            first_seen_s=min(p.first_seen_s for p in parts),
            last_seen_s=max(p.last_seen_s for p in parts),
            frames=max(p.frames for p in parts),
        )
        new.intervals.append((new.first_seen_s, new.last_seen_s))
        self.next_object += 1
        self.objects[new.id] = new
        return new

    def give_parts(self, owner: MapObject, group: Sequence[int]) -> None:
        """Make an object of exactly these parts."""
        owner.parts = set(group)
        for part in group:
            self.object_of_part[part] = owner.id

    def drop_parts(self, owner: MapObject) -> None:
        """Take an object's parts and their voxels out of the map."""
        voxels = self.parts.voxels
        voxels.remove(voxels.of(list(owner.parts)))
        for part in owner.parts:
            self.object_of_part.pop(part, None)
        self.parts.locked -= owner.parts
        owner.parts = set()
        self.parts.drop_empty()

    def mark_vanished(self, gone: MapObject, time_s: float) -> None:
        """An object has left its place: it keeps its history and loses its parts."""
        gone.present = False
        self.drop_parts(gone)
        self.record(
            Change(time_s=time_s, kind="vanished", object_id=gone.id, since_s=gone.last_seen_s, from_box=gone.box)
        )

    def mark_moved(self, old: MapObject, new: MapObject, time_s: float) -> None:
        """``new`` is ``old`` at another place: ``old`` goes on with the parts of ``new``, and ``new`` is removed."""
        before, left_s = old.box, old.last_seen_s
        for part in new.parts:
            self.object_of_part[part] = old.id
        old.continue_as(new)
        del self.objects[new.id]
        if old.pinned:
            self.parts.locked |= old.parts
        self.record(
            Change(time_s=time_s, kind="moved", object_id=old.id, since_s=left_s, from_box=before, to_box=new.box)
        )

    def remove(self, object_id: str) -> None:
        """Take an object out with its surface, pictures and events. Raises ``UnknownObjectError``."""
        self.drop_parts(self.get(object_id))
        del self.objects[object_id]
        self.events = [e for e in self.events if e.object_id != object_id]
        self.revision += 1

    def record(self, event: Change) -> None:
        """Add an event to the log."""
        self.events.append(event)
        self.revision += 1
        logger.debug("%s", event)
