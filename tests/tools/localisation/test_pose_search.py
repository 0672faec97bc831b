"""How localisation finds the right pose among many: draws, ranks, similarity and renderings, on analytic scenes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from evals.bench.scene import RoomScene, orbit, pose
from scenes.geometry import inverse, pose_error, project, transform
from scenes.types import Camera
from tools.core.descriptor_matching import mutual_nearest_columns, pair_similarity
from tools.core.pose_steps import rigid_exp_batch
from tools.core.registration import rigid_exp
from tools.kernels.compiled import EAGER
from tools.localisation.descriptor_codes import ROOT_HISTOGRAM_LEVELS, UNIT_VECTOR_LEVELS, QuantisationLevels
from tools.localisation.keyframe_tables import by_strength
from tools.localisation.localiser import confidence
from tools.localisation.pose_refinement import Matches
from tools.localisation.pose_solving import refine_coarse_to_fine, solve_poses
from tools.localisation.render_alignment import RenderAlignment, RenderMatchScore
from tools.mapping.surface_map import SurfaceMap

CAMERA = Camera(width=640, height=480, fx=520.0, fy=520.0, cx=320.0, cy=240.0)
SMALL = Camera(width=320, height=240, fx=280.0, fy=280.0, cx=160.0, cy=120.0)


def test_a_few_right_matches_of_one_keyframe_among_many_wrong_ones_give_the_pose() -> None:
    g = torch.Generator().manual_seed(1)
    points = (torch.rand(400, 3, generator=g, dtype=torch.float64) - 0.5) * 2 + torch.tensor([0.0, 0.0, 3.0])
    true = rigid_exp(torch.tensor([0.1, -0.2, 0.05, 0.2, -0.1, 0.15], dtype=torch.float64))
    uv = torch.rand(400, 2, generator=g, dtype=torch.float64) * torch.tensor([640.0, 480.0])
    uv[200:224] = project(CAMERA, transform(true, points[200:224]))[0]
    matches = Matches(
        uv=uv,
        points=points,
        depth_m=torch.zeros(400, dtype=torch.float64),
        weight=torch.ones(400, dtype=torch.float64),
        intrinsics=torch.tensor([520.0, 520.0, 320.0, 240.0], dtype=torch.float64),
    )
    found = solve_poses(matches, CAMERA, seed=0, hypotheses=512, finalists=12, sizes=[40] * 10)
    assert min(float(pose_error(one, true)[0]) for one in found) < 1e-3


def test_motions_are_rigid_for_steps_of_any_size_and_turn_as_rodrigues_does() -> None:
    g = torch.Generator().manual_seed(2)
    twists = (
        torch.randn(6, 6, generator=g, dtype=torch.float64) * torch.tensor([[0.0, 1e-9, 0.4, 3.0, 1e3, 1e6]]).double().T
    )
    found = rigid_exp_batch(twists)
    turn = found[:, :3, :3]
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3, dtype=torch.float64).expand(6, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(6, dtype=torch.float64))
    for twist, motion in zip(twists[1:4], found[1:4], strict=True):
        torch.testing.assert_close(motion, rigid_exp(twist))


def test_the_first_half_by_strength_holds_the_stronger_half_of_every_scale() -> None:
    scale = torch.tensor([1.5] * 10 + [2.0] * 6 + [3.0] * 2)
    half = set(by_strength(scale)[:9].tolist())
    assert half == {0, 1, 2, 3, 4, 10, 11, 12, 16}


@pytest.mark.parametrize("levels", [ROOT_HISTOGRAM_LEVELS, UNIT_VECTOR_LEVELS])
def test_the_similarity_of_codes_is_that_of_what_they_stand_for(levels: QuantisationLevels) -> None:
    g = torch.Generator().manual_seed(3)
    mine = torch.nn.functional.normalize(torch.randn(20, 32, generator=g), dim=-1)
    codes = torch.randint(0, levels.count, (30, 32), generator=g, dtype=torch.uint8)
    pairs = torch.stack([torch.randint(0, 20, (50,), generator=g), torch.randint(0, 30, (50,), generator=g)], -1)
    raw = pair_similarity(mine, codes, torch.tensor(levels.low / levels.step), pairs)
    expected = (mine @ levels.decode(codes).T)[pairs[:, 0], pairs[:, 1]]
    torch.testing.assert_close(raw / levels.lengths(codes)[pairs[:, 1]], expected, atol=1e-5, rtol=1e-4)


def test_a_keyframe_of_one_feature_has_no_clear_pair() -> None:
    assert not mutual_nearest_columns(torch.ones(4, 1), torch.arange(1.0))[1].any()


@pytest.fixture(scope="module")
def looked() -> tuple[RenderAlignment, torch.Tensor]:
    """An image of a mapped room, compared with the map, and its true ``camera_from_world``."""
    scene = RoomScene(texture_m=0.09)
    surface_map = SurfaceMap(voxel_m=0.04, compile=False)
    for world_from_camera in orbit(8):
        surface_map.integrate(scene.frame(world_from_camera, camera=SMALL))
    query = pose((0.75, 1.35, 1.0), (0.1, 0.85, -0.5))
    rgb = scene.frame(query, camera=SMALL).rgb
    return RenderAlignment.of(rgb, SMALL, None, surface_map, EAGER), inverse(query)


def aside(true: torch.Tensor, metres: float) -> torch.Tensor:
    """A step aside with a turn back: what keypoints on one wall hardly tell from the true pose."""
    turn = torch.tensor([0.0, math.radians(25 * metres), 0.0, metres, 0.0, 0.0], dtype=torch.float64)
    return rigid_exp(turn) @ true


def test_patches_lead_from_a_step_aside_to_the_true_pose(looked: tuple[RenderAlignment, torch.Tensor]) -> None:
    alignment, true = looked
    found = aside(true, 0.08)
    for reach in (12, 6, 3):
        render_score = alignment.score_pose(found, reach)
        found = refine_coarse_to_fine(
            found, render_score.matches, reach * SMALL.width / alignment.coarse.camera.width, SMALL
        )
    metres, radians = pose_error(inverse(found), inverse(true))
    assert float(metres) < 0.02
    assert float(radians) < math.radians(0.6)


def test_what_is_seen_tells_the_true_pose_from_one_aside_and_from_another_image(
    looked: tuple[RenderAlignment, torch.Tensor],
) -> None:
    alignment, true = looked
    here = alignment.score_pose(true, 3)
    assert here.inlier_ratio > 0.6
    assert alignment.score_pose(aside(true, 0.3), 3).score < 0.3 * here.score
    turned = replace(alignment, coarse=replace(alignment.coarse, gray=alignment.coarse.gray.flip(0)))
    assert turned.score_pose(true, 3).score < 0.1 * here.score


def test_a_pose_that_sees_nothing_of_the_map_has_no_patches(looked: tuple[RenderAlignment, torch.Tensor]) -> None:
    alignment, true = looked
    away = rigid_exp(torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 500.0], dtype=torch.float64)) @ true
    render_score = alignment.score_pose(away, 6)
    assert (render_score.patches, render_score.inliers, len(render_score.matches), render_score.score) == (0, 0, 0, 0.0)


def score_of(inliers: int, patches: int) -> RenderMatchScore:
    nothing = torch.zeros(0, dtype=torch.float64)
    matches = Matches(
        uv=nothing.reshape(0, 2), points=nothing.reshape(0, 3), depth_m=nothing, weight=nothing, intrinsics=nothing
    )
    return RenderMatchScore(matches=matches, inliers=inliers, patches=patches)


def test_a_render_score_lets_a_loosely_fixed_pose_be_known_and_refutes_a_wrong_one() -> None:
    assert confidence(100.0, 1.0, 0.11, None) < 0.5
    assert confidence(100.0, 1.0, 0.11, score_of(300, 600)) == pytest.approx(1.0)
    assert confidence(100.0, 1.0, 0.11, score_of(100, 600)) < 0.5
    assert confidence(100.0, 1.0, 0.11, score_of(0, 0)) == 0
    assert confidence(20.0, 1.0, 0.01, None) < 0.5
    assert confidence(20.0, 1.0, 0.01, score_of(20, 100)) < 0.5
