"""Axioms of transforms and projection."""

from __future__ import annotations

import math

import pytest
import torch

from scenes import geometry
from scenes.types import Camera

BATCHES = [(), (1,), (5,), (2, 3)]


def random_transform(generator: torch.Generator, batch: tuple[int, ...]) -> torch.Tensor:
    q = torch.randn(*batch, 4, generator=generator, dtype=torch.float64)
    return geometry.rigid(
        geometry.quaternion_to_matrix(q), torch.randn(*batch, 3, generator=generator, dtype=torch.float64)
    )


@pytest.mark.parametrize("batch", BATCHES)
def test_frame_letters_cancel(batch: tuple[int, ...]) -> None:
    g = torch.Generator().manual_seed(0)
    a_from_b, b_from_c = random_transform(g, batch), random_transform(g, batch)
    p_c = torch.randn(*batch, 7, 3, generator=g, dtype=torch.float64)
    stepwise = geometry.transform(a_from_b, geometry.transform(b_from_c, p_c))
    torch.testing.assert_close(geometry.transform(a_from_b @ b_from_c, p_c), stepwise)
    identity = torch.eye(4, dtype=torch.float64).expand(*batch, 4, 4)
    torch.testing.assert_close(a_from_b @ geometry.inverse(a_from_b), identity)


@pytest.mark.parametrize("batch", BATCHES)
def test_quaternion_round_trip_is_the_same_rotation(batch: tuple[int, ...]) -> None:
    rotation = random_transform(torch.Generator().manual_seed(1), batch)[..., :3, :3]
    again = geometry.quaternion_to_matrix(geometry.matrix_to_quaternion(rotation))
    torch.testing.assert_close(again, rotation)
    torch.testing.assert_close(torch.linalg.det(again), torch.ones(batch, dtype=torch.float64))


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_survive_the_quaternion(axis: int) -> None:
    rotation = -torch.eye(3, dtype=torch.float64)
    rotation[axis, axis] = 1
    torch.testing.assert_close(geometry.quaternion_to_matrix(geometry.matrix_to_quaternion(rotation)), rotation)


def test_projection_inverts_backprojection_at_every_pixel() -> None:
    camera = Camera(width=64, height=48, fx=50.0, fy=55.0, cx=31.0, cy=25.5)
    uv = geometry.pixel_grid(64, 48, torch.float64)
    depth = torch.rand(48, 64, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 5 + 0.1
    again, valid = geometry.project(camera, geometry.backproject(camera, uv, depth))
    assert valid.all()
    torch.testing.assert_close(again, uv)


def test_points_behind_the_camera_are_not_valid() -> None:
    camera = Camera(width=64, height=48, fx=50.0, fy=55.0, cx=32.0, cy=24.0)
    _, valid = geometry.project(camera, torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert valid.tolist() == [False, False, True]


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 1.0, math.pi - 1e-6, math.pi])
def test_rotation_angle_is_exact_at_both_ends(angle: float) -> None:
    half = angle / 2
    q = torch.tensor([0.0, math.sin(half), 0.0, math.cos(half)], dtype=torch.float64)
    assert geometry.rotation_angle(geometry.quaternion_to_matrix(q)).item() == pytest.approx(angle, abs=1e-12)


def test_orthonormalised_repairs_rounding_and_keeps_handedness() -> None:
    rotation = random_transform(torch.Generator().manual_seed(3), (4,))[:, :3, :3]
    noisy = rotation + 1e-3 * torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    fixed = geometry.orthonormalised(noisy)
    torch.testing.assert_close(fixed @ fixed.mT, torch.eye(3, dtype=torch.float64).expand(4, 3, 3))
    assert (torch.linalg.det(fixed) > 0).all()
    assert geometry.rotation_angle(fixed.mT @ rotation).max() < 5e-3


def test_look_at_sees_its_target_in_the_middle_with_up_above() -> None:
    eye, target = torch.tensor([1.0, 1.6, 2.0]).double(), torch.tensor([3.0, 1.0, -4.0]).double()
    camera = Camera(width=100, height=80, fx=90.0, fy=90.0, cx=50.0, cy=40.0)
    camera_from_world = geometry.inverse(geometry.look_at(eye, target))
    points = torch.stack([target, target + torch.tensor([0.0, 0.2, 0.0])])
    uv, valid = geometry.project(camera, geometry.transform(camera_from_world, points))
    assert valid.all()
    torch.testing.assert_close(uv[0], torch.tensor([50.0, 40.0]).double())
    assert uv[1, 1] < uv[0, 1]
