"""Depth of one camera redrawn in the pixels of another. Pure kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.backproject import camera_rays


def forward_warp(
    depth_m: Tensor, intrinsics: Tensor, target_from_source: Tensor, target_intrinsics: Tensor, height: int, width: int
) -> Tensor:
    """Z-buffered forward warp of a depth image.

    Each pixel is drawn into the up to 3x3 target pixels that its square covers, so that a target of higher resolution
    has no gaps; where several source pixels meet, the nearest surface wins.

    Args:
        depth_m: (Hs, Ws) float32, 0 = invalid. target_from_source: (4, 4) float32.
        intrinsics, target_intrinsics: (4,) float32.

    Returns:
        (height, width) float32 z-depth in the target camera, 0 = invalid.
    """
    rays = camera_rays(depth_m.shape[0], depth_m.shape[1], intrinsics)
    m = target_from_source
    p = [(m[i, 0] * rays[..., 0] + m[i, 1] * rays[..., 1] + m[i, 2]) * depth_m + m[i, 3] for i in range(3)]
    z = p[2]
    z_safe = z.clamp_min(1e-3)
    fx, fy, cx, cy = target_intrinsics.unbind()
    u, v = p[0] / z_safe * fx + cx, p[1] / z_safe * fy + cy
    usable = (depth_m > 0) & (z > 1e-3)
    # Half the width of a source pixel, seen in the target.
    half_u = 0.5 * (fx / intrinsics[0]) * depth_m / z_safe
    half_v = 0.5 * (fy / intrinsics[1]) * depth_m / z_safe
    left, top = torch.ceil(u - half_u - 0.5), torch.ceil(v - half_v - 0.5)
    step = torch.arange(3, dtype=torch.float32)
    column, row = left + step[None, :, None, None], top + step[:, None, None, None]
    covers = usable & (column + 0.5 <= u + half_u) & (row + 0.5 <= v + half_v)
    covers = covers & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = torch.where(covers, row * width + column, float(height * width)).long()
    image = torch.full((height * width + 1,), torch.inf)
    image = image.scatter_reduce(0, index.reshape(-1), z.expand(index.shape).reshape(-1), "amin")
    image = image[:-1].reshape(height, width)
    return torch.where(torch.isfinite(image), image, torch.zeros_like(image))
