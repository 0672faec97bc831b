"""Wavefront OBJ files with their MTL materials as triangles: polygons, base colours (Kd) and their pictures (map_Kd).

Read here and not by Open3D, whose reader drops all meshes that hold a polygon, nor by trimesh (5.2), which takes 1.5 s
to import, reads a missing texture as none, and names no line of a damaged file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from scenes.worlds.own.own_mesh import MeshFileError, OwnMesh, Picture, decoded_picture

Corner = tuple[int, int]
"""Vertex and texture coordinate, from 0; the latter -1 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    picture: Path | None = None


@dataclass(slots=True)
class _Lists:
    """What has been read so far."""

    vertices: list[list[float]] = field(default_factory=list)
    uv: list[tuple[float, float]] = field(default_factory=list)
    faces: list[tuple[Corner, Corner, Corner]] = field(default_factory=list)
    material_of: list[str] = field(default_factory=list)
    materials: dict[str, _Material] = field(default_factory=dict)


def read_obj(path: Path, folder: Path) -> OwnMesh:
    """All triangles of a file, polygons cut into fans; files that it names must lie in ``folder``.

    A material library that is not there leaves the faces without colours, as in other programs.
    Raises MeshFileError with the line: no numbers, an index that does not exist, a texture that is no picture.
    """
    lists, material = _Lists(), ""
    for number, kind, fields in _lines(path):
        try:
            if kind == "v":
                x, y, z = (float(f) for f in fields[:3])
                lists.vertices.append([x, y, z])
            elif kind == "vt":
                u, v = (float(f) for f in (*fields, "0")[:2])
                lists.uv.append((u, 1.0 - v))
            elif kind == "f":
                corners = [_corner(f, len(lists.vertices), len(lists.uv)) for f in fields]
                lists.faces += [(corners[0], b, c) for b, c in pairwise(corners[1:])]
                lists.material_of += [material] * (len(corners) - 2)
            elif kind == "usemtl":
                material = " ".join(fields)
            elif kind == "mtllib":
                lists.materials |= _library(path.parent / " ".join(fields), folder)
        except (ValueError, IndexError) as error:
            reason = str(error) if isinstance(error, MeshFileError) else "expected numbers"
            raise MeshFileError(f"line {number}: {reason}, got {' '.join((kind, *fields))[:40]!r}") from error
    return _mesh(lists)


def _lines(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """(number, first word, the others) of each line that says something."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        kind, *fields = line.split("#", 1)[0].split() or [""]
        if kind:
            yield number, kind, fields


def _corner(text: str, vertices: int, coordinates: int) -> Corner:
    """Numbers count from 1; negative ones from the newest."""
    first, second = [int(part) if part else 0 for part in f"{text}/".split("/")[:2]]
    vertex = first - 1 if first > 0 else vertices + first
    coordinate = second - 1 if second > 0 else coordinates + second if second else -1
    return vertex, coordinate if 0 <= coordinate < coordinates else -1


def _library(path: Path, folder: Path) -> dict[str, _Material]:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise MeshFileError("expected a material library inside the description's folder")
    out: dict[str, _Material] = {}
    name = ""
    for _, kind, fields in _lines(path) if path.is_file() else ():
        if kind == "newmtl":
            name = " ".join(fields)
            out[name] = _Material()
        elif kind == "Kd" and name in out:
            r, g, b = (float(f) for f in fields[:3])
            out[name] = replace(out[name], rgb=(r, g, b))
        elif kind == "map_Kd" and name in out:
            picture = (path.parent / fields[-1].replace("\\", "/")).resolve()
            if not picture.is_relative_to(folder.resolve()) or not picture.is_file():
                raise MeshFileError(f"expected texture {fields[-1]!r} to exist inside the description's folder")
            out[name] = replace(out[name], picture=picture)
    return out


def _mesh(lists: _Lists) -> OwnMesh:
    corners = np.array(lists.faces, np.int64).reshape(-1, 3, 2)
    coordinates = np.array([*lists.uv, (0.0, 0.0)], np.float32)
    # A face that lacks a coordinate has no place in a picture.
    placed = (corners[:, :, 1] >= 0).all(1)
    paths = dict.fromkeys(m.picture for m in lists.materials.values() if m.picture is not None)
    number = {picture: k for k, picture in enumerate(paths)}
    pictures: tuple[Picture, ...] = tuple(decoded_picture(picture) for picture in paths)
    used = [lists.materials.get(name, _Material()) for name in lists.material_of]
    picture = np.array([-1 if m.picture is None else number[m.picture] for m in used], np.int32)
    colors = np.array([m.rgb for m in used], np.float32).reshape(-1, 3)
    return OwnMesh(
        vertices=np.array(lists.vertices, np.float32).reshape(-1, 3),
        triangles=corners[:, :, 0].astype(np.int32),
        colors=colors if any(name in lists.materials for name in lists.material_of) else None,
        uv=coordinates[corners[:, :, 1]],
        picture=np.where(placed, picture, -1).astype(np.int32),
        pictures=pictures,
    )
