"""Fixtures of the tool core: the analytic room, and frames of the real recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from torch import Tensor

from evals.bench.scene import SMALL_CAMERA, RoomScene, pose
from evals.bench.scene import orbit as orbit_poses
from scenes.recordings import open_recording
from scenes.types import Camera, Frame


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
    return orbit_poses(6)


@pytest.fixture(scope="session")
def camera() -> Camera:
    """A small camera, so that tests are quick."""
    return SMALL_CAMERA


@pytest.fixture(scope="session")
def make_pose() -> Callable[[Sequence[float], Sequence[float]], Tensor]:
    """``pose(eye, target)``."""
    return pose


@pytest.fixture(scope="session")
def kitchen_frame(shared_data: Path) -> Callable[[int], Frame]:
    """The i-th frame of the 7-Scenes kitchen."""
    recording = open_recording(shared_data / "redkitchen")
    return lambda i: recording[i]


@pytest.fixture(scope="session")
def headworn_frame(shared_data: Path) -> Callable[[int], Frame]:
    """The i-th frame of the head-worn walk."""
    recording = open_recording(shared_data / "hololens")
    return lambda i: recording[i]
