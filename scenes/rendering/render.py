"""Meshes + camera + pose -> image, z-depth and instance ids, by ray casting.

Open3D's ray caster finds the hits, ``scenes.rendering.shading`` colours them. Knows nothing of rooms or categories: it
draws triangles that carry an instance number, a finish and a light number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scenes.rendering.mesh import Floats
from scenes.rendering.shading import Hits, Instance, Shader
from scenes.types import Camera, Frame

HEAD_CAMERA = Camera(width=640, height=480, fx=457.0, fy=457.0, cx=320.0, cy=240.0)
"""70 degrees horizontally, as the colour cameras of head-worn devices."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderedFrame:
    """A frame with its ground truth."""

    frame: Frame
    """With exact depth and pose, colour and depth from the same camera."""
    depth_m: Tensor
    """(H, W) float32: the frame's exact depth."""
    world_from_camera: Tensor
    """(4, 4) float64: the frame's exact pose."""
    instance_ids: NDArray[np.int32]
    """(H, W) instance numbers; 0 structure, -1 nothing hit."""
    glossy: NDArray[np.bool_]
    """(H, W) where a depth camera's light would be mirrored away."""

    def pixel_counts(self) -> dict[int, int]:
        """Visible pixels of each instance."""
        numbers, counts = np.unique(self.instance_ids[self.instance_ids > 0], return_counts=True)
        return {int(n): int(c) for n, c in zip(numbers, counts, strict=True)}


class Renderer:
    """Ray casts one set of instances; build once, render many views."""

    def __init__(
        self, instances: Sequence[Instance], lights: Sequence[tuple[float, float, float]], *, threads: int = 0
    ) -> None:
        import open3d as o3d  # lazy: heavy, and training machines may lack it

        if not instances or not lights:
            raise ValueError("a renderer needs at least one instance and one light")
        if (highest := max(i.light for i in instances)) >= len(lights):
            raise ValueError(f"expected light numbers below {len(lights)}, got {highest}")
        self._tensor = o3d.core.Tensor
        self._scene: Any = o3d.t.geometry.RaycastingScene(nthreads=threads)
        vertices = np.concatenate([i.mesh.vertices for i in instances]).astype(np.float32)
        starts = np.cumsum([0, *(len(i.mesh.vertices) for i in instances[:-1])])
        triangles = np.concatenate([i.mesh.triangles + s for i, s in zip(instances, starts, strict=True)])
        self._scene.add_triangles(self._tensor(vertices), self._tensor(triangles.astype(np.uint32)))
        counts = [len(i.mesh.triangles) for i in instances]
        self._number = np.repeat(np.array([i.number for i in instances], np.int32), counts)
        self._shader = Shader(instances, lights)

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

    def shade(self, origin: NDArray[np.floating], directions: Floats, hits: Hits) -> NDArray[np.uint8]:
        """(N, 3) colours of hits."""
        return self._shader.shade(origin, directions, hits)

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
        depth_m, exact_pose = torch.from_numpy(depth), world_from_camera.to(torch.float64)
        frame = Frame(
            id=id,
            time_s=time_s,
            camera=camera,
            rgb=torch.from_numpy(rgb),
            world_from_camera=exact_pose,
            depth_m=depth_m,
            depth_camera=camera,
        )
        return RenderedFrame(
            frame=frame,
            depth_m=depth_m,
            world_from_camera=exact_pose,
            instance_ids=self.numbers(hits).reshape(shape),
            glossy=(self._shader.glossy[hits.face] & (hits.face >= 0)).reshape(shape),
        )


def camera_rays(camera: Camera) -> Floats:
    """(H, W, 3) ray directions in the camera frame with z = 1, through pixel centres."""
    u = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height, dtype=np.float32) + 0.5 - camera.cy) / camera.fy
    rays = np.ones((camera.height, camera.width, 3), np.float32)
    rays[..., 0], rays[..., 1] = u[None, :], v[:, None]
    return rays
