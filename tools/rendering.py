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
from tools.core.fusion import unpacked_rgb
from tools.core.raycast import TILE
from tools.volume import BlockVolume, BlockWindow

CHUNK_RAYS = 32768
FEW_RAYS = 4096
"""The shape for what is left in late rounds, and for small views."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What every kernel call of one view shares."""

    volume: BlockVolume
    window: tuple[Tensor, Tensor, Tensor]
    """table, origin, size"""
    pose: Tensor
    sizes: tuple[Tensor, Tensor]
    """voxel_m, truncation_m"""
    kernels: KernelSet


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
    depth, normal, rgb = torch.zeros(pixels), torch.zeros(pixels, 3), torch.zeros(pixels, dtype=torch.int32)
    near, far = _pixel_ranges(volume, camera, world_from_camera, kernels)
    candidate = torch.isfinite(near).nonzero()[:, 0]
    if len(candidate):
        window = _window(volume, camera, world_from_camera, float(far.amax()))
        scene = _Scene(
            volume=volume,
            window=(window.table, window.origin, window.size),
            pose=world_from_camera.float(),
            sizes=(torch.tensor(volume.voxel_m), torch.tensor(truncation_m)),
            kernels=kernels,
        )
        rays = camera_rays(camera.height, camera.width, intrinsics_of(camera)).reshape(-1, 2).T.contiguous()
        hit, rough = _march(scene, candidate, rays, near, far)
        for start in range(0, len(hit), CHUNK_RAYS):
            part = hit[start : start + CHUNK_RAYS]
            found = _resolve(scene, rays.index_select(1, part), rough[start : start + CHUNK_RAYS], color)
            depth[part], normal[part], rgb[part] = found
    shape = (camera.height, camera.width)
    depth = depth.reshape(shape)
    return View(depth_m=depth, normal=normal.reshape(*shape, 3), rgb=unpacked_rgb(rgb.reshape(shape)), valid=depth > 0)


def _march(scene: _Scene, pixel: Tensor, rays: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """Walk the rays of some pixels to their first sign change: (pixels that hit, their rough depth).

    Most rays end in the first round; those that do not are gathered, so that later rounds are short.
    """
    rays, depth, far = rays.index_select(1, pixel), near[pixel], far[pixel]
    previous = torch.full_like(depth, UNKNOWN)
    hits, depths = [], []
    for _ in range(MAX_ROUNDS):
        state = torch.empty(len(pixel), dtype=torch.int32)
        for start in range(0, len(pixel), CHUNK_RAYS):
            part = slice(start, start + CHUNK_RAYS)
            arguments = [_padded(values[..., part]) for values in (rays, depth, far, previous)]
            result = scene.kernels.march(scene.volume.tsdf, *scene.window, scene.pose, *arguments, *scene.sizes)
            n = len(state[part])
            depth[part], previous[part], state[part] = (r[:n] for r in result)
        ended = (state == 1).nonzero()[:, 0]
        hits.append(pixel[ended])
        depths.append(depth[ended])
        going = (state == 0).nonzero()[:, 0]
        if len(going) == 0:
            break
        rays = rays.index_select(1, going)
        pixel, depth, far, previous = (x.index_select(0, going) for x in (pixel, depth, far, previous))
    return torch.cat(hits), torch.cat(depths)


def _resolve(scene: _Scene, rays: Tensor, rough: Tensor, color: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Exact depth (R,), normal (R, 3) and packed colour (R,) of R rough hits; zero for one that was no surface."""
    n = len(rough)
    rays, rough = _padded(rays), _padded(rough)
    volume, kernels = scene.volume, scene.kernels
    depth, normal, residual = kernels.refine(volume.tsdf, *scene.window, scene.pose, rays, rough, *scene.sizes)
    # Half a voxel of remaining distance means that the sign change was no surface.
    good = (residual < 0.5 * volume.voxel_m) & (depth > NEAREST_M)
    depth = torch.where(good, depth, 0.0)
    packed = torch.zeros_like(depth, dtype=torch.int32)
    if color:
        painted = kernels.sample_color(volume.color, *scene.window, scene.pose, rays, depth, scene.sizes[0])
        packed = torch.where(good, painted, 0)
    return depth[:n], torch.where(good, normal, 0.0)[:, :n].T, packed[:n]


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


def _padded(values: Tensor) -> Tensor:
    """The last axis filled up to one of two sizes with its first element, so that a kernel sees few shapes."""
    missing = (FEW_RAYS if values.shape[-1] <= FEW_RAYS else CHUNK_RAYS) - values.shape[-1]
    if missing == 0:
        return values.contiguous()
    return torch.cat([values, values[..., :1].expand(*values.shape[:-1], missing)], dim=-1)
