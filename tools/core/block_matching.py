"""Block matching: where an image shows the patches of a rendered view, by normalised cross-correlation. Pure kernels.

A patch may be incomplete: a view of a map has holes and ends, and its unknown pixels take no part. The correlation does
not depend on exposure and contrast (Lewis 1995).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tools.core.windows import box_mean

RADIUS = 6
"""A patch is ``2 * RADIUS + 1`` pixels wide and high."""
TILE_PX = 3
"""Edge of the square tiles of the view that hold at most one patch each."""
MIN_VALID = 0.5
"""Least share of known pixels in a patch."""
MIN_CONTRAST = 0.02
"""Least standard deviation of a patch's intensities 0..1; below, it has no texture to match."""
MIN_CORNER = 4e-6
"""Least smaller eigenvalue of a patch's mean gradient product (Shi and Tomasi 1994), intensities 0..1: a patch that
shows an edge and no corner slides along it."""
MIN_CORRELATION = 0.5
MAX_PEAK_RATIO, PEAK_RADIUS_PX = 0.85, 2
"""A peak is unique when ``1 - correlation`` is less than this share of that of the best place more than
``PEAK_RADIUS_PX`` away."""


def textured_patches(view: Tensor, valid: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The patches of a view that can be located best in both directions: those of strongest corners.

    Args:
        view: (h, w) float32 intensities 0..1. valid: (h, w) bool, where they are known. count: at most one per tile.

    Returns:
        centre (count,) int64, flat pixels of the view; usable (count,) bool, False for entries that only fill up to
        ``count``.
    """
    height, width = view.shape
    known = valid.float()
    share = _mean(known).clamp_min(1e-6)
    mean = _mean(view * known) / share
    variance = _mean(view.square() * known) / share - mean.square()
    inner = 1 - functional.max_pool2d(1 - known[None, None], 3, 1, 1)[0, 0]
    dx = functional.pad(view[:, 2:] - view[:, :-2], (1, 1)) * (0.5 * inner)
    dy = functional.pad(view[2:] - view[:-2], (0, 0, 1, 1)) * (0.5 * inner)
    xx, xy, yy = _mean(dx * dx), _mean(dx * dy), _mean(dy * dy)
    corner = (xx + yy) / 2 - ((xx - yy).square() / 4 + xy.square()).sqrt()
    row, column = torch.arange(height)[:, None], torch.arange(width)
    inside = (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)
    usable = valid & inside & (share > MIN_VALID) & (variance > MIN_CONTRAST**2) & (corner > MIN_CORNER)
    best, place = functional.max_pool2d(torch.where(usable, corner, 0.0)[None, None], TILE_PX, return_indices=True)
    strength, chosen = best.reshape(-1).topk(count)
    return place.reshape(-1)[chosen], strength > 0


def block_matches(
    image: Tensor, view: Tensor, valid: Tensor, reach: int, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Where an image shows the patches of a view of the same size, up to ``reach`` pixels from their place in the view.

    Args:
        image, view: (h, w) float32 intensities 0..1. valid: (h, w) bool, where the view is known. count: patches, at
            most one per ``TILE_PX`` square.

    Returns:
        centre (count,) int64 and usable (count,) bool, of ``textured_patches``; uv (count, 2) float32, ``uv_px`` in the
        image; correlation (count,) float32, -1..1; found (count,) bool, where it is a clear peak within reach.
    """
    height, width = view.shape
    centre, usable = textured_patches(view, valid, count)
    row, column = centre // width, centre % width
    patch, mask = _patches(view, valid, row, column)
    correlation = _correlations(image, patch, mask, row, column, reach)
    shift = torch.arange(-reach, reach + 1)
    down, right = row[:, None] + shift, column[:, None] + shift
    inside = ((down >= 0) & (down < height))[:, :, None] & ((right >= 0) & (right < width))[:, None]
    correlation = torch.where(inside, correlation, -1.0)
    peak, step, clear = _unique_peaks(correlation)
    uv = torch.stack([column, row], -1).float() + step - reach + 0.5
    return centre, usable, uv, peak, usable & clear & (peak > MIN_CORRELATION)


def _mean(image: Tensor) -> Tensor:
    """Mean of (h, w) over the window of a patch."""
    return box_mean(image[None], 2 * RADIUS + 1)[0]


def _window(image: Tensor, row: Tensor, column: Tensor, radius: int) -> Tensor:
    """(N, 2 radius + 1, 2 radius + 1) squares of (h, w) around pixels, borders replicated."""
    height, width = image.shape
    shift = torch.arange(-radius, radius + 1)
    y, x = (row[:, None] + shift).clamp(0, height - 1), (column[:, None] + shift).clamp(0, width - 1)
    return image.reshape(-1)[y[:, :, None] * width + x[:, None]]


def _patches(view: Tensor, valid: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Patches (N, P, P) without their mean and of unit length, 0 at unknown pixels; and (N, P, P) 1 at known pixels."""
    height, width = view.shape
    shift = torch.arange(-RADIUS, RADIUS + 1)
    y, x = row[:, None] + shift, column[:, None] + shift
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
    mask = (_window(valid.float(), row, column, RADIUS) * inside).float()
    patch = _window(view, row, column, RADIUS)
    mean = (patch * mask).sum((1, 2), keepdim=True) / mask.sum((1, 2), keepdim=True).clamp_min(1.0)
    patch = (patch - mean) * mask
    return patch / patch.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-6), mask


def _correlations(image: Tensor, patch: Tensor, mask: Tensor, row: Tensor, column: Tensor, reach: int) -> Tensor:
    """(N, S, S) correlation of each patch with the image at each of its shifts, -1 where the image is flat."""
    region = _window(image, row, column, RADIUS + reach)
    region = region - region.mean((1, 2), keepdim=True)
    number = mask.sum((1, 2), keepdim=True).clamp_min(1.0)
    mean = _sliding_products(region, mask) / number
    energy = (_sliding_products(region.square(), mask) - number * mean.square()).clamp_min(0)
    flat = energy < number * (0.5 * MIN_CONTRAST) ** 2
    return torch.where(flat, -1.0, _sliding_products(region, patch) * torch.rsqrt(energy.clamp_min(1e-9)))


def _sliding_products(regions: Tensor, kernels: Tensor) -> Tensor:
    """Scalar product of (N, P, P) kernels with the (N, P + S - 1, P + S - 1) regions at every shift, (N, S, S)."""
    return functional.conv2d(regions[None], kernels[:, None], groups=regions.shape[0])[0]


def _unique_peaks(correlation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of (N, S, S): the highest value (N,), its place (N, 2) as (right, down) to a fraction of a pixel, and whether it
    is a unique peak (``MAX_PEAK_RATIO``) inside the searched square."""
    size = correlation.shape[-1]
    flat = correlation.reshape(-1, size * size)
    peak, at = flat.max(1)
    down, right = at // size, at % size
    inside = (down > 0) & (down < size - 1) & (right > 0) & (right < size - 1)
    y, x = down.clamp(1, size - 2), right.clamp(1, size - 2)
    steps = [
        _parabola_peak(*(flat.gather(1, (y * size + x + offset)[:, None])[:, 0] for offset in (-unit, 0, unit)))
        for unit in (1, size)
    ]
    index = torch.arange(size)
    far = ((index - down[:, None]).abs() > PEAK_RADIUS_PX)[:, :, None] | (
        (index - right[:, None]).abs() > PEAK_RADIUS_PX
    )[:, None]
    second = torch.where(far, correlation, -1.0).amax((1, 2))
    clear = inside & (1 - peak < MAX_PEAK_RATIO * (1 - second))
    return peak, torch.stack([x + steps[0], y + steps[1]], -1), clear


def _parabola_peak(before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
    """Offset of the maximum of the parabola through three neighbours from the middle one, at most half a step."""
    curvature = (2 * middle - before - after).clamp_min(1e-6)
    return (0.5 * (after - before) / curvature).clamp(-0.5, 0.5)
