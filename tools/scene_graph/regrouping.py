"""Objects made anew from the parts of a map, now and then, while each keeps its identity, history and names."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from tools.scene_graph.changes import match_moved
from tools.scene_graph.grouping import keep_ids
from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.object_table import ObjectTable
from tools.scene_graph.part_map import ObjectFit
from tools.scene_graph.presence import ABSENT_SHARE
from tools.segmentation.base import Segmenter

REGROUP_EVERY_S = 0.5


class Regrouping:
    """Makes the objects of a table of its parts, with what the segmenter knows of the building and of borders."""

    def __init__(self, table: ObjectTable, segmenter: Segmenter) -> None:
        self._table = table
        self._segmenter = segmenter
        self._last_s = float("-inf")

    def due(self, time_s: float) -> bool:
        """Whether enough time has passed since the last regrouping, or time runs from the start again."""
        return time_s - self._last_s >= REGROUP_EVERY_S or time_s < self._last_s

    def run(self, time_s: float) -> None:
        """Make objects of parts, keep their identity, refit what changed, and find what has moved."""
        table = self._table
        pinned = {p: t.id for t in table.objects.values() if t.pinned for p in t.parts}
        building = self._segmenter.structure
        groups = table.parts.groups(pinned, time_s, building.holds, self._segmenter.border_weights)
        kept = keep_ids(groups, table.parts.sizes(), table.object_of_part, pinned)
        table.object_of_part = {}
        alive: set[str] = set()
        for group, object_id in zip(groups, kept, strict=True):
            owner = table.objects[object_id] if object_id is not None else table.add(group)
            table.give_parts(owner, group)
            alive.add(owner.id)
        self._drop_without_parts(alive, time_s)
        self._refit(building.wall_yaw())
        for old, new in match_moved(table.objects.values()):
            table.mark_moved(old, new, time_s)
        self._last_s = time_s
        table.revision += 1

    def _drop_without_parts(self, alive: Set[str], time_s: float) -> None:
        """Objects without parts were seen through bit by bit and have left; or were merged, or noise: drop those."""
        table = self._table
        for object_id in [k for k, t in table.objects.items() if t.present and k not in alive]:
            bare = table.objects[object_id]
            if bare.taught or bare.pinned:
                continue
            if bare.confirmed and (~table.parts.voxels.holds(bare.expected_surface)).mean() >= ABSENT_SHARE:
                table.mark_vanished(bare, time_s)
            else:
                del table.objects[object_id]

    def _refit(self, room_yaw: float | None) -> None:
        """Give the objects that were seen since the last time the surface of their parts."""
        table = self._table
        ids = sorted({*table.object_of_part.values()}, key=lambda k: int(k[1:]))
        number = {k: n + 1 for n, k in enumerate(ids)}
        lookup = np.zeros(table.parts.next_id + 1, np.int64)
        for part, object_id in table.object_of_part.items():
            lookup[part] = number[object_id]
        of_row = lookup[table.parts.voxels.owner]
        order = np.argsort(of_row, kind="stable")
        starts = np.searchsorted(of_row[order], np.arange(len(ids) + 2))
        for k, object_id in enumerate(ids, start=1):
            owner = table.objects[object_id]
            if owner.box is not None and owner.last_seen_s < self._last_s and len(owner.points):
                continue
            self._refit_object(owner, order[starts[k] : starts[k + 1]], room_yaw)

    def _refit_object(self, owner: MapObject, rows: np.ndarray, room_yaw: float | None) -> None:
        parts = self._table.parts
        rows = parts.reliable_rows(rows)
        fit = parts.fit(rows, room_yaw)
        if fit is None and owner.box is not None:
            return  # restored: what was known of it stays until enough of it is seen anew
        fit = fit or ObjectFit()
        labels = parts.label_weights(sorted(owner.parts), rows)
        if labels:
            owner.set_detector_labels(labels)
        owner.supported = fit.supported
        # What a person pointed out is as large as what they saw, whatever kind it is taken for.
        box = None if owner.pinned else fit.box
        expected = owner.expected_surface
        owner.seen_through_points = expected[~parts.voxels.holds(expected)]
        owner.set_surface(parts.voxels.point[rows], parts.voxels.lab[rows], room_yaw, box)
