"""One depth estimate for a frame's colour camera, from the best source there is: sensor, neighbours, model, or map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scenes.types import Camera, Frame
from tools.kernels import compiled
from tools.mapping.rendering import intrinsics_of
from tools.mapping.surface_map import SurfaceMap

DepthSource = Literal["sensor", "map", "sweep", "model"]
NoDepthReason = Literal["outside_image", "no_depth_there", "depth_edge"]

SENSOR_SIGMA_M_PER_M2 = 0.0012
"""Structured-light and time-of-flight noise grows with the square of depth; 1.2 mm/m^2 is the axial term of
Nguyen, Izadi and Lovell 2012 for a Kinect, and 5 mm at 2 m is what neighbouring frames of real recordings show."""
SENSOR_SIGMA_FLOOR_M = 0.002
"""Sigma of a sensor near 0 m, from quantisation and calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthAt:
    """Depth at one position, or why there is none."""

    depth_m: float | None
    sigma_m: float | None = None
    reason: NoDepthReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthEstimate:
    """Depth of a colour image."""

    camera: Camera
    """The colour camera, whose pixels the images below share."""
    depth_m: Tensor
    """(H, W) float32 z-depth; 0 where not valid."""
    valid: Tensor
    """(H, W) bool."""
    sigma_m: Tensor
    """(H, W) float32, one standard deviation; 0 where not valid."""
    source: DepthSource
    """``sensor``; ``map``: rendered from the map; ``sweep``: from posed neighbours; ``model``: estimated by a model."""

    def depth_at(self, u: float, v: float, *, radius_px: int = 3) -> DepthAt:
        """Median depth of the surface under a pixel position (``uv_px``).

        The neighbourhood is ``2 * radius_px + 1`` pixels square. A position with no valid pixel there has no depth.
        Where the neighbourhood spans two surfaces (a gap of more than 10% of depth), the side of the nearest valid
        pixel counts; when that side is too thin to tell (fewer than three pixels), there is no answer rather than a
        wrong one.
        """
        if not self.camera.contains(u, v):
            return DepthAt(depth_m=None, reason="outside_image")
        row, column = int(v), int(u)
        top, left = max(row - radius_px, 0), max(column - radius_px, 0)
        window = (slice(top, row + radius_px + 1), slice(left, column + radius_px + 1))
        depth, valid = self.depth_m[window], self.valid[window]
        if not bool(valid.any()):
            return DepthAt(depth_m=None, reason="no_depth_there")
        rows, columns = valid.nonzero(as_tuple=True)
        near = int(((rows + top + 0.5 - v) ** 2 + (columns + left + 0.5 - u) ** 2).argmin())
        seed = depth[rows[near], columns[near]]
        same = valid & ((depth - seed).abs() <= 0.1 * seed)
        if int(same.sum()) < 3:
            return DepthAt(depth_m=None, reason="depth_edge")
        value = depth[same].median()
        # Scatter of the neighbourhood around its median (MAD to sigma: 1.4826) on top of the sensor's own noise.
        spread = 1.4826 * (depth[same] - value).abs().median()
        sigma = (self.sigma_m[window][same].median() ** 2 + spread**2).sqrt()
        return DepthAt(depth_m=float(value), sigma_m=float(sigma))


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedFrame(Frame):
    """A frame whose depth no sensor measured. Its depth camera is its colour camera."""

    depth_source: DepthSource
    depth_sigma_m: Tensor
    """(H, W) float32, 0 where depth is not valid."""

    @classmethod
    def of(cls, frame: Frame, estimate: DepthEstimate) -> EstimatedFrame:
        """The frame with an estimate of its depth."""
        return cls(
            id=frame.id,
            time_s=frame.time_s,
            camera=frame.camera,
            rgb=frame.rgb,
            world_from_camera=frame.world_from_camera,
            depth_m=estimate.depth_m,
            depth_camera=frame.camera,
            depth_source=estimate.source,
            depth_sigma_m=estimate.sigma_m,
        )


def estimate_depth(
    frame: Frame, surface_map: SurfaceMap | None = None, *, compile: bool | None = None
) -> DepthEstimate | None:
    """The best depth for a frame: its own (the sensor's, registered to colour, or what was estimated for it); else the
    map's, seen from its pose.

    ``compile``: see ``tools.kernels.compiled.kernels``. None when the frame has neither valid depth nor a pose in a
    map that is not empty.
    """
    own = _from_estimate(frame) if isinstance(frame, EstimatedFrame) else _from_sensor(frame, compile)
    if own is not None:
        return own
    if surface_map is None or surface_map.is_empty or frame.world_from_camera is None:
        return None
    view = surface_map.raycast(frame.camera, frame.world_from_camera, color=False)
    if not bool(view.valid.any()):
        return None
    # A fused surface is known to about half a voxel.
    sigma = torch.where(view.valid, 0.5 * surface_map.voxel_m, 0.0)
    return DepthEstimate(camera=frame.camera, depth_m=view.depth_m, valid=view.valid, sigma_m=sigma, source="map")


def register_depth(frame: Frame, *, compile: bool | None = None) -> Tensor | None:
    """Sensor depth in the colour camera's pixels, (H, W) float32, 0 = invalid; None for a frame without depth.

    The same image where both cameras are one; else each depth pixel is drawn as the small rectangle that it covers in
    the colour image, nearest wins.
    """
    if frame.depth_m is None or frame.depth_camera is None:
        return None
    depth_m = torch.where(torch.isfinite(frame.depth_m) & (frame.depth_m > 0), frame.depth_m, 0.0)
    same_place = torch.equal(frame.camera_from_depth, torch.eye(4, dtype=frame.camera_from_depth.dtype))
    if same_place and frame.depth_camera == frame.camera:
        return depth_m
    return warp_depth(depth_m, frame.depth_camera, frame.camera_from_depth, frame.camera, compiled.kernels(compile))


def warp_depth(
    depth_m: Tensor, camera: Camera, target_from_camera: Tensor, target: Camera, kernels: compiled.KernelSet
) -> Tensor:
    """A camera's depth (h, w), 0 = invalid, in another camera's pixels, (H, W) float32; see ``forward_warp``."""
    return kernels.forward_warp(
        depth_m,
        intrinsics_of(camera),
        target_from_camera.float(),
        intrinsics_of(target),
        target.height,
        target.width,
    )


def _from_estimate(frame: EstimatedFrame) -> DepthEstimate | None:
    if frame.depth_m is None or not bool((frame.depth_m > 0).any()):
        return None
    return DepthEstimate(
        camera=frame.camera,
        depth_m=frame.depth_m,
        valid=frame.depth_m > 0,
        sigma_m=frame.depth_sigma_m,
        source=frame.depth_source,
    )


def _from_sensor(frame: Frame, compile: bool | None) -> DepthEstimate | None:
    depth_m = register_depth(frame, compile=compile)
    if depth_m is None:
        return None
    valid = depth_m > 0
    if not bool(valid.any()):
        return None
    sigma = torch.where(valid, SENSOR_SIGMA_FLOOR_M + SENSOR_SIGMA_M_PER_M2 * depth_m.square(), 0.0)
    return DepthEstimate(camera=frame.camera, depth_m=depth_m, valid=valid, sigma_m=sigma, source="sensor")
