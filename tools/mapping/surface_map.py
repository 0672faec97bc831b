"""The metric surface map: posed depth in, surface out (ray cast, mesh, points, floor), saved and restored.

A map is a sparse truncated signed distance volume; see ``tools.core.blocks`` for its layout and ``tools.core.fusion``
for how frames are fused. Knows nothing of objects, of recordings, or of how a pose was found.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from scenes.geometry import inverse
from scenes.types import Camera, Frame
from tools.core import interpolation, surface_nets
from tools.core.blocks import UNKNOWN
from tools.core.fusion import packed_rgb, projection_of_voxels, unpacked_rgb
from tools.kernels import compiled
from tools.kernels.compiled import KernelSet
from tools.mapping import map_file, rendering
from tools.mapping.map_file import MapError
from tools.mapping.posed_depth import PosedDepth
from tools.mapping.rendering import RenderedView, intrinsics_of
from tools.mapping.surface_mesh import SurfaceMesh, floor_height_of
from tools.mapping.volume import BlockVolume

__all__ = ["Integration", "MapError", "RenderedView", "SurfaceMap", "SurfaceMesh"]

TRUNCATION_VOXELS = 4
"""Half-width of the band around a surface, in voxels: half a block, as ``touched_cells`` requires."""
MAX_WEIGHT = 64
"""Observations that a voxel remembers: at 30 frames a second a moved object is carved away within two seconds."""
CHUNK_BLOCKS = 1024
"""Blocks per call of the fusion kernel at most, which bounds the memory of its results: 4 MB."""

IntegrationStatus = Literal["integrated", "no_pose", "bad_pose", "no_depth", "no_valid_depth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What one frame did to a map. Anything but ``integrated`` left the map as it was."""

    status: IntegrationStatus
    blocks: int = 0
    """Blocks that the frame updated."""
    new_blocks: int = 0

    @property
    def ok(self) -> bool:
        """Whether the frame went into the map."""
        return self.status == "integrated"


class SurfaceMap:
    """A growing map of the surfaces that posed depth frames saw."""

    def __init__(
        self,
        *,
        map_id: str | None = None,
        voxel_m: float = 0.02,
        max_depth_m: float = 8.0,
        compile: bool | None = None,
        kernels: KernelSet | None = None,
    ) -> None:
        """An empty map.

        Args:
            map_id: the id that every pose, box and anchor in this map carries; a new one when None.
            voxel_m: edge of a voxel, 0.001 to 1 m.
            max_depth_m: depth beyond this is not fused.
            compile: see ``tools.kernels.compiled.kernels``.
            kernels: the kernels themselves; wins over ``compile``.

        Raises:
            ValueError: a setting outside its range.
        """
        if not (math.isfinite(max_depth_m) and max_depth_m > 0):
            raise ValueError(f"max_depth_m must be positive, got {max_depth_m}")
        self.map_id = map_id or uuid.uuid4().hex[:12]
        self.volume = BlockVolume(voxel_m)
        self.max_depth_m = max_depth_m
        self.frames = 0
        """Frames fused so far."""
        self._kernels = kernels or compiled.kernels(compile)

    @property
    def voxel_m(self) -> float:
        """Edge of a voxel, metres."""
        return self.volume.voxel_m

    @property
    def truncation_m(self) -> float:
        """Half-width of the band around a surface in which distances are kept."""
        return TRUNCATION_VOXELS * self.volume.voxel_m

    @property
    def is_empty(self) -> bool:
        """Whether no frame has been fused."""
        return self.volume.count == 0

    def integrate(self, frame: Frame) -> Integration:
        """Fuse a posed depth frame: surfaces are added, and space that is seen to be free is carved."""
        if frame.depth_m is None or frame.depth_camera is None:
            return Integration(status="no_depth")
        if frame.world_from_camera is None:
            return Integration(status="no_pose")
        seen = PosedDepth.of(frame)
        if not is_rigid(seen.world_from_depth):
            return Integration(status="bad_pose")
        usable = (seen.depth_m > 0) & (seen.depth_m <= self.max_depth_m)  # false for NaN and infinity
        seen = replace(seen, depth_m=torch.where(usable, seen.depth_m, 0.0))
        farthest = float(seen.depth_m.max())
        if farthest == 0:
            return Integration(status="no_valid_depth")
        slots, new = self._blocks_for(seen, farthest)
        self._fuse(slots, seen, frame)
        self.frames += 1
        return Integration(status="integrated", blocks=len(slots), new_blocks=new)

    def _blocks_for(self, seen: PosedDepth, farthest: float) -> tuple[Tensor, int]:
        """Slots of the blocks that a depth image updates, created where missing; and how many are new."""
        volume, camera, world_from_depth = self.volume, seen.camera, seen.world_from_depth
        block_m, intrinsics = torch.tensor(volume.block_m), intrinsics_of(camera)
        low, high = rendering.frustum_blocks(camera, world_from_depth, farthest + self.truncation_m, volume.block_m)
        window = volume.window(low, high)
        cells = self._kernels.touched_cells(
            seen.depth_m,
            intrinsics,
            world_from_depth.float(),
            window.origin,
            window.size,
            block_m,
            torch.tensor(self.truncation_m),
            pixel_stride(camera, farthest, volume.block_m),
        )
        touched = torch.zeros(len(window.table), dtype=torch.bool)
        touched[cells] = True
        touched[0] = False
        slots, new = volume.allocate(window, touched.nonzero()[:, 0])
        chosen = self._kernels.carvable_blocks(
            volume.block_xyz, volume.block_min, seen.depth_m, intrinsics, inverse(world_from_depth).float(), block_m
        )
        chosen[slots] = True
        return chosen.nonzero()[:, 0], new

    def _fuse(self, slots: Tensor, seen: PosedDepth, frame: Frame) -> None:
        """Fuse the depth, and the colour of its frame, into the blocks at ``slots``."""
        volume = self.volume
        same_camera = frame.camera == seen.camera and torch.equal(seen.world_from_depth, seen.world_from_camera)
        shared = (
            seen.depth_m,
            projection_of_voxels(seen.camera.intrinsics, inverse(seen.world_from_depth), volume.voxel_m),
            packed_rgb(frame.rgb),
            None
            if same_camera
            else projection_of_voxels(frame.camera.intrinsics, inverse(seen.world_from_camera), volume.voxel_m),
            torch.tensor(self.truncation_m),
            torch.tensor(float(MAX_WEIGHT)),
        )
        pools = (volume.tsdf, volume.weight, volume.color)
        for part in slots.split(CHUNK_BLOCKS):
            rows = self._kernels.integrate_blocks(*pools, volume.block_xyz, part, *shared)
            for pool, values in zip((*pools, volume.block_min), rows, strict=True):
                pool.index_copy_(0, part, values)

    def raycast(self, camera: Camera, world_from_camera: Tensor, *, color: bool = True) -> RenderedView:
        """The map as ``camera`` would see it from a pose.

        Args:
            world_from_camera: (4, 4) float64.
            color: whether to sample colour (else ``RenderedView.rgb`` is zero).

        Raises:
            ValueError: the pose is not a rigid transform.
        """
        if not is_rigid(world_from_camera):
            raise ValueError("world_from_camera must be a finite rigid 4x4 transform")
        return rendering.raycast(
            self.volume, camera, world_from_camera, truncation_m=self.truncation_m, kernels=self._kernels, color=color
        )

    def mesh(self) -> SurfaceMesh:
        """The surface as triangles (surface nets, see ``tools.core.surface_nets``)."""
        volume = self.volume
        block_xyz, values = volume.block_xyz[: volume.count], volume.tsdf[: volume.count]
        chunks = torch.arange(volume.count).split(2048)
        cells, vertices = [torch.zeros(0, 3, dtype=torch.int32)], [torch.zeros(0, 3)]
        for chunk in chunks:
            padded = surface_nets.padded_blocks(values, block_xyz, chunk, UNKNOWN)
            cell, vertex = surface_nets.surface_cells(padded, block_xyz[chunk])
            cells.append(cell)
            vertices.append(vertex)
        cell, vertex = torch.cat(cells), torch.cat(vertices) * volume.voxel_m
        order = surface_nets.voxel_key(cell).argsort()
        cell, vertex = cell[order], vertex[order]
        triangles = [torch.zeros(0, 3, dtype=torch.int64)]
        for chunk in chunks:
            padded = surface_nets.padded_blocks(values, block_xyz, chunk, UNKNOWN)
            triangles.append(surface_nets.surface_quads(padded, block_xyz[chunk], cell))
        return SurfaceMesh(vertices=vertex, triangles=torch.cat(triangles), rgb=self._color_at(vertex))

    def points(self) -> tuple[Tensor, Tensor]:
        """The surface as points: (N, 3) float32 metres and their (N, 3) uint8 colours, about one per voxel."""
        mesh = self.mesh()
        return mesh.vertices, mesh.rgb

    def _color_at(self, points: Tensor) -> Tensor:
        if len(points) == 0:
            return torch.zeros(0, 3, dtype=torch.uint8)
        window = self.volume.window(*self.volume.bounds())
        parts = [
            interpolation.color_at(self.volume.color, window.table, window.origin, window.size, list(part.unbind(-1)))
            for part in (points / self.voxel_m).split(1 << 18)
        ]
        return unpacked_rgb(torch.cat(parts))

    def floor_height(self) -> float | None:
        """Height (world y, metres) of the lowest large horizontal surface that faces up; None when there is none.

        Large: at least 5% of the upward-facing area, or half a square metre when that is less.
        """
        return floor_height_of(self.mesh())

    def save(self, folder: Path) -> None:
        """Write the map into ``folder``, replacing one that is there; see ``tools.mapping.map_file``.

        Raises:
            MapError: the folder cannot be written. What was there before is intact.
        """
        map_file.save(
            folder,
            self.volume,
            map_file.MapHeader(
                map_id=self.map_id, voxel_m=self.voxel_m, max_depth_m=self.max_depth_m, frames=self.frames
            ),
        )

    @classmethod
    def load(cls, folder: Path, *, compile: bool | None = None) -> SurfaceMap:
        """The map that ``save`` wrote.

        Raises:
            MapError: there is no map, it is damaged, or another version wrote it.
        """
        header, volume = map_file.load(folder)
        loaded = cls(map_id=header.map_id, voxel_m=header.voxel_m, max_depth_m=header.max_depth_m, compile=compile)
        loaded.volume = volume
        loaded.frames = header.frames
        return loaded


def pixel_stride(camera: Camera, farthest_m: float, block_m: float) -> int:
    """How many pixels apart the rays that look for blocks may be: no farther than half a block at the farthest."""
    apart_m = farthest_m / min(camera.fx, camera.fy)
    return next((n for n in (4, 2) if n * apart_m <= block_m / 2), 1)


def is_rigid(pose: Tensor) -> bool:
    """Finite, a rotation with determinant +1 within 1e-3, and the bottom row of a rigid transform."""
    if pose.shape != (4, 4) or not bool(torch.isfinite(pose).all()):
        return False
    rotation = pose[:3, :3].double()
    identity = torch.eye(3, dtype=torch.float64)
    return (
        bool(((rotation @ rotation.T - identity).abs() < 1e-3).all())
        and float(torch.linalg.det(rotation)) > 0
        and bool((pose[3] == torch.tensor([0, 0, 0, 1], dtype=pose.dtype)).all())
    )
