"""Other libraries behind the interfaces that the benchmark needs. Each is optional and imported when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.errors import InputError
from scenes.geometry import inverse
from scenes.types import Camera, Frame
from tools.depth.estimate import register_depth
from tools.mapping.posed_depth import PosedDepth

PEERS = {"open3d": "open3d", "small_gicp": "small_gicp", "opencv": "cv2", "poselib": "poselib"}
"""Name and module of each peer."""


def missing_peers(names: Sequence[str]) -> dict[str, str]:
    """Which of some peers are not installed, with what to do about it."""
    return {name: f"{name} is not installed; see the extra `peers`" for name in names if find_spec(PEERS[name]) is None}


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
        o3d, seen = self._o3d, PosedDepth.of(frame)
        depth = torch.where(seen.depth_m <= self._max_depth_m, seen.depth_m, 0.0)
        return (
            o3d.t.geometry.Image(o3d.core.Tensor(depth.numpy()[..., None])),
            o3d.t.geometry.Image(o3d.core.Tensor((frame.rgb.float() / 255).numpy())),
            o3d.core.Tensor(seen.camera.intrinsics.numpy()),
            o3d.core.Tensor(frame.camera.intrinsics.numpy()),
            o3d.core.Tensor(np.ascontiguousarray(inverse(seen.world_from_depth).numpy())),
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

    def distance_to_mesh(self, points: np.ndarray) -> np.ndarray:
        """(N,) distance in metres of (N, 3) points to the extracted triangles (not to their corners)."""
        o3d = self._o3d
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(self._grid.extract_triangle_mesh(1.0))
        return scene.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()

    def mesh_vertices(self) -> np.ndarray:
        """(V, 3) vertices of the extracted mesh, of voxels seen at least once."""
        return self._grid.extract_triangle_mesh(1.0).vertex.positions.numpy()


class Open3DOdometry:
    """``open3d.t.pipelines.odometry.rgbd_odometry_multi_scale``, point to plane, with its default steps."""

    def __init__(self, *, max_depth_m: float) -> None:
        import open3d as o3d

        self._o3d = o3d
        self._max_depth_m = max_depth_m

    def prepare(self, frame: Frame) -> tuple[Any, Any]:
        """Image pair and intrinsics; not part of what is timed."""
        o3d, depth_m = self._o3d, _registered_depth(frame)
        image = o3d.t.geometry.RGBDImage(
            o3d.t.geometry.Image(o3d.core.Tensor((frame.rgb.float() / 255).numpy())),
            o3d.t.geometry.Image(o3d.core.Tensor(depth_m.numpy()[..., None])),
        )
        return image, o3d.core.Tensor(frame.camera.intrinsics.numpy())

    def relative(self, source: tuple[Any, Any], target: tuple[Any, Any]) -> Tensor:
        """(4, 4) float64 ``target_from_source`` of two prepared frames."""
        odometry = self._o3d.t.pipelines.odometry
        result = odometry.rgbd_odometry_multi_scale(
            source[0],
            target[0],
            source[1],
            depth_scale=1.0,
            depth_max=self._max_depth_m,
            method=odometry.Method.PointToPlane,
        )
        return torch.from_numpy(result.transformation.numpy().copy()).double()


class SmallGicp:
    """``small_gicp``: point-to-plane ICP between two depth images' points, with its defaults and one tree a call."""

    def __init__(self, *, threads: int) -> None:
        import small_gicp  # pyright: ignore[reportMissingImports]

        self._module = small_gicp
        self._threads = threads

    def align(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """(4, 4) ``target_from_source`` of (N, 3) float64 points in metres."""
        result = self._module.align(
            target,
            source,
            registration_type="PLANE_ICP",
            downsampling_resolution=0.03,
            max_correspondence_distance=0.1,
            num_threads=self._threads,
        )
        return result.T_target_source


class RootSiftPose:
    """OpenCV's SIFT with square-rooted descriptors, matched, and PoseLib's absolute pose."""

    def __init__(self, features: int) -> None:
        import cv2  # pyright: ignore[reportMissingImports]
        import poselib  # pyright: ignore[reportMissingImports]

        self._cv2, self._poselib = cv2, poselib
        self._sift = cv2.SIFT_create(nfeatures=features)  # pyright: ignore[reportAttributeAccessIssue]  # not in its stubs

    def describe(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints (N, 2) in pixels and RootSIFT descriptors (N, 128) of an (H, W, 3) uint8 image."""
        gray = self._cv2.cvtColor(rgb, self._cv2.COLOR_RGB2GRAY)
        keypoints, descriptors = self._sift.detectAndCompute(gray, None)
        if descriptors is None:
            return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
        root = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-9))
        # OpenCV counts from the centre of the first pixel.
        return np.array([k.pt for k in keypoints]) + 0.5, root.astype(np.float32)

    def pose(self, uv: np.ndarray, points: np.ndarray, camera: Camera) -> np.ndarray:
        """(4, 4) ``camera_from_world`` from N matches of pixels (N, 2) and points (N, 3), with 8 px of tolerance."""
        model = {
            "model": "PINHOLE",
            "width": camera.width,
            "height": camera.height,
            "params": [camera.fx, camera.fy, camera.cx, camera.cy],
        }
        found, _ = self._poselib.estimate_absolute_pose(uv, points, model, {"max_reproj_error": 8.0}, {})
        return np.vstack([found.Rt, [0, 0, 0, 1]])


def with_registered_depth(frame: Frame) -> Frame:
    """The frame with its depth redrawn in the colour camera: Open3D's grid knows one pose for both.

    Raises:
        InputError: the frame has no depth.
    """
    return replace(
        frame,
        depth_m=_registered_depth(frame),
        depth_camera=frame.camera,
        camera_from_depth=torch.eye(4, dtype=torch.float64),
    )


def _registered_depth(frame: Frame) -> Tensor:
    """(H, W) depth in the colour camera. Raises InputError: the frame has none."""
    depth_m = register_depth(frame, compile=False)
    if depth_m is None:
        raise InputError(f"frame {frame.id} has no depth; expected an RGB-D recording")
    return depth_m
