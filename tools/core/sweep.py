"""Depth of a colour image from posed neighbours: plane sweep (Collins 1996) with zero-mean normalised correlation.

Each plane of constant depth maps the reference image into every neighbour; where the surface lies on the plane, the
windows around the two pixels correlate. Correlation over windows of two sizes is added up: the small one places
edges, the large one carries surfaces of little texture. ``plane_scores`` is the kernel; ``depth_of_scores`` chooses a
plane per pixel by semi-global matching, and marks where that choice is reliable.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tools.core.semi_global import aggregate
from tools.core.windows import box_mean

WINDOWS = (5, 9)
"""Edges of the correlation windows, pixels."""
NOISE_VARIANCE = (2.5 / 255) ** 2
"""Variance of intensity from the camera's noise, added to each window's: flat windows correlate with nothing."""
MIN_SCORE = 0.4
"""Mean correlation below which a pixel has no depth."""
MIN_COST_MARGIN = 0.2
"""Least difference of aggregated cost between the best plane and every plane that is not its neighbour; smaller on
repeated texture and bare walls."""
NEIGHBOUR_PLANES = 3
"""Planes that count as neighbours of the best one."""
MIN_AGREEING_PATHS, PATH_AGREEMENT_PLANES = 3, 2
"""At least so many of the four paths must have their own best plane within so many planes of the best one."""
MAX_ROUGHNESS_PLANES = 2.5
"""Largest difference of a pixel from the mean of its 5x5 neighbourhood, in planes."""
MIN_CONFIDENT_SHARE = 0.3
"""Least share of reliable pixels in that neighbourhood."""


def plane_scores(
    reference: Tensor,
    neighbours: Tensor,
    projection: Tensor,
    offset: Tensor,
    weight: Tensor,
    inverse_depths: Tensor,
) -> Tensor:
    """How well each plane of depth explains the views.

    Args:
        reference: (H, W) float32 intensities 0..1. neighbours: (K, H, W).
        projection: (K, 3, 3) float32, K R K^-1 of neighbour_from_reference: acts on (u, v, 1).
        offset: (K, 3) float32, K t: times the inverse depth, it completes the pixel in the neighbour.
        weight: (K,) float32, 0 leaves a neighbour out.
        inverse_depths: (D,) float32, 1/m, evenly spaced and ascending.

    Returns:
        (D, H, W) float32 correlation, averaged over windows and over the neighbours that see the pixel.
    """
    height, width = reference.shape
    u = torch.arange(width, dtype=torch.float32)[None, :] + 0.5
    v = torch.arange(height, dtype=torch.float32)[:, None] + 0.5
    mean, variance = zip(*(_mean_and_variance(reference[None], window) for window in WINDOWS), strict=True)
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
            mean_w, variance_w = _mean_and_variance(warped, window)
            covariance = box_mean(warped * reference, window) - mean_w * mean_r
            score = score + covariance * torch.rsqrt((variance_r + NOISE_VARIANCE) * (variance_w + NOISE_VARIANCE))
        use = inside.float() * weight[k]
        total = total + score * (use / len(WINDOWS))
        seen = seen + use
    return total / seen


def depth_of_scores(scores: Tensor, reference: Tensor, inverse_depths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Depth of a reference image from its planes' scores.

    Args:
        scores, inverse_depths: as of ``plane_scores``. reference: (H, W) float32.

    Returns:
        depth_m (H, W) float32 (0 where invalid), valid (H, W) bool, sigma_m (H, W) float32 (0 where invalid).
    """
    planes = scores.shape[0]
    paths = aggregate((1 - scores).clamp(0, 1.5), reference)
    cost = paths.sum(0)
    best, index = cost.min(-1)
    # The lowest point of the parabola through the best plane and those beside it.
    inner = index.clamp(1, planes - 2)
    below, middle, above = (cost.gather(-1, (inner + d)[..., None])[..., 0] for d in (-1, 0, 1))
    curvature = (below + above - 2 * middle).clamp_min(1e-4)
    place = inner + (0.5 * (below - above) / curvature).clamp(-1, 1)
    apart = (torch.arange(planes) - index[..., None]).abs() > NEIGHBOUR_PLANES
    second = torch.where(apart, cost, torch.inf).amin(-1)
    agree = ((paths.argmin(-1) - index).abs() <= PATH_AGREEMENT_PLANES).sum(0)
    score = scores.gather(0, index[None])[0]
    confident = (score > MIN_SCORE) & (agree >= MIN_AGREEING_PATHS) & (second - best > MIN_COST_MARGIN)
    confident = confident & (index > 0) & (index < planes - 1)
    valid = confident & _is_smooth(place, confident)
    step = inverse_depths[1] - inverse_depths[0]
    depth = 1 / (inverse_depths[0] + place * step).clamp_min(1e-3)
    # One plane for poses that are a little off, which moves whole surfaces; and a flat valley is a vague one: at the
    # noise of a correlation (about 0.02), the parabola says how vague.
    sigma = depth * depth * step * (1.0 + 0.16 / curvature).clamp_max(4.0)
    return torch.where(valid, depth, 0.0), valid, torch.where(valid, sigma, 0.0)


def _is_smooth(place: Tensor, confident: Tensor) -> Tensor:
    """Whether a pixel's plane is that of the confident pixels around it."""
    mask = confident.float()[None, None]
    share = functional.avg_pool2d(mask, 5, stride=1, padding=2)[0, 0]
    mean = functional.avg_pool2d(mask * place, 5, stride=1, padding=2)[0, 0] / share.clamp_min(1e-6)
    return (share > MIN_CONFIDENT_SHARE) & ((place - mean).abs() < MAX_ROUGHNESS_PLANES)


def _mean_and_variance(images: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Mean and variance over a window, (N, H, W) -> 2 x (N, H, W)."""
    mean = box_mean(images, window)
    return mean, (box_mean(images * images, window) - mean * mean).clamp_min(0)
