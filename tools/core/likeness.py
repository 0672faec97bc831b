"""How alike pairs of descriptors are, one of them kept as small integers. Pure kernels."""

from __future__ import annotations

import torch
from torch import Tensor


def pair_likeness(descriptors: Tensor, codes: Tensor, offset: Tensor, pairs: Tensor) -> Tensor:
    """Dot products of rows of two tables, without the norm and the step of the codes.

    Args:
        descriptors: (N, D) float32. codes: (P, D) uint8. offset: () float32, what a code of 0 stands for, in steps.
        pairs: (R, 2) int64 rows of both.

    Returns:
        (R,) float32.
    """
    mine = descriptors[pairs[:, 0].clamp(0, descriptors.shape[0] - 1)]
    theirs = codes[pairs[:, 1].clamp(0, codes.shape[0] - 1)]
    return (mine * (theirs.to(torch.float32) + offset)).sum(-1)
