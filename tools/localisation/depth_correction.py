"""Correction of a depth sensor and of a lens: the models, and the fit of the depth's from triangulated depths."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.types import Camera

MIN_INFORMATION_GAIN = 4.0
"""A depth takes part in the fit of the correction when its matches add this many times the information of the
uncorrected prior."""
MIN_CORRECTION_DEPTHS = 200
"""Depths that the fit of a correction needs; with fewer there is no correction."""
MAX_CORRECTION_SHARE = 0.15
"""A correction that changes a depth by a larger share means a wrong recording; it is not applied."""


def undistort_normalised(normalised_uv: Tensor, radial: float | Tensor) -> Tensor:
    """(..., 2) normalised image coordinates without radial distortion: ``x (1 + radial |x|^2)`` (Brown 1971)."""
    return normalised_uv * (1 + radial * normalised_uv.square().sum(-1, keepdim=True))


def undistorted(uv: Tensor, camera: Camera, radial: float) -> Tensor:
    """(N, 2) ``uv_px`` without a camera's radial distortion."""
    centre = torch.tensor([camera.cx, camera.cy], dtype=uv.dtype)
    focal = torch.tensor([camera.fx, camera.fy], dtype=uv.dtype)
    return undistort_normalised((uv - centre) / focal, radial) * focal + centre


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCorrection:
    """``true = measured * (scale + slope * measured + right * x + down * y)``, for rays (x, y, 1) of the camera.

    ``right`` and ``down`` tilt the depth, as a slightly wrong principal point or extrinsic rotation does.
    """

    scale: float = 1.0
    slope: float = 0.0
    """1/m."""
    right: float = 0.0
    down: float = 0.0
    radial: float = 0.0
    """Radial distortion of the colour camera, coefficient of ``undistort_normalised``."""
    count: int = 0
    """Triangulated depths that the correction was fitted to."""

    def __call__(self, depth_m: Tensor, rays: Tensor) -> Tensor:
        """Corrected depths of (..., 2) rays' x and y; 0 stays 0."""
        return depth_m * (self.scale + self.slope * depth_m + self.right * rays[..., 0] + self.down * rays[..., 1])

    def of_image(self, depth_m: Tensor, camera: Camera) -> Tensor:
        """A depth image (H, W) of a camera that looks the way the colour camera does, corrected."""
        x = (torch.arange(depth_m.shape[1]) + 0.5 - camera.cx) / camera.fx
        y = (torch.arange(depth_m.shape[0]) + 0.5 - camera.cy) / camera.fy
        tilt = self.scale + self.right * x + self.down * y[:, None]
        return depth_m * (self.slope * depth_m + tilt.to(depth_m.dtype))


def fit_depth_correction(measured: Tensor, rays: Tensor, found: Tensor, information_gain: Tensor) -> DepthCorrection:
    """Robust fit of ``found / measured`` as a linear function of ``measured`` and the rays (see ``DepthCorrection``).

    Args:
        measured, found: (N,) depths of the sensor and of triangulation. rays: (N, 3) at depth 1.
        information_gain: (N,), of ``_refined_depths``; only depths above ``MIN_INFORMATION_GAIN`` are used.
    """
    good = information_gain > MIN_INFORMATION_GAIN
    count = int(good.sum())
    if count < MIN_CORRECTION_DEPTHS:
        return DepthCorrection(count=count)
    z, ratio = measured[good], found[good] / measured[good]
    design = torch.stack([torch.ones_like(z), z, rays[good, 0], rays[good, 1]], -1)
    # Without spread in depth or image the slopes are not known: held at zero with the weight of a 1% error at 1.
    hold = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    plane = torch.cat([ratio.median()[None], torch.zeros(3, dtype=torch.float64)])
    for _ in range(10):
        weight = 1 / (1 + ((ratio - design @ plane) / 0.01).square())
        plane = torch.linalg.solve(design.T @ (weight[:, None] * design) + hold, design.T @ (weight * ratio))
    if bool(((design @ plane - 1).abs() > MAX_CORRECTION_SHARE).any()):
        return DepthCorrection(count=count)
    scale, slope, right, down = plane.tolist()
    return DepthCorrection(scale=scale, slope=slope, right=right, down=down, count=count)
