"""The live scene graph: frames in, things with identity, place and history out.

``SceneGraphBuilder`` joins the pieces: a segmenter finds pieces of things in a frame, ``tools.scene_graph.segment_map``
follows them, ``tools.scene_graph.grouping`` makes things of them, and this module keeps the things' identity, views,
names and presence. It never asks who is right about the world: nothing here sees ground truth.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenes.types import Change, Frame, Relation, SceneGraph
from tools.geometry.surfaces import SurfaceImage
from tools.scene_graph.changes import match_moved
from tools.scene_graph.gazing import Miss, object_at
from tools.scene_graph.grouping import keep_ids
from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.object_names import Namer
from tools.scene_graph.presence import ABSENT_AFTER_S, ABSENT_LOOKS, THROUGH_SHARE, Look, in_view, looks, seen_through
from tools.scene_graph.relations import Body, relations
from tools.scene_graph.rooms import FloorGrid
from tools.scene_graph.segment_map import Fit, PartMap
from tools.scene_graph.teaching import NameTakenError, UnknownObjectError, name_pending, teach
from tools.scene_graph.vote_map import VoteMap
from tools.segmentation.embedded_segmenter import EmbeddedSegmenter
from tools.segmentation.geometric import GeometricSegmenter, Segmenter
from tools.segmentation.merging import BorderWeights

logger = logging.getLogger(__name__)

REGROUP_EVERY_S = 0.5
CARVE_MISSES = 4
"""Looks through a voxel before it is removed."""


def part_map(segmenter: Segmenter) -> PartMap:
    """The map of pieces that fits a segmenter."""
    if not isinstance(segmenter, EmbeddedSegmenter):
        return PartMap()
    segmenter.label_frames = False  # votes are clustered in the map, once for all frames
    return VoteMap(segmenter.kinds)


class SceneGraphBuilder:
    """Builds and keeps the scene graph of one map. Not thread-safe: one owner feeds it frames."""

    def __init__(self, map_id: str, namer: Namer | None = None, segmenter: Segmenter | None = None) -> None:
        self.map_id = map_id
        self.namer = namer
        self.segmenter: Segmenter = segmenter if segmenter is not None else GeometricSegmenter()
        self.parts = part_map(self.segmenter)
        self.objects: dict[str, MapObject] = {}
        self.object_of_part: dict[int, str] = {}
        self.events: list[Change] = []
        self.floor = FloorGrid()
        self.next_object = 1
        self.time_s = 0.0
        self._regrouped_s = float("-inf")
        self._relations: tuple[Relation, ...] | None = None

    # ---- frames in

    def observe(self, frame: Frame) -> None:
        """Learn from a frame. A frame without pose or depth teaches nothing and is skipped."""
        if frame.world_from_camera is None or frame.depth_m is None:
            return
        segments = self.segmenter.segment(frame)
        self.time_s = max(self.time_s, frame.time_s)
        if isinstance(self.segmenter, GeometricSegmenter):
            self.floor.observe(segments, self.segmenter.structure)
        shown = self.parts.take_in(segments, frame.time_s)
        here = [t for t in self.objects.values() if t.present and t.box is not None]
        near = in_view(segments.surface, here)
        verdicts = dict(zip([t.id for t in near], looks(segments.surface, [t.whole for t in near]), strict=True))
        self._credit(frame, segments.surface, shown, {k for k, verdict in verdicts.items() if verdict.doubtful})
        self._judge_presence(verdicts, frame.time_s)
        self._carve(segments.surface)
        if frame.time_s - self._regrouped_s >= REGROUP_EVERY_S or frame.time_s < self._regrouped_s:
            self.regroup(frame.time_s)

    def _credit(self, frame: Frame, surface: SurfaceImage, shown: NDArray[np.int32], doubtful: set[str]) -> None:
        """Tell each thing that this frame shows it, and keep the view if it is good.

        What stood behind a thing shows up in its voxels when it has left, so what is seen through is not credited.
        """
        parts = np.unique(shown)
        ids = sorted({self.object_of_part[p] for p in parts.tolist() if p in self.object_of_part} - doubtful)
        number = {object_id: k + 1 for k, object_id in enumerate(ids)}
        lookup = np.zeros(int(parts.max(initial=0)) + 1, np.int32)
        lookup[parts] = [number.get(self.object_of_part.get(p, ""), 0) for p in parts.tolist()]
        image = lookup[shown]
        for object_id, k in number.items():
            thing = self.objects[object_id]
            thing.see(frame.time_s)
            thing.views.consider(frame, surface, image == k)

    def _judge_presence(self, verdicts: Mapping[str, Look], time_s: float) -> None:
        for object_id, verdict in verdicts.items():
            thing = self.objects[object_id]
            if verdict.positive:
                thing.negative_looks, thing.negative_since_s = 0, None
                thing.missed += int(thing.last_seen_s != time_s)
                thing.lost = thing.lost[:0]
            elif verdict.negative:
                thing.negative_looks += 1
                if thing.negative_since_s is None:
                    thing.negative_since_s = time_s
                if thing.negative_looks >= ABSENT_LOOKS and time_s - thing.negative_since_s >= ABSENT_AFTER_S:
                    self._vanish(thing, time_s)

    def _carve(self, surface: SurfaceImage) -> None:
        """Remove voxels that several frames saw through: noise, or the trail of something that moved."""
        voxels = self.parts.voxels
        _, through = seen_through(surface, voxels.point)
        voxels.misses[through] += 1
        gone = voxels.misses >= CARVE_MISSES
        if gone.any():
            voxels.remove(gone)

    def _vanish(self, thing: MapObject, time_s: float) -> None:
        thing.present = False
        self._drop_parts(thing)
        self._note(
            Change(time_s=time_s, kind="vanished", object_id=thing.id, since_s=thing.last_seen_s, from_box=thing.box)
        )
        self._relations = None

    def _drop_parts(self, thing: MapObject) -> None:
        self.parts.voxels.remove(self.parts.voxels.of(list(thing.parts)))
        for part in thing.parts:
            self.object_of_part.pop(part, None)
        self.parts.locked -= thing.parts
        thing.parts = set()
        self.parts.drop_empty()

    # ---- things

    def regroup(self, time_s: float) -> None:
        """Make things of parts, keep their identity, and refit what changed."""
        pinned = {p: t.id for t in self.objects.values() if t.pinned for p in t.parts}
        weights = self.segmenter.weights if isinstance(self.segmenter, GeometricSegmenter) else BorderWeights()
        groups = self.parts.groups(pinned, time_s, self._background, weights)
        sizes = self.parts.sizes()
        kept = keep_ids(groups, sizes, self.object_of_part, pinned)
        self.object_of_part = {}
        alive: set[str] = set()
        for group, object_id in zip(groups, kept, strict=True):
            thing = self.objects[object_id] if object_id is not None else self.new_object(group)
            thing.parts = set(group)
            alive.add(thing.id)
            for part in group:
                self.object_of_part[part] = thing.id
        self._absorb(alive, time_s)
        self._refresh_surfaces()
        for old, new in match_moved(list(self.objects.values())):
            self._continue_as(old, new, time_s)
        self._regrouped_s = time_s
        self._relations = None

    def new_object(self, group: Sequence[int]) -> MapObject:
        """A new thing of some parts."""
        parts = [self.parts.parts[p] for p in group]
        thing = MapObject(
            id=f"o{self.next_object}",
            first_seen_s=min(p.first_seen_s for p in parts),
            last_seen_s=max(p.last_seen_s for p in parts),
            frames=max(p.frames for p in parts),
        )
        thing.intervals.append((thing.first_seen_s, thing.last_seen_s))
        self.next_object += 1
        self.objects[thing.id] = thing
        return thing

    def _absorb(self, alive: set[str], time_s: float) -> None:
        """Things without parts were seen through bit by bit and have left; or were merged, or noise: drop those."""
        for object_id in [k for k, t in self.objects.items() if t.present and k not in alive]:
            thing = self.objects[object_id]
            if thing.taught or thing.pinned:
                continue
            if thing.shown and (~self.parts.voxels.holds(thing.whole)).mean() >= THROUGH_SHARE:
                self._vanish(thing, time_s)
            else:
                del self.objects[object_id]

    def _refresh_surfaces(self) -> None:
        voxels = self.parts.voxels
        lookup = np.zeros(self.parts.next_id + 1, np.int64)
        ids = sorted({*self.object_of_part.values()}, key=lambda k: int(k[1:]))
        number = {k: n + 1 for n, k in enumerate(ids)}
        for part, object_id in self.object_of_part.items():
            lookup[part] = number[object_id]
        of_row = lookup[voxels.owner]
        yaw = self.room_yaw()
        order = np.argsort(of_row, kind="stable")
        starts = np.searchsorted(of_row[order], np.arange(len(ids) + 2))
        for k, object_id in enumerate(ids, start=1):
            thing = self.objects[object_id]
            if thing.box is not None and thing.last_seen_s < self._regrouped_s and len(thing.points):
                continue
            rows = self.parts.trusted(order[starts[k] : starts[k + 1]])
            fit = self.parts.fit(rows, yaw)
            if fit is None and thing.box is not None:
                continue  # restored: what was known of it stays until enough of it is seen anew
            fit = fit or Fit()
            said = self.parts.kinds_said(sorted(thing.parts), rows)
            if said:
                thing.hear(said)
            thing.supported = fit.supported
            # What a person pointed out is as large as what they saw, whatever kind it is taken for.
            box = None if thing.pinned else fit.box
            thing.lost = thing.whole[~voxels.holds(thing.whole)]
            thing.set_surface(voxels.point[rows], voxels.lab[rows], yaw, box)

    def _background(self, points: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which points the floor, ceiling and walls known by now explain."""
        if isinstance(self.segmenter, GeometricSegmenter):
            return self.segmenter.structure.holds(points)
        return np.zeros(len(points), bool)

    def room_yaw(self) -> float | None:
        """Direction of the walls seen most often."""
        if not isinstance(self.segmenter, GeometricSegmenter) or not self.segmenter.structure.walls:
            return None
        wall = max(self.segmenter.structure.walls, key=lambda w: w.frames * (w.extent[1] - w.extent[0]))
        return float(np.arctan2(-wall.normal[1], wall.normal[0]))

    def _continue_as(self, old: MapObject, new: MapObject, time_s: float) -> None:
        """The new thing is the old one at another place."""
        before, left_s = old.box, old.last_seen_s
        for part in new.parts:
            self.object_of_part[part] = old.id
        old.continue_as(new)
        del self.objects[new.id]
        if old.pinned:
            self.parts.locked |= old.parts
        self._note(
            Change(time_s=time_s, kind="moved", object_id=old.id, since_s=left_s, from_box=before, to_box=new.box)
        )

    def _note(self, event: Change) -> None:
        self.events.append(event)
        logger.debug("%s", event)

    def changed(self) -> None:
        """Something about the things has changed: relations must be found again."""
        self._relations = None

    # ---- questions

    def snapshot(self, time_s: float | None = None) -> SceneGraph:
        """The graph as it is known now. ``time_s`` stamps it (default: the newest frame's time)."""
        shown = {k: t for k, t in self.objects.items() if t.shown}
        rooms = self.floor.rooms(self.segmenter.structure) if isinstance(self.segmenter, GeometricSegmenter) else {}
        for thing in shown.values():
            assert thing.box is not None
            thing.room = self.floor.room_of(thing.box.center[0], thing.box.center[2])
        if self._relations is None:
            here = [
                Body(id=k, box=t.box, points=t.points, room=t.room)
                for k, t in shown.items()
                if t.present and t.box is not None
            ]
            self._relations = relations(here, self.time_s)
        return SceneGraph(
            map_id=self.map_id,
            time_s=self.time_s if time_s is None else time_s,
            objects={k: t.to_scene_object() for k, t in shown.items()},
            relations=self._relations,
            rooms=rooms,
        )

    def crop(self, object_id: str) -> Tensor | None:
        """(h, w, 3) uint8 picture of a thing from its best view; None when no view is kept."""
        best = self._get(object_id).views.best
        return torch.from_numpy(best[0].crop.copy()) if best else None

    def crops(self, object_id: str) -> tuple[Tensor, ...]:
        """All kept pictures of a thing, best first."""
        return tuple(torch.from_numpy(v.crop.copy()) for v in self._get(object_id).views.best)

    def object_at(self, frame: Frame, uv_px: tuple[float, float]) -> str | Miss:
        """The id of the thing at a colour pixel, created from what is there when the map has none.

        Returns a ``Miss`` with a reason when there is no thing: outside the image, no depth, floor, wall, too small.
        """
        return object_at(self, frame, uv_px)

    # ---- teaching

    def teach(self, object_id: str, name: str) -> None:
        """Give a thing the wearer's own name.

        Raises ``UnknownObjectError`` for an unknown id, ``NameTakenError`` when another thing has that name, and
        ``ToolError`` for an empty or over-long name.
        """
        teach(self._get(object_id), self.objects, name)

    def forget(self, object_id: str) -> None:
        """Remove a thing, its pictures and its surface. Raises ``UnknownObjectError``."""
        thing = self._get(object_id)
        self._drop_parts(thing)
        del self.objects[object_id]
        self.events = [e for e in self.events if e.object_id != object_id]
        self._relations = None

    def name_pending(self, limit: int = 8) -> int:
        """Let the namer look at things that it has not seen, or not so well; returns how many it looked at."""
        return 0 if self.namer is None else name_pending(self.objects, self.namer, limit)

    def _get(self, object_id: str) -> MapObject:
        if object_id not in self.objects:
            raise UnknownObjectError("the id of a mapped thing", f'"{object_id}"', tuple(list(self.objects)[:8]))
        return self.objects[object_id]


__all__ = ["Miss", "NameTakenError", "SceneGraphBuilder", "UnknownObjectError", "part_map"]
