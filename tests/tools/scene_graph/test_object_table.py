"""The table of objects: ids, parts and events stay consistent, whatever happens to an object."""

from __future__ import annotations

import numpy as np
import pytest

from scenes.types import Box3D
from tools.geometry.voxels import pack
from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.object_table import ObjectTable, UnknownObjectError
from tools.scene_graph.presence import PresenceCheck
from tools.scene_graph.presence_tracking import MIN_NEGATIVE_CHECKS, MIN_NEGATIVE_S, PresenceTracker
from tools.scene_graph.regrouping import REGROUP_EVERY_S, Regrouping
from tools.scene_graph.segment_map import SegmentMap
from tools.segmentation.geometric import GeometricSegmenter

HERE = Box3D(center=(0.0, 0.5, 0.0), size=(0.2, 0.2, 0.2))
THERE = Box3D(center=(2.0, 0.5, 0.0), size=(0.2, 0.2, 0.2))


def with_object(table: ObjectTable, box: Box3D, row: int = 0) -> MapObject:
    """An object of one part with four voxels."""
    part = table.parts.add_part(1.0)
    keys = pack(np.stack([np.arange(4), np.full(4, row), np.zeros(4, np.int64)], -1))
    zero = np.zeros((4, 3), np.float32)
    table.parts.voxels.observe(keys, np.full(4, part, np.int32), zero, zero, 1.0)
    new = table.add([part])
    table.give_parts(new, [part])
    new.box = box
    return new


def test_an_object_that_vanished_has_no_voxels_and_keeps_its_box() -> None:
    table = ObjectTable(SegmentMap())
    gone, other = with_object(table, HERE), with_object(table, THERE, row=10)
    before = table.revision
    table.mark_vanished(gone, 7.0)
    assert (gone.present, gone.parts, gone.box) == (False, set(), HERE)
    assert table.object_of_part == {2: other.id}
    assert table.parts.sizes() == {2: 4}
    (event,) = table.events
    assert (event.kind, event.object_id, event.since_s, event.time_s) == ("vanished", gone.id, 1.0, 7.0)
    assert table.revision > before


@pytest.mark.parametrize("pinned", [False, True])
def test_an_object_that_moved_goes_on_under_its_old_id_with_the_new_parts(pinned: bool) -> None:
    table = ObjectTable(SegmentMap())
    old = with_object(table, HERE)
    old.pinned = pinned
    table.mark_vanished(old, 5.0)
    new = with_object(table, THERE, row=10)
    table.mark_moved(old, new, 8.0)
    assert set(table.objects) == {old.id}
    assert (old.present, old.box, old.parts) == (True, THERE, {2})
    assert table.object_of_part == {2: old.id}
    assert (2 in table.parts.locked) == pinned
    assert (table.events[-1].from_box, table.events[-1].to_box) == (HERE, THERE)


def test_a_removed_object_leaves_no_voxel_and_no_event_and_a_second_time_is_an_error() -> None:
    table = ObjectTable(SegmentMap())
    gone, other = with_object(table, HERE), with_object(table, THERE, row=10)
    table.mark_vanished(gone, 7.0)
    table.remove(gone.id)
    assert table.events == []
    with pytest.raises(UnknownObjectError) as error:
        table.remove(gone.id)
    assert error.value.choices == (other.id,)
    assert with_object(table, HERE, row=20).id not in (gone.id, other.id)


GONE = PresenceCheck(in_view=1.0, unoccluded=1.0, through=0.9)
THERE_STILL = PresenceCheck(in_view=1.0, unoccluded=1.0, through=0.0)
HIDDEN = PresenceCheck(in_view=1.0, unoccluded=0.1, through=0.0)


def checked(checks: list[tuple[PresenceCheck, float]]) -> MapObject:
    table = ObjectTable(SegmentMap())
    one = with_object(table, HERE)
    tracker = PresenceTracker(table)
    for check, time_s in checks:
        tracker.update({one.id: check}, time_s)
    return one


def test_an_object_has_left_after_enough_negative_checks_over_enough_time() -> None:
    step = MIN_NEGATIVE_S / (MIN_NEGATIVE_CHECKS - 1)
    times = [k * step for k in range(MIN_NEGATIVE_CHECKS)]
    assert not checked([(GONE, t) for t in times]).present
    assert checked([(GONE, t) for t in times[:-1]]).present
    # As many, but within an instant: one bad moment is no evidence.
    assert checked([(GONE, 0.01 * k) for k in range(MIN_NEGATIVE_CHECKS)]).present
    # One frame that shows it starts the count anew; one that cannot tell does not.
    assert checked([(GONE, 0.0), (GONE, step), (THERE_STILL, 2 * step), (GONE, 3 * step), (GONE, 4 * step)]).present
    assert not checked([(GONE, 0.0), (GONE, step), (HIDDEN, 2 * step), (GONE, 3 * step)]).present


def test_frames_that_show_the_place_but_not_the_object_are_counted_as_missed() -> None:
    one = checked([(THERE_STILL, 1.0), (THERE_STILL, 2.0), (HIDDEN, 3.0)])
    assert one.missed_frames == 1  # it was last seen at 1.0 s


def test_objects_are_made_anew_now_and_then_and_when_time_starts_again() -> None:
    table = ObjectTable(SegmentMap())
    regrouping = Regrouping(table, GeometricSegmenter())
    assert regrouping.due(0.0)
    regrouping.run(10.0)
    assert not regrouping.due(10.0 + 0.5 * REGROUP_EVERY_S)
    assert regrouping.due(10.0 + REGROUP_EVERY_S)
    assert regrouping.due(3.0)
