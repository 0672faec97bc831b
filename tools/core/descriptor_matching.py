"""Matches of one image's descriptors with another's: which are clear by likeness, and which agree. Pure kernels."""

from __future__ import annotations

import torch
from torch import Tensor

RATIO = 0.9
"""A match's distance must be this much below that of the keypoint's second choice in a keyframe (Lowe's test)."""
REACH = 0.2
"""Matches within this share of the image's width judge each other."""
STRETCH, SLACK = 0.35, 0.008
"""Two matches agree when their offsets differ by less than this share of their distance in the keyframe, plus this
share of the width: a view from the side shortens distances by a third."""


def clear_choices(
    descriptors: Tensor, codes: Tensor, lengths: Tensor, offset: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """What each descriptor of an image chooses among those of a keyframe, which are kept as small integers.

    Args:
        descriptors: (N, D) bfloat16. codes: (K, D) uint8. lengths: (K,) float32 of the codes, in steps. offset: ()
            float32, what a code of 0 stands for, in steps. columns: see ``clear_columns``.

    Returns:
        As ``clear_columns``.
    """
    theirs = (codes.to(torch.float32) + offset) / lengths[:, None]
    return clear_columns((descriptors @ theirs.to(torch.bfloat16).T).to(torch.float32), columns)


def clear_columns(likeness: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """What each row of a likeness matrix (N, K) chooses.

    Args:
        columns: (K,) float32 0, 1, 2, ... (made in here, they take as long as a third of the rest).

    Returns:
        (N,) int64 the most alike column; (N,) bool whether that chooses the row, too, and no other is nearly as alike.
    """
    best = likeness.amax(1)
    first = likeness == best[:, None]
    # Sums, not argmax, which is not vectorised; where two codes are the best, neither is clear.
    single = torch.where(first, 1.0, 0.0).sum(1) == 1
    choice = torch.where(first, columns, 0.0).sum(1).long().clamp(0, likeness.shape[1] - 1)
    second = torch.where(first, -1.0, likeness).amax(1)
    mutual = likeness.amax(0)[choice] == best
    clear = (2 - 2 * best).clamp_min(0) < RATIO**2 * (2 - 2 * second).clamp_min(0)
    # Of one column alone it cannot be told.
    return choice, single & mutual & clear & (columns[-1] > 0)


def agreement(here: Tensor, there: Tensor) -> Tensor:
    """(M,) how many of M matches of one keyframe agree with each, at (M, 2) positions in widths of both images."""
    own_u, own_v, u, v = here[:, 0], here[:, 1], there[:, 0], there[:, 1]
    across, down = u[:, None] - u, v[:, None] - v
    off_across, off_down = own_u[:, None] - own_u - across, own_v[:, None] - own_v - down
    apart = (across * across + down * down).sqrt()
    agreed = off_across * off_across + off_down * off_down < (STRETCH * apart + SLACK).square()
    # Matches of one and the same place tell nothing of each other.
    return (agreed & (apart < REACH) & (apart > SLACK)).sum(-1)
