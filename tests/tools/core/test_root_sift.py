from __future__ import annotations

import pytest
import torch

from tools.core.root_sift import detect_and_describe, gaussian_blur
from tools.localisation.features import Features, RootSift, mutual_nearest_pairs


def blobs(centres, sigma, size=(128, 160)):
    """Bright Gaussian blobs at ``uv_px`` positions on a dark image."""
    v, u = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    image = torch.zeros(size)
    for cu, cv in centres:
        image += 0.8 * torch.exp(-((u - cu) ** 2 + (v - cv) ** 2) / (2 * sigma**2))
    return image


def texture(seed, size=(240, 320)):
    noise = torch.rand(1, *size, generator=torch.Generator().manual_seed(seed))
    binomial_blur = gaussian_blur(noise, 2.0)[0]
    return (binomial_blur - binomial_blur.min()) / (binomial_blur.max() - binomial_blur.min())


def test_blur_keeps_a_constant_image_and_the_sum_of_an_impulse():
    assert torch.allclose(gaussian_blur(torch.full((1, 20, 20), 0.3), 1.7), torch.full((1, 20, 20), 0.3))
    impulse = torch.zeros(1, 41, 41)
    impulse[0, 20, 20] = 1
    assert gaussian_blur(impulse, 2.0).sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_blobs_are_found_at_their_centres_and_scale(sigma):
    centres = [(40.3, 40.8), (100.6, 50.2), (70.1, 90.5)]
    uv, scale, _, valid = detect_and_describe(blobs(centres, sigma), 64)
    strongest_keypoints = uv[valid][:3]
    distance = torch.cdist(strongest_keypoints, torch.tensor(centres))
    assert distance.amin(1).max() < 0.4
    assert sorted(distance.argmin(1).tolist()) == [0, 1, 2]
    # The DoG of a blob peaks where the keypoint's blur is about the blob's.
    assert (scale[valid][:3] / sigma).log2().abs().max() < 0.6


def test_a_flat_image_and_a_straight_edge_have_no_keypoints():
    flat = torch.full((128, 160), 0.5)
    edge = flat.clone()
    edge[:, 80:] = 0.9
    for image in (flat, edge):
        assert not detect_and_describe(image, 64)[3].any()


def test_descriptors_have_unit_length():
    _, _, descriptors, valid = detect_and_describe(texture(0), 256)
    assert valid.sum() > 100
    torch.testing.assert_close(descriptors[valid].norm(dim=-1), torch.ones(int(valid.sum())), atol=1e-4, rtol=0)


def test_a_shifted_darker_image_matches_itself():
    large = texture(1, (280, 360))
    a, b = large[10:250, 20:340], 0.7 * large[22:262, 27:347] + 0.05
    (uv_a, _, da, va), (uv_b, _, db, vb) = detect_and_describe(a, 300), detect_and_describe(b, 300)
    pairs = mutual_nearest_pairs(da[va] @ db[vb].T, ratio=0.8)
    shift = uv_a[va][pairs[:, 0]] - uv_b[vb][pairs[:, 1]]
    right = (shift - torch.tensor([7.0, 12.0])).norm(dim=-1) < 1.0
    assert len(pairs) > 80
    assert right.float().mean() > 0.95


def test_unrelated_images_hardly_match():
    (_, _, da, va), (_, _, db, vb) = detect_and_describe(texture(2), 300), detect_and_describe(texture(3), 300)
    assert len(mutual_nearest_pairs(da[va] @ db[vb].T, ratio=0.8)) < 0.05 * int(va.sum())


def test_matching_nothing_gives_nothing():
    assert mutual_nearest_pairs(torch.zeros(0, 5)).shape == (0, 2)
    assert mutual_nearest_pairs(torch.zeros(5, 0)).shape == (0, 2)


def test_the_extractor_returns_only_real_keypoints():
    extract = RootSift(keypoints=200, compile=False)
    rgb = (texture(4) * 255).to(torch.uint8)[..., None].expand(240, 320, 3)
    features = extract(rgb)
    assert isinstance(features, Features)
    assert 50 < len(features) <= 200
    assert len(extract(torch.full((240, 320, 3), 90, dtype=torch.uint8))) == 0
    with pytest.raises(ValueError, match="at least 64x64"):
        extract(torch.zeros(10, 320, 3, dtype=torch.uint8))
