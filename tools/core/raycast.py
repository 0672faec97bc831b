"""Depth, normal and colour of a sparse voxel volume seen from any camera. Pure kernels.

Three stages: ``tile_ranges`` bounds the depth of the surface per 16-pixel tile by projecting the blocks that hold
one; ``march`` walks a cone per 4x4 pixels until the surface is as near as the cone is wide, and then each pixel's ray
from there until the distance changes sign; ``refine`` finds the zero of the trilinear distance by Newton steps, with
its gradient as the normal, and the colour there. Rays are scaled to z = 1 in the camera, so that the ray parameter
*is* z-depth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import BLOCK, CIRCUMRADIUS, project_blocks
from tools.core.interpolation import (
    VoxelAddress,
    cell_corner,
    corner_addresses,
    distance_at_voxels,
    trilinear,
    trilinear_color,
)

TILE = 16
"""Pixels along the edge of a depth-range tile."""
COARSE_TILE_FACTOR = 4
"""Blocks near the camera, which cover many tiles, are entered into tiles this many times as large."""
MAX_TILES_PER_AXIS = 6
"""A block may cover this many tiles along each axis of its level; one that covers more bounds all tiles."""
CONE_STEPS, IMAGE_STEPS, REST_STEPS = 12, 4, 8
"""Steps in one call of ``march``: for the cones and for the rays of an image, and for the few rays that go on after
that. With few rays, removing the finished ones costs more than the steps that they waste."""
STEP_SAFETY = 0.8
"""Share of a stored distance that a ray advances: the distance was measured along other rays."""


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
    u, v, z = project_blocks(block_xyz, block_m, camera_from_world, intrinsics)
    radius = block_m * CIRCUMRADIUS + margin_m
    near, far = (z - radius).clamp_min(0.0), z + radius
    # A sphere's outline lies within radius / near (at its nearest depth) of its centre's direction, both scaled by f.
    z_near = near.clamp_min(1e-3)
    half_u, half_v = radius / z_near * intrinsics[0], radius / z_near * intrinsics[1]
    rectangle = (u - half_u, u + half_u, v - half_v, v + half_v)
    left, right, top, bottom = (edge / TILE for edge in rectangle)
    visible = (block_min < 0) & (z > -radius) & (right >= 0) & (left < columns) & (bottom >= 0) & (top < rows)
    span = torch.maximum(right - left, bottom - top)
    small = visible & (span <= MAX_TILES_PER_AXIS - 1)
    middle = visible & ~small & (span <= COARSE_TILE_FACTOR * (MAX_TILES_PER_AXIS - 1))
    wide = visible & ~small & ~middle
    near_fine, far_fine = _tile_extremes(small, rectangle, near, far, TILE, rows, columns)
    coarse_rows, coarse_columns = -(-rows // COARSE_TILE_FACTOR), -(-columns // COARSE_TILE_FACTOR)
    near_coarse, far_coarse = _tile_extremes(
        middle, rectangle, near, far, TILE * COARSE_TILE_FACTOR, coarse_rows, coarse_columns
    )
    near_wide = torch.where(wide, near, torch.inf).amin()
    far_wide = torch.where(wide, far, -torch.inf).amax()
    row, column = torch.arange(rows) // COARSE_TILE_FACTOR, torch.arange(columns) // COARSE_TILE_FACTOR
    near_coarse, far_coarse = near_coarse[row][:, column], far_coarse[row][:, column]
    near_all = torch.minimum(torch.minimum(near_fine, near_coarse), near_wide)
    return near_all, torch.maximum(torch.maximum(far_fine, far_coarse), far_wide)


def _tile_extremes(
    chosen: Tensor,
    rectangle: tuple[Tensor, Tensor, Tensor, Tensor],
    near: Tensor,
    far: Tensor,
    tile: int,
    rows: int,
    columns: int,
) -> tuple[Tensor, Tensor]:
    """Minimum of ``near`` and maximum of ``far`` over the ``chosen`` blocks whose rectangle meets each tile."""
    left, right, top, bottom = (torch.floor(edge / tile) for edge in rectangle)
    step = torch.arange(MAX_TILES_PER_AXIS, dtype=torch.float32)
    column = left[:, None, None] + step[None, None, :]
    row = top[:, None, None] + step[None, :, None]
    covers = chosen[:, None, None] & (column <= right[:, None, None]) & (row <= bottom[:, None, None])
    covers = covers & (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    cell = torch.where(covers, row * columns + column, float(rows * columns)).long().reshape(-1)
    empty = torch.full((rows * columns + 1,), torch.inf)
    near_tile = empty.scatter_reduce(0, cell, near[:, None, None].expand(covers.shape).reshape(-1), "amin")
    far_tile = (-empty).scatter_reduce(0, cell, far[:, None, None].expand(covers.shape).reshape(-1), "amax")
    return near_tile[:-1].reshape(rows, columns), far_tile[:-1].reshape(rows, columns)


def march(
    tsdf: Tensor,
    table: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    world_from_camera: Tensor,
    ray_x: Tensor,
    ray_y: Tensor,
    depth: Tensor,
    far: Tensor,
    previous: Tensor,
    cone: Tensor,
    voxel_m: Tensor,
    truncation_m: Tensor,
    steps: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Advance R rays, or cones, by a number of steps; unfinished ones go through another call.

    Args:
        tsdf: (C, 512) float16. table: (L,) int32, block slot per window cell.
        ray_x, ray_y: (R,) float32, at z = 1. depth, far: (R,) float32, where a ray stands and where it ends. Instead
            of R, an image will do, here and in ``refine``: any shapes that broadcast to its own.
        previous: (R,) or one value, float32, the distance at the last step (``UNKNOWN`` at the start).
        cone: 0-d float32, radius per metre of depth. A ray (0) hits where the distance changes sign; a cone is stopped
            where the surface is nearer than its radius and half a voxel.

    Returns:
        hit: (R,) float32, the depth where a ray hit or a cone was stopped, for a ray the estimate of where the sign
        changed; 0 where neither. depth, previous: as above. going: (R,) uint8, 1 where neither hit nor past its end
        (bytes, because compiled code stores a vector of booleans one by one).
    """
    origin, direction = _voxel_rays(world_from_camera, ray_x, ray_y, voxel_m)
    per_axis = [1 / torch.where(d.abs() < 1e-6, 1e-6, d) for d in direction]
    is_cone = cone > 0
    slack = torch.where(is_cone, 0.5 * voxel_m, 0.0)
    state = torch.zeros_like(depth, dtype=torch.int32)  # 1: hit, 2: past its end
    for _ in range(steps):
        position = [o + d * depth for o, d in zip(origin, direction, strict=True)]
        voxel = [torch.floor(p).int() for p in position]
        value, allocated = distance_at_voxels(tsdf, table, window_origin, window_size, voxel)
        distance = value * truncation_m
        known = value <= 1
        from_outside = ((previous > 0) & (previous <= 1)) | is_cone
        hit = known & from_outside & (distance * STEP_SAFETY <= cone * depth + slack)
        # Leaving an unallocated block: the nearest of its three far faces.
        leave = [
            (((v >> 3) + (d > 0).int()) * BLOCK - p) * s
            for v, d, p, s in zip(voxel, direction, position, per_axis, strict=True)
        ]
        skip = torch.minimum(torch.minimum(leave[0], leave[1]), leave[2]).clamp_min(0) + 0.05 * voxel_m
        # Behind a surface or where nothing is known: two voxels cannot step over the band in front of the next one.
        ahead = torch.where((value > 0) & known, (distance * STEP_SAFETY).clamp_min(0.75 * voxel_m), 2 * voxel_m)
        stride = torch.where(allocated, ahead, skip)
        # On a sign change, back by the slope of a true distance; a cone stays where it was stopped.
        move = torch.where(hit, torch.where(is_cone, 0.0, distance), stride)
        marching = state == 0
        depth = torch.where(marching, depth + move, depth)
        previous = torch.where(marching, value, previous)
        state = torch.where(marching, torch.where(hit, 1, torch.where(depth > far, 2, 0)), state).int()
    going = (state == 0).float().to(torch.uint8)
    return torch.where(state == 1, depth, 0.0), depth, previous, going


def refine(
    tsdf: Tensor,
    color: Tensor,
    table: Tensor,
    window_origin: Tensor,
    window_size: Tensor,
    world_from_camera: Tensor,
    ray_x: Tensor,
    ray_y: Tensor,
    depth: Tensor,
    voxel_m: Tensor,
    truncation_m: Tensor,
    colored: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Newton steps on the stored distance from R rough hits (depth 0: no hit), and the colour there.

    Args:
        tsdf: (C, 512) float16. color: (C, 512) int32. colored: whether to look colour up.

    Returns:
        depth (R,) float32, 0 where there was no surface after all (half a voxel or more of distance was left at the
        last evaluation); normal (3, R) float32 in the world, towards free space, 0 likewise; (R,) int32 0x00BBGGRR,
        0 likewise, where no colour was observed, and everywhere if not ``colored``.
    """
    origin, direction = _voxel_rays(world_from_camera, ray_x, ray_y, voxel_m)
    start, limit = depth, 0.75 * truncation_m

    def step(depth: Tensor) -> tuple[Tensor, Tensor, list[Tensor], list[VoxelAddress], list[Tensor]]:
        base, fraction = cell_corner([o + d * depth for o, d in zip(origin, direction, strict=True)])
        addresses = corner_addresses(table, window_origin, window_size, base)
        value, gradient = trilinear(tsdf, addresses, fraction)
        slope = gradient[0] * direction[0] + gradient[1] * direction[1] + gradient[2] * direction[2]
        # A ray that meets the surface sees the distance fall; the bound keeps grazing rays near their estimate.
        slope = torch.minimum(slope, -0.2 / truncation_m)
        depth = torch.maximum(torch.minimum(depth - value / slope, start + limit), start - limit)
        return depth, value, gradient, addresses, fraction

    depth, value, gradient, addresses, fraction = step(step(depth)[0])
    found = (start > 0) & (value.abs() * truncation_m < 0.5 * voxel_m)
    squared = gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2
    scale = torch.where(found, torch.rsqrt(squared.clamp_min(1e-18)), 0.0)
    rgb = torch.zeros_like(depth, dtype=torch.int32)
    if colored:
        rgb = torch.where(found, trilinear_color(color, addresses, fraction), 0)
    return torch.where(found, depth, 0.0), torch.stack([g * scale for g in gradient]), rgb


def _voxel_rays(
    world_from_camera: Tensor, ray_x: Tensor, ray_y: Tensor, voxel_m: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Origin and direction of rays per axis, in voxels; the parameter stays z-depth in metres."""
    m = world_from_camera[:3] / voxel_m
    direction = [m[i, 0] * ray_x + m[i, 1] * ray_y + m[i, 2] for i in range(3)]
    return [m[i, 3] for i in range(3)], direction
