"""Distance and colour of a sparse voxel volume between the centres of its voxels. Pure kernels.

Eight voxels surround a position: the corners of a *cell*. Distance and colour of a position share the look-ups of
these corners in the block table, which is half of what such a kernel spends its time on.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import BLOCK_VOXELS, UNKNOWN, cell_of_block, gather
from tools.core.fusion import COLORED, unpacked_color

CORNERS = tuple((dx, dy, dz) for dx in (0, 1) for dy in (0, 1) for dz in (0, 1))
OUTSIDE = -(1 << 28)
"""Marks a cell's part along one axis as outside of the window: the sum of three stays negative and in int32."""

VoxelAddress = tuple[Tensor, Tensor]
"""Whether a voxel's block exists, and the flat index of the voxel in the pool (of some voxel if not)."""


def distance_at_voxels(
    tsdf: Tensor, table: Tensor, window_origin: Tensor, window_size: Tensor, voxel: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Stored distance at integer voxels (``UNKNOWN`` outside all blocks), and whether the block exists."""
    x, y, z = voxel
    slot = gather(table, cell_of_block((x >> 3, y >> 3, z >> 3), window_origin, window_size))
    allocated = slot >= 0
    index = slot.clamp_min(0).long() * BLOCK_VOXELS + (((x & 7) << 6) | ((y & 7) << 3) | (z & 7))
    return torch.where(allocated, gather(tsdf, index).float(), UNKNOWN), allocated


def cell_corner(position: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The lowest of the eight voxel centres around a position (in voxels), and the position in that cell, 0..1."""
    base = [torch.floor(p - 0.5) for p in position]
    return [b.int() for b in base], [p - 0.5 - b for p, b in zip(position, base, strict=True)]


def corner_addresses(
    table: Tensor, window_origin: Tensor, window_size: Tensor, base: list[Tensor]
) -> list[VoxelAddress]:
    """Addresses of the voxels at the eight corners of cells, in the order of ``CORNERS``."""
    sy, sz = window_size[1], window_size[2]
    parts, local = [], []
    # Each axis has its share of a table cell and of a place in a block: two values for eight corners.
    for axis, (scale, shift, first) in enumerate(((sy * sz, 6, 0), (sz, 3, 0), (1, 0, 1))):
        ends = [base[axis], base[axis] + 1]
        blocks = [(end >> 3) - window_origin[axis] for end in ends]
        inside = [(block >= 0) & (block < window_size[axis]) for block in blocks]
        parts.append([torch.where(i, b * scale + first, OUTSIDE) for i, b in zip(inside, blocks, strict=True)])
        local.append([(end & 7) << shift for end in ends])
    addresses = []
    for dx, dy, dz in CORNERS:
        slot = gather(table, (parts[0][dx] + parts[1][dy] + parts[2][dz]).clamp_min(0))
        index = slot.clamp_min(0).long() * BLOCK_VOXELS + (local[0][dx] | local[1][dy] | local[2][dz])
        addresses.append((slot >= 0, index))
    return addresses


def trilinear(tsdf: Tensor, addresses: list[VoxelAddress], fraction: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Distance and its gradient (per voxel) between eight voxels.

    A corner that was never observed takes the mean of the observed ones, so that the rim of a surface has no hole.
    """
    fx, fy, fz = fraction
    c = _with_unknown_filled([torch.where(exists, gather(tsdf, index).float(), UNKNOWN) for exists, index in addresses])
    # Interpolate along x, then y, then z; the differences on the way give the gradient.
    x00, x01, x10, x11 = (c[i] + (c[i + 4] - c[i]) * fx for i in range(4))
    y0, y1 = x00 + (x10 - x00) * fy, x01 + (x11 - x01) * fy
    value = y0 + (y1 - y0) * fz
    d00, d01, d10, d11 = (c[i + 4] - c[i] for i in range(4))
    e0, e1 = d00 + (d10 - d00) * fy, d01 + (d11 - d01) * fy
    return value, [e0 + (e1 - e0) * fz, (x10 - x00) + ((x11 - x01) - (x10 - x00)) * fz, y1 - y0]


def trilinear_color(color: Tensor, addresses: list[VoxelAddress], fraction: list[Tensor]) -> Tensor:
    """Trilinear colour of the corners that have one -> int32, 0x00BBGGRR; 0 where none has."""
    total = [torch.zeros_like(fraction[0]) for _ in range(3)]
    weight_sum = torch.full_like(fraction[0], 1e-6)
    for (exists, index), corner in zip(addresses, CORNERS, strict=True):
        packed = gather(color, index)
        x, y, z = (f if d else 1 - f for f, d in zip(fraction, corner, strict=True))
        weight = torch.where(exists & (packed >= COLORED), x * y * z, 0.0)
        total = [t + c * weight for t, c in zip(total, unpacked_color(packed), strict=True)]
        weight_sum = weight_sum + weight
    red, green, blue = ((t / weight_sum + 0.5).clamp(0, 255).int() for t in total)
    return red | (green << 8) | (blue << 16)


def color_at(
    color: Tensor, table: Tensor, window_origin: Tensor, window_size: Tensor, position: list[Tensor]
) -> Tensor:
    """``trilinear_color`` at positions x, y, z in voxels, (R,) each."""
    base, fraction = cell_corner(position)
    return trilinear_color(color, corner_addresses(table, window_origin, window_size, base), fraction)


def _with_unknown_filled(values: list[Tensor]) -> list[Tensor]:
    """Distances where unknown ones are replaced by the mean of the known ones (by 1, free space, if none is known)."""
    total, count = torch.zeros_like(values[0]), torch.zeros_like(values[0])
    for value in values:
        total = total + torch.where(value <= 1, value, 0.0)
        count = count + torch.where(value <= 1, 1.0, 0.0)
    mean = torch.where(count > 0, total / count.clamp_min(1), 1.0)
    return [torch.where(value <= 1, value, mean) for value in values]
