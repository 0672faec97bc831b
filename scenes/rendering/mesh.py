"""Triangle meshes with a colour and a material per face, and the primitives that shapes are made of.

Local frame of every shape: Y up, the base at y = 0, the front towards +z. ``at`` is the centre of a primitive's
bottom face. Faces need no consistent winding: the renderer turns normals towards the eye.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scenes.rendering.materials import MATERIAL_INDEX

Floats = NDArray[np.float32]
Vec3 = tuple[float, float, float]
RGB = tuple[float, float, float]
ORIGIN: Vec3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Finish:
    """How a surface looks."""

    rgb: RGB
    """Linear-ish albedo 0..1."""
    material: str = "plain"
    """A name in ``scenes.rendering.materials.MATERIALS``."""

    def shade(self, factor: float) -> Finish:
        """The same finish, brighter or darker."""
        r, g, b = (min(1.0, max(0.0, c * factor)) for c in self.rgb)
        return Finish((r, g, b), self.material)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paint:
    """Pictures on faces, in place of the texture of their material."""

    uv: Floats
    """(M, 3, 2) place of each corner in its picture, whose edges are 1 long; beyond them it repeats."""
    picture: NDArray[np.int32]
    """(M,) place in ``pictures``, -1 for a face without one."""
    pictures: tuple[NDArray[np.uint8], ...]
    """(H, W, 3) sRGB each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """Triangles with a finish per face."""

    vertices: Floats
    """(N, 3) metres."""
    triangles: NDArray[np.int32]
    """(M, 3) vertex numbers."""
    colors: Floats
    """(M, 3) albedo 0..1."""
    materials: NDArray[np.uint8]
    """(M,) index into ``MATERIALS``."""
    paint: Paint | None = None
    """Pictures of a mesh that somebody brought; shapes made here have none."""

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest corner, each (3,)."""
        return self.vertices.min(0), self.vertices.max(0)

    def moved(self, offset: Vec3) -> Mesh:
        """Translated by ``offset`` metres."""
        return replace(self, vertices=self.vertices + np.asarray(offset, np.float32))

    def turned(self, axis: str, angle: float) -> Mesh:
        """Rotated about ``x``, ``y`` or ``z`` through the origin by ``angle`` radians (right-handed)."""
        return replace(self, vertices=self.vertices @ axis_rotation(axis, angle).T.astype(np.float32))

    def scaled(self, factors: Vec3) -> Mesh:
        """Scaled along the axes."""
        return replace(self, vertices=self.vertices * np.asarray(factors, np.float32))

    def without(self, span: tuple[int, int]) -> Mesh:
        """Without the vertices of a span (first, one past the last) and the faces on them."""
        first, last = span
        if self.paint is not None:
            raise ValueError("expected a mesh without pictures")
        kept = ((self.triangles < first) | (self.triangles >= last)).all(1)
        triangles = self.triangles[kept]
        return Mesh(
            vertices=np.concatenate([self.vertices[:first], self.vertices[last:]]),
            triangles=np.where(triangles >= last, triangles - (last - first), triangles).astype(np.int32),
            colors=self.colors[kept],
            materials=self.materials[kept],
        )

    def grounded(self) -> Mesh:
        """Moved so that the base is at y = 0 and the footprint is centred on the origin."""
        low, high = self.bounds
        return self.moved((-float(low[0] + high[0]) / 2, -float(low[1]), -float(low[2] + high[2]) / 2))


def axis_rotation(axis: str, angle: float) -> NDArray[np.float64]:
    """(3, 3) right-handed rotation about a coordinate axis."""
    c, s = math.cos(angle), math.sin(angle)
    rows = {
        "x": ((1, 0, 0), (0, c, -s), (0, s, c)),
        "y": ((c, 0, s), (0, 1, 0), (-s, 0, c)),
        "z": ((c, -s, 0), (s, c, 0), (0, 0, 1)),
    }[axis]
    return np.array(rows, dtype=np.float64)


def painted(vertices: NDArray[np.floating], triangles: NDArray[np.integer], finish: Finish) -> Mesh:
    """A mesh of one finish."""
    count = len(triangles)
    return Mesh(
        vertices=np.asarray(vertices, np.float32),
        triangles=np.asarray(triangles, np.int32),
        colors=np.tile(np.asarray(finish.rgb, np.float32), (count, 1)),
        materials=np.full(count, MATERIAL_INDEX[finish.material], np.uint8),
    )


def join(*meshes: Mesh) -> Mesh:
    """All meshes as one; only meshes without pictures."""
    if any(m.paint is not None for m in meshes):
        raise ValueError("expected meshes without pictures")
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    return Mesh(
        vertices=np.concatenate([m.vertices for m in meshes]),
        triangles=np.concatenate([m.triangles + np.int32(s) for m, s in zip(meshes, starts, strict=True)]),
        colors=np.concatenate([m.colors for m in meshes]),
        materials=np.concatenate([m.materials for m in meshes]),
    )


_BOX_TRIANGLES = np.array(
    [
        *((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)),
        *((2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)),
    ],
    dtype=np.int32,
)


def box(size: Vec3, finish: Finish, at: Vec3 = ORIGIN) -> Mesh:
    """A cuboid standing on ``at``."""
    unit = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)])
    return painted(unit * np.asarray(size) + np.asarray(at), _BOX_TRIANGLES, finish)


def _rings(rings: NDArray[np.floating], finish: Finish, *, wrap: bool = False) -> Mesh:
    """Quads between consecutive closed rings (R, S, 3); ``wrap`` also joins the last to the first."""
    count, segments = rings.shape[:2]
    index = np.arange(count * segments).reshape(count, segments)
    upper = np.roll(index, -1, axis=0) if wrap else index[1:]
    lower = index if wrap else index[:-1]
    a, b = lower, np.roll(lower, -1, axis=1)
    c, d = upper, np.roll(upper, -1, axis=1)
    triangles = np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    return painted(rings.reshape(-1, 3), triangles, finish)


def lathe(profile: Sequence[tuple[float, float]], finish: Finish, at: Vec3 = ORIGIN, segments: int = 20) -> Mesh:
    """The surface of revolution of a profile of (radius, height) pairs about the vertical through ``at``."""
    angle = np.arange(segments) * (2 * math.pi / segments)
    radius = np.array([max(r, 1e-4) for r, _ in profile])[:, None]
    height = np.array([y for _, y in profile])[:, None]
    rings = np.stack([radius * np.cos(angle), height + 0 * angle, radius * np.sin(angle)], axis=-1)
    return _rings(rings + np.asarray(at), finish)


def cylinder(
    radius: float, height: float, finish: Finish, at: Vec3 = ORIGIN, *, top: float | None = None, segments: int = 18
) -> Mesh:
    """A closed cylinder, or cone frustum when ``top`` gives another radius."""
    upper = radius if top is None else top
    return lathe([(0, 0), (radius, 0), (upper, height), (0, height)], finish, at, segments)


def _sign_power(x: NDArray[np.floating], power: float) -> NDArray[np.floating]:
    return np.sign(x) * np.abs(x) ** power


def cushion(size: Vec3, finish: Finish, at: Vec3 = ORIGIN, *, roundness: float = 0.4, segments: int = 16) -> Mesh:
    """A superellipsoid: 1 is an ellipsoid, towards 0 a cuboid (Barr 1981)."""
    lat = np.linspace(-math.pi / 2, math.pi / 2, max(6, segments // 2))[:, None]
    lon = (np.arange(segments) + 0.5) * (2 * math.pi / segments)
    ring = np.abs(np.cos(lat)) ** roundness
    unit = np.stack(
        [
            ring * _sign_power(np.cos(lon), roundness),
            _sign_power(np.sin(lat), roundness) + 0 * lon,
            ring * _sign_power(np.sin(lon), roundness),
        ],
        axis=-1,
    )
    half = np.asarray(size) / 2
    return _rings(unit * half + np.asarray(at) + np.array([0, half[1], 0]), finish)


def ellipsoid(size: Vec3, finish: Finish, at: Vec3 = ORIGIN, segments: int = 16) -> Mesh:
    """An ellipsoid resting on ``at``."""
    return cushion(size, finish, at, roundness=1.0, segments=segments)


def tube(points: Sequence[Vec3], radius: float, finish: Finish, *, sides: int = 7, closed: bool = False) -> Mesh:
    """A round bar along a polyline; ``closed`` joins the last point to the first."""
    path = np.asarray(points, np.float64)
    ahead = np.roll(path, -1, 0) - path
    if closed:
        tangent = path - np.roll(path, 1, 0) + ahead
    else:
        ahead[-1] = ahead[-2]
        tangent = ahead + np.vstack([ahead[:1], ahead[:-1]])
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # The reference axis that the path follows least, so that the cross product is far from zero.
    reference = np.eye(3)[np.abs(tangent).sum(0).argmin()]
    side = np.cross(tangent, reference)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, tangent)
    angle = (np.arange(sides) + 0.5) * (2 * math.pi / sides)
    rings = path[:, None] + radius * (side[:, None] * np.cos(angle)[:, None] + up[:, None] * np.sin(angle)[:, None])
    body = _rings(rings, finish, wrap=closed)
    if closed:
        return body
    last = (len(path) - 1) * sides
    fan = np.array([(0, i, i + 1) for i in range(1, sides - 1)], np.int32)
    return replace(
        body,
        triangles=np.concatenate([body.triangles, fan, fan + last]).astype(np.int32),
        colors=np.concatenate([body.colors, np.tile(body.colors[:1], (2 * len(fan), 1))]),
        materials=np.concatenate([body.materials, np.full(2 * len(fan), body.materials[0], np.uint8)]),
    )


def prism(outline: Sequence[tuple[float, float]], depth: float, finish: Finish, at: Vec3 = ORIGIN) -> Mesh:
    """An (x, y) outline, star-shaped about its mean, extruded along z and centred there."""
    flat = np.asarray(outline, np.float64)
    count = len(flat)
    loop = np.vstack([flat, flat.mean(0)])
    front = np.column_stack([loop, np.full(count + 1, depth / 2)])
    back = np.column_stack([loop, np.full(count + 1, -depth / 2)])
    i = np.arange(count)
    j = (i + 1) % count
    hub = np.full(count, count)
    shift = count + 1
    triangles = np.concatenate(
        [
            np.stack([i, j, hub], 1),
            np.stack([j, i, hub], 1) + shift,
            np.stack([i, j, j + shift], 1),
            np.stack([i, j + shift, i + shift], 1),
        ]
    )
    return painted(np.vstack([front, back]) + np.asarray(at), triangles, finish)


def corner_normals(mesh: Mesh, crease_deg: float = 42.0) -> Floats:
    """(M, 3, 3) unit normal at each corner of each face, smoothed over neighbours that bend less than a crease."""
    v, t = mesh.vertices.astype(np.float64), mesh.triangles
    area = np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]])
    unit = area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-12)
    order = np.argsort(t.reshape(-1), kind="stable")
    vertex = t.reshape(-1)[order]
    starts = np.flatnonzero(np.r_[True, vertex[1:] != vertex[:-1]])
    counts = np.diff(np.r_[starts, len(vertex)])
    # Every ordered pair of corners that share a vertex.
    repeats = np.repeat(counts, counts)
    first = np.repeat(np.arange(len(vertex)), repeats)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    second = np.repeat(np.repeat(starts, counts), repeats) + offset
    face_a, face_b = order[first] // 3, order[second] // 3
    agreement = (unit[face_a] * unit[face_b]).sum(1)
    smooth = np.abs(agreement) > math.cos(math.radians(crease_deg))
    # Winding may differ between primitives: neighbours count with the sign that agrees.
    weight = np.where(smooth, np.sign(agreement), 0.0)[:, None] * area[face_b]
    total = np.zeros((len(vertex), 3))
    for axis in range(3):
        total[:, axis] = np.bincount(order[first], weight[:, axis], minlength=len(vertex))
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return total.reshape(-1, 3, 3).astype(np.float32)
