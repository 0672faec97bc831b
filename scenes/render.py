"""Meshes + camera + pose -> image, z-depth and instance ids, by ray casting.

Open3D's ray caster finds the hits; everything after that is numpy on the hit pixels. One room light per room, a
sky term and a weak light at the eye; no shadows. Knows nothing of rooms or categories: it draws triangles that
carry an instance number, a finish and a light number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenes.types import Camera, Frame
from scenes.worlds.materials import MATERIALS
from scenes.worlds.mesh import Floats, Mesh, corner_normals
from scenes.worlds.textures import SIZE, texture_layers

BACKGROUND_RGB = 200
"""Grey level where a ray leaves the world."""
HEAD_CAMERA = Camera(width=640, height=480, fx=457.0, fy=457.0, cx=320.0, cy=240.0)
"""70 degrees horizontally, as the colour cameras of head-worn devices."""


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
class RenderedFrame:
    """A frame with its ground truth."""

    frame: Frame
    """With exact depth and pose, colour and depth from the same camera."""
    instance_ids: NDArray[np.int32]
    """(H, W) instance numbers; 0 structure, -1 nothing hit."""

    def pixel_counts(self) -> dict[int, int]:
        """Visible pixels of each instance."""
        numbers, counts = np.unique(self.instance_ids[self.instance_ids > 0], return_counts=True)
        return {int(n): int(c) for n, c in zip(numbers, counts, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """What (N) rays met, before shading."""

    depth_m: Floats
    """(N,) in units of the ray directions; inf where nothing was hit."""
    face: NDArray[np.int64]
    """(N,) face number, -1 where nothing was hit."""
    uv: Floats
    """(N, 2) barycentric coordinates."""


class Renderer:
    """Ray casts one set of instances; build once, render many views."""

    def __init__(self, instances: Sequence[Instance], lights: Sequence[tuple[float, float, float]]) -> None:
        import open3d as o3d  # lazy: heavy, and training machines may lack it

        if not instances or not lights:
            raise ValueError("a renderer needs at least one instance and one light")
        self._tensor = o3d.core.Tensor
        self._scene: Any = o3d.t.geometry.RaycastingScene(nthreads=0)
        vertices = np.concatenate([i.mesh.vertices for i in instances]).astype(np.float32)
        starts = np.cumsum([0, *(len(i.mesh.vertices) for i in instances[:-1])])
        triangles = np.concatenate([i.mesh.triangles + s for i, s in zip(instances, starts, strict=True)])
        self._scene.add_triangles(self._tensor(vertices), self._tensor(triangles.astype(np.uint32)))
        counts = [len(i.mesh.triangles) for i in instances]
        self._number = np.repeat(np.array([i.number for i in instances], np.int32), counts)
        self._color = np.concatenate([i.mesh.colors for i in instances])
        self._material = np.concatenate([i.mesh.materials for i in instances]).astype(np.int64)
        self._normals = np.concatenate([corner_normals(i.mesh) for i in instances])
        self._light = np.repeat(np.array([i.light for i in instances]), counts)
        self._lights = np.asarray(lights, np.float32)
        self._texture_map(instances, counts)

    def _texture_map(self, instances: Sequence[Instance], counts: Sequence[int]) -> None:
        """Per face: the two rows that turn a world point into texture coordinates, and their offset."""
        tiles = np.array([m.tile_m for m in MATERIALS], np.float32)
        rows = np.zeros((len(self._material), 2, 3), np.float32)
        offset = np.zeros((len(self._material), 2), np.float32)
        start = 0
        for instance, count in zip(instances, counts, strict=True):
            faces = slice(start, start + count)
            start += count
            c, s = np.cos(instance.yaw), np.sin(instance.yaw)
            # The rows of local_from_world's rotation are the local axes in world coordinates.
            axes = np.array([(c, 0, -s), (0, 1, 0), (s, 0, c)], np.float32)
            corners = instance.mesh.vertices[instance.mesh.triangles]
            normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ axes.T
            across = np.abs(normal).argmax(1)
            u_axis, v_axis = np.array([2, 0, 0])[across], np.array([1, 2, 1])[across]
            scale = (SIZE / tiles[self._material[faces]])[:, None]
            rows[faces, 0], rows[faces, 1] = axes[u_axis] * scale, axes[v_axis] * scale
            pinned = np.asarray(instance.origin, np.float32)
            # A different part of the texture for each instance and direction, or all walls would look alike.
            shift = np.random.default_rng((5, max(instance.number, 0))).uniform(0, SIZE, (3, 2))
            offset[faces] = shift[across] - rows[faces] @ pinned
        self._texture_rows, self._texture_offset = rows, offset

    def cast(self, origin: NDArray[np.floating], directions: NDArray[np.floating]) -> Hits:
        """Rays from one origin (3,) along (N, 3) directions of any length."""
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origin, directions
        answer = self._scene.cast_rays(self._tensor(rays))
        face = answer["primitive_ids"].numpy().astype(np.int64)
        face[face == np.iinfo(np.uint32).max] = -1
        return Hits(depth_m=answer["t_hit"].numpy(), face=face, uv=answer["primitive_uvs"].numpy())

    def numbers(self, hits: Hits) -> NDArray[np.int32]:
        """(N,) instance numbers of hits, -1 for none."""
        return np.where(hits.face >= 0, self._number[hits.face], -1).astype(np.int32)

    def shade(self, origin: NDArray[np.floating], directions: NDArray[np.floating], hits: Hits) -> NDArray[np.uint8]:
        """(N, 3) colours of hits."""
        out = np.full((len(directions), 3), BACKGROUND_RGB, np.uint8)
        seen = np.flatnonzero(hits.face >= 0)
        if len(seen) == 0:
            return out
        whole = len(seen) == len(directions)
        face = hits.face if whole else hits.face[seen]
        ray = (directions if whole else directions[seen]).astype(np.float32)
        depth = hits.depth_m if whole else hits.depth_m[seen]
        uv = hits.uv if whole else hits.uv[seen]
        point = np.asarray(origin, np.float32) + depth[:, None] * ray
        albedo = self._color[face] * self._texture(face, point)
        light, highlight = self._lighting(face, uv, point, ray)
        linear = albedo * light[:, None] + highlight[:, None]
        # Display gamma through a table: 4096 steps are finer than 8 bits.
        index = np.clip(linear * 4095.0, 0, 4095).astype(np.int16)
        out[seen] = _GAMMA[index]
        return out

    def _texture(self, face: NDArray[np.int64], point: Floats) -> Floats:
        layers = texture_layers()
        place = np.einsum("nij,nj->ni", self._texture_rows[face], point) + self._texture_offset[face]
        texel = np.floor(place).astype(np.int64)
        flat = layers.reshape(-1, 3)
        fine = (texel[:, 1] & (SIZE - 1)) * SIZE + (texel[:, 0] & (SIZE - 1))
        slow = ((texel[:, 1] >> 2) & (SIZE - 1)) * SIZE + ((texel[:, 0] >> 2) & (SIZE - 1))
        stains = layers[-1, ..., 0].reshape(-1)[slow]
        return flat[self._material[face] * (SIZE * SIZE) + fine] * stains[:, None]

    def _lighting(self, face: NDArray[np.int64], uv: Floats, point: Floats, ray: Floats) -> tuple[Floats, Floats]:
        """Diffuse factor and highlight at each hit."""
        corners = self._normals[face]
        u, v = uv[:, :1], uv[:, 1:]
        normal = corners[:, 0] * (1 - u - v) + corners[:, 1] * u + corners[:, 2] * v
        inverse_length = 1 / np.sqrt(np.maximum(np.einsum("ni,ni->n", ray, ray), 1e-12))
        toward_eye = np.einsum("ni,ni->n", normal, ray) * -inverse_length
        flip = np.where(toward_eye < 0, -1.0, 1.0).astype(np.float32)
        toward_eye = np.abs(toward_eye)
        to_light = self._lights[self._light[face]] - point
        squared = np.einsum("ni,ni->n", to_light, to_light)
        scale = 1 / np.sqrt(squared + 1e-6)
        facing = np.maximum(np.einsum("ni,ni->n", normal, to_light) * scale * flip, 0)
        lamp = 0.62 * facing / (1 + 0.05 * squared)
        sky = 0.27 + 0.1 * normal[:, 1] * flip + 0.07 * normal[:, 0] * flip
        shine = _EMISSION[self._material[face]]
        diffuse = (sky + lamp + 0.16 * toward_eye) * (1 - shine) + shine
        # Blinn: the half vector between the eye and the lamp.
        half = to_light * scale[:, None] - ray * inverse_length[:, None]
        half_length = np.sqrt(np.maximum(np.einsum("ni,ni->n", half, half), 1e-6))
        gleam = np.maximum(np.einsum("ni,ni->n", normal, half) * flip / half_length, 0)
        gleam *= gleam
        gleam *= gleam
        gleam *= gleam
        gleam *= gleam
        return diffuse, _GLOSS[self._material[face]] * 0.5 * gleam * gleam

    def render(self, camera: Camera, world_from_camera: Tensor, *, id: int = 0, time_s: float = 0.0) -> RenderedFrame:
        """One frame with exact ground truth.

        Args:
            camera: any pinhole camera.
            world_from_camera: (4, 4) pose.
        """
        pose = world_from_camera.numpy().astype(np.float64)
        directions = (camera_rays(camera) @ pose[:3, :3].T.astype(np.float32)).reshape(-1, 3)
        hits = self.cast(pose[:3, 3], directions)
        shape = (camera.height, camera.width)
        # Rays have z = 1 in the camera, so the ray parameter is the z-depth.
        depth = np.where(np.isfinite(hits.depth_m), hits.depth_m, 0).astype(np.float32).reshape(shape)
        rgb = self.shade(pose[:3, 3], directions, hits).reshape(*shape, 3)
        frame = Frame(
            id=id,
            time_s=time_s,
            camera=camera,
            rgb=torch.from_numpy(rgb),
            world_from_camera=world_from_camera.to(torch.float64),
            depth_m=torch.from_numpy(depth),
            depth_camera=camera,
        )
        return RenderedFrame(frame=frame, instance_ids=self.numbers(hits).reshape(shape))


def camera_rays(camera: Camera) -> Floats:
    """(H, W, 3) ray directions in the camera frame with z = 1, through pixel centres."""
    u = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height, dtype=np.float32) + 0.5 - camera.cy) / camera.fy
    rays = np.ones((camera.height, camera.width, 3), np.float32)
    rays[..., 0], rays[..., 1] = u[None, :], v[:, None]
    return rays


_GAMMA = (255 * (np.arange(4096) / 4095) ** (1 / 1.8) + 0.5).astype(np.uint8)
_GLOSS = np.array([m.gloss for m in MATERIALS], np.float32)
_EMISSION = np.array([m.emission for m in MATERIALS], np.float32)
