"""glTF 2.0 files (.gltf, .glb) as triangles: node transforms, vertex colours, base colours and their pictures.

Read here and not by Open3D, whose reader gives no pictures, nor by trimesh (5.2), which ignores texture transforms,
drops triangle fans, and passes over missing files and damaged parts without a word. Sources: the glTF 2.0
specification of the Khronos Group, and its extension KHR_texture_transform. What else a file requires (compression,
sparse accessors) is refused.
"""

from __future__ import annotations

import base64
import io
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from scenes.worlds.own.own_mesh import MeshFileError, OwnMesh, Picture, decoded_picture, joined

_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_KNOWN = frozenset({"KHR_texture_transform", "KHR_materials_unlit", "KHR_mesh_quantization"})
MAX_DEPTH = 64
"""Deepest nesting of nodes."""


def read_gltf(path: Path, folder: Path) -> OwnMesh:
    """All triangles of a file's scene in one frame; files that it names must lie in ``folder``.

    Raises MeshFileError: not glTF 2.0, damaged, without triangles, or in need of an extension.
    """
    try:
        file = _open(path, folder)
        for part in (*file.table.get("buffers", ()), *file.table.get("images", ())):
            file.check_uri(str(part.get("uri", "data:")))
        return joined([*file.primitives()])
    except MeshFileError:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise MeshFileError(f"expected glTF 2.0 with triangles, got: {error!r}"[:160]) from error


def _open(path: Path, folder: Path) -> _File:
    data = path.read_bytes()
    chunk: bytes | None = None
    if data[:4] == b"glTF":
        _, version, total = struct.unpack("<4sII", data[:12])
        length = struct.unpack("<I", data[12:16])[0]
        if version != 2 or total > len(data):
            raise MeshFileError(
                f"expected glTF 2.0 with triangles, {total} bytes long; got version {version}, {len(data)}"
            )
        text, rest = data[20 : 20 + length], data[20 + length :]
        chunk = rest[8:] if rest else None
    else:
        text = data
    table = json.loads(text)
    unknown = sorted(set(table.get("extensionsRequired", ())) - _KNOWN)
    if unknown:
        raise MeshFileError(f"expected glTF 2.0 without {', '.join(unknown)}; export it uncompressed")
    return _File(table=table, chunk=chunk, path=path, folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    table: dict[str, Any]
    chunk: bytes | None
    path: Path
    folder: Path

    def primitives(self) -> Iterator[OwnMesh]:
        """Each part of each mesh that the scene shows, in the scene's frame."""
        scenes = self.table.get("scenes", [])
        roots = scenes[self.table.get("scene", 0)]["nodes"] if scenes else range(len(self.table.get("nodes", [])))
        for root in roots:
            yield from self._node(root, np.eye(4), 0)

    def _node(self, index: int, world: NDArray[np.float64], depth: int) -> Iterator[OwnMesh]:
        if depth > MAX_DEPTH:
            raise MeshFileError(f"expected nodes nested at most {MAX_DEPTH} deep")
        node = self.table["nodes"][index]
        here = world @ _matrix(node)
        if "mesh" in node:
            for primitive in self.table["meshes"][node["mesh"]]["primitives"]:
                part = self._primitive(primitive, here)
                if part is not None:
                    yield part
        for child in node.get("children", ()):
            yield from self._node(child, here, depth + 1)

    def _primitive(self, primitive: dict[str, Any], world: NDArray[np.float64]) -> OwnMesh | None:
        mode = primitive.get("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            return None  # points and lines have no surface
        attributes = primitive["attributes"]
        points = self._accessor(attributes["POSITION"])
        order = self._accessor(primitive["indices"]).ravel() if "indices" in primitive else np.arange(len(points))
        triangles = _triangles(order.astype(np.int64), mode)
        material = self.table.get("materials", [])[primitive["material"]] if "material" in primitive else {}
        surface = material.get("pbrMetallicRoughness", {})
        colors = np.tile(np.asarray(surface.get("baseColorFactor", (1, 1, 1, 1))[:3], np.float32), (len(points), 1))
        has_color = "baseColorFactor" in surface or "COLOR_0" in attributes
        if "COLOR_0" in attributes:
            colors = colors * self._accessor(attributes["COLOR_0"])[:, :3]
        uv, picture = self._picture(surface.get("baseColorTexture"), attributes, triangles)
        return OwnMesh(
            vertices=(points @ world[:3, :3].T + world[:3, 3]).astype(np.float32),
            triangles=triangles.astype(np.int32),
            colors=colors[triangles].mean(1).astype(np.float32) if has_color or picture is not None else None,
            uv=uv,
            picture=np.full(len(triangles), -1 if picture is None else 0, np.int32),
            pictures=() if picture is None else (picture,),
        )

    def _picture(
        self, texture: dict[str, Any] | None, attributes: dict[str, int], triangles: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], Picture | None]:
        nothing = np.zeros((len(triangles), 3, 2), np.float32)
        if texture is None:
            return nothing, None
        moved = texture.get("extensions", {}).get("KHR_texture_transform", {})
        name = f"TEXCOORD_{moved.get('texCoord', texture.get('texCoord', 0))}"
        if name not in attributes:
            return nothing, None
        uv = self._accessor(attributes[name]) * np.asarray(moved.get("scale", (1, 1)))
        c, s = math.cos(moved.get("rotation", 0.0)), math.sin(moved.get("rotation", 0.0))
        uv = uv @ np.array([(c, -s), (s, c)]) + np.asarray(moved.get("offset", (0, 0)))
        source = self.table["images"][self.table["textures"][texture["index"]]["source"]]
        data = self._view(source["bufferView"]) if "bufferView" in source else self._uri(source["uri"])
        return uv[triangles].astype(np.float32), decoded_picture(io.BytesIO(data))

    def _accessor(self, index: int) -> NDArray[np.float64]:
        """(count, width) values; integers that stand for fractions are scaled."""
        accessor = self.table["accessors"][index]
        if "sparse" in accessor:
            raise MeshFileError("expected glTF 2.0 without sparse accessors")
        dtype, width = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count, view = int(accessor["count"]), self.table["bufferViews"][accessor["bufferView"]]
        data = self._view(accessor["bufferView"])[accessor.get("byteOffset", 0) :]
        row = dtype.itemsize * width
        stride = view.get("byteStride", row)
        if count < 1 or stride < row or len(data) < (count - 1) * stride + row:
            raise MeshFileError(f"expected glTF 2.0 with triangles, accessor {index} reaches over the end of its data")
        raw = np.ndarray((count, width), dtype, data, strides=(stride, dtype.itemsize))
        values = raw.astype(np.float64)
        return np.maximum(values / np.iinfo(dtype).max, -1.0) if accessor.get("normalized") else values

    def _view(self, index: int) -> bytes:
        view = self.table["bufferViews"][index]
        buffer = self.table["buffers"][view["buffer"]]
        data = self._uri(buffer["uri"]) if "uri" in buffer else self.chunk
        if data is None:
            raise MeshFileError("expected glTF 2.0 with triangles, its binary part is missing")
        start = view.get("byteOffset", 0)
        return data[start : start + view["byteLength"]]

    def _uri(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            head, _, body = uri.partition(",")
            return base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)
        return (self.path.parent / unquote(uri)).read_bytes()

    def check_uri(self, uri: str) -> None:
        """Raises MeshFileError where another file is named that is not there, or not in the folder."""
        if uri.startswith("data:"):
            return
        other = (self.path.parent / unquote(uri)).resolve()
        if not (other.is_relative_to(self.folder.resolve()) and other.is_file()):
            raise MeshFileError(f"expected {uri[:80]!r} to exist inside the description's folder")


def _triangles(order: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(M, 3) from the order of vertices of a list, a strip or a fan; the winding does not matter here."""
    if mode == _TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if mode == _STRIP:
        return np.stack([order[:-2], order[1:-1], order[2:]], 1)
    return np.stack([np.repeat(order[:1], len(order) - 2), order[1:-1], order[2:]], 1)


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    """(4, 4) parent from node."""
    if "matrix" in node:
        return np.asarray(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.asarray(node.get("rotation", (0, 0, 0, 1)), np.float64)
    out = np.eye(4)
    out[:3, :3] = np.array(
        [
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ]
    ) * np.asarray(node.get("scale", (1, 1, 1)), np.float64)
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out
