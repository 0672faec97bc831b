"""From ray hits to colours: texture, one lamp per room, sky, a weak light at the eye, highlights; no shadows.

All that a face needs is one row of a table, gathered once per hit. Hits are shaded in blocks that stay in the
processor's cache, component by component: on whole images the same arithmetic takes twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.rendering.materials import MATERIALS
from scenes.rendering.mesh import Floats, Mesh, corner_normals
from scenes.rendering.painting import Painted
from scenes.rendering.textures import SIZE, UNIT, texture_layers

BACKGROUND_RGB = 200
"""Grey level where a ray leaves the world."""
GLOSSY = 0.35
"""Gloss from which a face mirrors a depth camera's light away."""
_BLOCK = 8192
_COLOR, _NORMAL, _U_ROW, _V_ROW, _OFFSET, _LAMP, _GLOSS, _SHINE, _LAYER = 0, 3, 6, 9, 12, 14, 17, 18, 19
_COLUMNS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instance:
    """A mesh to draw, in world coordinates."""

    number: int
    """What the instance image holds at its pixels; 0 is reserved for walls, floors and ceilings."""
    mesh: Mesh
    light: int = 0
    """Which of the scene's lights shines on it."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the texture is pinned, so that it moves with the object."""
    yaw: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """What (N) rays met, before shading."""

    depth_m: Floats
    """(N,) in units of the ray directions; inf where nothing was hit."""
    face: NDArray[np.int64]
    """(N,) face number, -1 where nothing was hit."""
    uv: Floats
    """(N, 2) barycentric coordinates."""


class Shader:
    """Colours of hits on a fixed list of instances."""

    def __init__(self, instances: Sequence[Instance], lights: Sequence[tuple[float, float, float]]) -> None:
        material = np.concatenate([i.mesh.materials for i in instances]).astype(np.int64)
        counts = [len(i.mesh.triangles) for i in instances]
        corners = np.concatenate([corner_normals(i.mesh) for i in instances])
        table = np.zeros((len(material), _COLUMNS), np.float32)
        table[:, _COLOR : _COLOR + 3] = np.concatenate([i.mesh.colors for i in instances])
        table[:, _NORMAL : _NORMAL + 3] = corners[:, 0]
        lamps = np.asarray(lights, np.float32)
        table[:, _LAMP : _LAMP + 3] = lamps[np.repeat([i.light for i in instances], counts)]
        table[:, _GLOSS] = np.array([m.gloss for m in MATERIALS], np.float32)[material]
        table[:, _SHINE] = np.array([m.emission for m in MATERIALS], np.float32)[material]
        table[:, _LAYER] = material
        start = 0
        for instance, count in zip(instances, counts, strict=True):
            _pin_texture(instance, table[start : start + count])
            start += count
        self._table = table
        self._corners = corners.reshape(-1, 9)
        self.glossy = table[:, _GLOSS] >= GLOSSY
        """(faces,) whether a depth camera's light would be mirrored away by a face."""
        self._painted = Painted.of([i.mesh for i in instances])
        self._curved = np.ptp(corners, axis=1).max(axis=1) > 1e-3

    def shade(self, origin: NDArray[np.floating], directions: Floats, hits: Hits) -> NDArray[np.uint8]:
        """(N, 3) colours of hits."""
        out = np.full((len(directions), 3), BACKGROUND_RGB, np.uint8)
        eye = np.asarray(origin, np.float32)
        for start in range(0, len(directions), _BLOCK):
            block = slice(start, start + _BLOCK)
            face = hits.face[block]
            seen = face >= 0
            if seen.all():
                out[block] = self._block(eye, directions[block], hits.depth_m[block], face, hits.uv[block])
            elif seen.any():
                colors = self._block(
                    eye, directions[block][seen], hits.depth_m[block][seen], face[seen], hits.uv[block][seen]
                )
                out[block][seen] = colors
        return out

    def _block(
        self, eye: Floats, rays: Floats, depth: Floats, face: NDArray[np.int64], uv: Floats
    ) -> NDArray[np.uint8]:
        """Colours of one block of hits; arrays are (components, n) inside."""
        row = np.ascontiguousarray(np.take(self._table, face, axis=0).T)
        ray = np.ascontiguousarray(rays.T)
        point = ray * depth + eye[:, None]
        normal = self._normals_at(row, face, uv)
        to_eye = np.negative(ray) * (1 / np.sqrt(_dot(ray, ray))).astype(np.float32)
        toward_eye = _dot(normal, to_eye)
        normal *= np.where(toward_eye < 0, np.float32(-1), np.float32(1))
        light, highlight = _lighting(row, point, normal, to_eye, np.abs(toward_eye))
        factor = _texture(row, point)
        if self._painted is not None:
            self._painted.put(factor, face, uv)
        albedo = row[_COLOR : _COLOR + 3] * factor
        # Display gamma through a table: 4096 steps are finer than 8 bits.
        linear = np.minimum(albedo * light + highlight, 1.0) * np.float32(4095)
        return np.take(_GAMMA, linear.astype(np.int16)).T

    def _normals_at(self, row: Floats, face: NDArray[np.int64], uv: Floats) -> Floats:
        """(3, n) unit normals; interpolated on curved faces only."""
        normal = row[_NORMAL : _NORMAL + 3].copy()
        curved = np.flatnonzero(self._curved[face])
        if len(curved):
            corners = self._corners[face[curved]].T
            u, v = uv[curved, 0], uv[curved, 1]
            smooth = corners[:3] * (1 - u - v) + corners[3:6] * u + corners[6:] * v
            smooth = smooth.astype(np.float32, copy=False)
            normal[:, curved] = smooth / np.sqrt(np.maximum(_dot(smooth, smooth), 1e-12))
        return normal


def _pin_texture(instance: Instance, rows: Floats) -> None:
    """Fill in the rows that turn a world point into texels, so that the texture moves with the object."""
    tiles = np.array([m.tile_m for m in MATERIALS], np.float32)
    c, s = np.cos(instance.yaw), np.sin(instance.yaw)
    # The rows of local_from_world's rotation are the local axes in world coordinates.
    axes = np.array([(c, 0, -s), (0, 1, 0), (s, 0, c)], np.float32)
    corners = instance.mesh.vertices[instance.mesh.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ axes.T
    across = np.abs(normal).argmax(1)
    scale = (SIZE / tiles[instance.mesh.materials])[:, None]
    rows[:, _U_ROW : _U_ROW + 3] = axes[np.array([2, 0, 0])[across]] * scale
    rows[:, _V_ROW : _V_ROW + 3] = axes[np.array([1, 2, 1])[across]] * scale
    # A different part of the texture for each instance and direction, or all walls would look alike.
    shift = np.random.default_rng((5, max(instance.number, 0))).uniform(0, SIZE, (3, 2))
    pinned = np.asarray(instance.origin, np.float32)
    rows[:, _OFFSET] = shift[across, 0] - rows[:, _U_ROW : _U_ROW + 3] @ pinned
    rows[:, _OFFSET + 1] = shift[across, 1] - rows[:, _V_ROW : _V_ROW + 3] @ pinned


def _dot(a: Floats, b: Floats) -> Floats:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _texture(row: Floats, point: Floats) -> Floats:
    """(3, n) colour factors at texels, under slow stains that break the repetition."""
    layers = texture_layers()
    u = np.floor(_dot(row[_U_ROW : _U_ROW + 3], point) + row[_OFFSET]).astype(np.int32)
    v = np.floor(_dot(row[_V_ROW : _V_ROW + 3], point) + row[_OFFSET + 1]).astype(np.int32)
    mask = SIZE - 1
    fine = (row[_LAYER].astype(np.int32) * SIZE + (v & mask)) * SIZE + (u & mask)
    slow = ((len(MATERIALS) * SIZE) + ((v >> 2) & mask)) * SIZE + ((u >> 2) & mask)
    flat = layers.reshape(-1, 3)
    stains = np.take(layers.reshape(-1), slow * 3) * np.float32(UNIT)
    return np.take(flat, fine, axis=0).T * (stains * np.float32(UNIT))


def _lighting(row: Floats, point: Floats, normal: Floats, to_eye: Floats, facing_eye: Floats) -> tuple[Floats, Floats]:
    """Diffuse factor and highlight at each hit, both (n,)."""
    to_lamp = row[_LAMP : _LAMP + 3] - point
    squared = _dot(to_lamp, to_lamp) + np.float32(1e-6)
    to_lamp /= np.sqrt(squared)
    lamp = 0.62 * np.maximum(_dot(normal, to_lamp), 0) / (1 + 0.05 * squared)
    sky = 0.27 + 0.1 * normal[1] + 0.07 * normal[0]
    shine = row[_SHINE]
    diffuse = (sky + lamp + 0.16 * facing_eye) * (1 - shine) + shine
    gloss = row[_GLOSS]
    if not gloss.any():
        return diffuse, np.zeros_like(diffuse)
    # Blinn: the half vector between the eye and the lamp, to the 32nd power.
    half = to_lamp + to_eye
    gleam = np.maximum(_dot(normal, half), 0) / np.sqrt(np.maximum(_dot(half, half), 1e-6))
    for _ in range(5):
        gleam *= gleam
    return diffuse, 0.5 * gloss * gleam


_GAMMA = (255 * (np.arange(4096) / 4095) ** (1 / 1.8) + 0.5).astype(np.uint8)
