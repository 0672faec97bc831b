"""The parts of localisation against analytic scenes: features, refinement, triangulation, the learned option."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from scenes.errors import InputError
from scenes.geometry import inverse, pose_error, project, transform
from scenes.types import Camera
from tools.core.descriptor_matching import match_agreement, mutual_nearest_columns
from tools.core.pooled_gradients import pooled_gradients
from tools.core.registration import rigid_exp
from tools.localisation.depth_correction import DepthCorrection
from tools.localisation.descriptor_codes import ROOT_HISTOGRAM_LEVELS, UNIT_VECTOR_LEVELS, QuantisationLevels
from tools.localisation.features import Features, PooledGradients, RootSift
from tools.localisation.keypoint_matching import KeypointLookup
from tools.localisation.learned_features import LearnedFeatures, extractor_named
from tools.localisation.pose_refinement import Matches, best_poses, match_error, refine_poses, residuals
from tools.localisation.pose_solving import orbit_poses
from tools.localisation.triangulation import TriangulationView, triangulate_depths

CAMERA = Camera(width=640, height=480, fx=520.0, fy=520.0, cx=320.0, cy=240.0)
INTRINSICS = torch.tensor([520.0, 520.0, 320.0, 240.0], dtype=torch.float64)
EYE = torch.eye(4, dtype=torch.float64)


def texture(height: int = 240, width: int = 320, seed: int = 0) -> Tensor:
    """(H, W) smooth random grey."""
    noise = torch.rand(1, 1, height // 6, width // 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (height, width), mode="bicubic")[0, 0].clamp(0, 1)


def test_features_move_with_the_image() -> None:
    gray = texture()
    uv, _, descriptors, valid = pooled_gradients(gray, 300)
    moved_uv, _, moved_descriptors, moved_valid = pooled_gradients(gray.roll((8, 16), (0, 1)), 300)
    similarity = descriptors[valid] @ moved_descriptors[moved_valid].T
    best, choice = similarity.max(1)
    shift = moved_uv[moved_valid][choice] - uv[valid]
    same = (shift - torch.tensor([16.0, 8.0])).norm(dim=-1) < 0.5
    assert float(same[best > 0.98].double().mean()) > 0.95
    assert int((best > 0.98).sum()) > 150


@pytest.mark.parametrize("size", [(240, 320), (251, 333)])
def test_keypoints_of_every_level_lie_on_the_blob_that_they_show(size: tuple[int, int]) -> None:
    v, u = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    centre = (241.5, 190.5)
    for sigma in (2.0, 4.0, 8.0):
        gray = torch.exp(-((u - centre[0]) ** 2 + (v - centre[1]) ** 2) / (2 * sigma**2))
        uv, scale, _, valid = pooled_gradients(gray, 20)
        near = (uv[valid] - torch.tensor(centre)).norm(dim=-1)
        assert float(near.min()) < 0.1 * float(scale[valid][near.argmin()])


def test_descriptors_are_unit_and_a_blank_image_has_none() -> None:
    features = PooledGradients(keypoints=100)((texture()[..., None].expand(-1, -1, 3) * 255).to(torch.uint8))
    torch.testing.assert_close(features.descriptors.norm(dim=-1), torch.ones(len(features)))
    assert len(PooledGradients()(torch.full((240, 320, 3), 77, dtype=torch.uint8))) == 0
    with pytest.raises(ValueError, match="at least 128x128"):
        PooledGradients()(torch.zeros(100, 320, 3, dtype=torch.uint8))


def scene_matches(*, depth: bool, outliers: int = 0, spread_m: float = 1.0) -> tuple[Matches, Tensor]:
    """Random points in front of a camera, where it sees them, and the true ``camera_from_world``."""
    g = torch.Generator().manual_seed(1)
    points = (torch.rand(120, 3, generator=g, dtype=torch.float64) - 0.5) * torch.tensor([2.0, 1.5, spread_m])
    points[:, 2] += 3.0
    true = rigid_exp(torch.tensor([0.1, -0.2, 0.05, 0.2, -0.1, 0.15], dtype=torch.float64))
    p_camera = transform(true, points)
    uv, _ = project(CAMERA, p_camera)
    uv[:outliers] = torch.rand(outliers, 2, generator=g, dtype=torch.float64) * 400
    depth_m = p_camera[:, 2] if depth else torch.zeros(120, dtype=torch.float64)
    weight = torch.ones(120, dtype=torch.float64)
    return Matches(uv=uv, points=points, depth_m=depth_m, weight=weight, intrinsics=INTRINSICS), true


@pytest.mark.parametrize("depth", [False, True])
def test_refinement_reaches_the_true_pose_in_spite_of_outliers(depth: bool) -> None:
    matches, true = scene_matches(depth=depth, outliers=30)
    start = rigid_exp(torch.tensor([0.004, 0.003, -0.004, 0.01, 0.01, 0.0], dtype=torch.float64)) @ true
    found, hessian = refine_poses(start[None], matches, gate_px=12.0, scale_px=1.2, steps=12)
    assert float(pose_error(found[0], true)[0]) < 1e-6
    assert hessian.shape == (1, 6, 6)
    assert float(best_poses(torch.stack([start, true]), matches, 8.0, 1)[0].sub(true).abs().max()) == 0


def test_the_hessian_is_that_of_the_residuals() -> None:
    matches, true = scene_matches(depth=True)
    _, hessian = refine_poses(true[None], matches, gate_px=12.0, scale_px=1e6, steps=1)
    step = 1e-6
    columns = []
    for k in range(6):
        moved = rigid_exp(step * torch.eye(6, dtype=torch.float64)[k]) @ true
        columns.append((residuals(moved[None], matches)[0] - residuals(true[None], matches)[0]).flatten() / step)
    jacobian = torch.stack(columns, -1)
    torch.testing.assert_close(hessian[0], jacobian.T @ jacobian, rtol=1e-4, atol=1.0)


def test_measured_depth_fixes_what_a_flat_scene_leaves_open() -> None:
    informations = []
    for depth in (False, True):
        matches, true = scene_matches(depth=depth, spread_m=0.02)
        _, hessian = refine_poses(true[None], matches, gate_px=12.0, scale_px=1.2, steps=1)
        informations.append(float(torch.linalg.eigvalsh(hessian[0])[0]))
    assert informations[1] > 1.1 * informations[0]


def test_a_point_behind_the_camera_never_supports_a_pose() -> None:
    matches, true = scene_matches(depth=False)
    turned = rigid_exp(torch.tensor([0.0, math.pi, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)) @ true
    assert bool((match_error(turned[None], matches) > 100).all())


def shifted_views(scale: float, slope: float) -> tuple[list[TriangulationView], list[Tensor]]:
    """Five views a hand's breadth apart of the same 400 points, their depth mismeasured; and the true depths."""
    g = torch.Generator().manual_seed(2)
    points = (torch.rand(400, 3, generator=g, dtype=torch.float64) - 0.5) * torch.tensor([2.0, 1.5, 2.0])
    points[:, 2] += 2.5
    descriptors = torch.nn.functional.normalize(torch.rand(400, 64, generator=g), dim=-1)
    views, true = [], []
    for k in range(5):
        world_from_camera = EYE.clone()
        world_from_camera[0, 3] = 0.15 * k - 0.3
        p_camera = transform(inverse(world_from_camera), points)
        uv, observed = project(CAMERA, p_camera)
        depth = p_camera[observed, 2]
        true.append(depth)
        correct = DepthCorrection(scale=scale, slope=slope)
        measured = depth.clone()
        for _ in range(20):  # the inverse of the correction
            measured = depth / (correct.scale + correct.slope * measured)
        views.append(
            TriangulationView(
                world_from_camera=world_from_camera,
                intrinsics=INTRINSICS,
                uv=uv[observed].float(),
                descriptors=descriptors[observed],
                depth_m=measured,
            )
        )
    return views, true


def test_parallax_finds_the_error_of_the_depth_sensor() -> None:
    views, true = shifted_views(1.03, -0.012)
    depths, correction = triangulate_depths(views)
    assert correction.scale == pytest.approx(1.03, abs=0.004)
    assert correction.slope == pytest.approx(-0.012, abs=0.002)
    error = torch.cat([(found / right - 1).abs() for found, right in zip(depths, true, strict=True)])
    assert float(error.median()) < 0.002


def test_parallax_finds_a_tilt_of_the_depth_and_the_lens() -> None:
    views, true = shifted_views(1.0, 0.0)
    radial = 0.03
    bent_views = []
    for view, depth in zip(views, true, strict=True):
        straight = view.normalised_uv
        observed = straight.clone()
        for _ in range(30):  # the inverse of ``undistort_normalised``
            observed = straight / (1 + radial * observed.square().sum(-1, keepdim=True))
        uv = (observed * INTRINSICS[:2] + INTRINSICS[2:]).float()
        tilt = 1.01 + 0.03 * straight[:, 0] + 0.02 * straight[:, 1]
        bent_views.append(replace(view, uv=uv, depth_m=depth / tilt))
    depths, correction = triangulate_depths(bent_views)
    assert correction.radial == pytest.approx(radial, abs=0.003)
    assert (correction.scale, correction.right, correction.down) == pytest.approx((1.01, 0.03, 0.02), abs=0.004)
    error = torch.cat([(found / right - 1).abs() for found, right in zip(depths, true, strict=True)])
    assert float(error.median()) < 0.002
    image = torch.full((480, 640), 2.0)
    rays = torch.tensor([[(400.5 - 320) / 520, (100.5 - 240) / 520]], dtype=torch.float64)
    assert float(correction.of_image(image, CAMERA)[100, 400]) == pytest.approx(
        float(correction(torch.tensor([2.0]), rays)[0]), abs=1e-4
    )


def test_matches_that_move_together_agree_and_scattered_ones_do_not() -> None:
    g = torch.Generator().manual_seed(4)
    there = torch.rand(60, 2, generator=g) * torch.tensor([1.0, 0.75])
    here = there * 0.9 + torch.tensor([0.1, 0.02])
    here[40:] = torch.rand(20, 2, generator=g) * torch.tensor([1.0, 0.75])
    support = match_agreement(here, there)
    assert float(support[:40].double().mean()) > 3
    assert float(support[40:].double().mean()) < 1
    assert torch.equal(match_agreement(here.flip(0), there.flip(0)), support.flip(0))


def test_pairs_choose_each_other_and_are_clear() -> None:
    g = torch.Generator().manual_seed(6)
    rows = torch.nn.functional.normalize(torch.randn(50, 32, generator=g), dim=-1)
    columns = torch.cat([rows[:30].roll(7, 0), rows[:5].roll(2, 0)])
    column, clear = mutual_nearest_columns(rows @ columns.T, torch.arange(35.0))
    found = {int(r): int(column[r]) for r in clear.nonzero()}
    # The first five rows have two equal columns each: neither is clear.
    assert {r: c for r, c in found.items() if r < 30} == {r: (r + 7) % 30 for r in range(5, 30)}


@pytest.mark.parametrize("radius_px", [12.0, 16.0, 30.0])
def test_looking_keypoints_up_by_cell_finds_what_a_full_search_finds(radius_px: float) -> None:
    g = torch.Generator().manual_seed(5)
    size = torch.tensor([640.0, 480.0])
    uv, places = torch.rand(700, 2, generator=g) * size, torch.rand(300, 2, generator=g) * size
    features = Features(uv=uv, descriptors=torch.zeros(700, 8), scale=torch.ones(700))
    row, keypoint = KeypointLookup.of(features, CAMERA).within(places, radius_px)
    found = torch.zeros(300, 700, dtype=torch.bool)
    found[row, keypoint] = True
    assert torch.equal(found, torch.cdist(places, uv, compute_mode="donot_use_mm_for_euclid_dist") < radius_px)


def test_a_pose_turned_about_what_it_sees_still_sees_it() -> None:
    matches, true = scene_matches(depth=False)
    middle = transform(true, matches.points).median(0).values
    for pose in orbit_poses(true, matches.points):
        assert float((transform(pose, matches.points).median(0).values - middle).norm()) < 0.1
        assert float(pose_error(inverse(pose), inverse(true))[0]) > 0.25


def test_older_views_help_the_new_ones_and_keep_their_own_depths() -> None:
    views, true = shifted_views(1.03, -0.012)
    depths, _ = triangulate_depths(views, first=3)
    assert len(depths) == 2
    error = torch.cat([(found / right - 1).abs() for found, right in zip(depths, true[3:], strict=True)])
    assert float(error.median()) < 0.002


def test_without_parallax_the_sensor_is_believed() -> None:
    views, _ = shifted_views(1.0, 0.0)
    depths, correction = triangulate_depths(views[:1])
    assert (correction.scale, correction.slope) == (1.0, 0.0)
    torch.testing.assert_close(depths[0], views[0].depth_m)


@pytest.fixture(scope="module")
def tiny_superpoint(tmp_path_factory: pytest.TempPathFactory):
    """A folder with the real class and random weights of a tiny config."""
    from transformers import SuperPointConfig, SuperPointForKeypointDetection

    torch.manual_seed(0)
    config = SuperPointConfig(
        encoder_hidden_sizes=[8, 8, 8, 8], decoder_hidden_size=8, descriptor_decoder_dim=16, keypoint_threshold=0.0
    )
    folder = tmp_path_factory.mktemp("superpoint")
    SuperPointForKeypointDetection(config).save_pretrained(folder)
    return folder


def test_a_learned_extractor_takes_the_default_s_place(tiny_superpoint) -> None:
    extractor = LearnedFeatures(tiny_superpoint, keypoints=50)
    rgb = (texture(131, 170)[..., None].expand(-1, -1, 3) * 255).to(torch.uint8)
    features = extractor(rgb)
    assert 0 < len(features) <= 50
    torch.testing.assert_close(features.descriptors.norm(dim=-1), torch.ones(len(features)), atol=1e-4, rtol=0)
    assert bool(((features.uv >= 0) & (features.uv <= torch.tensor([170.0, 131.0]))).all())
    assert extractor_named(extractor.name).name == extractor.name


def test_features_that_are_gone_are_one_clear_line(tiny_superpoint, tmp_path) -> None:
    for offline in (PooledGradients, RootSift):
        assert isinstance(extractor_named(offline.name), offline)
    with pytest.raises(InputError, match="expected a model folder"):
        LearnedFeatures(tmp_path)
    with pytest.raises(InputError, match="map again"):
        extractor_named("sift of another version")
    with pytest.raises(InputError, match="expected the weights that made the map"):
        extractor_named(f"superpoint 0123456789ab {tiny_superpoint}")


@pytest.mark.parametrize("levels", [ROOT_HISTOGRAM_LEVELS, UNIT_VECTOR_LEVELS])
def test_descriptors_keep_their_similarity_as_codes(levels: QuantisationLevels) -> None:
    g = torch.Generator().manual_seed(4)
    raw = torch.rand(300, 128, generator=g) ** 2 if levels.low == 0 else torch.randn(300, 128, generator=g)
    rows = torch.nn.functional.normalize(raw, dim=-1)
    codes = levels.encode(rows)
    assert torch.equal(levels.unpacked(levels.packed(codes), 128), codes)
    again = levels.decode(codes)
    assert float((again @ again.T - rows @ rows.T).abs().max()) < 0.05
    assert float((again - rows).norm(dim=-1).max()) < 0.09


def test_an_odd_number_of_values_is_stored_as_it_is() -> None:
    codes = torch.arange(15, dtype=torch.uint8).reshape(3, 5)
    assert torch.equal(ROOT_HISTOGRAM_LEVELS.unpacked(ROOT_HISTOGRAM_LEVELS.packed(codes), 5), codes)
