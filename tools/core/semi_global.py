"""Semi-global matching (Hirschmueller 2008): matching costs, smoothed along straight paths through the image.

A pixel without texture takes its depth from its surroundings, and a jump of depth costs less where the image has an
edge. Runs eagerly: each step along a path needs the one before, so that compiled code would unroll to hundreds of
copies of the same few operations.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEP_COST = 0.1
"""Cost of a change by one plane between neighbouring pixels, in units of correlation."""
JUMP_COST = 2.0
"""Additional cost of any larger change, where the image has no edge."""
EDGE_INTENSITY = 0.04
"""Difference of intensity (0..1) at which that additional cost is halved."""


def aggregate(cost: Tensor, image: Tensor) -> Tensor:
    """Costs with smoothness along four paths.

    Args:
        cost: (D, H, W) float32, one plane of depth a row. image: (H, W) float32 intensities 0..1.

    Returns:
        (4, H, W, D) float32: from the left, from the right, from above, from below. Their sum is the aggregated cost.
    """
    rows, columns = cost.permute(2, 1, 0), cost.permute(1, 2, 0)
    left, right = _both_directions(rows, _jump_costs(image.T))
    above, below = _both_directions(columns, _jump_costs(image))
    return torch.stack([left.transpose(0, 1), right.transpose(0, 1), above, below])


def _jump_costs(image: Tensor) -> Tensor:
    """(N, M) -> (N - 1, M): cost of a jump between rows n and n + 1."""
    return STEP_COST + JUMP_COST / (1 + image.diff(dim=0).abs() / EDGE_INTENSITY)


def _both_directions(cost: Tensor, jump: Tensor) -> tuple[Tensor, Tensor]:
    """Paths along the first dimension of (N, M, D), forwards and backwards, side by side; jump: (N - 1, M)."""
    both = torch.stack([cost, cost.flip(0)], dim=1)
    jumps = torch.stack([jump, jump.flip(0)], dim=1)[..., None]
    result = both.clone()
    # The planes beside the first and the last are never the best.
    rim = torch.full((*both.shape[1:3], both.shape[3] + 2), torch.inf)
    before = rim[..., 1:-1]
    before.copy_(both[0])
    for n in range(1, both.shape[0]):
        lowest = before.amin(-1, keepdim=True)
        step = torch.minimum(rim[..., :-2], rim[..., 2:]) + STEP_COST
        best = torch.minimum(torch.minimum(before, step), lowest + jumps[n - 1])
        # Less the lowest, so that costs do not grow along a path; that changes no choice of plane.
        torch.add(both[n], best - lowest, out=result[n])
        before.copy_(result[n])
    forwards, backwards = result.unbind(1)
    return forwards, backwards.flip(0)
