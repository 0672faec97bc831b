"""Patches of a view are found where an image shows them, and only there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tools.core.block_matching import RADIUS, block_matches, textured_patches


@pytest.fixture(scope="module")
def view() -> Tensor:
    """(60, 80) smooth noise."""
    noise = torch.rand(1, 1, 20, 27, generator=torch.Generator().manual_seed(0))
    return functional.interpolate(noise, (60, 80), mode="bicubic").clamp(0, 1)[0, 0]


def everywhere(view: Tensor) -> Tensor:
    return torch.ones_like(view, dtype=torch.bool)


def test_a_moved_brighter_image_is_found_where_it_went(view: Tensor) -> None:
    image = 0.6 * view.roll((3, -2), (0, 1)) + 0.3
    centre, there, uv, correlation, found = block_matches(image, view, everywhere(view), 5, 100)
    inner = found & (uv[:, 0] > 12) & (uv[:, 0] < 68) & (uv[:, 1] > 12) & (uv[:, 1] < 48)
    assert int(there.sum()) == 100
    assert int(inner.sum()) > 40
    moved = uv - torch.stack([centre % 80, centre // 80], -1) - 0.5
    torch.testing.assert_close(moved[inner], torch.tensor([-2.0, 3.0]).expand(int(inner.sum()), 2), atol=0.1, rtol=0)
    assert float(correlation[inner].min()) > 0.99


def test_the_place_between_two_pixels_is_found(view: Tensor) -> None:
    shifted = 0.5 * (view + view.roll(1, 1))
    centre, _, uv, _, found = block_matches(shifted, view, everywhere(view), 3, 100)
    moved = (uv[:, 0] - centre % 80 - 0.5)[found & (centre % 80 > 8) & (centre % 80 < 72)]
    assert float(moved.median()) == pytest.approx(0.5, abs=0.05)


def test_what_the_view_does_not_know_has_no_say(view: Tensor) -> None:
    """The unknown half of the view holds something else: patches at its rim are found all the same."""
    valid = everywhere(view)
    valid[:, 40:] = False
    other = torch.where(valid, view, torch.rand(60, 80, generator=torch.Generator().manual_seed(1)))
    centre, there, uv, _, found = block_matches(view, other, valid, 4, 400)
    column = centre % 80
    rim = there & (column > 40 - RADIUS) & (column < 40) & (centre // 80 > 8) & (centre // 80 < 52)
    assert int(rim.sum()) > 5
    assert bool((column[there] < 40).all())
    assert float(found[rim].float().mean()) > 0.9
    assert float((uv[rim & found][:, 0] - column[rim & found] - 0.5).abs().max()) < 0.3


def test_edges_and_flat_surfaces_are_no_patches() -> None:
    edge = torch.zeros(60, 80)
    edge[:, 40:] = 1.0
    for image in (edge, torch.full((60, 80), 0.5)):
        assert not bool(textured_patches(image, everywhere(image), 50)[1].any())


def test_nothing_is_found_in_another_picture_or_beyond_reach(view: Tensor) -> None:
    other = torch.rand(60, 80, generator=torch.Generator().manual_seed(2))
    assert float(block_matches(other, view, everywhere(view), 3, 100)[4].float().mean()) < 0.05
    gone = view.roll(20, 1)
    assert float(block_matches(gone, view, everywhere(view), 3, 100)[4].float().mean()) < 0.1


def test_a_view_that_knows_nothing_gives_nothing(view: Tensor) -> None:
    results = block_matches(view, view, torch.zeros_like(view, dtype=torch.bool), 3, 50)
    assert not bool(results[1].any())
    assert not bool(results[4].any())
    assert bool(torch.isfinite(results[2]).all())
