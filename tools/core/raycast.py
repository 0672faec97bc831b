"""Depth, normal and colour of a sparse voxel volume seen from any camera. Pure kernels.

Three stages: ``tile_ranges`` bounds the depth of the surface per 16-pixel tile by projecting the blocks that hold
one; ``march`` walks each ray through these bounds until the distance changes sign; ``refine`` finds the zero of the
trilinear distance by Newton steps, with its gradient as the normal. Rays are scaled to z = 1 in the camera, so that
the ray parameter *is* z-depth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import BLOCK, UNKNOWN, cell_of_block

TILE = 16
"""Pixels along the edge of a depth-range tile."""
REACH = 6
"""A block may cover this many tiles along each axis; nearer ones, which cover more, bound all tiles."""
MARCH_STEPS = 8
"""Steps in one call of ``march``; unfinished rays go through another call."""


def tile_ranges(
    block_xyz: Tensor,
    block_min: Tensor,
    block_m: Tensor,
    margin_m: Tensor,
    camera_from_world: Tensor,
    intrinsics: Tensor,
    rows: int,
    columns: int,
) -> tuple[Tensor, Tensor]:
    """Near and far depth of all surface-bearing blocks, per tile.

    Args:
        block_xyz: (C, 3) int32. block_min: (C,) float32; a block bears a surface when it is negative.
        margin_m: 0-d float32, added on both ends of a block's extent.
        rows, columns: number of tiles.

    Returns:
        near, far: (rows, columns) float32; near = inf where no block projects.
    """
    centre = (block_xyz.float() + 0.5) * block_m
    m = camera_from_world
    xc, yc, zc = (m[i, 0] * centre[:, 0] + m[i, 1] * centre[:, 1] + m[i, 2] * centre[:, 2] + m[i, 3] for i in range(3))
    radius = block_m * 0.8661 + margin_m
    bears = (block_min < 0) & (zc > -radius)
    near, far = (zc - radius).clamp_min(0.0), zc + radius
    # The sphere's silhouette at its nearest depth bounds its projection.
    z_safe = near.clamp_min(1e-3)
    u, v = (
        xc / zc.clamp_min(1e-3) * intrinsics[0] + intrinsics[2],
        yc / zc.clamp_min(1e-3) * intrinsics[1] + intrinsics[3],
    )
    half_u, half_v = radius / z_safe * intrinsics[0], radius / z_safe * intrinsics[1]
    left, right = torch.floor((u - half_u) / TILE), torch.floor((u + half_u) / TILE)
    top, bottom = torch.floor((v - half_v) / TILE), torch.floor((v + half_v) / TILE)
    visible = bears & (right >= 0) & (left < columns) & (bottom >= 0) & (top < rows)
    left, top = left.clamp(-REACH, columns), top.clamp(-REACH, rows)
    wide = visible & ((right - left >= REACH) | (bottom - top >= REACH) | (near <= 1e-3))

    step = torch.arange(REACH, device=block_xyz.device, dtype=torch.float32)
    column = left[:, None, None] + step[None, None, :]
    row = top[:, None, None] + step[None, :, None]
    covers = (visible & ~wide)[:, None, None] & (column <= right[:, None, None]) & (row <= bottom[:, None, None])
    covers = covers & (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    cell = torch.where(covers, row * columns + column, torch.full_like(row * columns + column, rows * columns)).long()
    cell = cell.reshape(-1)
    infinity = torch.full((rows * columns + 1,), torch.inf, device=block_xyz.device)
    near_tile = infinity.scatter_reduce(0, cell, near[:, None, None].expand(covers.shape).reshape(-1), "amin")
    far_tile = (-infinity).scatter_reduce(0, cell, far[:, None, None].expand(covers.shape).reshape(-1), "amax")
    near_all = torch.where(wide, near, torch.full_like(near, torch.inf)).amin()
    far_all = torch.where(wide, far, torch.full_like(far, -torch.inf)).amax()
    near_tile = torch.minimum(near_tile[:-1], near_all).reshape(rows, columns)
    return near_tile, torch.maximum(far_tile[:-1], far_all).reshape(rows, columns)


def march(
    tsdf: Tensor,
    table: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    world_from_camera: Tensor,
    rays: Tensor,
    depth: Tensor,
    far: Tensor,
    previous: Tensor,
    state: Tensor,
    voxel_m: Tensor,
    truncation_m: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Advance R rays by ``MARCH_STEPS`` steps.

    Args:
        tsdf: (C, 512) float16. table: (L,) int32, block slot per window cell.
        rays: (R, 2) float32, x and y at z = 1. depth, far: (R,) float32, where a ray stands and where it ends.
        previous: (R,) float32, the distance at the last step (``UNKNOWN`` at the start).
        state: (R,) int32: 0 marching, 1 hit, 2 past its end.

    Returns:
        depth, previous, state. For a hit, depth is the linear estimate of where the sign changed.
    """
    origin = world_from_camera[:3, 3]
    direction = _directions(world_from_camera, rays)
    block_m = voxel_m * BLOCK
    for _ in range(MARCH_STEPS):
        position = [origin[i] + direction[i] * depth for i in range(3)]
        voxel = [torch.floor(p / voxel_m).int() for p in position]
        value, allocated = _fetch(tsdf, table, window_origin, window_size, voxel)
        crossed = (value <= 0) & (previous > 0) & (previous <= 1)
        # Leaving an unallocated block: the nearest of its three far faces.
        leave = torch.full_like(depth, torch.inf)
        for axis in range(3):
            d, block = direction[axis], (voxel[axis] >> 3).float()
            face = torch.where(d > 0, (block + 1) * block_m, block * block_m)
            gap = (face - position[axis]) / torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
            leave = torch.minimum(leave, torch.where(d.abs() < 1e-9, torch.full_like(d, torch.inf), gap))
        known = value <= 1
        stride = torch.where(known & (value > 0), (value * truncation_m * 0.7).clamp_min(0.5 * voxel_m), 0.9 * voxel_m)
        stride = torch.where(allocated, stride, leave.clamp_min(0) + 0.05 * voxel_m)
        # Where the sign changed: back along the last stride, which is not kept, by the slope of a true distance.
        marching = state == 0
        depth = torch.where(marching, torch.where(crossed, depth + value * truncation_m, depth + stride), depth)
        previous = torch.where(marching, value, previous)
        ended = torch.where(depth > far, 2, 0).int()
        state = torch.where(marching, torch.where(crossed, torch.ones_like(state), ended), state)
    return depth, previous, state


def refine(
    tsdf: Tensor,
    table: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    world_from_camera: Tensor,
    rays: Tensor,
    depth: Tensor,
    voxel_m: Tensor,
    truncation_m: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Newton steps on the trilinear distance from R rough hits.

    Returns:
        depth (R,) float32; normal (R, 3) float32 in the world, towards free space; residual (R,) float32, the
        distance that is left at the result in metres (large where there was no surface after all).
    """
    direction = _directions(world_from_camera, rays)
    start = depth
    limit = 0.75 * truncation_m
    for _ in range(2):
        value, gradient = _trilinear(
            tsdf, table, window_origin, window_size, world_from_camera, direction, depth, voxel_m
        )
        slope = (gradient[0] * direction[0] + gradient[1] * direction[1] + gradient[2] * direction[2]) / voxel_m
        # A ray that meets the surface sees the distance fall; the bound keeps grazing rays near their estimate.
        slope = torch.minimum(slope, -0.2 / truncation_m)
        depth = torch.maximum(torch.minimum(depth - value / slope, start + limit), start - limit)
    value, gradient = _trilinear(tsdf, table, window_origin, window_size, world_from_camera, direction, depth, voxel_m)
    length = (gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2).sqrt().clamp_min(1e-9)
    normal = torch.stack([g / length for g in gradient], dim=-1)
    return depth, normal, value.abs() * truncation_m


def sample_color(
    rgb: Tensor,
    table: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    points: Tensor,
    voxel_m: Tensor,
) -> tuple[Tensor, Tensor]:
    """Trilinear colour at (R, 3) world points -> (R, 3) float32 0..255, and (R,) bool where any corner has one."""
    base, fraction = _cell_corner([points[:, i] for i in range(3)], voxel_m)
    total = torch.zeros_like(points)
    weight_sum = torch.zeros_like(points[:, 0])
    flat = rgb.reshape(-1)
    for dx, dy, dz in _CORNERS:
        voxel = [base[0] + dx, base[1] + dy, base[2] + dz]
        slot, local = _address(table, window_origin, window_size, voxel)
        weight = _corner_weight(fraction, dx, dy, dz)
        start = slot.clamp_min(0).long() * (3 * BLOCK**3) + local
        color = torch.stack([flat[start + channel * BLOCK**3].float() for channel in range(3)], dim=-1)
        weight = torch.where((slot >= 0) & (color[:, 0] >= 0), weight, torch.zeros_like(weight))
        total = total + color * weight[:, None]
        weight_sum = weight_sum + weight
    return total / weight_sum.clamp_min(1e-6)[:, None], weight_sum > 1e-3


_CORNERS = tuple((dx, dy, dz) for dx in (0, 1) for dy in (0, 1) for dz in (0, 1))


def _directions(world_from_camera: Tensor, rays: Tensor) -> list[Tensor]:
    m = world_from_camera
    return [m[i, 0] * rays[:, 0] + m[i, 1] * rays[:, 1] + m[i, 2] for i in range(3)]


def _address(table: Tensor, window_origin: Tensor, window_size: Tensor, voxel: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Integer voxel coordinates -> pool slot (-1: none) and index within the block."""
    x, y, z = voxel
    block = torch.stack([x >> 3, y >> 3, z >> 3], dim=-1)
    slot = table[cell_of_block(block, window_origin, window_size)]
    local = ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)
    return slot, local.long()


def _fetch(
    tsdf: Tensor, table: Tensor, window_origin: Tensor, window_size: Tensor, voxel: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Stored distance at integer voxels (``UNKNOWN`` outside all blocks), and whether the block exists."""
    slot, local = _address(table, window_origin, window_size, voxel)
    value = tsdf.reshape(-1)[slot.clamp_min(0).long() * BLOCK**3 + local].float()
    allocated = slot >= 0
    return torch.where(allocated, value, torch.full_like(value, UNKNOWN)), allocated


def _cell_corner(position: list[Tensor], voxel_m: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The lowest of the eight voxel centres around a position, and the position within that cell, 0..1."""
    grid = [p / voxel_m - 0.5 for p in position]
    base = [torch.floor(g) for g in grid]
    return [b.int() for b in base], [g - b for g, b in zip(grid, base, strict=True)]


def _corner_weight(fraction: list[Tensor], dx: int, dy: int, dz: int) -> Tensor:
    fx, fy, fz = fraction
    return (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * (fz if dz else 1 - fz)


def _trilinear(
    tsdf: Tensor,
    table: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    world_from_camera: Tensor,
    direction: list[Tensor],
    depth: Tensor,
    voxel_m: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """Distance and its gradient (per voxel) at a depth along each ray.

    A corner that was never observed takes the mean of those that were, so that the rim of a surface has no hole.
    """
    position = [world_from_camera[i, 3] + direction[i] * depth for i in range(3)]
    base, (fx, fy, fz) = _cell_corner(position, voxel_m)
    raw = [
        _fetch(tsdf, table, window_origin, window_size, [base[0] + dx, base[1] + dy, base[2] + dz])[0]
        for dx, dy, dz in _CORNERS
    ]
    known = [(value <= 1).float() for value in raw]
    count = torch.stack(known).sum(0)
    mean = sum(torch.where(value <= 1, value, 0.0) for value in raw) / count.clamp_min(1)
    mean = torch.where(count > 0, mean, torch.ones_like(count))
    c = [torch.where(value <= 1, value, mean) for value in raw]
    # Interpolate along x, then y, then z; the differences on the way give the gradient.
    x00, x01, x10, x11 = (c[i] + (c[i + 4] - c[i]) * fx for i in range(4))
    y0, y1 = x00 + (x10 - x00) * fy, x01 + (x11 - x01) * fy
    value = y0 + (y1 - y0) * fz
    d00, d01, d10, d11 = (c[i + 4] - c[i] for i in range(4))
    e0, e1 = d00 + (d10 - d00) * fy, d01 + (d11 - d01) * fy
    gradient = [e0 + (e1 - e0) * fz, (x10 - x00) + ((x11 - x01) - (x10 - x00)) * fz, y1 - y0]
    return value, gradient
