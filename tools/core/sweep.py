"""Depth of a colour image from posed neighbours: plane sweep (Collins 1996) with zero-mean normalised correlation.

Each plane of constant depth maps the reference image into every neighbour; where the surface lies on the plane, the
windows around the two pixels correlate. Correlation over windows of three sizes is added up: the small one places
edges, the large ones carry surfaces of little texture. Pure kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOWS = (5, 9, 17)
"""Edges of the correlation windows, pixels."""
NOISE_VARIANCE = (2.5 / 255) ** 2
"""Variance of intensity that is the camera's own noise: windows below it correlate with nothing."""
MIN_SCORE = 0.55
"""Mean correlation below which a pixel has no depth."""
MIN_LEAD = 0.02
"""By how much the best plane must beat every plane that is not its neighbour: repeated texture, bare walls."""
AGREE_PLANES = 2.5
"""A pixel must lie within so many planes of the mean of its 5x5 neighbourhood."""


def plane_sweep(
    reference: Tensor,
    neighbours: Tensor,
    projection: Tensor,
    offset: Tensor,
    weight: Tensor,
    inverse_depths: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth of a reference image.

    Args:
        reference: (H, W) float32 intensities 0..1. neighbours: (K, H, W).
        projection: (K, 3, 3) float32, K R K^-1 of neighbour_from_reference: acts on (u, v, 1).
        offset: (K, 3) float32, K t: times the inverse depth, it completes the pixel in the neighbour.
        weight: (K,) float32, 0 leaves a neighbour out.
        inverse_depths: (D,) float32, 1/m, evenly spaced and ascending.

    Returns:
        depth_m (H, W) float32 (0 where invalid), valid (H, W) bool, sigma_m (H, W) float32 (0 where invalid).
    """
    score = _mean_correlation(reference, neighbours, projection, offset, weight, inverse_depths)
    planes = score.shape[0]
    best, index = score.max(0)
    # The peak of the parabola through the best plane and those beside it.
    inner = index.clamp(1, planes - 2)
    below, middle, above = (score.gather(0, (inner + d)[None])[0] for d in (-1, 0, 1))
    curvature = (2 * middle - below - above).clamp_min(1e-4)
    shift = (0.5 * (above - below) / curvature).clamp(-1, 1)
    apart = (torch.arange(planes)[:, None, None] - index).abs() > 3
    second = torch.where(apart, score, -1.0).amax(0)
    place = inner + shift
    confident = (best > MIN_SCORE) & (best - second > MIN_LEAD) & (index > 0) & (index < planes - 1)
    # Agreement with the confident pixels around.
    mask = confident.float()[None, None]
    share = functional.avg_pool2d(mask, 5, stride=1, padding=2)[0, 0]
    mean = functional.avg_pool2d(mask * place, 5, stride=1, padding=2)[0, 0] / share.clamp_min(1e-6)
    valid = confident & (share > 0.3) & ((place - mean).abs() < AGREE_PLANES)
    step = inverse_depths[1] - inverse_depths[0]
    depth = 1 / (inverse_depths[0] + place * step).clamp_min(1e-3)
    # A flat peak is a vague one: at the noise of a correlation (about 0.02), the parabola says how vague.
    sigma = depth * depth * step * (0.3 + 0.04 / curvature).clamp_max(3.0)
    return torch.where(valid, depth, 0.0), valid, torch.where(valid, sigma, 0.0)


def _mean_correlation(
    reference: Tensor,
    neighbours: Tensor,
    projection: Tensor,
    offset: Tensor,
    weight: Tensor,
    inverse_depths: Tensor,
) -> Tensor:
    """(D, H, W) correlation, averaged over windows and over the neighbours that see the pixel."""
    height, width = reference.shape
    u = torch.arange(width, dtype=torch.float32)[None, :] + 0.5
    v = torch.arange(height, dtype=torch.float32)[:, None] + 0.5
    mean, variance = zip(*(_moments(reference[None], window) for window in WINDOWS), strict=True)
    total = torch.zeros(inverse_depths.shape[0], height, width)
    seen = torch.full_like(total, 1e-6)
    for k in range(neighbours.shape[0]):
        m, t = projection[k], offset[k]
        x, y, z = ((m[i, 0] * u + m[i, 1] * v + m[i, 2])[None] + t[i] * inverse_depths[:, None, None] for i in range(3))
        inverse = 1 / z.clamp_min(1e-3)
        gx, gy = x * inverse * (2 / width) - 1, y * inverse * (2 / height) - 1
        inside = (z > 1e-3) & (gx.abs() < 1) & (gy.abs() < 1)
        grid = torch.stack([gx, gy], dim=-1).clamp(-2, 2)
        source = neighbours[k].expand(grid.shape[0], 1, height, width)
        warped = functional.grid_sample(source, grid, align_corners=False)[:, 0]
        score = torch.zeros_like(warped)
        for window, mean_r, variance_r in zip(WINDOWS, mean, variance, strict=True):
            mean_w, variance_w = _moments(warped, window)
            covariance = _box(warped * reference, window) - mean_w * mean_r
            score = score + covariance * torch.rsqrt((variance_r + NOISE_VARIANCE) * (variance_w + NOISE_VARIANCE))
        use = inside.float() * weight[k]
        total = total + score * (use / len(WINDOWS))
        seen = seen + use
    return total / seen


def _moments(images: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Mean and variance over a window, (N, H, W) -> 2 x (N, H, W)."""
    mean = _box(images, window)
    return mean, (_box(images * images, window) - mean * mean).clamp_min(0)


def _box(images: Tensor, window: int) -> Tensor:
    """Mean over a square window, of what lies inside the image."""
    rows = functional.avg_pool2d(images[:, None], (1, window), 1, (0, window // 2), count_include_pad=False)
    return functional.avg_pool2d(rows, (window, 1), 1, (window // 2, 0), count_include_pad=False)[:, 0]
