"""Addresses of a sparse voxel volume: blocks of 8^3 voxels, found through a view-local table. Pure kernels.

A voxel (x, y, z) has its centre at ``(x + 0.5, y + 0.5, z + 0.5) * voxel_m``; it lies in block ``(x, y, z) >> 3``.
Blocks live in a pool, in the order in which they were allocated. A kernel finds a block through a *window*: a
direct-mapped table over the box of blocks that one view can reach (``origin``, ``size``), filled from the pool's
block coordinates. Against a hash table this costs one gather and no probing per look-up, which is what ray casting
spends its time on, and it needs memory for one view, not for the whole space.

Cell 0 of a table is reserved for "outside the window" and always holds -1.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 8
"""Voxels along the edge of a block."""
BLOCK_VOXELS = BLOCK**3
CIRCUMRADIUS = 0.8661
"""Of a block's bounding sphere, in edges: half the square root of three."""
FREE_BLOCK = 1 << 28
"""Coordinate of a pool slot that holds no block: outside of every window."""
UNKNOWN = 2.0
"""The stored distance of a voxel that was never observed; observed ones lie in [-1, 1]."""


def cell_of_block(block: tuple[Tensor, Tensor, Tensor], window_origin: Tensor, window_size: Tensor) -> Tensor:
    """Block coordinates (x, y, z), int32 of any one shape -> int32 table cells; 0 for a block outside the window.

    The coordinates come apart, not stacked, so that Inductor keeps them in registers.
    """
    x, y, z = block[0] - window_origin[0], block[1] - window_origin[1], block[2] - window_origin[2]
    sx, sy, sz = window_size[0], window_size[1], window_size[2]
    inside = (x >= 0) & (x < sx) & (y >= 0) & (y < sy) & (z >= 0) & (z < sz)
    return torch.where(inside, (x * sy + y) * sz + z + 1, 0)


def gather(values: Tensor, index: Tensor) -> Tensor:
    """``values.flatten()[index]`` for indices that are in range and not negative; int32 or int64, any shape."""
    return torch.gather(values.reshape(-1), 0, index.reshape(-1).long()).reshape(index.shape)


def block_of_cell(cell: Tensor, window_origin: Tensor, window_size: Tensor) -> Tensor:
    """(N,) int64 non-zero cells -> (N, 3) int32 block coordinates: the inverse of ``cell_of_block``."""
    flat = cell - 1
    sy, sz = window_size[1].long(), window_size[2].long()
    z = flat % sz
    y = (flat // sz) % sy
    x = flat // (sz * sy)
    return torch.stack([x, y, z], dim=-1).int() + window_origin


def project_blocks(
    block_xyz: Tensor, block_m: Tensor, camera_from_world: Tensor, intrinsics: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel position u, v and z-depth (metres) of the centres of (C, 3) int32 blocks, each (C,) float32.

    Behind the camera, u and v mean nothing.
    """
    centre = (block_xyz.float() + 0.5) * block_m
    m = camera_from_world
    x, y, z = (m[i, 0] * centre[:, 0] + m[i, 1] * centre[:, 1] + m[i, 2] * centre[:, 2] + m[i, 3] for i in range(3))
    fx, fy, cx, cy = intrinsics.unbind()
    inverse = 1 / z.clamp_min(1e-3)
    return x * inverse * fx + cx, y * inverse * fy + cy, z


def touched_cells(
    depth_m: Tensor,
    intrinsics: Tensor,
    world_from_depth: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    block_m: Tensor,
    truncation_m: Tensor,
    stride: int,
) -> Tensor:
    """Cells of all blocks that the truncation band of a depth image passes through.

    Every ``stride``-th pixel of every ``stride``-th row casts three samples (near end, surface, far end of the band);
    with a truncation of half a block their distance is half a block, and neighbouring rays fill the corners.

    Args:
        depth_m: (H, W) float32, 0 = invalid. intrinsics: (4,) float32. world_from_depth: (4, 4) float32.
        window_origin, window_size: (3,) int32. block_m, truncation_m: 0-d float32.

    Returns:
        (3 * ceil(H / stride) * ceil(W / stride),) int64, 0 where there is nothing.
    """
    fx, fy, cx, cy = intrinsics.unbind()
    depth = depth_m[::stride, ::stride]
    height, width = depth.shape
    u = torch.arange(width, dtype=torch.float32, device=depth.device) * stride + 0.5
    v = torch.arange(height, dtype=torch.float32, device=depth.device) * stride + 0.5
    x = ((u - cx) / fx)[None, None, :]
    y = ((v - cy) / fy)[None, :, None]
    step = torch.arange(-1, 2, dtype=torch.float32, device=depth.device)
    z = depth[None] + (step * truncation_m)[:, None, None]
    m = world_from_depth / block_m
    bx, by, bz = (torch.floor((m[i, 0] * x + m[i, 1] * y + m[i, 2]) * z + m[i, 3]).int() for i in range(3))
    cell = cell_of_block((bx, by, bz), window_origin, window_size)
    return torch.where((depth[None] > 0) & (z > 0), cell, 0).reshape(-1).long()


def carvable_blocks(
    block_xyz: Tensor,
    block_min: Tensor,
    depth_m: Tensor,
    intrinsics: Tensor,
    depth_from_world: Tensor,
    block_m: Tensor,
) -> Tensor:
    """Which blocks with observed voxels lie, at least in part, in front of the surface that a depth image sees.

    Args:
        block_xyz: (C, 3) int32. block_min: (C,) float32, the smallest stored distance of each block.
        depth_m: (H, W) float32. depth_from_world: (4, 4) float32.

    Returns:
        (C,) bool. Conservative: a block is kept when its bounding sphere's near side is in front of the largest
        depth in the 3x3 neighbourhood of 16-pixel tiles around its centre.
    """
    height, width = depth_m.shape
    tiles = torch.nn.functional.max_pool2d(depth_m[None, None], 16, ceil_mode=True)
    tiles = torch.nn.functional.max_pool2d(tiles, 3, stride=1, padding=1)[0, 0]
    u, v, z = project_blocks(block_xyz, block_m, depth_from_world, intrinsics)
    radius = block_m * CIRCUMRADIUS
    z_safe = z.clamp_min(1e-3)
    margin_u, margin_v = radius / z_safe * intrinsics[0], radius / z_safe * intrinsics[1]
    inside = (u > -margin_u) & (u < width + margin_u) & (v > -margin_v) & (v < height + margin_v)
    column = (u / 16).clamp(0, tiles.shape[1] - 1).long()
    row = (v / 16).clamp(0, tiles.shape[0] - 1).long()
    in_front = z - radius < tiles[row, column]
    return inside & in_front & (z > -radius) & (block_min < 1)
