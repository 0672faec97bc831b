"""Local features made for speed: corners and blobs over a pyramid, described by pooled gradient orientations.

The layout of a descriptor is SIFT's (4x4 cells of 8 orientations, square-rooted), but the cells are read from maps that
are pooled once per image, so that a keypoint costs 16 look-ups instead of 256 gradients. The detector is the
determinant of the Hessian (Lindeberg 1998), which needs one blur per level and rejects edges by itself. Pure functions
of tensors.

Upright, as ``tools.core.features``: a head-worn camera rolls little, and the vertical tells places apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

FINE_LEVELS = 4
"""Levels that hold nine tenths of the pixels of all."""
LEVELS = 6
"""Pyramid levels, each half the pixels of the one before."""
NEIGHBOURHOOD = 5
"""Keypoints of one level are the largest in a window of this many pixels."""
BORDER = 8
"""Pixels of a level's edge that hold no keypoint."""
CONTRAST = 2e-5
"""Least determinant of the Hessian, of intensities 0..1."""
CELL_PX = 5.0
"""Spacing of the 4x4 cells, in pixels of the keypoint's level."""
POOL_PX, STRIDE_PX = 4, 2
"""Gradients are summed over windows of 4 pixels, every second pixel."""
ORIENTATIONS = 8
HALF_BIN_COS = math.cos(math.pi / 4)
"""A gradient counts for an orientation up to one bin of 45 degrees away."""
WINDOW_CELLS = 2.0
"""Standard deviation of the Gaussian weight over the cells (Lowe)."""
TILE_PX = 4
"""Pixels of a level in which there is one keypoint at most."""
SHARE_FALL = 0.62
"""A level gives this share of the keypoints that the finer one before it gives; half of the pixels would be 0.5."""
LEVEL_BLUR_PX = 1.5
"""Blur of a level in its own pixels: what a keypoint's scale is a multiple of."""


def blurred(images: Tensor) -> Tensor:
    """(1, 1, H, W) -> (1, 1, H, W), blurred by one pixel: a binomial over five, borders replicated.

    Sums of shifted images rather than a convolution: a compiler makes one pass of them.
    """
    p = functional.pad(images, (2, 2, 0, 0), mode="replicate")
    rows = (p[..., :-4] + p[..., 4:]) + 4 * (p[..., 1:-3] + p[..., 3:-1]) + 6 * p[..., 2:-2]
    p = functional.pad(rows, (0, 0, 2, 2), mode="replicate")
    both = (p[..., :-4, :] + p[..., 4:, :]) + 4 * (p[..., 1:-3, :] + p[..., 3:-1, :]) + 6 * p[..., 2:-2, :]
    return both * (1 / 256)


def pyramid(gray: Tensor) -> tuple[Tensor, ...]:
    """(H, W) intensities 0..1 -> ``LEVELS`` images (1, 1, h, w), each smaller than the one before by the root of 2."""
    first = blurred(gray[None, None])
    second = blurred(functional.interpolate(first, _half_step(*gray.shape), mode="bilinear", align_corners=False))
    levels = [first, second]
    while len(levels) < LEVELS:
        levels.append(blurred(functional.avg_pool2d(levels[-2], 2)))
    return tuple(levels)


def spans(height: int, width: int) -> list[tuple[float, float]]:
    """How many pixels of an image one pixel of each of its levels spans, (across, down)."""
    half_step = _half_step(height, width)
    found = [(1.0, 1.0), (width / half_step[1], height / half_step[0])]
    while len(found) < LEVELS:
        # Halving drops the last column of an odd width, so that the span is twice, not the ratio of the sizes.
        found.append((2 * found[-2][0], 2 * found[-2][1]))
    return found


def _half_step(height: int, width: int) -> tuple[int, int]:
    return round(height / math.sqrt(2)), round(width / math.sqrt(2))


def hessian_determinant(level: Tensor) -> Tensor:
    """(1, 1, h, w) -> (1, 1, h, w) determinant of the Hessian, 0 within ``BORDER`` of the edge."""
    c = level[..., 1:-1, 1:-1]
    dxx = level[..., 1:-1, 2:] + level[..., 1:-1, :-2] - 2 * c
    dyy = level[..., 2:, 1:-1] + level[..., :-2, 1:-1] - 2 * c
    dxy = (level[..., 2:, 2:] + level[..., :-2, :-2] - level[..., 2:, :-2] - level[..., :-2, 2:]) / 4
    found = (dxx * dyy - dxy * dxy)[..., BORDER - 1 : -(BORDER - 1), BORDER - 1 : -(BORDER - 1)]
    return functional.pad(found, (BORDER, BORDER, BORDER, BORDER))


def keypoints_of(level: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The strongest keypoints of one level: (count, 2) positions in its pixels, (count,) responses, 0 = none.

    At most one in a tile of ``TILE_PX`` pixels, so that few are sorted; a level too small for ``count`` tiles is
    filled up with none.
    """
    response = hessian_determinant(level)
    highest = functional.max_pool2d(response, (1, NEIGHBOURHOOD), stride=1, padding=(0, NEIGHBOURHOOD // 2))
    highest = functional.max_pool2d(highest, (NEIGHBOURHOOD, 1), stride=1, padding=(NEIGHBOURHOOD // 2, 0))
    peaks = torch.where((response == highest) & (response > CONTRAST), response, 0.0)
    best, place = functional.max_pool2d(peaks, TILE_PX, return_indices=True)
    missing = max(0, count - best.numel())
    best = functional.pad(best.reshape(-1), (0, missing))
    place = functional.pad(place.reshape(-1), (0, missing))
    strength, chosen = best.topk(count)
    at, flat, width = place[chosen], response.reshape(-1), level.shape[-1]
    at = at.clamp(width, flat.shape[0] - width - 1)
    centre = flat[at]
    shifts = [_peak(flat[at - step], centre, flat[at + step]) for step in (1, width)]
    column, row = (at % width).float(), (at // width).float()
    return torch.stack([column + shifts[0] + 0.5, row + shifts[1] + 0.5], -1), strength


def _peak(before: Tensor, centre: Tensor, after: Tensor) -> Tensor:
    """Where the parabola through three neighbours peaks, from the middle one, at most half a pixel away."""
    curvature = (2 * centre - before - after).clamp_min(1e-12)
    return (0.5 * (after - before) / curvature).clamp(-0.5, 0.5)


def orientation_maps(level: Tensor) -> Tensor:
    """(1, 1, h, w) -> (h', w', ORIENTATIONS): gradient energy per orientation, pooled; h' = h / STRIDE_PX roughly."""
    dx = functional.pad(level[..., 1:-1, 2:] - level[..., 1:-1, :-2], (1, 1, 1, 1))
    dy = functional.pad(level[..., 2:, 1:-1] - level[..., :-2, 1:-1], (1, 1, 1, 1))
    size = (dx * dx + dy * dy).sqrt() * HALF_BIN_COS
    turns = [i * (2 * math.pi / ORIENTATIONS) for i in range(ORIENTATIONS)]
    energy = torch.cat([(math.cos(a) * dx + math.sin(a) * dy - size).relu() for a in turns], 1)
    # Windows of 4 pixels at every second one, in two steps: the gradients are read once.
    halved = functional.avg_pool2d(energy, STRIDE_PX)
    return functional.avg_pool2d(halved, POOL_PX // STRIDE_PX, 1)[0].permute(1, 2, 0)


def described(maps: Tensor, uv: Tensor) -> Tensor:
    """(h', w', 8) maps of one level and (N, 2) positions in its pixels -> (N, 128) unit descriptors."""
    height, width, _ = maps.shape
    offset = (torch.arange(4) - 1.5) * CELL_PX
    # Pooled sample i covers pixels 2 i to 2 i + 3, whose middle is 2 i + 2.
    x = ((uv[:, 0, None] + offset - POOL_PX / 2) / STRIDE_PX).clamp(0, width - 1.001)
    y = ((uv[:, 1, None] + offset - POOL_PX / 2) / STRIDE_PX).clamp(0, height - 1.001)
    column, row = x.long(), y.long()
    fx, fy = (x - column)[:, None, :, None], (y - row)[:, :, None, None]
    at = row[:, :, None] * width + column[:, None, :]
    flat = maps.reshape(-1, ORIENTATIONS)
    top = torch.lerp(flat[at], flat[at + 1], fx)
    bottom = torch.lerp(flat[at + width], flat[at + width + 1], fx)
    cells = torch.lerp(top, bottom, fy)
    away = torch.arange(4) - 1.5
    weight = torch.exp(-(away[:, None] ** 2 + away[None, :] ** 2) / (2 * WINDOW_CELLS**2))
    histogram = (cells * weight[None, :, :, None]).reshape(len(uv), 16 * ORIENTATIONS)
    histogram = functional.normalize(histogram, dim=-1).clamp_max(0.2)
    return (histogram / histogram.sum(-1, keepdim=True).clamp_min(1e-9)).sqrt()


def shares(count: int) -> list[int]:
    """How many of ``count`` keypoints each level gives: fewer from coarse ones, which have fewer to give."""
    weights = [SHARE_FALL**level for level in range(LEVELS)]
    parts = [int(count * weight / sum(weights)) for weight in weights]
    return [parts[0] + count - sum(parts), *parts[1:]]


def level_features(level: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of one level (1, 1, h, w): (count, 2) positions in its pixels, (count,) responses, 0 = none, and (count, 128)
    descriptors."""
    place, strength = keypoints_of(level, count)
    return place, strength, described(orientation_maps(level), place)


def pooled_gradients(
    gray: Tensor,
    count: int,
    *,
    features_of: Callable[[Tensor, int], tuple[Tensor, Tensor, Tensor]] = level_features,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keypoints and descriptors of an image, from fine levels to coarse ones, the strongest of a level first.

    A fixed share comes from every level: a blurred image keeps its coarse keypoints only.

    Args:
        gray: (H, W) float32, 0..1, at least 128 pixels on each side. count: number of keypoints. features_of:
            ``level_features`` or its compiled twin.

    Returns:
        uv (count, 2) float32 ``uv_px``; scale (count,) float32, blur in pixels; descriptor (count, 128) float32;
        valid (count,) bool.
    """
    uv, scale, descriptor, valid = [], [], [], []
    for i, (level, span, share) in enumerate(zip(pyramid(gray), spans(*gray.shape), shares(count), strict=True)):
        # Coarse levels are too small to be worth a compile of their own.
        place, strength, described_there = (features_of if i < FINE_LEVELS else level_features)(level, share)
        uv.append(torch.stack([place[:, 0] * span[0], place[:, 1] * span[1]], -1))
        scale.append(torch.full((share,), LEVEL_BLUR_PX * span[0]))
        descriptor.append(described_there)
        valid.append(strength > 0)
    return torch.cat(uv), torch.cat(scale), torch.cat(descriptor), torch.cat(valid)
