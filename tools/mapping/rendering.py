"""Ray casting of a voxel volume: prepares and calls the kernels of ``tools.core.raycast``.

Rays that have ended are taken out between calls, so that later calls are short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import inverse, transform
from scenes.types import Camera
from tools.core.blocks import UNKNOWN
from tools.core.fusion import unpacked_rgb
from tools.core.raycast import CONE_STEPS, IMAGE_STEPS, REST_STEPS, TILE
from tools.kernels.compiled import KernelSet
from tools.mapping.volume import BlockVolume, BlockWindow

CONE_CELL_PX = 4
"""Pixels along the edge of the square that one cone covers."""
MAX_MARCH_CALLS = 30
"""Most calls of ``march``: hundreds of steps, each of at least three quarters of a voxel or one skipped block."""
MIN_RENDERED_DEPTH_M = 0.05
"""Nothing nearer than this is rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedView:
    """A map rendered from one camera pose."""

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
class _KernelInputs:
    """Arguments that all kernel calls of one rendering share."""

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
) -> RenderedView:
    """See ``SurfaceMap.raycast``."""
    shape = (camera.height, camera.width)
    near, far = _tile_ranges(volume, camera, world_from_camera, kernels)
    farthest = float(far.amax())
    if not math.isfinite(farthest):
        nothing = torch.zeros(shape)
        return RenderedView(
            depth_m=nothing,
            normal=torch.zeros(*shape, 3),
            rgb=torch.zeros(*shape, 3, dtype=torch.uint8),
            valid=nothing > 0,
        )
    window = _window(volume, camera, world_from_camera, farthest)
    scene = _KernelInputs(
        volume=volume,
        window=(window.table, window.origin, window.size),
        pose=world_from_camera.float(),
        sizes=(torch.tensor(volume.voxel_m), torch.tensor(truncation_m)),
        kernels=kernels,
    )
    rough = _march_pixels(scene, camera, *_cell_ranges(scene, camera, near, far))
    depth, normal, rgb = kernels.refine(
        volume.tsdf, volume.color, *scene.window, scene.pose, *_rays(camera, 1), rough, *scene.sizes, color
    )
    return RenderedView(depth_m=depth, normal=normal.permute(1, 2, 0), rgb=unpacked_rgb(rgb), valid=depth > 0)


def _cell_ranges(scene: _KernelInputs, camera: Camera, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """Near and far depth per cell of pixels, (rows, columns) each, from where its cone and those around it stopped.

    The neighbours count because a cone detects a surface beside it only within the band that the map stores around it.
    """
    shape = (-(-camera.height // CONE_CELL_PX), -(-camera.width // CONE_CELL_PX))
    near, far = _finite_ranges(near, far)
    near, far = (
        _repeated_pixels(tile, TILE // CONE_CELL_PX)[: shape[0], : shape[1]].contiguous() for tile in (near, far)
    )
    # The half diagonal of a cell, and half a pixel for the rays of its corners.
    cone = torch.tensor((CONE_CELL_PX * 0.7072 + 0.5) / min(camera.fx, camera.fy))
    stopped = _march(scene, _rays(camera, CONE_CELL_PX), near, far, cone, CONE_STEPS)
    # One voxel back: the distance is that of the nearest voxel's centre.
    nearest = -_neighbourhood_max(torch.where(stopped > 0, -stopped, -torch.inf)) - scene.volume.voxel_m
    # A cone that nothing stopped can hold only the rim of a surface that stopped its neighbours.
    rim = _neighbourhood_max(stopped) + 2 * scene.sizes[1]
    far = torch.where(stopped > 0, far, torch.minimum(far, rim))
    return _finite_ranges(nearest.clamp_min(MIN_RENDERED_DEPTH_M), far)


def _finite_ranges(near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """The same ranges; those that start at infinity become empty ones of finite depth (1 to 0)."""
    empty = ~torch.isfinite(near)
    return torch.where(empty, 1.0, near), torch.where(empty, 0.0, far)


def _neighbourhood_max(image: Tensor) -> Tensor:
    """The greatest of the nine values around each element of (h, w)."""
    return torch.nn.functional.max_pool2d(image[None, None], 3, stride=1, padding=1)[0, 0]


def _march_pixels(scene: _KernelInputs, camera: Camera, near: Tensor, far: Tensor) -> Tensor:
    """Rough hits (H, W) of the rays of pixels, 0 where there is none, from the ranges of cells."""
    near, far = (
        _repeated_pixels(cells, CONE_CELL_PX)[: camera.height, : camera.width].contiguous() for cells in (near, far)
    )
    return _march(scene, _rays(camera, 1), near, far, torch.tensor(0.0), IMAGE_STEPS)


def _march(
    scene: _KernelInputs, rays: tuple[Tensor, Tensor], near: Tensor, far: Tensor, cone: Tensor, steps: int
) -> Tensor:
    """Walk the rays of an image from near to far: the depth where each one stopped, 0 where it did not.

    Most rays end in the first call; those that do not are gathered, so that later calls are short.
    """
    shared = (scene.volume.tsdf, *scene.window, scene.pose)
    result, depth, previous, going = scene.kernels.march_image(
        *shared, *rays, near, far, torch.full((1, 1), UNKNOWN), cone, *scene.sizes, steps
    )
    flat = result.view(-1)
    index = going.view(-1).nonzero()[:, 0]
    row, column = index // result.shape[1], index % result.shape[1]
    x, y = rays[0].view(-1).index_select(0, column), rays[1].view(-1).index_select(0, row)
    kept = (index, x, y, *(image.view(-1).index_select(0, index) for image in (far, depth, previous)))
    for _ in range(MAX_MARCH_CALLS):
        index, x, y, ends, depth, previous = kept
        if len(index) == 0:
            break
        hit, depth, previous, going = scene.kernels.march(
            *shared, x, y, depth, ends, previous, cone, *scene.sizes, REST_STEPS
        )
        flat.scatter_(0, index, hit)
        left = going.nonzero()[:, 0]
        if len(left) == 1:  # Compiled kernels want at least two (``Kernel``): the ray goes twice.
            left = left.repeat(2)
        kept = tuple(values.index_select(0, left) for values in (index, x, y, ends, depth, previous))
    return result


def _rays(camera: Camera, cell: int) -> tuple[Tensor, Tensor]:
    """x (1, W) and y (H, 1) at z = 1 of the rays through the middle of each cell of pixels."""
    x = ((torch.arange(-(-camera.width // cell)) + 0.5) * cell - camera.cx) / camera.fx
    y = ((torch.arange(-(-camera.height // cell)) + 0.5) * cell - camera.cy) / camera.fy
    return x[None, :], y[:, None]


def _repeated_pixels(image: Tensor, factor: int) -> Tensor:
    """Each element of (h, w) repeated over a square."""
    height, width = image.shape
    wide = image[:, None, :, None].expand(height, factor, width, factor)
    return wide.reshape(height * factor, width * factor)


def _tile_ranges(
    volume: BlockVolume, camera: Camera, world_from_camera: Tensor, kernels: KernelSet
) -> tuple[Tensor, Tensor]:
    """Near and far depth per tile, (rows, columns) each; near = inf where no surface can be."""
    near, far = kernels.tile_ranges(
        volume.block_xyz,
        volume.block_min,
        torch.tensor(volume.block_m),
        torch.tensor(2 * volume.voxel_m),
        inverse(world_from_camera).float(),
        intrinsics_of(camera),
        -(-camera.height // TILE),
        -(-camera.width // TILE),
    )
    return near.clamp_min(MIN_RENDERED_DEPTH_M), far


def _window(volume: BlockVolume, camera: Camera, world_from_camera: Tensor, far_m: float) -> BlockWindow:
    """The blocks that a view can reach: its frustum, cut to where blocks are."""
    low, high = frustum_blocks(camera, world_from_camera, far_m, volume.block_m)
    lowest, highest = volume.bounds()
    return volume.window(torch.maximum(low, lowest), torch.minimum(high, highest))
