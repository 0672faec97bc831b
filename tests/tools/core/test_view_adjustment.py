"""Adjustment of poses to tracks: the oracle is the scene from which the tracks were projected."""

from __future__ import annotations

import pytest
import torch

from tools.core import view_adjustment
from tools.core.view_adjustment import Star, adjust, epipolar_px, skew
from tools.localisation_features import Features
from tools.neighbour_poses import corrected

FOCAL = 130.0
VIEWS, POINTS = 6, 400


def rotations(vectors):
    return torch.linalg.matrix_exp(skew(vectors))


def scene(noise_px=0.0, distortion=0.0, seed=0):
    """A star of exact tracks, and the rotations and centres that it was made with."""
    g = torch.Generator().manual_seed(seed)
    rays = (torch.rand(POINTS, 2, generator=g, dtype=torch.float64) - 0.5) * torch.tensor([1.2, 0.9])
    depth = 1.0 + 3.0 * torch.rand(POINTS, generator=g, dtype=torch.float64)
    points = torch.cat([rays, torch.ones_like(rays[:, :1])], -1) * depth[:, None]
    steps = torch.arange(1, VIEWS + 1, dtype=torch.float64)[:, None]
    centre = steps * torch.tensor([0.08, 0.01, 0.02])
    rotation = rotations(steps * torch.tensor([0.01, -0.02, 0.0]))
    seen_from = torch.einsum("nij,npj->npi", rotation, points - centre[:, None])
    places = seen_from[..., :2] / seen_from[..., 2:]
    places = places + torch.randn(places.shape, generator=g, dtype=torch.float64) * (noise_px / FOCAL)
    # What a lens does to straight rays, so that 1 + distortion r^2 undoes it (fixed point).
    bent = [rays, places]
    for _ in range(20):
        straight = (rays, places)
        bent = [x / (1 + distortion * b.square().sum(-1, keepdim=True)) for x, b in zip(straight, bent, strict=True)]
    seen = (torch.rand(VIEWS, POINTS, generator=g) < 0.8).double()
    return Star(rays=bent[0], places=bent[1], seen=seen, focal_px=FOCAL), rotation, centre


def off(rotation, truth):
    """Largest angle between rotations, radians."""
    cosine = ((rotation.transpose(1, 2) @ truth).diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    return float(cosine.clamp(-1, 1).arccos().max())


def disturbed(rotation, centre, turn_rad=0.02, move_m=0.02, seed=1):
    g = torch.Generator().manual_seed(seed)
    turn = torch.randn(VIEWS, 3, generator=g, dtype=torch.float64) * turn_rad
    return rotations(turn) @ rotation, centre + torch.randn(VIEWS, 3, generator=g, dtype=torch.float64) * move_m


def test_wrong_turns_and_moves_are_found():
    star, rotation, centre = scene(noise_px=0.1)
    given = disturbed(rotation, centre)
    found_rotation, found_centre, distance = adjust(star, *given)
    assert off(given[0], rotation) > 0.02
    assert off(found_rotation, rotation) < 0.4 * off(given[0], rotation)
    assert (found_centre - centre).norm(dim=-1).mean() < 0.7 * (given[1] - centre).norm(dim=-1).mean()
    assert distance[star.seen > 0].median() < 0.3


def test_right_poses_stay():
    star, rotation, centre = scene()
    found_rotation, found_centre, _ = adjust(star, rotation, centre)
    assert off(found_rotation, rotation) < 1e-3
    torch.testing.assert_close(found_centre, centre, atol=1e-3, rtol=0)


def test_the_length_of_the_baselines_is_the_given_one():
    star, rotation, centre = scene()
    found = adjust(star, rotation, 1.05 * centre)[1]
    assert float((found.norm() / centre.norm()) - 1.05) == pytest.approx(0, abs=0.01)


def test_a_lens_that_bends_is_not_taken_for_motion(monkeypatch):
    star, rotation, centre = scene(distortion=0.05)
    turned, moved, _ = adjust(star, rotation, centre)
    monkeypatch.setattr(view_adjustment, "DISTORTION", 1e-6)
    turned_without, moved_without, _ = adjust(star, rotation, centre)
    assert off(turned, rotation) < 0.5 * off(turned_without, rotation)
    assert (moved - centre).norm() < 0.6 * (moved_without - centre).norm()


def test_wrong_matches_do_not_pull():
    star, rotation, centre = scene()
    given = disturbed(rotation, centre)
    star.places[:, ::5] += 0.2
    assert off(adjust(star, *given)[0], rotation) < 0.4 * off(given[0], rotation)


def test_epipolar_distance_is_that_of_a_shift_across_the_lines():
    star, _, _ = scene()
    still = torch.eye(3, dtype=torch.float64).expand(VIEWS, 3, 3)
    aside = torch.tensor([[0.1, 0.0, 0.0]], dtype=torch.float64).expand(VIEWS, 3)
    places = star.rays + torch.tensor([0.3, 2.0 / FOCAL])
    moved = Star(rays=star.rays, places=places.expand(VIEWS, -1, 2), seen=star.seen, focal_px=FOCAL)
    # Half of the two pixels on either side.
    expected = torch.full_like(star.seen, 2.0 / 2**0.5)
    torch.testing.assert_close(epipolar_px(moved, still, aside), expected, atol=1e-6, rtol=0)


def as_features(points):
    """Features in pixels whose descriptors tell which track they are of."""
    uv = (points * FOCAL + torch.tensor([80.0, 60.0])).float()
    return Features(uv=uv, descriptors=torch.eye(POINTS), scale=torch.ones(POINTS))


def test_given_poses_that_fit_are_kept_and_others_corrected():
    star, rotation, centre = scene(noise_px=0.05)
    k = torch.tensor([[FOCAL, 0, 80], [0, FOCAL, 60], [0, 0, 1]], dtype=torch.float64)
    here, others = as_features(star.rays), [as_features(places) for places in star.places]
    at = torch.eye(4, dtype=torch.float64)

    def poses(rotation, centre):
        result = torch.eye(4, dtype=torch.float64).repeat(VIEWS, 1, 1)
        result[:, :3, :3], result[:, :3, 3] = rotation.transpose(1, 2), centre
        return list(result)

    assert corrected(here, at, others, poses(rotation, centre), k) is None
    given = disturbed(rotation, centre)
    found = corrected(here, at, others, poses(*given), k)
    assert found is not None
    used, better = found
    assert used == list(range(VIEWS))
    assert off(torch.stack(better)[:, :3, :3].transpose(1, 2), rotation) < 0.4 * off(given[0], rotation)
    few = [Features(uv=f.uv[:9], descriptors=f.descriptors[:9], scale=f.scale[:9]) for f in others]
    assert corrected(here, at, few, poses(*given), k) is None
