"""An analytic room for tests: axis-aligned boxes, ray cast exactly in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scenes.geometry import look_at
from scenes.types import Box3D, Camera, Frame

CAMERA = Camera(width=160, height=120, fx=120.0, fy=120.0, cx=80.0, cy=60.0)
ROOM_LOW, ROOM_HIGH = np.array([-2.5, 0.0, -2.5]), np.array([2.5, 2.6, 2.5])
WALL_COLOR, FLOOR_COLOR = (205, 200, 190), (120, 110, 100)


@dataclass(frozen=True)
class Solid:
    """One box of one colour."""

    name: str
    center: tuple[float, float, float]
    size: tuple[float, float, float]
    rgb: tuple[int, int, int]

    @property
    def box(self) -> Box3D:
        return Box3D(center=self.center, size=self.size)


TABLE = Solid("table", (0.0, 0.36, 1.2), (1.2, 0.72, 0.7), (150, 100, 60))
MUG = Solid("mug", (-0.3, 0.785, 1.1), (0.12, 0.13, 0.12), (200, 30, 30))
BOOK = Solid("carton", (0.3, 0.80, 1.2), (0.25, 0.16, 0.2), (30, 60, 180))
CABINET = Solid("cabinet", (-2.0, 0.6, -0.5), (0.6, 1.2, 0.9), (60, 120, 70))
ROOM = (TABLE, MUG, BOOK, CABINET)


def render(
    solids: tuple[Solid, ...],
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
    *,
    frame_id: int = 0,
    time_s: float = 0.0,
    noise_m: float = 0.003,
) -> tuple[Frame, NDArray[np.int32]]:
    """A frame of the room with Gaussian depth noise, and the (H, W) index of the solid seen, -1 for the room."""
    pose = look_at(torch.tensor(eye, dtype=torch.float64), torch.tensor(target, dtype=torch.float64))
    rotation, origin = pose[:3, :3].numpy(), pose[:3, 3].numpy()
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width] + 0.5
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones_like(u)], -1) @ rotation.T
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(rays > 0, (ROOM_HIGH - origin) / rays, (ROOM_LOW - origin) / rays)
        depth, axis = far.min(-1), far.argmin(-1)
        color = np.where((axis == 1)[..., None], np.array(FLOOR_COLOR), np.array(WALL_COLOR)).astype(np.float64)
        index = np.full(depth.shape, -1, np.int32)
        shade = 1.0 - 0.12 * axis
        for k, solid in enumerate(solids):
            half = np.array(solid.size) / 2
            a = (np.array(solid.center) - half - origin) / rays
            b = (np.array(solid.center) + half - origin) / rays
            enter, leave = np.minimum(a, b), np.maximum(a, b)
            near = enter.max(-1)
            hit = (near < leave.min(-1)) & (near > 0) & (near < depth)
            depth, index = np.where(hit, near, depth), np.where(hit, k, index)
            shade = np.where(hit, 1.0 - 0.12 * enter.argmax(-1), shade)
            color = np.where(hit[..., None], np.array(solid.rgb), color)
    rgb = np.clip(color * shade[..., None], 0, 255).astype(np.uint8)
    noise = np.random.default_rng(frame_id).normal(size=depth.shape) * noise_m
    frame = Frame(
        id=frame_id,
        time_s=time_s,
        camera=CAMERA,
        rgb=torch.from_numpy(rgb),
        world_from_camera=pose,
        depth_m=torch.from_numpy((depth + noise).astype(np.float32)),
        depth_camera=CAMERA,
    )
    return frame, index


def tour(solids: tuple[Solid, ...] = ROOM, *, count: int = 24, start_s: float = 0.0, first_id: int = 0) -> list[Frame]:
    """An arc around the table that also sees the cabinet, five frames a second."""
    frames = []
    for k in range(count):
        angle = -0.6 + 1.2 * k / max(count - 1, 1)
        eye = (1.6 * np.sin(angle), 1.6, 1.2 - 1.9 * np.cos(angle))
        target = (0.0, 0.6, 1.2) if k % 3 else (-2.0, 0.6, -0.5)
        if k % 3 == 0:
            eye = (0.3, 1.6, 0.2 + 0.02 * k)
        frames.append(render(solids, eye, target, frame_id=first_id + k, time_s=start_s + 0.2 * k)[0])
    return frames
