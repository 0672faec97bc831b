"""Rooms of a drawn floor plan."""

from __future__ import annotations

import numpy as np

from tools.scene_graph.rooms import CELL_M, FloorGrid, split_rooms


def plan(door_cells: int = 9) -> np.ndarray:
    """Two rooms of 4 x 3.5 m with a wall between them and a door in it."""
    counts = np.zeros((100, 60, 2), np.int32)
    counts[5:95, 10:45, 0] = 10
    counts[48:50, 10:45] = (0, 10)
    counts[48:50, 25 : 25 + door_cells] = (10, 0)
    return counts


def test_a_door_separates_two_rooms() -> None:
    labels = split_rooms(plan())
    assert labels.max() == 2
    left, right = labels[20, 25], labels[80, 25]
    assert left != right
    assert (labels[6:46, 12:43] == left).mean() > 0.95
    assert (labels[52:94, 12:43] == right).mean() > 0.95


def test_a_wide_opening_does_not() -> None:
    assert split_rooms(plan(door_cells=30)).max() == 1


def test_walls_and_unknown_ground_are_in_no_room() -> None:
    labels = split_rooms(plan())
    assert (labels[48:50, 10:20] == 0).all()
    assert (labels[:, 50:] == 0).all()


def test_rooms_keep_their_ids_while_they_grow() -> None:
    grid = FloorGrid()
    grid.counts, grid.origin = plan()[:50].copy(), np.array([0, 0])
    first = grid.room_of(20 * CELL_M, 25 * CELL_M)
    grid._cover(np.array([[-10, 0], [100, 60]]))
    whole = plan()
    grid.counts[-grid.origin[0] : 100 - grid.origin[0], -grid.origin[1] : 60 - grid.origin[1]] = whole
    grid._labels = None
    assert grid.room_of(20 * CELL_M, 25 * CELL_M) == first
    assert grid.room_of(80 * CELL_M, 25 * CELL_M) not in ("", first)


def test_a_place_far_from_any_room_has_none() -> None:
    grid = FloorGrid()
    assert grid.room_of(0.0, 0.0) == ""
    grid.counts = plan()
    assert grid.room_of(50.0, 50.0) == ""


def test_a_door_joins_the_rooms_on_both_its_sides() -> None:
    grid = FloorGrid()
    grid.counts = plan()
    (door,) = grid.doors()
    assert set(door.rooms) == {grid.room_of(2.0, 2.5), grid.room_of(8.0, 2.5)}
    assert abs(door.center[0] - 49 * CELL_M) < 0.3
    assert abs(door.center[1] - 29.5 * CELL_M) < 0.3
    assert 0.6 < door.width_m < 1.4


def test_a_table_that_hides_its_floor_does_not_cut_a_room_in_two() -> None:
    counts = np.zeros((60, 60, 2), np.int32)
    counts[10:50, 10:50, 0] = 9
    counts[10:50, [9, 50], 1] = counts[[9, 50], 10:50, 1] = 9
    assert split_rooms(counts).max() == 1
    counts[20:42, 24:36, 0] = 0
    labels = split_rooms(counts)
    assert labels.max() == 1
    assert (labels[20:42, 24:36] == 1).all()
