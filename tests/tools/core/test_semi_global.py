"""Semi-global matching against a slow reference, and what it is for."""

from __future__ import annotations

import torch

from tools.core.semi_global import EDGE_INTENSITY, JUMP_COST, STEP_COST, aggregate


def slow_path(cost, image):
    """Cost of the best path from the left end to each pixel and plane of one row, by trying every predecessor.

    cost: (W, D), image: (W,). Not reduced by the lowest of each step.
    """
    width, planes = cost.shape
    total = cost.double().clone()
    for x in range(1, width):
        jump = STEP_COST + JUMP_COST / (1 + abs(float(image[x] - image[x - 1])) / EDGE_INTENSITY)
        for d in range(planes):
            change = [0.0 if e == d else STEP_COST if abs(e - d) == 1 else jump for e in range(planes)]
            total[x, d] += min(float(total[x - 1, e]) + change[e] for e in range(planes))
    return total


def test_each_path_is_the_slow_reference_up_to_a_constant_per_pixel():
    generator = torch.Generator().manual_seed(5)
    cost, image = torch.rand(6, 3, 9, generator=generator), torch.rand(3, 9, generator=generator)
    left, right, above, below = aggregate(cost, image)
    for row in range(3):
        want = slow_path(cost[:, row].T, image[row])
        torch.testing.assert_close(left[row] - left[row].amin(-1, True), (want - want.amin(-1, True)).float())
        want = slow_path(cost[:, row].T.flip(0), image[row].flip(0)).flip(0)
        torch.testing.assert_close(right[row] - right[row].amin(-1, True), (want - want.amin(-1, True)).float())
    for column in range(9):
        want = slow_path(cost[:, :, column].T, image[:, column])
        got = above[:, column]
        torch.testing.assert_close(got - got.amin(-1, True), (want - want.amin(-1, True)).float())
        want = slow_path(cost[:, :, column].T.flip(0), image[:, column].flip(0)).flip(0)
        got = below[:, column]
        torch.testing.assert_close(got - got.amin(-1, True), (want - want.amin(-1, True)).float())


def test_what_has_no_texture_takes_the_plane_of_its_surroundings():
    cost = torch.ones(8, 12, 12)
    cost[5, :, :4] = 0
    cost[5, :, 8:] = 0
    cost[:, :, 4:8] = 0.5
    chosen = aggregate(cost, torch.full((12, 12), 0.4)).sum(0).argmin(-1)
    assert (chosen == 5).all()


def test_a_jump_of_depth_falls_on_the_edge_of_the_image():
    """In a vague stretch between two surfaces either border costs the same, but for the image."""
    cost = torch.ones(8, 1, 12)
    cost[1, :, :4] = 0
    cost[6, :, 8:] = 0
    cost[:, :, 4:8] = 0.5
    for border in (5, 7):
        image = torch.zeros(1, 12)
        image[:, border:] = 1
        left, right, *_ = aggregate(cost, image)
        assert ((left + right)[0].argmin(-1) == torch.tensor([1] * border + [6] * (12 - border))).all()
