"""Weighted fusion of one depth and colour image into a chunk of voxel blocks (Curless and Levoy 1996). Pure kernels.

A voxel's colour is one int32: red, green and blue in 10 bits each (8 bits and two binary places, so that a running
mean does not stall), and ``COLORED``, the bit that says that there is one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import BLOCK, BLOCK_VOXELS, gather

COLOR_WINDOW = 31
"""Colour is a running mean over at most this many observations, so that it follows a change of light."""
COLORED = 1 << 30
COLOR_SCALE = 4.0


def integrate_chunk(
    tsdf: Tensor,
    weight: Tensor,
    color: Tensor,
    block_xyz: Tensor,
    depth_m: Tensor,
    depth_from_voxel: Tensor,
    rgb: Tensor,
    camera_from_voxel: Tensor | None,
    truncation_m: Tensor,
    max_weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Fuse an image into B blocks.

    A voxel takes the signed distance along z to the depth of the pixel that its centre falls on, in units of the
    truncation; beyond ``-1`` (behind the surface) it is not observed, and in front of the band it is observed as
    free space (+1): that carves. Every observation weighs 1.

    Args:
        tsdf: (B, 512) float16, ``UNKNOWN`` where weight is 0. weight: (B, 512) uint8.
        color: (B, 512) int32, see above; 0 where no colour was observed.
        block_xyz: (B, 3) int32. depth_m: (Hd, Wd) float32, 0 = invalid.
        depth_from_voxel: (3, 4) float32, homogeneous pixel and z-depth of a voxel coordinate in the depth camera
            (``projection_of_voxels``). camera_from_voxel: the same of the colour camera; None when it is the same.
        rgb: (H, W) int32, 0x..BBGGRR. truncation_m, max_weight: 0-d float32.

    Returns:
        The new tsdf, weight and color, and block_min (B,) float32: the smallest distance in each block.
    """
    x, y, z = voxel_centres(block_xyz)
    pixel, inside, z_depth = _pixel_of(x, y, z, depth_from_voxel, depth_m.shape)
    depth = gather(depth_m, pixel)
    distance = (depth - z_depth) / truncation_m
    observed = inside & (depth > 0) & (distance > -1)
    distance = distance.clamp_max(1.0)

    old_weight = weight.float()
    old_tsdf = tsdf.float()
    new_tsdf = torch.where(observed, (old_tsdf * old_weight + distance) / (old_weight + 1), old_tsdf)
    new_weight = torch.where(observed, torch.minimum(old_weight + 1, max_weight), old_weight)

    if camera_from_voxel is not None:
        pixel, inside, _ = _pixel_of(x, y, z, camera_from_voxel, rgb.shape)
    share = 1 / (old_weight.clamp_max(COLOR_WINDOW) + 1)
    blended = _blend(color, gather(rgb, pixel), share)
    new_color = torch.where(observed & inside & (distance < 1), blended, color)
    return new_tsdf.half(), new_weight.to(torch.uint8), new_color, new_tsdf.amin(dim=1)


def voxel_centres(block_xyz: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3) int32 -> x, y, z of all voxel centres in voxels, each (B, 512) float32; z varies fastest in a block."""
    local = torch.arange(BLOCK_VOXELS, device=block_xyz.device, dtype=torch.int32)[None]
    corner = block_xyz * BLOCK
    x = (corner[:, 0:1] + (local >> 6)).float()
    y = (corner[:, 1:2] + ((local >> 3) & 7)).float()
    z = (corner[:, 2:3] + (local & 7)).float()
    return x + 0.5, y + 0.5, z + 0.5


def projection_of_voxels(intrinsics: Tensor, camera_from_world: Tensor, voxel_m: float) -> Tensor:
    """(3, 4) float32: voxel coordinates (in voxels) -> (u z, v z, z).

    Args:
        intrinsics: (3, 3) float64. camera_from_world: (4, 4) float64.
    """
    scale = torch.tensor([voxel_m, voxel_m, voxel_m, 1.0], dtype=torch.float64)
    return (intrinsics @ camera_from_world[:3] * scale).float()


def packed_rgb(rgb: Tensor) -> Tensor:
    """(H, W, 3) uint8 -> (H, W) int32, 0x00BBGGRR: one gather fetches a colour."""
    padded = torch.zeros(*rgb.shape[:2], 4, dtype=torch.uint8)
    padded[..., :3] = rgb
    return padded.view(torch.int32)[..., 0]


def unpacked_rgb(packed: Tensor) -> Tensor:
    """(...,) int32 0x..BBGGRR -> (..., 3) uint8: the inverse of ``packed_rgb``."""
    return packed.contiguous()[..., None].view(torch.uint8)[..., :3]


def unpacked_color(color: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """int32 voxel colours -> red, green, blue, float32 0..255."""
    red, green, blue = color & 1023, (color >> 10) & 1023, (color >> 20) & 1023
    return red.float() / COLOR_SCALE, green.float() / COLOR_SCALE, blue.float() / COLOR_SCALE


def _blend(color: Tensor, pixel: Tensor, share: Tensor) -> Tensor:
    """Running mean of a voxel colour and a pixel colour (0x..BBGGRR)."""
    share = torch.where(color >= COLORED, share, 1.0)
    result = torch.full_like(color, COLORED)
    for channel in range(3):
        old = ((color >> (10 * channel)) & 1023).float()
        new = ((pixel >> (8 * channel)) & 255).float() * COLOR_SCALE
        mean = (old + (new - old) * share + 0.5).int()
        result = result | (mean << (10 * channel))
    return result


def _pixel_of(x: Tensor, y: Tensor, z: Tensor, projection: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
    """Flat index of the pixel under each voxel, whether it is in the image and in front, and z."""
    height, width = shape
    m = projection
    uz, vz, depth = (m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3] for i in range(3))
    inverse = 1 / depth.clamp_min(1e-3)
    u, v = uz * inverse, vz * inverse
    inside = (depth > 1e-3) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    column = u.clamp(0, width - 1).int()
    row = v.clamp(0, height - 1).int()
    return row * width + column, inside, depth
