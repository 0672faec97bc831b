"""Whether objects are still in their places, by the checks of many frames; and voxels that proved to be empty."""

from __future__ import annotations

from collections.abc import Mapping

from tools.geometry.surfaces import SurfaceImage
from tools.scene_graph.object_table import ObjectTable
from tools.scene_graph.presence import PresenceCheck, check_all, may_be_in_view, seen_through

MIN_NEGATIVE_CHECKS, MIN_NEGATIVE_S = 3, 0.5
"""Several negative checks over some time make an object absent: one frame may be blurred or badly placed."""
MAX_VOXEL_MISSES = 4
"""Frames that saw through a voxel since it was last seen, from which on it is removed."""


class PresenceTracker:
    """Decides, frame by frame, which objects of a table have left."""

    def __init__(self, table: ObjectTable) -> None:
        self._table = table

    def check(self, surface: SurfaceImage) -> dict[str, PresenceCheck]:
        """What a frame says about each present object whose place is in view, by id. Changes nothing."""
        present = [t for t in self._table.objects.values() if t.present and t.box is not None]
        near = may_be_in_view(surface, present)
        return dict(zip([t.id for t in near], check_all(surface, [t.expected_surface for t in near]), strict=True))

    def update(self, checks: Mapping[str, PresenceCheck], time_s: float) -> None:
        """Count the checks of the frame of ``time_s``; objects with enough negative ones have vanished."""
        for object_id, check in checks.items():
            checked = self._table.objects[object_id]
            if check.positive:
                checked.negative_checks, checked.negative_since_s = 0, None
                checked.missed_frames += int(checked.last_seen_s != time_s)
                checked.seen_through_points = checked.seen_through_points[:0]
            elif check.negative:
                checked.negative_checks += 1
                if checked.negative_since_s is None:
                    checked.negative_since_s = time_s
                lasted_s = time_s - checked.negative_since_s
                if checked.negative_checks >= MIN_NEGATIVE_CHECKS and lasted_s >= MIN_NEGATIVE_S:
                    self._table.mark_vanished(checked, time_s)

    def remove_seen_through(self, surface: SurfaceImage) -> None:
        """Remove voxels that several frames saw through: noise, or the trail of something that moved."""
        voxels = self._table.parts.voxels
        _, through = seen_through(surface, voxels.point)
        voxels.misses[through] += 1
        gone = voxels.misses >= MAX_VOXEL_MISSES
        if gone.any():
            voxels.remove(gone)
