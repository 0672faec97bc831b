"""Weighted fusion of one depth and colour image into a chunk of voxel blocks (Curless and Levoy 1996). Pure kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import BLOCK, BLOCK_VOXELS, UNKNOWN

COLOR_WINDOW = 31
"""Colour is a running mean over at most this many observations, so that it follows a change of light."""


def pack_rgb(rgb: Tensor) -> Tensor:
    """(H, W, 3) uint8 -> (H, W) int32, 0x00BBGGRR: one gather fetches a colour."""
    r, g, b = rgb.int().unbind(-1)
    return r | (g << 8) | (b << 16)


def integrate_chunk(
    tsdf: Tensor,
    weight: Tensor,
    rgb: Tensor,
    block_xyz: Tensor,
    depth_m: Tensor,
    depth_from_world: Tensor,
    depth_intrinsics: Tensor,
    rgb_packed: Tensor,
    camera_from_world: Tensor,
    camera_intrinsics: Tensor,
    voxel_m: Tensor,
    truncation_m: Tensor,
    max_weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Fuse an image into B blocks.

    A voxel takes the signed distance along z to the depth of the pixel that its centre falls on, in units of the
    truncation; beyond ``-1`` (behind the surface) it is not observed, and in front of the band it is observed as
    free space (+1): that carves. Every observation weighs 1.

    Args:
        tsdf: (B, 512) float16, ``UNKNOWN`` where weight is 0. weight: (B, 512) uint8.
        rgb: (B, 3, 512) float16, 0..255; -1 where no colour was observed.
        block_xyz: (B, 3) int32. depth_m: (Hd, Wd) float32, 0 = invalid. depth_from_world: (4, 4) float32.
        rgb_packed: (H, W) int32 from ``pack_rgb``. camera_from_world: (4, 4) float32, of the colour camera.
        depth_intrinsics, camera_intrinsics: (4,) float32. voxel_m, truncation_m, max_weight: 0-d float32.

    Returns:
        The new tsdf, weight and rgb, and block_min (B,) float32: the smallest distance in each block.
    """
    x, y, z = voxel_centres(block_xyz, voxel_m)
    u, v, z_depth = _pixel_of(x, y, z, depth_from_world, depth_intrinsics)
    depth, inside = _gather_pixel(depth_m, u, v, z_depth)
    distance = (depth - z_depth) / truncation_m
    observed = inside & (depth > 0) & (distance > -1)
    distance = distance.clamp_max(1.0)

    old_weight = weight.float()
    mean = (tsdf.float() * old_weight + distance) / (old_weight + 1)
    new_tsdf = torch.where(observed, mean, tsdf.float())
    new_weight = torch.where(observed, torch.minimum(old_weight + 1, max_weight), old_weight)

    u, v, z_camera = _pixel_of(x, y, z, camera_from_world, camera_intrinsics)
    packed, seen = _gather_pixel(rgb_packed, u, v, z_camera)
    color = torch.stack([packed & 255, (packed >> 8) & 255, (packed >> 16) & 255], dim=1).float()
    paint = (observed & seen & (distance < 1))[:, None, :]
    old = rgb.float()
    share = 1 / (old_weight.clamp_max(COLOR_WINDOW) + 1)
    blended = torch.where(old < 0, color, old + (color - old) * share[:, None, :])
    new_rgb = torch.where(paint, blended, old)
    return new_tsdf.half(), new_weight.to(torch.uint8), new_rgb.half(), new_tsdf.amin(dim=1)


def voxel_centres(block_xyz: Tensor, voxel_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3) int32 -> x, y, z of all voxel centres, each (B, 512) float32; z varies fastest within a block."""
    local = torch.arange(BLOCK_VOXELS, device=block_xyz.device, dtype=torch.int32)
    x = (block_xyz[:, 0:1] * BLOCK + (local // (BLOCK * BLOCK))[None]).float()
    y = (block_xyz[:, 1:2] * BLOCK + (local // BLOCK % BLOCK)[None]).float()
    z = (block_xyz[:, 2:3] * BLOCK + (local % BLOCK)[None]).float()
    return (x + 0.5) * voxel_m, (y + 0.5) * voxel_m, (z + 0.5) * voxel_m


def empty_block_values() -> tuple[float, int, float]:
    """What a new block holds: distance, weight, colour."""
    return UNKNOWN, 0, -1.0


def _pixel_of(
    x: Tensor, y: Tensor, z: Tensor, camera_from_world: Tensor, intrinsics: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """World coordinates -> u, v (pixels) and z in a camera."""
    m = camera_from_world
    xc = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
    yc = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
    zc = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
    z_safe = zc.clamp_min(1e-3)
    return xc / z_safe * intrinsics[0] + intrinsics[2], yc / z_safe * intrinsics[1] + intrinsics[3], zc


def _gather_pixel(image: Tensor, u: Tensor, v: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest pixel of an (H, W) image, and whether the position is inside it and in front of the camera."""
    height, width = image.shape
    inside = (z > 1e-3) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    column = u.clamp(0, width - 1).int()
    row = v.clamp(0, height - 1).int()
    return image.reshape(-1)[row * width + column], inside
