"""Ray casting of a voxel volume: the host side of ``tools.core.raycast``, with fixed chunk sizes and compaction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import inverse, transform
from scenes.types import Camera
from tools.compiled import KernelSet
from tools.core.backproject import camera_rays
from tools.core.blocks import UNKNOWN
from tools.core.raycast import TILE
from tools.volume import BlockVolume, BlockWindow

CHUNK_RAYS = 32768
MAX_ROUNDS = 40
"""Calls of ``march`` per ray at most; 320 steps of at least half a voxel or one skipped block each."""
NEAREST_M = 0.05
"""Nothing nearer than this is rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A map seen from a camera."""

    depth_m: Tensor
    """(H, W) float32 z-depth; 0 where nothing is seen."""
    normal: Tensor
    """(H, W, 3) float32, world frame, towards free space; 0 where nothing is seen."""
    rgb: Tensor
    """(H, W, 3) uint8."""
    valid: Tensor
    """(H, W) bool."""


def intrinsics_of(camera: Camera) -> Tensor:
    """(4,) float32 fx, fy, cx, cy, as the kernels take them."""
    return torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float32)


def frustum_blocks(camera: Camera, world_from_camera: Tensor, depth_m: float, block_m: float) -> tuple[Tensor, Tensor]:
    """Lowest and highest block, (3,) int32 each, of a box around all that a camera sees up to a depth."""
    u = torch.tensor([0.0, camera.width], dtype=torch.float64)
    v = torch.tensor([0.0, camera.height], dtype=torch.float64)
    x, y = (u - camera.cx) / camera.fx * depth_m, (v - camera.cy) / camera.fy * depth_m
    corners = [[0.0, 0.0, 0.0]] + [[float(a), float(b), depth_m] for a in x for b in y]
    world = transform(world_from_camera.double(), torch.tensor(corners, dtype=torch.float64))
    low = torch.floor(world.amin(0) / block_m).int() - 1
    high = torch.floor(world.amax(0) / block_m).int() + 1
    return low, high


def raycast(
    volume: BlockVolume,
    camera: Camera,
    world_from_camera: Tensor,
    *,
    truncation_m: float,
    kernels: KernelSet,
    color: bool,
) -> View:
    """See ``SurfaceMap.raycast``."""
    pixels = camera.height * camera.width
    depth = torch.zeros(pixels)
    normal = torch.zeros(pixels, 3)
    rgb = torch.zeros(pixels, 3, dtype=torch.uint8)
    near, far = _pixel_ranges(volume, camera, world_from_camera, kernels)
    candidate = torch.isfinite(near).nonzero()[:, 0]
    if len(candidate):
        window = _window(volume, camera, world_from_camera, float(far[candidate].max()))
        pose = world_from_camera.float()
        rays = camera_rays(camera.height, camera.width, intrinsics_of(camera)).reshape(-1, 2)
        sizes = (torch.tensor(volume.voxel_m), torch.tensor(truncation_m))
        hit, rough = _march(volume, window, pose, rays, candidate, near, far, sizes, kernels)
        for part in _chunks(hit):
            start = _padded(rough[part], CHUNK_RAYS)
            result = kernels.refine(
                volume.tsdf,
                window.table,
                window.origin,
                window.size,
                pose,
                _padded(rays[part], CHUNK_RAYS),
                start,
                *sizes,
            )
            found, direction, residual = (r[: len(part)] for r in result)
            # Half a voxel of remaining distance means that the sign change was no surface.
            good = (residual < 0.5 * volume.voxel_m) & (found > NEAREST_M)
            kept = part[good]
            depth[kept] = found[good]
            normal[kept] = direction[good]
        if color:
            _paint(rgb, volume, window, pose, rays, depth, kernels)
    shape = (camera.height, camera.width)
    depth = depth.reshape(shape)
    return View(depth_m=depth, normal=normal.reshape(*shape, 3), rgb=rgb.reshape(*shape, 3), valid=depth > 0)


def _pixel_ranges(
    volume: BlockVolume, camera: Camera, world_from_camera: Tensor, kernels: KernelSet
) -> tuple[Tensor, Tensor]:
    """(H * W,) near and far depth per pixel; near = inf where no surface can be."""
    rows, columns = -(-camera.height // TILE), -(-camera.width // TILE)
    near, far = kernels.tile_ranges(
        volume.block_xyz,
        volume.block_min,
        torch.tensor(volume.block_m),
        torch.tensor(2 * volume.voxel_m),
        inverse(world_from_camera).float(),
        intrinsics_of(camera),
        rows,
        columns,
    )

    def per_pixel(tile: Tensor) -> Tensor:
        wide = tile.repeat_interleave(TILE, 0).repeat_interleave(TILE, 1)
        return wide[: camera.height, : camera.width].reshape(-1)

    return per_pixel(near.clamp_min(NEAREST_M)), per_pixel(far)


def _window(volume: BlockVolume, camera: Camera, world_from_camera: Tensor, far_m: float) -> BlockWindow:
    """The blocks that a view can reach: its frustum, cut to where blocks are."""
    low, high = frustum_blocks(camera, world_from_camera, far_m, volume.block_m)
    lowest, highest = volume.bounds()
    return volume.window(torch.maximum(low, lowest), torch.minimum(high, highest))


def _march(
    volume: BlockVolume,
    window: BlockWindow,
    pose: Tensor,
    rays: Tensor,
    active: Tensor,
    near: Tensor,
    far: Tensor,
    sizes: tuple[Tensor, Tensor],
    kernels: KernelSet,
) -> tuple[Tensor, Tensor]:
    """Walk the ``active`` rays to their first sign change: (indices of rays that hit, rough depth of all rays)."""
    depth = near.clone()
    previous = torch.full_like(depth, UNKNOWN)
    state = torch.zeros(len(depth), dtype=torch.int32)
    hits = []
    for _ in range(MAX_ROUNDS):
        for part in _chunks(active):
            n = len(part)
            arguments = [_padded(values[part], CHUNK_RAYS) for values in (rays, depth, far, previous, state)]
            result = kernels.march(volume.tsdf, window.table, window.origin, window.size, pose, *arguments, *sizes)
            depth[part], previous[part], state[part] = (r[:n] for r in result)
        now = state[active]
        hits.append(active[now == 1])
        active = active[now == 0]
        if len(active) == 0:
            break
    return torch.cat(hits), depth


def _paint(
    rgb: Tensor, volume: BlockVolume, window: BlockWindow, pose: Tensor, rays: Tensor, depth: Tensor, kernels: KernelSet
) -> None:
    """Write the colour of every pixel with a depth into ``rgb`` (H * W, 3)."""
    for part in _chunks((depth > 0).nonzero()[:, 0]):
        z = depth[part, None]
        points = transform(pose, torch.cat([rays[part] * z, z], dim=-1))
        color, _ = kernels.sample_color(
            volume.rgb,
            window.table,
            window.origin,
            window.size,
            _padded(points, CHUNK_RAYS),
            torch.tensor(volume.voxel_m),
        )
        rgb[part] = color[: len(part)].round().clamp(0, 255).to(torch.uint8)


def _chunks(indices: Tensor) -> tuple[Tensor, ...]:
    """Parts of at most ``CHUNK_RAYS``; none of an empty tensor (``split`` would give one empty part)."""
    return indices.split(CHUNK_RAYS) if len(indices) else ()


def _padded(values: Tensor, length: int) -> Tensor:
    """Rows repeated up to a fixed length, so that a kernel sees one shape."""
    if len(values) == length:
        return values
    return torch.cat([values, values[:1].expand(length - len(values), *values.shape[1:])])
