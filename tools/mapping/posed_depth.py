"""A frame of which depth and pose are known to be there."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from scenes.errors import InputError
from scenes.types import Camera, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedDepth:
    """The depth image of a frame, with its camera, and the poses of both cameras."""

    depth_m: Tensor
    """(H, W) float32 z-depth; 0 = invalid."""
    camera: Camera
    """The depth camera."""
    world_from_depth: Tensor
    """(4, 4) float64 pose of the depth camera."""
    world_from_camera: Tensor
    """(4, 4) float64 pose of the colour camera."""

    @classmethod
    def of(cls, frame: Frame) -> PosedDepth:
        """The depth and poses of a frame.

        Raises:
            InputError: the frame lacks depth or a pose.
        """
        world_from_depth = frame.world_from_depth
        if frame.depth_m is None or frame.depth_camera is None:
            raise InputError(f"frame {frame.id}: expected depth, got a frame without; use an RGB-D recording")
        if frame.world_from_camera is None or world_from_depth is None:
            raise InputError(f"frame {frame.id}: expected a pose, got a frame without; use a recording with poses")
        return cls(
            depth_m=frame.depth_m,
            camera=frame.depth_camera,
            world_from_depth=world_from_depth,
            world_from_camera=frame.world_from_camera,
        )
