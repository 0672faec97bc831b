"""Matching of descriptors: similarity, mutual nearest neighbours, and agreement among matches. Pure kernels.

One side is the image, the other a keyframe whose descriptors are stored as small integers.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_DISTANCE_RATIO = 0.9
"""Largest ratio of the distances of the nearest and the second nearest descriptor (Lowe's test)."""
MAX_NEIGHBOUR_DISTANCE = 0.2
"""Matches are compared with those within this distance, in widths of the image."""
MAX_STRETCH, OFFSET_SLACK = 0.35, 0.008
"""Two matches agree when their offsets differ by less than this share of their distance in the keyframe plus this share
of the width: a view from the side shortens distances by a third."""


def mutual_nearest_codes(
    descriptors: Tensor, codes: Tensor, lengths: Tensor, offset: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """The mutual nearest neighbour of each descriptor of an image among the quantised descriptors of a keyframe.

    Args:
        descriptors: (N, D) bfloat16. codes: (K, D) uint8. lengths: (K,) float32 Euclidean lengths of
            the coded descriptors, in quantisation steps. offset: () float32, value of code 0, in steps. columns: see
            ``mutual_nearest_columns``.

    Returns:
        As ``mutual_nearest_columns``.
    """
    theirs = (codes.to(torch.float32) + offset) / lengths[:, None]
    return mutual_nearest_columns((descriptors @ theirs.to(torch.bfloat16).T).to(torch.float32), columns)


def mutual_nearest_columns(similarity: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The mutual nearest neighbour of each row of a similarity matrix (N, K).

    Args:
        columns: (K,) float32 0, 1, 2, ... (made in here, they would take a third of the kernel's time).

    Returns:
        (N,) int64 the most similar column; (N,) bool, whether the row is also that column's most similar one and the
        column passes ``MAX_DISTANCE_RATIO``.
    """
    best = similarity.amax(1)
    first = similarity == best[:, None]
    # Sums, because argmax is not vectorised. Where two codes are equally similar, neither is taken.
    single = torch.where(first, 1.0, 0.0).sum(1) == 1
    choice = torch.where(first, columns, 0.0).sum(1).long().clamp(0, similarity.shape[1] - 1)
    second = torch.where(first, -1.0, similarity).amax(1)
    mutual = similarity.amax(0)[choice] == best
    clear = (2 - 2 * best).clamp_min(0) < MAX_DISTANCE_RATIO**2 * (2 - 2 * second).clamp_min(0)
    # With a single column there is no second one for the ratio test.
    return choice, single & mutual & clear & (columns[-1] > 0)


def match_agreement(here: Tensor, there: Tensor) -> Tensor:
    """(M,) number of other matches of the same keyframe that each match agrees with (see ``MAX_STRETCH``).

    ``here`` (M, 2): positions in the image, ``there`` (M, 2): in the keyframe, both in widths of their image.
    """
    own_u, own_v, u, v = here[:, 0], here[:, 1], there[:, 0], there[:, 1]
    across, down = u[:, None] - u, v[:, None] - v
    off_across, off_down = own_u[:, None] - own_u - across, own_v[:, None] - own_v - down
    apart = (across * across + down * down).sqrt()
    agreed = off_across * off_across + off_down * off_down < (MAX_STRETCH * apart + OFFSET_SLACK).square()
    # Matches of the same place are no independent evidence.
    return (agreed & (apart < MAX_NEIGHBOUR_DISTANCE) & (apart > OFFSET_SLACK)).sum(-1)


def pair_similarity(descriptors: Tensor, codes: Tensor, offset: Tensor, pairs: Tensor) -> Tensor:
    """Similarity of pairs of descriptors, up to the length of the coded one: dot products in quantisation steps.

    Args:
        descriptors: (N, D) float32. codes: (P, D) uint8. offset: () float32, value of code 0, in steps.
        pairs: (R, 2) int64 rows of both.

    Returns:
        (R,) float32.
    """
    mine = descriptors[pairs[:, 0].clamp(0, descriptors.shape[0] - 1)]
    theirs = codes[pairs[:, 1].clamp(0, codes.shape[0] - 1)]
    return (mine * (theirs.to(torch.float32) + offset)).sum(-1)
