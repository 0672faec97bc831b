"""The peers of the benchmark do the job that is timed: a wrapper that returned nonsense fast would be no comparison."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evals.bench.peers import RootSiftPose, SmallGicp
from evals.bench.scene import SMALL_CAMERA, RoomScene, pose
from scenes.geometry import backproject, inverse, pixel_grid, pose_error, transform


def need(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module, reason=f"{module} is not installed; see the extra `peers`")


def room_points(frame):
    points = backproject(frame.camera, pixel_grid(frame.camera.width, frame.camera.height), frame.depth_m)
    return points.reshape(-1, 3).double().numpy()


def test_small_gicp_finds_the_motion_between_two_views():
    need("small_gicp")
    scene = RoomScene()
    poses = [pose((1.0, 1.4, 1.1), (0.1, 0.9, -0.5)), pose((0.97, 1.42, 1.08), (0.1, 0.9, -0.5))]
    target, source = (scene.frame(p) for p in poses)
    found = SmallGicp(threads=1).align(room_points(source), room_points(target))
    moved, turned = pose_error(torch.from_numpy(found.copy()), inverse(poses[0]) @ poses[1])
    assert moved < 0.01
    assert turned < 0.01


def test_poselib_finds_the_pose_among_wrong_matches():
    need("cv2", "poselib")
    generator = torch.Generator().manual_seed(3)
    world_from_camera = pose((1.0, 1.4, 1.1), (0.1, 0.9, -0.5))
    uv = torch.rand(200, 2, generator=generator) * torch.tensor([160.0, 120.0])
    depth = 1 + 2 * torch.rand(200, generator=generator)
    points = transform(world_from_camera, backproject(SMALL_CAMERA, uv, depth).double())
    uv[:80] = torch.rand(80, 2, generator=generator) * 100
    found = RootSiftPose(100).pose(uv.double().numpy(), points.numpy(), SMALL_CAMERA)
    moved, turned = pose_error(torch.from_numpy(found), inverse(world_from_camera))
    assert moved < 0.01
    assert turned < 0.01


def test_root_sift_descriptors_have_length_one_and_lie_in_the_image():
    need("cv2", "poselib")
    rgb = RoomScene(texture_m=0.1).frame(pose((1.0, 1.4, 1.1), (0.1, 0.9, -0.5))).rgb.numpy()
    uv, descriptors = RootSiftPose(50).describe(rgb)
    assert len(uv) == len(descriptors) > 10
    assert np.allclose(np.linalg.norm(descriptors, axis=1), 1, atol=1e-3)
    assert ((uv >= 0) & (uv <= [160, 120])).all()
