"""An analytic scene with exact depth: the inside of a box room with a sphere and, if wanted, a solid box.

The oracle of the tool core's tests, and the input of ``bench`` where no recording is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import backproject, look_at, pixel_grid, transform
from scenes.types import Camera, Frame

SMALL_CAMERA = Camera(width=160, height=120, fx=140.0, fy=140.0, cx=80.0, cy=60.0)
"""Small, so that tests are quick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomScene:
    """World y is up; the floor is y = 0."""

    low: tuple[float, float, float] = (-2.0, 0.0, -1.5)
    high: tuple[float, float, float] = (2.0, 2.4, 1.5)
    sphere_center: tuple[float, float, float] = (0.3, 0.9, -0.5)
    sphere_radius: float = 0.35
    box: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    """Low and high corner of a solid box, e.g. a piece of furniture."""
    texture_m: float | None = None
    """Edge of the randomly grey cubes that colour the surfaces; a smooth colour when None."""

    def depth(self, camera: Camera, world_from_camera: Tensor) -> Tensor:
        """(H, W) float64 exact z-depth."""
        uv = pixel_grid(camera.width, camera.height, torch.float64)
        ray = backproject(camera, uv, torch.ones(uv.shape[:2], dtype=torch.float64))
        direction = ray @ world_from_camera[:3, :3].T
        origin = world_from_camera[:3, 3]
        low, high = torch.tensor(self.low).double(), torch.tensor(self.high).double()
        depth = torch.maximum((low - origin) / direction, (high - origin) / direction).amin(-1)
        depth = torch.minimum(depth, self._sphere(origin, direction))
        return depth if self.box is None else torch.minimum(depth, _solid_box(origin, direction, self.box))

    def distance(self, points: Tensor) -> Tensor:
        """(N, 3) -> (N,) distance to the nearest surface of the room or the sphere, metres (not of the solid box)."""
        low, high = torch.tensor(self.low).double(), torch.tensor(self.high).double()
        p = points.double()
        walls = torch.minimum((p - low).abs(), (high - p).abs()).amin(-1)
        sphere = ((p - torch.tensor(self.sphere_center).double()).norm(dim=-1) - self.sphere_radius).abs()
        return torch.minimum(walls, sphere)

    def color(self, points: Tensor) -> Tensor:
        """(..., 3) -> (..., 3) uint8, a function of position only."""
        if self.texture_m is None:
            return (128 + 100 * torch.sin(points * 1.5)).to(torch.uint8)
        # Half a millimetre keeps a wall, where one coordinate is constant, from flickering between two cubes.
        cube = torch.floor((points + 0.0005) / self.texture_m).long()
        mixed = (cube[..., 0] * 73856093) ^ (cube[..., 1] * 19349663) ^ (cube[..., 2] * 83492791)
        mixed = (mixed ^ (mixed >> 7)) * 2654435761
        gray = (40 + (mixed >> 11) % 176).to(torch.uint8)
        return gray[..., None].expand(*points.shape)

    def frame(self, world_from_camera: Tensor, *, camera: Camera = SMALL_CAMERA, id: int = 0) -> Frame:
        """What a perfect RGB-D camera sees."""
        depth = self.depth(camera, world_from_camera)
        p_camera = backproject(camera, pixel_grid(camera.width, camera.height).double(), depth)
        points = transform(world_from_camera, p_camera.reshape(-1, 3))
        return Frame(
            id=id,
            time_s=id / 30,
            camera=camera,
            rgb=self.color(points).reshape(camera.height, camera.width, 3),
            world_from_camera=world_from_camera,
            depth_m=depth.float(),
            depth_camera=camera,
        )

    def _sphere(self, origin: Tensor, direction: Tensor) -> Tensor:
        offset = origin - torch.tensor(self.sphere_center, dtype=torch.float64)
        a, b = direction.square().sum(-1), (direction * offset).sum(-1)
        c = offset.square().sum() - self.sphere_radius**2
        discriminant = b * b - a * c
        t = (-b - discriminant.clamp_min(0).sqrt()) / a
        return torch.where((discriminant > 0) & (t > 0), t, torch.inf)


def pose(eye: Sequence[float], target: Sequence[float]) -> Tensor:
    """An upright ``world_from_camera`` at ``eye`` that sees ``target``."""
    return look_at(torch.tensor(eye, dtype=torch.float64), torch.tensor(target, dtype=torch.float64))


def orbit(count: int) -> tuple[Tensor, ...]:
    """Views on an arc in front of the sphere."""
    steps = [i / max(count - 1, 1) for i in range(count)]
    return tuple(pose((1.2 - 0.75 * s, 1.4 + 0.1 * math.sin(6 * s), 1.1), (0.3 - 0.5 * s, 0.9, -0.5)) for s in steps)


def _solid_box(origin: Tensor, direction: Tensor, box: tuple[Sequence[float], Sequence[float]]) -> Tensor:
    low, high = torch.tensor(box[0]).double(), torch.tensor(box[1]).double()
    a, b = (low - origin) / direction, (high - origin) / direction
    enter, leave = torch.minimum(a, b).amax(-1), torch.maximum(a, b).amin(-1)
    return torch.where((enter < leave) & (enter > 0), enter, torch.inf)
