"""Where the camera is, frame by frame, without given poses: depth against the map (projective point-to-plane ICP).

For recordings whose poses are missing or poor. Knows nothing of recordings and does not fuse: the caller integrates a
frame whose pose was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scenes.geometry import inverse, orthonormalised, pose_error
from scenes.types import Camera, Frame
from tools.core.backproject import pad_with_invalid
from tools.kernels import compiled
from tools.mapping.rendering import intrinsics_of
from tools.mapping.surface_map import SurfaceMap

WORKING_WIDTH = 160
"""Pixels across of the images that are aligned: 19,000 residuals constrain six unknowns well enough."""
CORRESPONDENCE_DISTANCES_M = (0.2, 0.2, 0.15, 0.15, 0.1, 0.1, *([0.06] * 14))
"""Correspondence distance of each Gauss-Newton step, from coarse to fine."""
CONVERGED_CHANGE = 2e-5
"""At the finest distance, iteration stops after a step that changes every entry of the pose by less than this."""
MIN_MATCHED = 0.35
"""Least share of corresponding points, of the live points that fall on the map."""
MIN_OVERLAP = 0.25
"""Least share of the live points that fall on the map at all."""
MAX_RMS_M = 0.015
"""Largest root mean square residual, scaled to the sensor's noise near 0 m."""
MIN_NOISE_M = 0.002
"""Least point-to-plane noise that is assumed of a depth sensor."""
MAX_STEP_M, MAX_STEP_RAD = 0.4, 0.6
"""Motion between two frames beyond which an alignment is a wrong one: 4 m/s and 340 degrees/s at 10 frames/s."""
MAX_SIGMA_M = 0.02
"""Largest position sigma along the worst direction of a pose that counts as tracked."""
MIN_NORMAL_SPREAD = 2e-3
"""Least mean squared cosine between the surfaces' normals and the worst direction. On a bare wall the camera may slide
without a residual, and the noise of the rendered normals, one or two degrees, gives less than this."""

TrackingStatus = Literal["started", "tracked", "lost", "no_depth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingResult:
    """The result of tracking one frame."""

    status: TrackingStatus
    world_from_camera: Tensor | None = None
    """(4, 4) float64 of the colour camera; None unless ``started`` or ``tracked``."""
    covariance: Tensor | None = None
    """(6, 6) float64 over (rotation in rad, translation in m), perturbed on the left in the depth camera's frame."""
    matched: float = 0.0
    """Share of the points on the map that correspond."""
    rms_m: float = 0.0
    """Root mean square point-to-plane distance, scaled to the sensor's noise near 0 m."""

    @property
    def ok(self) -> bool:
        """Whether there is a pose."""
        return self.world_from_camera is not None


class Tracker:
    """Follows a camera through a map. One tracker per visit; it keeps the last pose and motion."""

    def __init__(
        self,
        surface_map: SurfaceMap,
        *,
        world_from_camera: Tensor | None = None,
        compile: bool | None = None,
        kernels: compiled.KernelSet | None = None,
    ) -> None:
        """Start at ``world_from_camera``, the pose of the first frame (identity when None).

        ``compile`` and ``kernels`` as for ``SurfaceMap``.
        """
        self._map = surface_map
        self._start = torch.eye(4, dtype=torch.float64) if world_from_camera is None else world_from_camera.double()
        self._last: Tensor | None = None
        self._motion = torch.eye(4, dtype=torch.float64)
        self._kernels = kernels or compiled.kernels(compile)

    def track(self, frame: Frame) -> TrackingResult:
        """The pose of the next frame. After ``lost``, tracking is tried again from the last known pose."""
        depth_m, depth_camera = frame.depth_m, frame.depth_camera
        if depth_m is None or depth_camera is None or not bool((depth_m > 0).any()):
            return TrackingResult(status="no_depth")
        if self._map.is_empty:
            self._last = self._start
            return TrackingResult(status="started", world_from_camera=self._start)
        before = self._start if self._last is None else self._last
        predicted = before @ self._motion
        live = working_image(depth_m, depth_camera, self._map.max_depth_m)
        result = self._align(*live, frame.camera_from_depth, predicted)
        if not result.ok and self._last is not None:
            # The motion may have stopped: then the last pose is a better start than the predicted one.
            result = self._align(*live, frame.camera_from_depth, before)
        if result.world_from_camera is None:
            self._motion = torch.eye(4, dtype=torch.float64)
            return result
        if self._last is not None:
            self._motion = inverse(before) @ result.world_from_camera
        self._last = result.world_from_camera
        return result

    def _align(self, depth_m: Tensor, camera: Camera, camera_from_depth: Tensor, predicted: Tensor) -> TrackingResult:
        """ICP of a depth image (of ``working_image``) from a predicted ``world_from_camera`` of the colour camera."""
        world_from_model = predicted @ camera_from_depth
        view = self._map.raycast(camera, world_from_model, color=False)
        intrinsics = intrinsics_of(camera)
        points, normals, valid = self._kernels.backproject_normals(pad_with_invalid(depth_m), intrinsics)
        live = (points.reshape(3, -1), normals.reshape(3, -1), valid.reshape(-1))
        model_normals = world_from_model[:3, :3].T.float() @ view.normal.permute(2, 0, 1).reshape(3, -1)
        model_normals = model_normals.reshape(3, *view.depth_m.shape)
        pose = torch.eye(4, dtype=torch.float64)
        hessian, stats = torch.zeros(6, 6, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        for gap_m in CORRESPONDENCE_DISTANCES_M:
            before = pose
            pose, hessian, stats = self._kernels.icp_step(
                *live, view.depth_m, model_normals, intrinsics, pose, torch.tensor(gap_m)
            )
            if gap_m == CORRESPONDENCE_DISTANCES_M[-1] and float((pose - before).abs().max()) < CONVERGED_CHANGE:
                break
        world_from_camera = _with_exact_rotation(world_from_model @ pose @ inverse(camera_from_depth))
        return judge_alignment(world_from_camera, predicted, hessian, stats, points=int(live[2].sum()))


def working_image(depth_m: Tensor, camera: Camera, max_depth_m: float) -> tuple[Tensor, Camera]:
    """A depth image at about ``WORKING_WIDTH``, by taking every n-th pixel (a mean would mix surfaces).

    The pixels taken are the centres of n x n cells, so that the camera is exactly the resized one up to half a pixel
    for an even n, which the shift of the principal point accounts for.
    """
    n = max(1, round(camera.width / WORKING_WIDTH))
    offset = n // 2
    depth = depth_m[offset::n, offset::n]
    depth = torch.where((depth > 0) & (depth <= max_depth_m), depth, 0.0).contiguous()
    height, width = depth.shape
    # Pixel (i + 0.5) of the small image is pixel (offset + i * n + 0.5) of the large one.
    return depth, Camera(
        width=width,
        height=height,
        fx=camera.fx / n,
        fy=camera.fy / n,
        cx=(camera.cx - offset - 0.5) / n + 0.5,
        cy=(camera.cy - offset - 0.5) / n + 0.5,
    )


def judge_alignment(
    world_from_camera: Tensor, predicted: Tensor, hessian: Tensor, stats: Tensor, *, points: int
) -> TrackingResult:
    """The tracking result of an alignment: ``tracked`` with its covariance, or ``lost`` where it fails a threshold.

    Args:
        hessian, stats: of ``icp_step`` at the end. points: number of live points.
    """
    squared, weights, matched, rendered = (float(x) for x in stats)
    share = matched / max(rendered, 1.0)
    overlap = rendered / max(points, 1)
    rms_m = (squared / max(weights, 1e-9)) ** 0.5
    moved, turned = (float(x) for x in pose_error(world_from_camera, predicted))
    eigenvalues, vectors = torch.linalg.eigh(hessian)
    # Residuals of neighbouring pixels share their errors; one in ten is taken as independent. A surface that fits
    # better than the sensor's noise is luck, or a bare wall.
    variance = 10 * max(squared, weights * MIN_NOISE_M**2) / max(matched - 6, 1.0)
    covariance = vectors @ torch.diag(variance / eigenvalues.clamp_min(1e-12)) @ vectors.T
    worst = float(torch.linalg.eigvalsh(covariance[3:, 3:])[-1])
    sigma_m, constraint = worst**0.5, variance / max(worst * weights, 1e-12)
    believed = (
        share >= MIN_MATCHED
        and overlap >= MIN_OVERLAP
        and rms_m <= MAX_RMS_M
        and moved <= MAX_STEP_M
        and turned <= MAX_STEP_RAD
        and sigma_m <= MAX_SIGMA_M
        and constraint >= MIN_NORMAL_SPREAD
    )
    if not believed:
        return TrackingResult(status="lost", matched=share, rms_m=rms_m)
    return TrackingResult(
        status="tracked", world_from_camera=world_from_camera, covariance=covariance, matched=share, rms_m=rms_m
    )


def _with_exact_rotation(pose: Tensor) -> Tensor:
    """A pose (4, 4) with its rotation made orthonormal again, after many products."""
    out = pose.clone()
    out[:3, :3] = orthonormalised(pose[:3, :3])
    return out
