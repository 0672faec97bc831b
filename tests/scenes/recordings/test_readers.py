"""Each reader: a known 3D point falls on a known pixel, depth is in metres, ids and times are the format's."""

from __future__ import annotations

import gc
import math
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from scenes.geometry import backproject, inverse, look_at, pixel_grid, rigid, transform
from scenes.recordings import open_recording
from scenes.recordings.formats.seven_scenes import CAMERA_FROM_DEPTH, DEPTH_CAMERA, NO_DEPTH
from scenes.recordings.reading.gravity import find_up, rotation_between
from scenes.types import Frame
from tests.scenes.recordings.files import (
    marked_pixel,
    pixel_of,
    write_hololens,
    write_seven_scenes,
    write_transforms,
)


def test_nerfstudio_projects_a_known_point_to_the_marked_pixel(tmp_path: Path) -> None:
    write_transforms(tmp_path)
    frame = open_recording(tmp_path)[1]
    # File world, Z up: camera at height 1 looking along +Y. A point 2 m ahead, 0.625 m right and 0.375 m up is at
    # (0.625, 2, 1.375) there, and at (0.625, 1.375, -2) with Y up. f = 8: u = 4 + 2.5, v = 3 - 1.5.
    assert pixel_of(frame, (0.625, 1.375, -2.0)) == pytest.approx((6.5, 1.5))
    assert marked_pixel(frame) == (6, 1)
    assert frame.depth_m is not None
    assert float(frame.depth_m[1, 6]) == 2.0


def test_hololens_projects_a_known_point_to_the_marked_pixel(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    recording = open_recording(tmp_path)
    frame = recording[1]
    # K counts pixel centres from 0, so its centre 3.5 is 4.0 here; the camera is at z = -1 and looks along -z.
    assert (frame.camera.cx, frame.camera.cy) == (4.0, 3.0)
    assert pixel_of(frame, (0.625, 0.375, -3.0)) == pytest.approx((6.5, 1.5))
    assert marked_pixel(frame) == (6, 1)
    assert recording.frame_ids == (3, 4)
    assert recording.gravity.source == "format"
    assert frame.depth_m is not None
    assert float(frame.depth_m[0, 0]) == 2.0


def tilted_room(world_from_depth: torch.Tensor) -> np.ndarray:
    """Depth in mm of a floor 1.5 m below the camera, a wall 3 m ahead (-z) and one 1 m to the left (-x)."""
    rays = backproject(DEPTH_CAMERA, pixel_grid(640, 480, torch.float64), torch.ones(480, 640).double())
    directions = rays @ world_from_depth[:3, :3].T
    planes = ((1, -1.5), (2, -3.0), (0, -1.0))
    hits = [torch.where(directions[..., k] * d > 0, d / directions[..., k], math.inf) for k, d in planes]
    z = torch.stack(hits).min(0).values
    return np.where(z.numpy() < 8, np.rint(1000 * z.numpy()), NO_DEPTH)


def test_seven_scenes_finds_the_vertical_and_projects_a_known_point(tmp_path: Path) -> None:
    eye = torch.tensor([0.0, 0.0, 0.0]).double()
    level_from_depth = look_at(eye, torch.tensor([-0.2, -0.5, -1.0]).double())
    tilt = rotation_between((0.0, 1.0, 0.0), (0.2, -0.9, 0.3))  # the files' own world, upside down and askew
    file_from_level = rigid(tilt, torch.zeros(3).double())
    write_seven_scenes(tmp_path, file_from_level @ level_from_depth, [tilted_room(level_from_depth)] * 2)
    recording = open_recording(tmp_path)
    frame = recording[0]
    assert recording.gravity.source == "planes"
    assert recording.gravity.confidence > 0.9
    # The room's up is the world's up again (rotations about it are free).
    level_up = (recording.world_from_source @ file_from_level)[:3, 1]
    assert math.degrees(math.acos(min(1.0, float(level_up[1])))) < 0.3
    # 7-Scenes poses are the depth camera's, and the colour camera stands beside it.
    expected = recording.world_from_source @ file_from_level @ level_from_depth
    torch.testing.assert_close(frame.world_from_depth, expected)
    assert frame.world_from_camera is not None
    moved = inverse(frame.world_from_camera) @ expected
    torch.testing.assert_close(moved, CAMERA_FROM_DEPTH)
    # A point 2 m ahead of the depth camera: x right of the colour centre by -25.5 mm and the small rotation.
    p_world = transform(expected, torch.tensor([[0.0, 0.0, 2.0]]).double())[0]
    x, y, z = -0.0255 + 2 * -0.00790, 0.0001 + 2 * -0.00815, 0.0019 + 2 * 0.99994
    u, v = 320 + 525.505 * x / z, 240 + 525.505 * y / z
    assert pixel_of(frame, tuple(p_world.tolist())) == pytest.approx((u, v), abs=0.02)
    assert recording.frame_ids == (0, 2)
    assert frame.depth_m is not None
    assert float(frame.depth_m.max()) < 8.0, "65535 is no depth"


def test_one_wall_does_not_determine_the_vertical(tmp_path: Path) -> None:
    write_seven_scenes(tmp_path, torch.eye(4).double(), [np.full((480, 640), 2000)])
    recording = open_recording(tmp_path)
    assert recording.gravity.confidence < 0.05
    pose = recording[0].world_from_depth
    assert pose is not None
    # What is left is the colour camera's own up.
    torch.testing.assert_close(pose[:3, 1], torch.tensor([0.0, -1.0, 0.0]).double(), rtol=0, atol=0.01)


def test_without_depth_the_cameras_up_is_assumed() -> None:
    up, gravity = find_up([], torch.tensor([0.0, 2.0, 0.0]))
    assert gravity.source == "assumed"
    assert gravity.confidence == 0.0
    assert up.tolist() == [0.0, 1.0, 0.0]


def test_a_rounded_rotation_is_made_exact(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    rows = np.loadtxt(tmp_path / "poses.txt")
    turn = rotation_between((0.0, 0.0, 1.0), (0.3, 0.2, 1.0)).numpy().round(3)
    rows[0, [0, 1, 2, 4, 5, 6, 8, 9, 10]] = turn.reshape(-1)
    np.savetxt(tmp_path / "poses.txt", rows)
    pose = open_recording(tmp_path)[0].world_from_camera
    assert pose is not None
    rotation = pose[:3, :3]
    assert float((rotation.T @ rotation - torch.eye(3).double()).abs().max()) < 1e-12
    assert float((rotation - torch.from_numpy(turn)).abs().max()) < 1e-3


def test_frames_load_only_when_asked_for(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    recording = open_recording(tmp_path)
    (tmp_path / "images" / "00003.png").unlink()
    assert isinstance(recording[1], Frame)
    with pytest.raises(ValueError, match=r"00003\.png"):
        recording[0]


@pytest.mark.realdata
def test_the_vertical_found_from_planes_is_the_headsets_own(shared_data: Path) -> None:
    recording = open_recording(shared_data / "hololens")
    ups = torch.stack([s.world_from_camera[:3, 1] for s in recording.sources if s.world_from_camera is not None])
    up, gravity = find_up((recording[i] for i in range(0, len(recording), 20)), -ups.mean(0))
    assert math.degrees(math.acos(min(1.0, float(up[1])))) < 1.0
    assert gravity.confidence > 0.5


@pytest.mark.realdata
def test_both_halves_of_a_real_kitchen_agree_on_the_vertical(shared_data: Path) -> None:
    recording = open_recording(shared_data / "redkitchen")
    assert len(recording) == 250
    assert recording.gravity.source == "planes"
    assert recording.gravity.confidence > 0.4
    up, _ = find_up((recording[i] for i in range(0, 125, 12)), torch.tensor([0.0, 1.0, 0.0]))
    assert math.degrees(math.acos(min(1.0, float(up[1])))) < 2.0


def test_a_frame_is_let_go_when_the_next_is_read(tmp_path: Path) -> None:
    write_hololens(tmp_path, count=4)
    recording = open_recording(tmp_path)
    pixels = [weakref.ref(frame.rgb) for frame in recording]
    # The loop's own variable is gone with the comprehension: nothing in the recording holds a frame.
    gc.collect()
    assert [reference() for reference in pixels] == [None] * 4
