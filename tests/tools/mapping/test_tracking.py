from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from evals.bench.scene import RoomScene
from scenes.geometry import pose_error
from tools.core.registration import icp_step, rigid_exp
from tools.mapping.rendering import intrinsics_of
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import Tracker, working_image


def moved(pose, rotation_deg, translation_m):
    step = torch.tensor([*(math.radians(a) for a in rotation_deg), *translation_m], dtype=torch.float64)
    return pose @ rigid_exp(step)


@pytest.fixture(scope="module")
def room_map(room, orbit):
    surface_map = SurfaceMap(voxel_m=0.03, compile=False)
    for world_from_camera in orbit:
        surface_map.integrate(room.frame(world_from_camera))
    return surface_map


def test_rigid_exp_is_a_rotation_about_its_axis():
    pose = rigid_exp(torch.tensor([0.0, 0.0, math.pi / 2, 1.0, 2.0, 3.0], dtype=torch.float64))
    expected = torch.tensor([[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(pose, expected)
    torch.testing.assert_close(rigid_exp(torch.zeros(6, dtype=torch.float64)), torch.eye(4, dtype=torch.float64))


def test_a_wrong_prediction_is_corrected(room, room_map, orbit):
    truth = orbit[2]
    tracker = Tracker(room_map, world_from_camera=moved(truth, (2.0, -1.5, 1.0), (0.03, -0.02, 0.04)), compile=False)
    result = tracker.track(room.frame(truth))
    assert result.status == "tracked"
    assert result.world_from_camera is not None
    distance, angle = pose_error(result.world_from_camera, truth)
    assert distance < 0.005
    assert math.degrees(angle) < 0.3
    assert result.matched > 0.8


def test_a_walk_is_followed_without_given_poses(room, orbit):
    """Frames between the first and the last view of the arc, each fused at the pose that tracking found."""
    surface_map = SurfaceMap(voxel_m=0.03, compile=False)
    start, end = orbit[0], orbit[1]
    poses = [torch.lerp(start, end, s) for s in torch.linspace(0, 1, 6, dtype=torch.float64)]
    tracker = Tracker(surface_map, world_from_camera=start, compile=False)
    for i, pose in enumerate(poses):
        pose[:3, :3] = torch.linalg.qr(pose[:3, :3]).Q * torch.linalg.qr(pose[:3, :3]).R.diagonal().sign()
        frame = replace(room.frame(pose, id=i), world_from_camera=None)
        result = tracker.track(frame)
        assert result.status == ("started" if i == 0 else "tracked")
        assert result.world_from_camera is not None
        distance, angle = pose_error(result.world_from_camera, pose)
        assert distance < 0.01
        assert math.degrees(angle) < 0.5
        surface_map.integrate(frame.with_pose(result.world_from_camera))


def test_another_place_is_lost_not_guessed(room, room_map, orbit, make_pose):
    other = RoomScene(low=(-0.9, 0.0, -3.0), high=(1.4, 1.9, 2.2), sphere_center=(-0.2, 1.2, 0.0), sphere_radius=0.5)
    frame = other.frame(make_pose((0.8, 1.4, 1.6), (-0.3, 0.9, -0.5)))
    result = Tracker(room_map, world_from_camera=orbit[0], compile=False).track(frame)
    assert result.status == "lost"
    assert result.world_from_camera is None


def test_a_bare_wall_does_not_fix_a_pose(make_pose):
    room = RoomScene(sphere_radius=0.01, low=(-9.0, -9.0, -1.0), high=(9.0, 9.0, 9.0))
    pose = make_pose((0.0, 0.0, 0.5), (0.0, 0.0, -1.0))
    surface_map = SurfaceMap(voxel_m=0.04, compile=False)
    surface_map.integrate(room.frame(pose))
    assert Tracker(surface_map, world_from_camera=pose, compile=False).track(room.frame(pose)).status == "lost"


def test_after_being_lost_tracking_resumes_at_the_last_pose(room, room_map, orbit):
    tracker = Tracker(room_map, world_from_camera=orbit[1], compile=False)
    assert tracker.track(room.frame(orbit[1])).status == "tracked"
    frame = room.frame(orbit[1])
    covered = replace(frame, depth_m=torch.full_like(frame.depth_m, 0.3))
    assert tracker.track(covered).status == "lost"
    assert tracker.track(frame).status == "tracked"
    assert tracker.track(replace(frame, depth_m=torch.zeros_like(frame.depth_m))).status == "no_depth"


def test_covariance_is_symmetric_and_positive(room, room_map, orbit):
    result = Tracker(room_map, world_from_camera=orbit[3], compile=False).track(room.frame(orbit[3]))
    assert result.covariance is not None
    torch.testing.assert_close(result.covariance, result.covariance.T)
    assert (torch.linalg.eigvalsh(result.covariance) > 0).all()


def test_the_working_image_samples_the_pixels_its_camera_says(room, camera, orbit):
    large = camera.resized(640, 480)
    depth, small = working_image(room.depth(large, orbit[0]).float(), large, 8.0)
    torch.testing.assert_close(depth, room.depth(small, orbit[0]).float(), atol=1e-4, rtol=0)


def test_icp_of_identical_images_stays(room, camera, orbit):
    from tools.core.backproject import backproject_normals, pad_with_invalid

    depth, k = room.depth(camera, orbit[0]).float(), intrinsics_of(camera)
    points, normals, valid = backproject_normals(pad_with_invalid(depth), k)
    flat = (points.reshape(3, -1), normals.reshape(3, -1), valid.reshape(-1))
    pose, _, stats = icp_step(*flat, depth, normals, k, torch.eye(4, dtype=torch.float64), torch.tensor(0.1))
    torch.testing.assert_close(pose, torch.eye(4, dtype=torch.float64), atol=1e-5, rtol=0)
    assert stats[0] < 1e-8
