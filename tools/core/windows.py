"""Means over square windows of images. Pure functions."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def box_mean(images: Tensor, window: int) -> Tensor:
    """Mean of (N, H, W) over a square window of an odd number of pixels, of what lies inside the image."""
    rows = functional.avg_pool2d(images[:, None], (1, window), 1, (0, window // 2), count_include_pad=False)
    return functional.avg_pool2d(rows, (window, 1), 1, (window // 2, 0), count_include_pad=False)[:, 0]
