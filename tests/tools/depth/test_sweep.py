from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from evals.bench.scene import RoomScene, pose
from scenes.recordings import Gravity
from scenes.types import Camera
from tools.depth.depth_recording import DepthRecording, with_depth
from tools.depth.estimate import EstimatedFrame, estimate_depth
from tools.depth.sweep import SweepView, choose_neighbours, sweep_depth
from tools.mapping.surface_map import SurfaceMap

CAMERA = Camera(width=160, height=120, fx=140.0, fy=140.0, cx=80.0, cy=60.0)


def walk(count=6, step_m=0.06):
    """Steps to the side in a room whose surfaces are textured."""
    scene = RoomScene(texture_m=0.06)
    poses = [pose((0.9 - step_m * i, 1.3, 1.2), (0.2 - step_m * i, 0.9, -0.5)) for i in range(count)]
    return scene, [scene.frame(p, camera=CAMERA, id=i) for i, p in enumerate(poses)]


class Blind:
    """A recording of frames without depth."""

    path, format, skipped = Path("blind"), "test", ()
    gravity = Gravity(source="format", confidence=1.0)

    def __init__(self, frames):
        self._frames = [replace(frame, depth_m=None, depth_camera=None) for frame in frames]
        self.frame_ids = tuple(frame.id for frame in frames)

    def __len__(self):
        return len(self._frames)

    def __getitem__(self, index):
        return self._frames[index]

    def __iter__(self):
        return iter(self._frames)


def view_of(frame):
    """A frame with a pose as a view."""
    view = SweepView.of(frame)
    assert view is not None
    return view


@pytest.fixture(scope="module")
def swept():
    scene, frames = walk()
    others = [view_of(frame) for frame in frames[:-1]]
    return scene, frames[-1], sweep_depth(frames[-1], others, compile=False)


def test_depth_of_a_textured_room_is_right_where_it_is_valid(swept):
    scene, frame, estimate = swept
    truth = scene.depth(CAMERA, frame.world_from_camera).float()
    relative = ((estimate.depth_m - truth).abs() / truth)[estimate.valid]
    assert estimate.source == "sweep"
    assert estimate.valid.float().mean() > 0.5
    assert relative.mean() < 0.10
    assert relative.median() < 0.04


def test_sigma_says_how_far_off_it_is(swept):
    scene, frame, estimate = swept
    error = (estimate.depth_m - scene.depth(CAMERA, frame.world_from_camera).float()).abs()
    within = (error <= 2 * estimate.sigma_m)[estimate.valid].float().mean()
    assert within > 0.6
    assert (estimate.sigma_m[estimate.valid] > 0).all()
    assert not estimate.sigma_m[~estimate.valid].any()


def test_bare_walls_and_a_standing_camera_have_no_depth():
    frames = walk(4)[1]
    gray = [replace(frame, rgb=torch.full_like(frame.rgb, 128)) for frame in frames]
    assert sweep_depth(gray[-1], [view_of(frame) for frame in gray[:-1]], compile=False) is None
    same = [view_of(frames[0])] * 3
    assert sweep_depth(frames[0], same, compile=False) is None
    assert sweep_depth(replace(frames[0], world_from_camera=None), same, compile=False) is None


def test_neighbours_that_look_elsewhere_are_not_used():
    frames = walk(3)[1]
    turned = frames[0].with_pose(pose((1.0, 1.3, 1.2), (3.0, 0.9, 4.0)))
    views = [view_of(frame) for frame in (turned, frames[1])]
    assert choose_neighbours(view_of(frames[2]), views) == [views[1]]


def test_a_recording_without_depth_can_be_mapped():
    scene, frames = walk(8)
    recording = with_depth(Blind(frames))
    assert isinstance(recording, DepthRecording)
    recording = DepthRecording(Blind(frames), compile=False)
    surface_map = SurfaceMap(voxel_m=0.05, compile=False)
    results = [surface_map.integrate(frame).status for frame in recording]
    assert results[0] == "no_depth"
    assert results[-1] == "integrated"
    distance = scene.distance(surface_map.mesh().vertices)
    assert distance.median() < 0.05
    estimate = estimate_depth(recording[-1], surface_map)
    assert estimate is not None
    assert estimate.source == "sweep"


def test_a_sensor_s_depth_is_left_alone():
    frames = walk(2)[1]

    class Sensed(Blind):
        def __init__(self, frames):
            super().__init__(frames)
            self._frames = list(frames)

    recording = Sensed(frames)
    assert with_depth(recording) is recording
    assert not isinstance(DepthRecording(recording, compile=False)[1], EstimatedFrame)
