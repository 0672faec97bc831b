"""Rows, clusters and what stands between, on drawn boxes."""

from __future__ import annotations

import numpy as np

from scenes.types import Box3D
from tools.scene_graph.arrangements import arrangements, between
from tools.scene_graph.relations import Body, relations


def cube(name: str, x: float, z: float, size: float = 0.4) -> Body:
    box = Box3D(center=(x, size / 2, z), size=(size, size, size))
    return Body(id=name, box=box, points=np.array([box.center], np.float32))


def test_chairs_side_by_side_are_a_row_in_order() -> None:
    row = [cube("c", 1.2, 0.0), cube("a", 0.0, 0.02), cube("b", 0.6, -0.02), cube("far", 5.0, 0.0)]
    (found,) = arrangements(row, relations(row, 1.0), 1.0)
    assert found.kind == "row"
    assert found.members in (("a", "b", "c"), ("c", "b", "a"))


def test_boxes_round_a_corner_are_a_cluster() -> None:
    heap = [cube("a", 0.0, 0.0), cube("b", 0.5, 0.0), cube("c", 0.5, 0.5)]
    (found,) = arrangements(heap, relations(heap, 1.0), 1.0)
    assert found.kind == "cluster"
    assert set(found.members) == {"a", "b", "c"}


def test_two_things_are_no_row_and_unlike_things_none_either() -> None:
    pair = [cube("a", 0.0, 0.0), cube("b", 0.6, 0.0)]
    assert arrangements(pair, relations(pair, 0.0), 0.0) == []
    unlike = [*pair, cube("wardrobe", 1.7, 0.0, size=1.5)]
    assert arrangements(unlike, relations(unlike, 0.0), 0.0) == []


def test_a_lamp_in_the_middle_is_between_the_chairs_and_a_chair_is_not() -> None:
    things = [
        cube("left", -1.0, 0.0),
        cube("right", 1.0, 0.0),
        cube("lamp", 0.1, 0.1, size=0.3),
        cube("aside", 0.0, 3.0),
    ]
    (found, *_) = between(things[2], things, 2.0)
    assert {found.first, found.second} == {"left", "right"}
    assert between(things[0], things, 2.0) == []
