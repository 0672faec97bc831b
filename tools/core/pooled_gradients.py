"""Local features made for speed: corners and blobs over a pyramid, described by pooled gradient orientations.

The layout of a descriptor is SIFT's (4x4 cells of 8 orientations, square-rooted), but the cells are read from maps that
are pooled once per image, so that a keypoint costs 16 look-ups instead of 256 gradients. The detector is the
determinant of the Hessian (Lindeberg 1998), which needs one blur per level and rejects edges by itself. Pure kernels.

Upright, as ``tools.core.root_sift``: a head-worn camera rolls little, and the vertical tells places apart.

Own code, because it is faster than what could be bought: on one core, a 640 x 480 image of a real kitchen takes 40 ms
eagerly (2,500 keypoints), and 79 ms with OpenCV's SIFT (1,064 found).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 6
"""Pyramid levels, each half the pixels of the one before."""
NEIGHBOURHOOD = 5
"""A keypoint is the largest response in a window of this many pixels across."""
NEIGHBOURHOOD_RADIUS = NEIGHBOURHOOD // 2
BORDER = 8
"""Width in pixels of a level's border without keypoints."""
CONTRAST = 2e-5
"""Least determinant of the Hessian, of intensities 0..1."""
CELL_PX = 5.0
"""Spacing of the 4x4 cells, in pixels of the keypoint's level."""
POOL_PX, STRIDE_PX = 4, 2
"""Gradients are summed over windows of 4 pixels, every second pixel."""
ORIENTATIONS = 8
BIN_CUTOFF_COS = math.cos(math.pi / 4)
"""A gradient contributes to orientations less than one bin of 45 degrees away."""
WINDOW_SIGMA_CELLS = 2.0
"""Standard deviation of the Gaussian weight over the cells (Lowe)."""
TILE_PX = 4
"""Edge of the square tiles of a level that hold at most one keypoint each."""
KEYPOINTS_LEVEL_RATIO = 0.62
"""Keypoints of a level over those of the next finer one; in proportion to the pixels it would be 0.5."""
LEVEL_BLUR_PX = 1.5
"""Blur of a level in its own pixels: the scale of its keypoints."""


def luma(rgb: Tensor) -> Tensor:
    """(H, W, 3) uint8 -> (H, W) float32 in 0..1, Rec. 601."""
    return rgb[..., 0] * (0.299 / 255) + rgb[..., 1] * (0.587 / 255) + rgb[..., 2] * (0.114 / 255)


def binomial_blur(images: Tensor) -> Tensor:
    """(1, 1, H, W) -> (1, 1, H, W), blurred by one pixel: a binomial over five, borders replicated.

    Computed as four sums of neighbours each way, half as many passes as five weights take. Meant for eager code: a
    compiler would inline every sum wherever it is read.
    """
    p = functional.pad(images, (2, 2, 2, 2), mode="replicate")
    for _ in range(4):
        p = p[..., :-1] + p[..., 1:]
    for _ in range(4):
        p = p[..., :-1, :] + p[..., 1:, :]
    return p * (1 / 256)


def pyramid(gray: Tensor) -> tuple[Tensor, ...]:
    """(H, W) intensities 0..1 -> ``LEVELS`` images (1, 1, h, w), each smaller by the root of 2 than the one before."""
    first = binomial_blur(gray[None, None])
    second = binomial_blur(functional.interpolate(first, _half_step(*gray.shape), mode="bilinear", align_corners=False))
    levels = [first, second]
    while len(levels) < LEVELS:
        levels.append(binomial_blur(functional.avg_pool2d(levels[-2], 2)))
    return tuple(levels)


def level_spans(height: int, width: int) -> list[tuple[float, float]]:
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
    """(1, 1, h, w) -> (h - 2 m, w - 2 m) determinant of the Hessian, cropped by m = ``BORDER - NEIGHBOURHOOD_RADIUS``.

    No padding here or below: compiled, it would cost a masked load per neighbour.
    """
    margin = BORDER - NEIGHBOURHOOD_RADIUS
    height, width = level.shape[-2:]

    def shifted(down: int, across: int) -> Tensor:
        return level[0, 0, margin + down : height - margin + down, margin + across : width - margin + across]

    c = shifted(0, 0)
    dxx = shifted(0, 1) + shifted(0, -1) - 2 * c
    dyy = shifted(1, 0) + shifted(-1, 0) - 2 * c
    dxy = (shifted(1, 1) + shifted(-1, -1) - shifted(1, -1) - shifted(-1, 1)) / 4
    return dxx * dyy - dxy * dxy


def keypoints_of(level: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The strongest keypoints of one level: (count, 2) positions in its pixels, (count,) responses, 0 = none.

    At most one in a tile of ``TILE_PX`` pixels, so that few are sorted; a level with fewer than ``count`` tiles is
    padded with responses of 0.
    """
    response = hessian_determinant(level)
    inner = response[NEIGHBOURHOOD_RADIUS:-NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_RADIUS:-NEIGHBOURHOOD_RADIUS]
    highest = _highest_of_five(_highest_of_five(response, 1), 0)
    peaks = torch.where((inner == highest) & (inner > CONTRAST), inner, 0.0)
    best, place = functional.max_pool2d(peaks[None], TILE_PX, return_indices=True)
    missing = max(0, count - best.numel())
    best = functional.pad(best.reshape(-1), (0, missing))
    place = functional.pad(place.reshape(-1), (0, missing))
    strength, chosen = best.topk(count)
    row, column = place[chosen] // inner.shape[1], place[chosen] % inner.shape[1]
    flat, width = response.reshape(-1), response.shape[1]
    at = (row + NEIGHBOURHOOD_RADIUS) * width + column + NEIGHBOURHOOD_RADIUS
    centre = flat[at]
    shifts = [_peak(flat[at - step], centre, flat[at + step]) for step in (1, width)]
    return torch.stack([column + shifts[0], row + shifts[1]], -1) + (BORDER + 0.5), strength


def _highest_of_five(values: Tensor, dim: int) -> Tensor:
    """The maximum of each five neighbours along a dimension, which is four shorter."""
    length = values.shape[dim] - 2 * NEIGHBOURHOOD_RADIUS
    parts = [values.narrow(dim, i, length) for i in range(NEIGHBOURHOOD)]
    return torch.maximum(torch.maximum(torch.maximum(parts[0], parts[1]), torch.maximum(parts[2], parts[3])), parts[4])


def _peak(before: Tensor, centre: Tensor, after: Tensor) -> Tensor:
    """Offset of the maximum of the parabola through three neighbours from the middle one, at most half a pixel."""
    curvature = (2 * centre - before - after).clamp_min(1e-12)
    return (0.5 * (after - before) / curvature).clamp(-0.5, 0.5)


def split_even_odd_columns(level: Tensor) -> Tensor:
    """(1, 1, h, w) -> (2, h, w / 2): its even columns, then its odd ones; an odd last row or column is dropped.

    ``orientation_maps`` reads every second column; with this layout compiled code loads whole vectors.
    """
    height, width = level.shape[-2] // STRIDE_PX, level.shape[-1] // STRIDE_PX
    even = level[0, 0, : height * STRIDE_PX, : width * STRIDE_PX]
    return even.reshape(-1, width, STRIDE_PX).permute(2, 0, 1).contiguous()


def orientation_maps(columns: Tensor) -> Tensor:
    """(2, h, w / 2) columns of a level (see ``split_even_odd_columns``) -> (h', w', ORIENTATIONS): gradient energy per
    orientation, pooled over windows of ``POOL_PX`` at every second pixel, the first of them from pixel 2 on."""
    even, odd = columns.unbind()

    def shifted(plane: Tensor, down: int, across: int) -> Tensor:
        return plane[2 + down : plane.shape[0] - 2 + down : 2, 1 + across : plane.shape[1] - 1 + across]

    gradients = []  # of the four pixels of each 2x2 block, in turn
    for y in (0, 1):
        gradients.append((shifted(odd, y, 0) - shifted(odd, y, -1), shifted(even, y + 1, 0) - shifted(even, y - 1, 0)))
        gradients.append((shifted(even, y, 1) - shifted(even, y, 0), shifted(odd, y + 1, 0) - shifted(odd, y - 1, 0)))
    sizes = [(dx * dx + dy * dy).sqrt() * BIN_CUTOFF_COS for dx, dy in gradients]
    one_way, other_way = [], []
    for i in range(ORIENTATIONS // 2):
        angle = i * (2 * math.pi / ORIENTATIONS)
        along = [math.cos(angle) * dx + math.sin(angle) * dy for dx, dy in gradients]
        one_way.append(sum_of_four([(a - size).relu() for a, size in zip(along, sizes, strict=True)]))
        other_way.append(sum_of_four([(-a - size).relu() for a, size in zip(along, sizes, strict=True)]))
    blocks = torch.stack(one_way + other_way)
    # Windows of 4 pixels, in two steps: the gradients are read once.
    windows = (blocks[:, :-1, :-1] + blocks[:, :-1, 1:]) + (blocks[:, 1:, :-1] + blocks[:, 1:, 1:])
    return (windows * (1 / POOL_PX**2)).permute(1, 2, 0).contiguous()


def sum_of_four(four: list[Tensor]) -> Tensor:
    """The sum of four tensors."""
    return (four[0] + four[1]) + (four[2] + four[3])


def keypoint_descriptors(maps: Tensor, uv: Tensor) -> Tensor:
    """(h', w', 8) maps of one level and (N, 2) positions in its pixels -> (N, 128) unit descriptors."""
    height, width, _ = maps.shape
    offset = (torch.arange(4) - 1.5) * CELL_PX
    # Pooled sample i covers pixels 2 i + 2 to 2 i + 5, whose middle is 2 i + 4.
    x = ((uv[:, 0, None] + offset - POOL_PX) / STRIDE_PX).clamp(0, width - 1.001)
    y = ((uv[:, 1, None] + offset - POOL_PX) / STRIDE_PX).clamp(0, height - 1.001)
    column, row = x.long(), y.long()
    fx, fy = (x - column)[:, None, :, None], (y - row)[:, :, None, None]
    at = row[:, :, None] * width + column[:, None, :]
    flat = maps.reshape(-1, ORIENTATIONS)
    top = torch.lerp(flat[at], flat[at + 1], fx)
    bottom = torch.lerp(flat[at + width], flat[at + width + 1], fx)
    cells = torch.lerp(top, bottom, fy)
    away = torch.arange(4) - 1.5
    weight = torch.exp(-(away[:, None] ** 2 + away[None, :] ** 2) / (2 * WINDOW_SIGMA_CELLS**2))
    histogram = (cells * weight[None, :, :, None]).reshape(len(uv), 16 * ORIENTATIONS)
    histogram = functional.normalize(histogram, dim=-1).clamp_max(0.2)
    return (histogram / histogram.sum(-1, keepdim=True).clamp_min(1e-9)).sqrt()


def keypoints_per_level(count: int) -> list[int]:
    """How many of ``count`` keypoints come from each level, by ``KEYPOINTS_LEVEL_RATIO``."""
    weights = [KEYPOINTS_LEVEL_RATIO**level for level in range(LEVELS)]
    parts = [int(count * weight / sum(weights)) for weight in weights]
    return [parts[0] + count - sum(parts), *parts[1:]]


def level_keypoints(level: Tensor, columns: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Keypoints of one level (1, 1, h, w), which ``columns`` holds in the layout of ``split_even_odd_columns``.

    Returns (count, 2) positions in the level's pixels, (count,) responses, 0 = none, and ``orientation_maps``.

    Kept apart from ``keypoint_descriptors``: in one kernel, a compiler would recompute the maps wherever they are read.
    """
    return *keypoints_of(level, count), orientation_maps(columns)


def pooled_gradients(
    gray: Tensor,
    count: int,
    *,
    keypoints: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor, Tensor]] = level_keypoints,
    descriptors: Callable[[Tensor, Tensor], Tensor] = keypoint_descriptors,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keypoints and descriptors of an image, from fine levels to coarse ones, the strongest of a level first.

    A fixed share comes from every level: a blurred image keeps its coarse keypoints only.

    Args:
        gray: (H, W) float32, 0..1, at least 128 pixels on each side. count: number of keypoints. keypoints,
            descriptors: ``level_keypoints`` and ``keypoint_descriptors`` or their compiled twins.

    Returns:
        uv (count, 2) float32 ``uv_px``; scale (count,) float32, blur in pixels; descriptor (count, 128) float32;
        valid (count,) bool.
    """
    uv, scale, descriptor, valid = [], [], [], []
    for level, span, share in zip(pyramid(gray), level_spans(*gray.shape), keypoints_per_level(count), strict=True):
        place, strength, maps = keypoints(level, split_even_odd_columns(level), share)
        uv.append(torch.stack([place[:, 0] * span[0], place[:, 1] * span[1]], -1))
        scale.append(torch.full((share,), LEVEL_BLUR_PX * span[0]))
        descriptor.append(descriptors(maps, place))
        valid.append(strength > 0)
    return torch.cat(uv), torch.cat(scale), torch.cat(descriptor), torch.cat(valid)
