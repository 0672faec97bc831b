"""An analytic scene: the inside of a box room, a sphere and a small box, with exact depth from any camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from scenes.geometry import backproject, inverse, look_at, orthonormalised, pixel_grid, rigid, transform
from scenes.types import Camera, Frame

CAMERA = Camera(width=160, height=120, fx=140.0, fy=140.0, cx=80.0, cy=60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomScene:
    """World y is up; the floor is y = 0."""

    low: tuple[float, float, float] = (-2.0, 0.0, -1.5)
    high: tuple[float, float, float] = (2.0, 2.4, 1.5)
    sphere_center: tuple[float, float, float] = (0.3, 0.9, -0.5)
    sphere_radius: float = 0.35
    box: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    """Low and high corner of a solid box, e.g. a piece of furniture."""

    def depth(self, camera: Camera, world_from_camera: Tensor) -> Tensor:
        """(H, W) float64 exact z-depth."""
        uv = pixel_grid(camera.width, camera.height, torch.float64)
        ray = backproject(camera, uv, torch.ones(uv.shape[:2], dtype=torch.float64))
        direction = ray @ world_from_camera[:3, :3].T
        origin = world_from_camera[:3, 3]
        low, high = torch.tensor(self.low).double(), torch.tensor(self.high).double()
        depth = torch.maximum((low - origin) / direction, (high - origin) / direction).amin(-1)
        depth = torch.minimum(depth, self._sphere(origin, direction))
        if self.box is not None:
            depth = torch.minimum(depth, _solid_box(origin, direction, self.box))
        return depth

    def _sphere(self, origin: Tensor, direction: Tensor) -> Tensor:
        offset = origin - torch.tensor(self.sphere_center, dtype=torch.float64)
        a, b = direction.square().sum(-1), (direction * offset).sum(-1)
        c = offset.square().sum() - self.sphere_radius**2
        discriminant = b * b - a * c
        t = (-b - discriminant.clamp_min(0).sqrt()) / a
        return torch.where((discriminant > 0) & (t > 0), t, torch.inf)

    def distance(self, points: Tensor) -> Tensor:
        """(N, 3) -> (N,) distance to the nearest surface of the room or the sphere, metres (no solid box)."""
        low, high = torch.tensor(self.low).double(), torch.tensor(self.high).double()
        p = points.double()
        walls = torch.minimum((p - low).abs(), (high - p).abs()).amin(-1)
        sphere = ((p - torch.tensor(self.sphere_center).double()).norm(dim=-1) - self.sphere_radius).abs()
        return torch.minimum(walls, sphere)

    @staticmethod
    def color(points: Tensor) -> Tensor:
        """(..., 3) -> (..., 3) uint8: a smooth colour of position."""
        return (128 + 100 * torch.sin(points * 1.5)).to(torch.uint8)

    def frame(self, world_from_camera: Tensor, *, camera: Camera = CAMERA, id: int = 0) -> Frame:
        """What a perfect RGB-D camera sees."""
        depth = self.depth(camera, world_from_camera)
        points = transform(
            world_from_camera,
            backproject(camera, pixel_grid(camera.width, camera.height).double(), depth).reshape(-1, 3),
        )
        return Frame(
            id=id,
            time_s=id / 30,
            camera=camera,
            rgb=self.color(points).reshape(camera.height, camera.width, 3),
            world_from_camera=world_from_camera,
            depth_m=depth.float(),
            depth_camera=camera,
        )


def _solid_box(origin: Tensor, direction: Tensor, box: tuple[Sequence[float], Sequence[float]]) -> Tensor:
    low, high = torch.tensor(box[0]).double(), torch.tensor(box[1]).double()
    a, b = (low - origin) / direction, (high - origin) / direction
    enter, leave = torch.minimum(a, b).amax(-1), torch.maximum(a, b).amin(-1)
    return torch.where((enter < leave) & (enter > 0), enter, torch.inf)


def pose(eye: Sequence[float], target: Sequence[float]) -> Tensor:
    """An upright ``world_from_camera``."""
    return look_at(torch.tensor(eye, dtype=torch.float64), torch.tensor(target, dtype=torch.float64))


ORBIT = tuple(pose((1.2 - 0.15 * i, 1.4, 1.1), (0.3 - 0.1 * i, 0.9, -0.5)) for i in range(6))
"""Six views of the sphere and the walls behind it."""


@pytest.fixture(scope="session")
def room() -> RoomScene:
    """The scene with its sphere."""
    return RoomScene()


@pytest.fixture(scope="session")
def room_with_box() -> RoomScene:
    """The same with a box that stands on the floor."""
    return RoomScene(box=((-0.9, 0.0, -0.9), (-0.5, 0.5, -0.5)))


@pytest.fixture(scope="session")
def orbit() -> tuple[Tensor, ...]:
    """Six poses."""
    return ORBIT


@pytest.fixture(scope="session")
def camera() -> Camera:
    """A small camera, so that tests are quick."""
    return CAMERA


@pytest.fixture(scope="session")
def make_pose() -> Callable[[Sequence[float], Sequence[float]], Tensor]:
    """``pose(eye, target)``."""
    return pose


RGB_FROM_DEPTH_KITCHEN = rigid(
    orthonormalised(
        torch.tensor(
            [[0.99997, 0.00268, -0.00790], [-0.00274, 0.99996, -0.00815], [0.00788, 0.00817, 0.99994]],
            dtype=torch.float64,
        )
    ),
    torch.tensor([-0.0255, 0.0001, 0.0019], dtype=torch.float64),
)


@pytest.fixture(scope="session")
def kitchen_frame(shared_data: Path) -> Callable[[int], Frame]:
    """Frame ``i`` (even, 0..498) of the 7-Scenes kitchen; world as in the files, y *down*."""
    import numpy as np
    from PIL import Image

    folder = shared_data / "redkitchen"

    def read(i: int) -> Frame:
        stem = f"frame-{i:06d}"
        rgb = torch.from_numpy(np.array(Image.open(folder / f"{stem}.color.jpg").convert("RGB")))
        depth = torch.from_numpy(np.array(Image.open(folder / f"{stem}.depth.png")).astype(np.int32))
        world_from_depth = torch.from_numpy(np.loadtxt(folder / f"{stem}.pose.txt"))
        world_from_depth[:3, :3] = orthonormalised(world_from_depth[:3, :3])
        return Frame(
            id=i,
            time_s=i / 30,
            camera=Camera(width=640, height=480, fx=525.505, fy=525.505, cx=320.0, cy=240.0),
            rgb=rgb,
            depth_m=torch.where(depth == 65535, 0, depth).float() / 1000,
            depth_camera=Camera(width=640, height=480, fx=585.0, fy=585.0, cx=320.0, cy=240.0),
            camera_from_depth=RGB_FROM_DEPTH_KITCHEN,
            world_from_camera=world_from_depth @ inverse(RGB_FROM_DEPTH_KITCHEN),
        )

    return read


@pytest.fixture(scope="session")
def headworn_frame(shared_data: Path) -> Callable[[int], Frame]:
    """Frame ``i`` (0..249) of the head-worn walk."""
    import numpy as np
    from PIL import Image

    folder = shared_data / "hololens"
    k = np.loadtxt(folder / "K.txt")
    poses = torch.from_numpy(np.loadtxt(folder / "poses.txt").reshape(-1, 4, 4))
    images, depths = sorted((folder / "images").iterdir()), sorted((folder / "depth").iterdir())
    camera = Camera(width=540, height=360, fx=k[0, 0], fy=k[1, 1], cx=k[0, 2], cy=k[1, 2])

    def read(i: int) -> Frame:
        depth = torch.from_numpy(np.array(Image.open(depths[i])).astype(np.int32))
        world_from_camera = poses[i].clone()
        world_from_camera[:3, :3] = orthonormalised(world_from_camera[:3, :3])
        return Frame(
            id=i,
            time_s=i / 30,
            camera=camera,
            rgb=torch.from_numpy(np.array(Image.open(images[i]).convert("RGB"))),
            depth_m=depth.float() / 1000,
            depth_camera=camera,
            world_from_camera=world_from_camera,
        )

    return read
