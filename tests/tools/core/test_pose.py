from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from scenes.geometry import inverse, pose_error, project, transform
from scenes.types import Camera
from tools.core.p3p import p3p, quartic_roots
from tools.core.pose_steps import pose_costs
from tools.core.registration import rigid_exp
from tools.localisation.pose_refinement import Matches, refine_poses
from tools.localisation.pose_solving import solve_poses, support_beyond_chance

CAMERA = Camera(width=640, height=480, fx=525.0, fy=525.0, cx=320.0, cy=240.0)


def problem(seed, count=60):
    """A random pose, points in front of it, and their exact pixels."""
    g = torch.Generator().manual_seed(seed)
    camera_from_world = rigid_exp(torch.randn(6, generator=g, dtype=torch.float64))
    z = 1 + 3 * torch.rand(count, generator=g, dtype=torch.float64)
    uv = torch.rand(count, 2, generator=g, dtype=torch.float64) * torch.tensor([640.0, 480.0])
    in_camera = torch.stack([(uv[:, 0] - 320) / 525 * z, (uv[:, 1] - 240) / 525 * z, z], -1)
    return camera_from_world, transform(inverse(camera_from_world), in_camera), uv, in_camera


def test_quartic_roots_are_those_of_the_polynomial():
    roots = torch.tensor([[-2.0, 0.5, 1.0, 3.0]], dtype=torch.float64)
    coefficients = torch.ones(1, 1, dtype=torch.float64)
    for r in roots[0]:
        shifted = torch.nn.functional.pad(coefficients, (1, 0))
        coefficients = shifted - r * torch.nn.functional.pad(coefficients, (0, 1))
    found, real = quartic_roots(coefficients)
    assert real.all()
    torch.testing.assert_close(found.sort().values, roots)


def test_one_p3p_solution_is_the_true_pose():
    for seed in range(5):
        truth, points, _, in_camera = problem(seed, count=90)
        triples = torch.arange(90).reshape(30, 3)
        poses, valid = p3p(normalize(in_camera, dim=-1)[triples], points[triples])
        distance, angle = pose_error(poses, truth.expand_as(poses))
        good = valid & (distance < 1e-5) & (angle < 1e-5)
        assert good.any(1).float().mean() > 0.9


def test_every_p3p_solution_reprojects_its_three_points():
    _, points, uv, in_camera = problem(11, count=90)
    triples = torch.arange(90).reshape(30, 3)
    poses, valid = p3p(normalize(in_camera, dim=-1)[triples], points[triples])
    errors = []
    for k in range(30):
        for pose in poses[k][valid[k]]:
            projected, _ = project(CAMERA, transform(pose, points[triples[k]]))
            errors.append((projected - uv[triples[k]]).norm(dim=-1))
    assert len(errors) >= 30
    assert (torch.cat(errors) < 0.5).float().mean() > 0.95


def test_p3p_gives_the_poses_that_poselib_gives():
    poselib = pytest.importorskip("poselib", reason="poselib is not installed; see the extra `peers`")
    _, points, _, in_camera = problem(5, count=60)
    triples = torch.arange(60).reshape(20, 3)
    bearings = normalize(in_camera, dim=-1)[triples]
    poses, valid = p3p(bearings, points[triples])
    missed = total = 0
    for k in range(20):
        for other in poselib.p3p(list(bearings[k].numpy()), list(points[triples[k]].numpy())):
            expected = torch.eye(4, dtype=torch.float64)
            expected[:3] = torch.from_numpy(other.Rt)
            distance, angle = pose_error(poses[k][valid[k]], expected.expand(int(valid[k].sum()), 4, 4))
            total += 1
            missed += not bool(((distance < 1e-3) & (angle < 1e-3)).any())
    assert total >= 20
    assert missed <= 0.05 * total


def all_matches(points, uv):
    """Every point as a match of weight one without depth, in the order of the kernels' arguments."""
    ones = torch.ones(len(uv), dtype=torch.float64)
    return uv, points, 0 * ones, ones, torch.tensor([525.0, 525.0, 320.0, 240.0], dtype=torch.float64)


def test_each_step_of_the_refinement_lowers_the_cost_and_its_hessian_is_positive():
    truth, points, uv, _ = problem(3)
    start = rigid_exp(torch.tensor([0.02, -0.01, 0.03, 0.02, 0.04, -0.03], dtype=torch.float64)) @ truth
    arguments = all_matches(points, uv)
    pose, costs = start[None], []
    for _ in range(4):
        costs.append(float(pose_costs(pose, *arguments, torch.tensor(1e3, dtype=torch.float64))[0]))
        pose, hessian = refine_poses(
            pose, Matches(**dict(zip(("uv", "points", "depth_m", "weight", "intrinsics"), arguments, strict=True))),
            gate_px=1e3, scale_px=30.0, steps=1,
        )  # fmt: skip
        assert (torch.linalg.eigvalsh(hessian[0]) > 0).all()
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 1e-3 * costs[0]


def test_the_true_pose_is_found_among_seven_tenths_outliers():
    for seed in range(3):
        truth, points, uv, _ = problem(20 + seed, count=200)
        g = torch.Generator().manual_seed(seed)
        noisy = uv + 0.7 * torch.randn(200, 2, generator=g, dtype=torch.float64)
        noisy[60:] = torch.rand(140, 2, generator=g, dtype=torch.float64) * torch.tensor([640.0, 480.0])
        ones = torch.ones(200, dtype=torch.float64)
        intrinsics = torch.tensor([525.0, 525.0, 320.0, 240.0], dtype=torch.float64)
        matches = Matches(uv=noisy, points=points, depth_m=0 * ones, weight=ones, intrinsics=intrinsics)
        pose = solve_poses(matches, CAMERA, seed=seed, hypotheses=2048, finalists=12)[0]
        distance, angle = pose_error(pose, truth)
        assert distance < 0.02
        assert math.degrees(angle) < 0.5


def test_support_counts_what_chance_does_not_explain():
    g = torch.Generator().manual_seed(0)
    by_chance = 12 * torch.rand(4000, generator=g).sqrt()
    explained = torch.cat([by_chance, torch.full((200,), 1.0)])
    assert abs(support_beyond_chance(by_chance, torch.ones(4000))) < 60
    assert support_beyond_chance(explained, torch.ones(4200)) > 140
    assert support_beyond_chance(torch.zeros(0), torch.zeros(0)) == 0


def test_matches_of_one_keypoint_support_as_one():
    error = torch.full((10,), 1.0)
    assert support_beyond_chance(error, torch.full((10,), 0.1)) == pytest.approx(1.0)


def test_points_behind_the_camera_never_count():
    behind = torch.tensor([[0.0, 0.0, -2.0]], dtype=torch.float64)
    uv = torch.tensor([[320.0, 240.0]], dtype=torch.float64)
    gate_px = torch.tensor(8.0, dtype=torch.float64)
    poses = torch.eye(4, dtype=torch.float64)[None]
    assert pose_costs(poses, *all_matches(behind, uv), gate_px).tolist() == [64.0]
    assert pose_costs(poses, *all_matches(-behind, uv), gate_px).tolist() == [0.0]
    assert not project(CAMERA, behind)[1].any()
