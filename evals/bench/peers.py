"""Open3D's tensor voxel grid behind the interface that the benchmark needs. Open3D is imported when it is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import inverse
from scenes.types import Camera, Frame
from tools.depth import register_depth


class Open3DGrid:
    """``open3d.t.geometry.VoxelBlockGrid`` with blocks of 8^3 voxels, as its own examples use it."""

    def __init__(self, voxel_m: float, *, max_depth_m: float, truncation_voxels: float = 8.0) -> None:
        """``truncation_voxels`` defaults to Open3D's own default."""
        import open3d as o3d

        self._o3d = o3d
        self._max_depth_m = max_depth_m
        self._truncation_voxels = truncation_voxels
        self._grid = o3d.t.geometry.VoxelBlockGrid(
            attr_names=("tsdf", "weight", "color"),
            attr_dtypes=(o3d.core.float32, o3d.core.float32, o3d.core.float32),
            attr_channels=((1,), (1,), (3,)),
            voxel_size=voxel_m,
            block_resolution=8,
            block_count=20000,
        )
        self._blocks: Any = None

    def prepare(self, frame: Frame) -> tuple[Any, ...]:
        """The images and matrices of a frame as Open3D takes them; not part of what is timed."""
        o3d = self._o3d
        assert frame.depth_m is not None
        assert frame.depth_camera is not None
        assert frame.world_from_depth is not None
        depth = torch.where(frame.depth_m <= self._max_depth_m, frame.depth_m, 0.0)
        return (
            o3d.t.geometry.Image(o3d.core.Tensor(depth.numpy()[..., None])),
            o3d.t.geometry.Image(o3d.core.Tensor((frame.rgb.float() / 255).numpy())),
            o3d.core.Tensor(frame.depth_camera.intrinsics.numpy()),
            o3d.core.Tensor(frame.camera.intrinsics.numpy()),
            o3d.core.Tensor(np.ascontiguousarray(inverse(frame.world_from_depth).numpy())),
        )

    def integrate(self, prepared: tuple[Any, ...]) -> None:
        """Find the blocks of a frame's band and fuse depth and colour into them."""
        depth, color, depth_k, color_k, extrinsic = prepared
        self._blocks = self._grid.compute_unique_block_coordinates(
            depth, depth_k, extrinsic, 1.0, self._max_depth_m, self._truncation_voxels
        )
        self._grid.integrate(
            self._blocks, depth, color, depth_k, color_k, extrinsic, 1.0, self._max_depth_m, self._truncation_voxels
        )

    def raycast(self, camera: Camera, world_from_camera: Tensor) -> np.ndarray:
        """Depth, normal and colour of the blocks of the last frame, seen from a pose: (H, W) depth in metres."""
        o3d = self._o3d
        result = self._grid.ray_cast(
            self._blocks,
            o3d.core.Tensor(camera.intrinsics.numpy()),
            o3d.core.Tensor(np.ascontiguousarray(inverse(world_from_camera).numpy())),
            camera.width,
            camera.height,
            ["depth", "normal", "color"],
            1.0,
            0.1,
            self._max_depth_m,
            1.0,
            self._truncation_voxels,
        )
        return result["depth"].numpy()[..., 0]

    def mesh_vertices(self) -> np.ndarray:
        """(V, 3) vertices of the extracted mesh, of voxels seen at least once."""
        return self._grid.extract_triangle_mesh(1.0).vertex.positions.numpy()


def as_open3d_sees(frame: Frame) -> Frame:
    """The frame with its depth redrawn in the colour camera: Open3D's grid knows one pose for both."""
    from dataclasses import replace

    depth_m = register_depth(frame, compile=False)
    if depth_m is None:
        raise ValueError(f"frame {frame.id} has no depth; expected an RGB-D recording")
    return replace(
        frame,
        depth_m=depth_m,
        depth_camera=frame.camera,
        camera_from_depth=torch.eye(4, dtype=torch.float64),
    )
