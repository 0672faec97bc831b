"""Described worlds go through the same pipeline; a wrong description is refused with its field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenes.types import Camera
from scenes.worlds.description import DescriptionError, load_world
from scenes.worlds.walk import WalkSettings, make_walk
from scenes.worlds.writing import iter_visit

CUBE = """v -1 0 -1\nv 1 0 -1\nv 1 0 1\nv -1 0 1\nv -1 2 -1\nv 1 2 -1\nv 1 2 1\nv -1 2 1
f 1 2 3 4\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n"""


def scene() -> dict[str, Any]:
    return {
        "seed": 3,
        "rooms": [
            {"id": "a", "label": "workshop", "x0": 0, "z0": 0, "x1": 4, "z1": 4},
            {"id": "b", "label": "store", "x0": 4, "z0": 0, "x1": 8, "z1": 4},
        ],
        "doors": [{"rooms": ["a", "b"], "at": 2.0}],
        "objects": [
            {"label": "table", "category": "table", "color": "white", "position": [1.5, 0, 3.2]},
            {"label": "crate", "mesh": "crate.obj", "color": "red", "position": [6.5, 0, 2.9], "yaw_deg": 30},
        ],
    }


def load(tmp_path: Path, description: dict[str, Any]):
    scaled = (
        CUBE.replace("v -1", "v -0.4").replace("v 1", "v 0.4").replace(" -1\n", " -0.4\n").replace(" 1\n", " 0.4\n")
    )
    (tmp_path / "crate.obj").write_text(scaled)
    (tmp_path / "scene.json").write_text(json.dumps(description))
    return load_world(tmp_path / "scene.json")


def test_a_described_world_is_walked_and_rendered_with_its_own_mesh(tmp_path: Path) -> None:
    world = load(tmp_path, scene())
    crate = world.objects["w2"]
    assert crate.category == "crate"
    assert crate.box.size == pytest.approx((0.8, 2.0, 0.8), abs=1e-4)
    assert crate.box.center == pytest.approx((6.5, 1.0, 2.9), abs=1e-4)
    walk = make_walk(world, settings=WalkSettings(fps=2))
    assert set(walk.rooms) == {"a", "b"}
    camera = Camera(width=64, height=48, fx=46.0, fy=46.0, cx=32.0, cy=24.0)
    seen = set().union(*(frame.pixel_counts() for frame in iter_visit(world, walk, camera)))
    assert seen == {1, 2}


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("objects", 1, "mesh"), "../crate.obj", "inside the description's folder"),
        (("objects", 1, "mesh"), "missing.glb", "existing file"),
        (("objects", 0, "category"), "piano", "category of the catalogue"),
        (("objects", 0, "position"), [99, 0, 0], "inside a room"),
        (("objects", 0, "position"), [float("nan"), 0, 0], "objects.0.position"),
        (("objects", 0, "on"), 7, "objects.0.on"),
        (("doors", 0, "at"), 9.0, "both rooms share"),
        (("doors", 0, "rooms"), ["a", "z"], "'z'"),
        (("rooms", 1, "x1"), 4.2, "rooms.b"),
        (("format_version",), 2, "format_version"),
    ],
)
def test_a_wrong_description_is_refused_with_its_field(tmp_path: Path, path, value, text: str) -> None:
    description: Any = scene()
    target = description
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(DescriptionError, match=text):
        load(tmp_path, description)


def test_a_missing_description_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="scene description"):
        load_world(tmp_path / "nothing.json")
