"""The live scene graph: frames in, objects with identity, place and history out.

``SceneGraphBuilder`` is the table of contents. What it calls, in the order of a frame's way:

- ``tools.segmentation``: the pieces of things in the frame
- ``part_map`` (``segment_map`` or ``vote_map``): pieces followed over frames
- ``sightings``: which objects the frame shows; ``presence_tracking``: which ones have left
- ``regrouping``: objects made of parts, and what has moved
- ``rooms`` and ``relations``: what a snapshot says of where things are
- ``gazing`` and ``teaching``: objects that a person points out, and names

Nothing here sees ground truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from scenes.types import Change, Frame, Relation, SceneGraph
from tools.scene_graph.gazing import object_at
from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.object_names import Namer
from tools.scene_graph.object_table import ObjectTable, UnknownObjectError
from tools.scene_graph.part_map import PartMap
from tools.scene_graph.presence_tracking import PresenceTracker
from tools.scene_graph.regrouping import Regrouping
from tools.scene_graph.relations import Body, relations
from tools.scene_graph.rooms import FloorGrid
from tools.scene_graph.segment_map import SegmentMap
from tools.scene_graph.sightings import record_sightings
from tools.scene_graph.teaching import NameTakenError, name_pending, teach
from tools.scene_graph.vote_map import VoteMap
from tools.segmentation.base import GazeMiss, Segmenter
from tools.segmentation.geometric import GeometricSegmenter


def part_map_for(segmenter: Segmenter) -> PartMap:
    """An empty part map of the kind that suits a segmenter."""
    return VoteMap(segmenter.vote_kinds) if segmenter.vote_kinds else SegmentMap()


class SceneGraphBuilder:
    """Builds and keeps the scene graph of one map. Not thread-safe: one owner feeds it frames."""

    def __init__(self, map_id: str, namer: Namer | None = None, segmenter: Segmenter | None = None) -> None:
        """``namer``: guesses names from pictures; None = nobody does. ``segmenter``: None = geometry alone."""
        self.map_id = map_id
        self.namer = namer
        self.segmenter: Segmenter = segmenter if segmenter is not None else GeometricSegmenter()
        self.table = ObjectTable(part_map_for(self.segmenter))
        self.floor = FloorGrid()
        self.time_s = 0.0
        """Capture time of the newest frame."""
        self._presence = PresenceTracker(self.table)
        self._regrouping = Regrouping(self.table, self.segmenter)
        self._relations: tuple[int, tuple[Relation, ...]] = (-1, ())
        """The table's revision that they were found for, and the relations."""

    @property
    def objects(self) -> Mapping[str, MapObject]:
        """All objects by id, also those that are not sure enough for a snapshot yet."""
        return self.table.objects

    @property
    def parts(self) -> PartMap:
        """The pieces of surface that objects are made of."""
        return self.table.parts

    @property
    def events(self) -> Sequence[Change]:
        """What moved or vanished, in the order in which it was noticed."""
        return self.table.events

    def observe(self, frame: Frame) -> None:
        """Learn from a frame. A frame without pose or depth teaches nothing and is skipped."""
        if frame.world_from_camera is None or frame.depth_m is None:
            return
        segments = self.segmenter.segment(frame)
        self.time_s = max(self.time_s, frame.time_s)
        self.floor.observe(segments, self.segmenter.structure)
        part_image = self.parts.add_frame(segments, frame.time_s)
        checks = self._presence.check(segments.surface)
        doubtful = {object_id for object_id, check in checks.items() if check.doubtful}
        record_sightings(self.table, frame, segments.surface, part_image, doubtful)
        self._presence.update(checks, frame.time_s)
        self._presence.remove_seen_through(segments.surface)
        if self._regrouping.due(frame.time_s):
            self.regroup(frame.time_s)

    def regroup(self, time_s: float) -> None:
        """Make objects of all parts now; ``observe`` does it now and then."""
        self._regrouping.run(time_s)

    def snapshot(self, time_s: float | None = None) -> SceneGraph:
        """The graph as it is known now. ``time_s`` stamps it (default: the newest frame's time)."""
        confirmed = [(t, box) for t in self.table.objects.values() if (box := t.confirmed_box) is not None]
        rooms = self.floor.rooms(self.segmenter.structure)
        for known, box in confirmed:
            known.room = self.floor.room_of(box.center[0], box.center[2])
        if self._relations[0] != self.table.revision:
            here = [Body(id=t.id, box=box, points=t.points, room=t.room) for t, box in confirmed if t.present]
            self._relations = (self.table.revision, relations(here, self.time_s))
        return SceneGraph(
            map_id=self.map_id,
            time_s=self.time_s if time_s is None else time_s,
            objects={t.id: t.to_scene_object() for t, _ in confirmed},
            relations=self._relations[1],
            rooms=rooms,
        )

    def crop(self, object_id: str) -> Tensor | None:
        """(h, w, 3) uint8 picture of an object from its best view; None when no view is kept.

        Raises ``UnknownObjectError``.
        """
        best = self.table.get(object_id).views.best
        return torch.from_numpy(best[0].crop.copy()) if best else None

    def object_at(self, frame: Frame, uv_px: tuple[float, float]) -> str | GazeMiss:
        """The id of the object at a colour pixel, or why there is none. What the map lacks is added to it."""
        return object_at(self.table, self.segmenter, frame, uv_px)

    def teach(self, object_id: str, name: str) -> None:
        """Give an object the wearer's own name.

        Raises ``UnknownObjectError`` for an unknown id, ``NameTakenError`` when another object has that name, and
        ``ToolError`` for an empty or over-long name.
        """
        teach(self.table.get(object_id), self.table.objects, name)

    def forget(self, object_id: str) -> None:
        """Remove an object, its pictures and its surface. Raises ``UnknownObjectError``."""
        self.table.remove(object_id)

    def name_pending(self, limit: int = 8) -> int:
        """Let the namer look at objects that it has not seen, or not so well; returns how many it looked at."""
        return 0 if self.namer is None else name_pending(self.table.objects, self.namer, limit)


__all__ = ["NameTakenError", "SceneGraphBuilder", "UnknownObjectError", "part_map_for"]
