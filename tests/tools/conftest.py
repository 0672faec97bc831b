"""Fixtures of the tool tests: a small kitchen with a taught bag and moved keys, the analytic room, real frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from evals.bench.scene import SMALL_CAMERA, RoomScene, pose
from evals.bench.scene import orbit as orbit_poses
from scenes.geometry import look_at
from scenes.recordings import open_recording
from scenes.types import Box3D, Camera, Frame, Relation, Room, SceneGraph, SceneObject
from tools.toolbox.context import Gaze, Note
from tools.toolbox.snapshot import SnapshotContext


def thing(
    number: int,
    label: str,
    center: tuple[float, float, float],
    size: tuple[float, float, float],
    *,
    color: str = "",
    taught: bool = False,
    present: bool = True,
    seen_s: float = 88.0,
) -> SceneObject:
    return SceneObject(
        id=f"o{number}",
        label=label,
        box=Box3D(center=center, size=size),
        color=color,
        label_source="user" if taught else "vlm",
        aliases=("bag",) if taught else (),
        room="r1",
        last_seen_s=seen_s,
        present=present,
    )


@pytest.fixture
def kitchen() -> SnapshotContext:
    """The wearer stands at the origin, eyes at 1.6 m, and looks along -z at a table two metres away."""
    objects = (
        thing(1, "table", (0.0, 0.7, -2.0), (1.2, 0.1, 0.8)),
        thing(2, "mug", (0.2, 0.8, -2.0), (0.08, 0.1, 0.08), color="red"),
        thing(3, "mug", (-0.2, 0.8, -2.0), (0.08, 0.1, 0.08), color="blue"),
        thing(4, "my bag", (1.0, 0.5, 3.0), (0.4, 0.3, 0.3), taught=True),
        thing(5, "keys", (2.0, 0.5, 0.0), (0.1, 0.02, 0.1), present=False),
        thing(6, "", (0.0, 1.0, -3.0), (0.4, 0.3, 0.3), color="gray"),
        thing(7, "sofa", (1.0, 0.2, 3.0), (2.1, 0.4, 0.9)),
    )
    relations = (
        Relation(subject="o2", predicate="on", object="o1"),
        Relation(subject="o3", predicate="on", object="o1"),
        Relation(subject="o4", predicate="on", object="o7"),
    )
    room = Room(id="r1", label="kitchen", floor_polygon=((-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0)))
    graph = SceneGraph(
        map_id="m1", time_s=100.0, objects={o.id: o for o in objects}, relations=relations, rooms={"r1": room}
    )
    eye, target = torch.tensor([0.0, 1.6, 0.0]).double(), torch.tensor([0.0, 1.5, -1.0]).double()
    return SnapshotContext(
        graph=graph,
        camera=Camera(width=640, height=480, fx=500.0, fy=500.0, cx=320.0, cy=240.0),
        world_from_camera=look_at(eye, target),
        time_s=100.0,
        gazed=Gaze(object_id="o6", point=(0.0, 1.0, -2.85)),
        notes=[Note(text="needs washing", time_s=60.0, object_id="o2")],
    )


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
