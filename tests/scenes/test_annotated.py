"""Annotated scenes: axes, corners and names come over as their sources mean them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scenes import boxes
from scenes.annotated import AnnotationError, aria_graph, arkit_boxes, quest_room, scannet_graphs
from scenes.errors import InputError
from scenes.types import Box3D
from tests.scenes.recordings.formats import write_aria

UPRIGHT = {"x": -(0.5**0.5), "y": 0.0, "z": 0.0, "w": 0.5**0.5}
"""A quarter turn about x: the entity's z points up, its y into the room."""


def entity(label: str, position: tuple[float, float, float], **bounds: Any) -> dict[str, Any]:
    place = {"orientation": UPRIGHT, "position": dict(zip("xyz", position, strict=True))}
    return {"semanticLabel_META": label, "locatable_META": place} | bounds


def sheet(x: float, z: float, width: float, height: float) -> dict[str, Any]:
    return {"bounded2D_META": {"offset": {"x": x, "y": z}, "extent": {"width": width, "height": height}}}


def block(low: tuple[float, float, float], size: tuple[float, float, float]) -> dict[str, Any]:
    extent = dict(zip(("width", "height", "depth"), size, strict=True))
    return {"bounded3D_META": {"offset": dict(zip("xyz", low, strict=True)), "extent": extent}}


def write_room(path: Path, *entities: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "scene", "version": 1, "spatialEntities": list(entities)}))
    return path


def extent(box: Box3D) -> tuple[list[float], list[float]]:
    corners = boxes.corners(box)
    return corners.min(0).values.tolist(), corners.max(0).values.tolist()


def test_a_quest_box_spans_from_its_minimum_corner(tmp_path: Path) -> None:
    # The anchor is the middle of a table's top, 0.75 m up; the box hangs below it: z from -0.75 to 0.
    table = entity("TABLE", (1.0, 0.75, -2.0), **block((-0.6, -0.4, -0.75), (1.2, 0.8, 0.75)))
    graph = quest_room(write_room(tmp_path / "r.json", table))
    (thing,) = graph.objects.values()
    assert thing.label == "table"
    low, high = extent(thing.box)
    assert low == pytest.approx([0.4, 0.0, -2.4])
    assert high == pytest.approx([1.6, 0.75, -1.6])
    assert thing.box.size[1] == pytest.approx(0.75), "the box's own y is its height"


def test_a_quest_sheet_lies_in_x_and_z_of_its_axes(tmp_path: Path) -> None:
    door = entity("DOOR_FRAME", (0.0, 1.0, -3.0), **sheet(-0.4, -1.0, 0.8, 2.0))
    (thing,) = quest_room(write_room(tmp_path / "r.json", door)).objects.values()
    low, high = extent(thing.box)
    assert thing.label == "door"
    assert low == pytest.approx([-0.4, 0.0, -3.01])
    assert high == pytest.approx([0.4, 2.0, -2.99])


def test_a_top_that_repeats_a_box_is_dropped(tmp_path: Path) -> None:
    solid = entity("TABLE", (0.0, 0.75, 0.0), **block((-0.6, -0.4, -0.75), (1.2, 0.8, 0.75)))
    top = entity("TABLE", (0.0, 0.75, 0.0), **sheet(-0.6, -0.4, 1.2, 0.8))
    other = entity("TABLE", (3.0, 0.75, 0.0), **sheet(-0.6, -0.4, 1.2, 0.8))
    assert len(quest_room(write_room(tmp_path / "r.json", solid, top)).objects) == 1
    assert len(quest_room(write_room(tmp_path / "r.json", solid, top, other)).objects) == 2


def test_floor_and_ceiling_become_a_room(tmp_path: Path) -> None:
    level = {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}
    floor = entity("FLOOR", (0.0, 0.1, 0.0), **sheet(-2.0, -3.0, 4.0, 6.0))
    ceiling = entity("CEILING", (0.0, 2.6, 0.0), **sheet(-2.0, -3.0, 4.0, 6.0))
    for flat in (floor, ceiling):
        flat["locatable_META"]["orientation"] = level
    inside = entity("LAMP", (1.0, 1.0, 1.0), **block((-0.1, -0.1, -0.1), (0.2, 0.2, 0.2)))
    in_wall = entity("WALL_ART", (2.1, 1.0, 0.0), **sheet(-0.1, -0.1, 0.2, 0.2))
    outside = entity("LAMP", (5.0, 1.0, 1.0), **block((-0.1, -0.1, -0.1), (0.2, 0.2, 0.2)))
    graph = quest_room(write_room(tmp_path / "r.json", floor, ceiling, inside, in_wall, outside))
    (room,) = graph.rooms.values()
    assert (room.floor_y, room.height_m) == pytest.approx((0.1, 2.5))
    assert sorted(room.floor_polygon) == [(-2.0, -3.0), (-2.0, 3.0), (2.0, -3.0), (2.0, 3.0)]
    places = {(thing.label, thing.box.center[0]): thing.room for thing in graph.objects.values()}
    assert places == {("lamp", 1.0): "r0", ("wall art", 2.1): "r0", ("lamp", 5.0): ""}


def test_scannet_axes_become_y_up(tmp_path: Path) -> None:
    table = {"obj_7": {"centroid": [1.0, 2.0, 0.5], "extent": [0.6, 0.8, 1.0], "category": "mini_fridge", "score": 0.9}}
    (tmp_path / "g.json").write_text(json.dumps({"scene0000_00": table}))
    thing = scannet_graphs(tmp_path / "g.json")["scene0000_00"].objects["o7"]
    assert thing.label == "mini fridge"
    assert thing.confidence == 0.9
    assert thing.box.center == (1.0, 0.5, -2.0)
    assert thing.box.size == (0.6, 1.0, 0.8)


def test_arkit_axes_are_listed_one_after_the_other(tmp_path: Path) -> None:
    entry = {"centroid": [1, 2, 3], "axesLengths": [4, 2, 1], "normalizedAxes": [0, 1, 0, -1, 0, 0, 0, 0, 1]}
    (tmp_path / "a.json").write_text(json.dumps({"41": {"object_bbox": {"sofa": [entry]}}}))
    (thing,) = arkit_boxes(tmp_path / "a.json")["41"].objects.values()
    low, high = extent(thing.box)
    # The long axis is the source's y, which is -z here; the source's z is up.
    assert low == pytest.approx([0.0, 2.5, -4.0])
    assert high == pytest.approx([2.0, 3.5, 0.0])


def test_instances_of_aria_get_boxes_around_what_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenes.annotated.MIN_INSTANCE_POINTS", 1)
    monkeypatch.setattr("scenes.annotated.CAMERAS", ("camera-rgb",))
    write_aria(tmp_path)
    np.savez(tmp_path / "camera-rgb_1000100000_seg.npz", seg=np.full((6, 8), 77, dtype=np.uint64))
    (thing,) = aria_graph(tmp_path).objects.values()
    assert thing.label == ""
    assert thing.label_source == "none"
    # Everything seen is a wall 1.5 m ahead of the camera, which stands 1.6 m up and looks along -z.
    assert thing.box.center[2] == pytest.approx(-1.5)
    assert thing.box.size[2] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "syntax error"),
        ('{"scene": []}', "objects by id"),
        ('{"scene": {"obj_0": {"centroid": [1, 2], "extent": [1, 1, 1], "category": "a"}}}', "3 finite numbers"),
        ('{"scene": {"obj_0": {"centroid": [1, 2, NaN], "extent": [1, 1, 1], "category": "a"}}}', "finite"),
        ('{"scene": {"chair": {"centroid": [1, 2, 3], "extent": [1, 1, 1], "category": "a"}}}', "ends in a number"),
        ('{"scene": {"obj_0": {"centroid": [1, 2, 3], "extent": [1, 1, 1]}}}', "category"),
    ],
)
def test_wrong_graphs_are_refused_by_name(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(InputError, match=word) as caught:
        scannet_graphs(tmp_path / "g.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["locatable_META", "offset", "extent"])
def test_wrong_rooms_are_refused_by_name(tmp_path: Path, missing: str) -> None:
    thing = entity("TABLE", (0.0, 0.0, 0.0), **block((0, 0, 0), (1, 1, 1)))
    thing.pop(missing, None)
    thing["bounded3D_META"].pop(missing, None)
    with pytest.raises(AnnotationError, match=missing):
        quest_room(write_room(tmp_path / "r.json", thing))
    with pytest.raises(AnnotationError, match="spatialEntities"):
        quest_room(write_empty(tmp_path / "e.json"))


def write_empty(path: Path) -> Path:
    path.write_text("{}")
    return path


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["living_room", "meeting_room", "office_large"])
def test_furniture_of_real_rooms_stands_on_the_floor(shared_data: Path, name: str) -> None:
    graph = quest_room(shared_data / "iwer_rooms" / f"{name}.json")
    (room,) = graph.rooms.values()
    assert 2.0 < room.height_m < 4.5
    standing = [o for o in graph.objects.values() if o.label in ("table", "couch", "storage")]
    assert standing
    for thing in standing:
        assert thing.box.center[1] - thing.box.size[1] / 2 == pytest.approx(room.floor_y, abs=0.05), thing


@pytest.mark.realdata
def test_real_arkit_boxes_fill_their_stated_bounds(shared_data: Path) -> None:
    path = shared_data / "arkit_boxes" / "arkitscenes_meta_info_val.json"
    graphs, raw = arkit_boxes(path), json.loads(path.read_text())
    assert len(graphs) == len(raw)
    for name, table in raw.items():
        stated = [entry for entries in table["object_bbox"].values() for entry in entries]
        for thing, entry in zip(graphs[name].objects.values(), stated, strict=True):
            low, high = extent(thing.box)
            (x0, y0, z0), (x1, y1, z1) = entry["min"], entry["max"]
            assert low == pytest.approx([x0, z0, -y1], abs=1e-6)
            assert high == pytest.approx([x1, z1, -y0], abs=1e-6)


@pytest.mark.realdata
def test_real_scannet_graphs_load(shared_data: Path) -> None:
    truth = scannet_graphs(shared_data / "scannet_graphs" / "scanrefer_ground_truth_scene_graph.json")
    assert len(truth) == 141
    heights = torch.tensor([o.box.center[1] - o.box.size[1] / 2 for g in truth.values() for o in g.objects.values()])
    assert float(heights.median()) < 0.5, "most things stand low: the vertical is the right axis"


@pytest.mark.realdata
@pytest.mark.slow
def test_real_aria_instances_become_objects(shared_data: Path) -> None:
    graph = aria_graph(shared_data / "aria")
    assert len(graph.objects) > 50
    assert all(min(thing.box.size) >= 0 for thing in graph.objects.values())
