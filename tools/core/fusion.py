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


def integrate_blocks(
    tsdf: Tensor,
    weight: Tensor,
    color: Tensor,
    block_xyz: Tensor,
    slots: Tensor,
    depth_m: Tensor,
    depth_from_voxel: Tensor,
    rgb: Tensor,
    camera_from_voxel: Tensor | None,
    truncation_m: Tensor,
    max_weight: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Fuse one depth and colour image into B blocks.

    A voxel takes the signed distance along z to the depth of the pixel that its centre falls on, in units of the
    truncation; beyond ``-1`` (behind the surface) it is not observed, and in front of the band it is observed as
    free space (+1): that carves. Every observation weighs 1.

    Args:
        tsdf: (C, 512) float16, ``UNKNOWN`` where weight is 0. weight: (C, 512) uint8.
        color: (C, 512) int32, see above; 0 where no colour was observed.
        block_xyz: (C, 3) int32. slots: (B,) int64, the rows to fuse into.
        depth_m: (Hd, Wd) float32, 0 = invalid.
        depth_from_voxel: (3, 4) float32, homogeneous pixel and z-depth of a voxel coordinate in the depth camera
            (``projection_of_voxels``). camera_from_voxel: the same of the colour camera; None when it is the same.
        rgb: (H, W) int32, 0x..BBGGRR. truncation_m, max_weight: 0-d float32.

    Returns:
        The new rows of tsdf, weight and color, (B, 512) each, and block_min (B,) float32: the smallest distance in
        each block.
    """
    corner = block_xyz[slots].float() * BLOCK
    pixel, inside, z_depth = _pixel_of(corner, depth_from_voxel, depth_m.shape)
    depth = gather(depth_m, pixel)
    distance = (depth - z_depth) * (1 / truncation_m)
    observed = inside & (depth > 0) & (distance > -1)
    distance = distance.clamp_max(1.0)

    old_weight = weight[slots].float()
    old_tsdf = tsdf[slots].float()
    share = 1 / (old_weight + 1)
    # An unknown voxel weighs nothing: its share of the mean is one.
    new_tsdf = torch.where(observed, old_tsdf + (distance - old_tsdf) * share, old_tsdf)
    new_weight = torch.where(observed, torch.minimum(old_weight + 1, max_weight), old_weight)

    if camera_from_voxel is not None:
        pixel, inside, _ = _pixel_of(corner, camera_from_voxel, rgb.shape)
    old_color = color[slots]
    blended = _blended_color(old_color, gather(rgb, pixel), share.clamp_min(1 / (COLOR_WINDOW + 1)))
    new_color = torch.where(observed & inside & (distance < 1), blended, old_color)
    return new_tsdf.half(), new_weight.to(torch.uint8), new_color, new_tsdf.amin(dim=1)


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


def _blended_color(color: Tensor, pixel: Tensor, share: Tensor) -> Tensor:
    """Running mean of a voxel colour and a pixel colour (0x..BBGGRR)."""
    share = torch.where(color >= COLORED, share, 1.0)
    result = torch.full_like(color, COLORED)
    for channel in range(3):
        old = ((color >> (10 * channel)) & 1023).float()
        new = ((pixel >> (8 * channel)) & 255).float() * COLOR_SCALE
        mean = (old + (new - old) * share + 0.5).int()
        result = result | (mean << (10 * channel))
    return result


def _pixel_of(corner: Tensor, projection: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
    """Flat index of the pixel under each voxel of B blocks, whether it is in the image and in front, and z.

    Projection is linear in homogeneous coordinates, so a voxel's is the sum of its block's and of its place in the
    block: two small products and three additions a voxel.

    Args:
        corner: (B, 3) float32, lowest voxel of each block.
    """
    height, width = shape
    local = torch.arange(BLOCK_VOXELS, dtype=torch.int32)
    inner = torch.stack([local >> 6, (local >> 3) & 7, local & 7]).float() + 0.5
    base = torch.addmm(projection[:, 3], corner, projection[:, :3].T)
    place = projection[:, :3] @ inner
    uz, vz, depth = (base[:, i, None] + place[i][None, :] for i in range(3))
    inverse = 1 / depth.clamp_min(1e-3)
    u, v = uz * inverse, vz * inverse
    column, row = u.clamp(0, width - 1).int(), v.clamp(0, height - 1).int()
    # One comparison a side: the distance from the image's centre.
    inside = (depth > 1e-3) & ((u - width / 2).abs() < width / 2) & ((v - height / 2).abs() < height / 2)
    return row * width + column, inside, depth
