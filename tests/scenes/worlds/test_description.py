"""Described worlds go through the same pipeline; a wrong description is refused with its field."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from agent.cli import main
from scenes.recordings import open_recording
from scenes.types import Camera
from scenes.worlds.capture.recorded import iter_visit
from scenes.worlds.capture.truth import read_frames_truth, read_world_truth
from scenes.worlds.dynamics.walk import WalkSettings, make_walk
from scenes.worlds.own.description import DescriptionError, load_world

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


def glb(path: Path) -> None:
    """A binary glTF 2.0 file by the specification: one red-painted box of 0.6 x 0.5 x 0.4 m, turned by its node."""
    corners = np.array([(x, y, z) for x in (0, 0.4) for y in (0, 0.5) for z in (0, 0.6)], "<f4")
    colors = np.tile(np.array([0.9, 0.1, 0.1, 1.0], "<f4"), (8, 1))
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    indices = np.array([(a, b, c) for a, b, c, d in quads] + [(a, c, d) for a, b, c, d in quads], "<u2")
    blobs = [corners.tobytes(), colors.tobytes(), indices.tobytes()]
    starts = np.cumsum([0, *(len(b) for b in blobs)]).tolist()
    table = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        # A quarter turn about y: the node's rotation must be applied.
        "nodes": [{"mesh": 0, "rotation": [0.0, math.sqrt(0.5), 0.0, math.sqrt(0.5)]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}, "indices": 2}]}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 8,
                "type": "VEC3",
                "min": [0, 0, 0],
                "max": [0.4, 0.5, 0.6],
            },
            {"bufferView": 1, "componentType": 5126, "count": 8, "type": "VEC4"},
            {"bufferView": 2, "componentType": 5123, "count": 36, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": s, "byteLength": len(b)} for s, b in zip(starts, blobs, strict=False)
        ],
        "buffers": [{"byteLength": starts[-1]}],
    }
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 4)
    data = b"".join(blobs)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


def own_scene(folder: Path) -> Path:
    description = {
        "rooms": [{"id": "a", "label": "workshop", "x0": 0, "z0": 0, "x1": 4, "z1": 4}],
        "objects": [
            {"label": "table", "category": "table", "color": "white", "position": [2.0, None, 3.2]},
            {"label": "crate", "mesh": "crate.glb", "position": [1.0, None, 1.5]},
            {"label": "mug", "category": "mug", "color": "blue", "position": [2.0, None, 3.2], "on": 0},
        ],
    }
    folder.mkdir(exist_ok=True)
    glb(folder / "crate.glb")
    (folder / "scene.json").write_text(json.dumps(description))
    return folder / "scene.json"


def test_a_mesh_becomes_a_recording_with_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = own_scene(tmp_path / "mine")
    out = tmp_path / "out"
    assert main(["world", "--scene", str(scene), "--out", str(out), "--workers", "1"]) == 0
    assert "3 things" in capsys.readouterr().out
    truth = {o.category: o for o in read_world_truth(out).objects}
    # 0.4 along x and 0.6 along z, turned by a quarter.
    assert truth["crate"].box.size == pytest.approx((0.6, 0.5, 0.4), abs=1e-4)
    assert truth["crate"].box.center == pytest.approx((1.0, 0.25, 1.5), abs=1e-4)
    mug, table = truth["mug"], truth["table"]
    assert (mug.support, mug.predicate, mug.color) == (table.id, "on", "blue")
    assert mug.box.center[1] - mug.box.size[1] / 2 == pytest.approx(
        table.box.center[1] + table.box.size[1] / 2, abs=0.01
    )
    recording = open_recording(out)
    frames = read_frames_truth(out).frames
    best = max(range(len(frames)), key=lambda k: frames[k].pixels.get(truth["crate"].id, 0))
    ids = np.array(Image.open(out / "ground_truth" / "instances" / f"frame_{best:06d}.png"))
    shown = recording[best].rgb.numpy()[ids == truth["crate"].number].mean(0)
    assert shown[0] > 2 * shown[1], "the mesh keeps its red"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["world", "--out", "x"], "seed or --scene"),
        (["world", "7", "--scene", "s.json", "--out", "x"], "not both"),
        (["world", "--scene", "s.json", "--rooms", "4", "--out", "x"], "--rooms"),
        (["world", "--scene", "nothing.json", "--out", "x"], "nothing.json"),
        (["world", "7", "--visits", "0", "--out", "x"], "--visits"),
        (["world", "7", "--workers", "0", "--out", "x"], "workers"),
        (["world", "7", "--rooms", "2", "--out", "x"], "3..9"),
        (["world", "-7", "--out", "x"], "seed"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(
    arguments: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.startswith("sightline: ")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_gltf_file_cannot_reach_out_of_the_folder(tmp_path: Path) -> None:
    folder = own_scene(tmp_path / "mine").parent
    (tmp_path / "secret.bin").write_bytes(b"0" * 400)
    table = {"asset": {"version": "2.0"}, "buffers": [{"uri": "../secret.bin", "byteLength": 400}]}
    (folder / "crate.gltf").write_text(json.dumps(table))
    text = (folder / "scene.json").read_text().replace("crate.glb", "crate.gltf")
    (folder / "scene.json").write_text(text)
    with pytest.raises(DescriptionError, match=r"scene\.json: mesh 'crate\.gltf'.*inside"):
        load_world(folder / "scene.json")


def test_a_damaged_mesh_is_refused_by_name(tmp_path: Path) -> None:
    folder = own_scene(tmp_path / "mine").parent
    (folder / "crate.glb").write_bytes((folder / "crate.glb").read_bytes()[:100])
    with pytest.raises(DescriptionError, match=r"crate\.glb.*triangles"):
        load_world(folder / "scene.json")
