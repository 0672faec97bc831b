"""Own meshes keep their textures: a picture on a tiny quad shows where the file's coordinates put it."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scenes.geometry import look_at
from scenes.rendering.mesh import Mesh, join
from scenes.rendering.render import Renderer
from scenes.rendering.shading import Instance
from scenes.types import Camera
from scenes.worlds.own.description import DescriptionError, read_mesh

CAMERA = Camera(width=64, height=64, fx=64.0, fy=64.0, cx=32.0, cy=32.0)
CORNERS = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], "<f4")
UV = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], "<f4")
"""As glTF counts: v grows downwards."""
TABLE = {
    "asset": {"version": "2.0"},
    "scene": 0,
    "scenes": [{"nodes": [0]}],
    "nodes": [{"mesh": 0}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
    "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    "textures": [{"source": 0}],
    "images": [{"bufferView": 3, "mimeType": "image/png"}],
    "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
        {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
        {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
    ],
}


def picture() -> Image.Image:
    """Upper left red, upper right green, lower left blue, lower right gray."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4, :4], pixels[:4, 4:], pixels[4:, :4], pixels[4:, 4:] = (220, 0, 0), (0, 220, 0), (0, 0, 220), 128
    return Image.fromarray(pixels)


def glb(path: Path, table: dict | None = None) -> str:
    png = io.BytesIO()
    picture().save(png, "PNG")
    indices = np.array([0, 1, 2, 0, 2, 3], "<u2")
    blobs = [CORNERS.tobytes(), UV.tobytes(), indices.tobytes(), png.getvalue() + b"\0" * (-len(png.getvalue()) % 4)]
    starts = np.cumsum([0, *(len(b) for b in blobs)]).tolist()
    views = [{"buffer": 0, "byteOffset": s, "byteLength": len(b)} for s, b in zip(starts, blobs, strict=False)]
    text = json.dumps(
        {**TABLE, **(table or {}), "bufferViews": views, "buffers": [{"byteLength": starts[-1]}]}
    ).encode()
    text += b" " * (-len(text) % 4)
    data = b"".join(blobs)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path.name


def obj(path: Path) -> str:
    picture().save(path.parent / "face.png")
    (path.parent / "my look.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd -s 1 1 1 face.png\n")
    vertices = "".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS)
    # OBJ counts v upwards.
    uv = "".join(f"vt {u} {1 - v}\n" for u, v in UV)
    path.write_text(f"mtllib my look.mtl\n{vertices}{uv}usemtl skin\nf 1/1 2/2 3/3 4/4\n")
    return path.name


def gltf(path: Path) -> str:
    """The same in JSON, with its data beside it."""
    glb(path.with_suffix(".glb"))
    raw = path.with_suffix(".glb").read_bytes()
    length = struct.unpack("<I", raw[12:16])[0]
    table = json.loads(raw[20 : 20 + length])
    path.with_suffix(".bin").write_bytes(raw[28 + length :])
    table["buffers"][0]["uri"] = path.with_suffix(".bin").name
    picture().save(path.parent / "a face.png")
    table["images"] = [{"uri": "a%20face.png"}]
    path.write_text(json.dumps(table))
    return path.name


def shown(mesh: Mesh) -> np.ndarray:
    """(2, 2, 3) colours in the middle of the quarters of the quad, as seen from its front."""
    eye, target = torch.tensor([0.0, 0.5, 1.2]).double(), torch.tensor([0.0, 0.5, 0.0]).double()
    rgb = Renderer([Instance(number=1, mesh=mesh)], [(0.0, 1.5, 2.0)]).render(CAMERA, look_at(eye, target)).frame.rgb
    image = rgb.numpy().astype(float)
    return np.array([[image[r - 2 : r + 2, c - 2 : c + 2].mean((0, 1)) for c in (20, 44)] for r in (20, 44)])


@pytest.mark.parametrize(("write", "name"), [(glb, "q.glb"), (obj, "q.obj"), (gltf, "q.gltf")])
def test_a_texture_shows_where_the_file_puts_it(tmp_path: Path, write, name: str) -> None:
    mesh = read_mesh(tmp_path, write(tmp_path / name), "", np.random.default_rng(0))
    (red, green), (blue, gray) = shown(mesh)
    assert red[0] > 100
    assert max(red[1:]) < 20
    assert green[1] > 100
    assert max(green[0], green[2]) < 20
    assert blue[2] > 100
    assert max(blue[:2]) < 20
    assert np.ptp(gray) < 3
    assert 60 < gray.mean() < 180


def test_a_texture_keeps_its_place_when_the_thing_is_moved_and_turned(tmp_path: Path) -> None:
    mesh = read_mesh(tmp_path, glb(tmp_path / "q.glb"), "", np.random.default_rng(0))
    again = mesh.turned("y", 2.0).moved((3.0, 0.0, 1.0)).moved((-3.0, 0.0, -1.0)).turned("y", -2.0)
    assert np.abs(shown(again) - shown(mesh)).max() < 3


def test_a_texture_repeats_beyond_its_edges_and_is_tinted(tmp_path: Path) -> None:
    look: dict[str, Any] = {"baseColorFactor": [0.5, 1, 1, 1]}
    look["baseColorTexture"] = {"index": 0, "extensions": {"KHR_texture_transform": {"offset": [3.5, -2.0]}}}
    name = glb(tmp_path / "q.glb", {"materials": [{"pbrMetallicRoughness": look}]})
    plain = shown(read_mesh(tmp_path, glb(tmp_path / "p.glb"), "", np.random.default_rng(0)))
    (green, red), _ = shown(read_mesh(tmp_path, name, "", np.random.default_rng(0)))
    assert green == pytest.approx(plain[0, 1], abs=25)
    assert green.argmax() == 1
    # Half of the light is (1/2)^(1/1.8) of the display's value.
    assert red[0] == pytest.approx(plain[0, 0, 0] * 0.5 ** (1 / 1.8), rel=0.12)


def test_a_colour_paints_only_what_has_no_texture(tmp_path: Path) -> None:
    kept = read_mesh(tmp_path, glb(tmp_path / "q.glb"), "blue", np.random.default_rng(0))
    assert shown(kept)[0, 0].argmax() == 0
    bare = read_mesh(tmp_path, glb(tmp_path / "b.glb", {"materials": [{}]}), "blue", np.random.default_rng(0))
    assert bare.paint is None
    assert shown(bare)[0, 0].argmax() == 2


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "KHR_draco_mesh_compression"),
        ({"images": [{"uri": "../secret.png"}]}, "inside the description's folder"),
        ({"images": [{"bufferView": 0}]}, "texture that is a picture"),
        ({"nodes": [{"mesh": 7}]}, "triangles"),
        ({"nodes": [{"children": [0]}]}, "nested"),
        ({"meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}]}, "triangles"),
        ({"accessors": [{**TABLE["accessors"][0], "count": 10**9}, *TABLE["accessors"][1:]]}, "accessor 0"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, table: dict, text: str) -> None:
    with pytest.raises(DescriptionError, match=text) as error:
        read_mesh(tmp_path, glb(tmp_path / "q.glb", table), "", np.random.default_rng(0))
    assert "\n" not in str(error.value)


def test_a_missing_texture_of_an_obj_file_is_refused_with_its_line(tmp_path: Path) -> None:
    name = obj(tmp_path / "q.obj")
    (tmp_path / "face.png").unlink()
    with pytest.raises(DescriptionError, match=r"line 1: expected texture 'face\.png'"):
        read_mesh(tmp_path, name, "", np.random.default_rng(0))


def test_meshes_with_pictures_are_not_joined_unnoticed(tmp_path: Path) -> None:
    mesh = read_mesh(tmp_path, glb(tmp_path / "q.glb"), "", np.random.default_rng(0))
    with pytest.raises(ValueError, match="without pictures"):
        join(mesh, mesh)
