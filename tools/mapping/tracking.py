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
from tools.core.backproject import rimmed
from tools.kernels import compiled
from tools.mapping.rendering import intrinsics_of
from tools.mapping.surface_map import SurfaceMap

WORKING_WIDTH = 160
"""Pixels across of the images that are aligned: 19,000 residuals constrain six unknowns well enough."""
GAPS_M = (0.2, 0.2, 0.15, 0.15, 0.1, 0.1, *([0.06] * 14))
"""Correspondence distance of each Gauss-Newton step, from coarse to fine."""
CONVERGED = 2e-5
"""At the finest distance, a step that changes no entry of the pose by more than this (metres, radians) is the last."""
MIN_MATCHED = 0.35
"""Share of the live points that fall on the map and correspond, below which the pose is not believed."""
MIN_OVERLAP = 0.25
"""Share of the live points that fall on the map at all, below which there is too little to align with."""
MAX_RMS_M = 0.015
"""Root mean square residual, scaled to the noise near 0 m."""
NOISE_M = 0.002
"""Point-to-plane noise that a depth sensor has at least."""
MAX_STEP_M, MAX_STEP_RAD = 0.4, 0.6
"""Motion between two frames beyond which an alignment is a wrong one: 4 m/s and 340 degrees/s at 10 frames/s."""
MAX_SIGMA_M = 0.02
"""A direction known worse than this is not tracked."""
MIN_CONSTRAINT = 2e-3
"""Mean squared cosine between the surfaces' normals and the worst direction. On a bare wall, where the camera may slide
without a residual, rendered normals that are off by one or two degrees give less than this."""

TrackingStatus = Literal["started", "tracked", "lost", "no_depth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """The pose of one frame, or that it is not known."""

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

    def relocalised(self, world_from_camera: Tensor) -> None:
        """Take a pose that was found elsewhere (``tools.localisation.localiser``) as the place to go on from."""
        self._start, self._last = world_from_camera.double(), None
        self._motion = torch.eye(4, dtype=torch.float64)

    def track(self, frame: Frame) -> Tracked:
        """The pose of the next frame. After ``lost``, tracking is tried again from the last known pose."""
        if frame.depth_m is None or frame.depth_camera is None or not bool((frame.depth_m > 0).any()):
            return Tracked(status="no_depth")
        if self._map.is_empty:
            self._last = self._start
            return Tracked(status="started", world_from_camera=self._start)
        before = self._start if self._last is None else self._last
        predicted = before @ self._motion
        result = self._align(frame, predicted)
        if not result.ok and self._last is not None:
            # The motion may have stopped: without its prediction, the last pose is the better guess.
            result = self._align(frame, before)
        if result.world_from_camera is None:
            self._motion = torch.eye(4, dtype=torch.float64)
            return result
        if self._last is not None:
            self._motion = inverse(before) @ result.world_from_camera
        self._last = result.world_from_camera
        return result

    def _align(self, frame: Frame, predicted: Tensor) -> Tracked:
        """ICP of a frame from a predicted ``world_from_camera``."""
        assert frame.depth_m is not None
        assert frame.depth_camera is not None
        depth_m, camera = working_image(frame.depth_m, frame.depth_camera, self._map.max_depth_m)
        world_from_model = predicted @ frame.camera_from_depth
        view = self._map.raycast(camera, world_from_model, color=False)
        intrinsics = intrinsics_of(camera)
        points, normals, valid = self._kernels.backproject_normals(rimmed(depth_m), intrinsics)
        live = (points.reshape(3, -1), normals.reshape(3, -1), valid.reshape(-1))
        model_normals = world_from_model[:3, :3].T.float() @ view.normal.permute(2, 0, 1).reshape(3, -1)
        model_normals = model_normals.reshape(3, *view.depth_m.shape)
        pose = torch.eye(4, dtype=torch.float64)
        hessian, stats = torch.zeros(6, 6, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        for gap_m in GAPS_M:
            before = pose
            pose, hessian, stats = self._kernels.icp_step(
                *live, view.depth_m, model_normals, intrinsics, pose, torch.tensor(gap_m)
            )
            if gap_m == GAPS_M[-1] and float((pose - before).abs().max()) < CONVERGED:
                break
        world_from_camera = _clean(world_from_model @ pose @ inverse(frame.camera_from_depth))
        return judge(world_from_camera, predicted, hessian, stats, points=int(live[2].sum()))


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


def judge(world_from_camera: Tensor, predicted: Tensor, hessian: Tensor, stats: Tensor, *, points: int) -> Tracked:
    """Whether an alignment is to be believed, with its covariance."""
    squared, weights, matched, rendered = (float(x) for x in stats)
    share = matched / max(rendered, 1.0)
    overlap = rendered / max(points, 1)
    rms_m = (squared / max(weights, 1e-9)) ** 0.5
    moved, turned = (float(x) for x in pose_error(world_from_camera, predicted))
    eigenvalues, vectors = torch.linalg.eigh(hessian)
    # Residuals of neighbouring pixels share their errors; one in ten is taken as independent. A surface that fits
    # better than the sensor's noise is luck, or a bare wall.
    variance = 10 * max(squared, weights * NOISE_M**2) / max(matched - 6, 1.0)
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
        and constraint >= MIN_CONSTRAINT
    )
    if not believed:
        return Tracked(status="lost", matched=share, rms_m=rms_m)
    return Tracked(
        status="tracked", world_from_camera=world_from_camera, covariance=covariance, matched=share, rms_m=rms_m
    )


def _clean(pose: Tensor) -> Tensor:
    """A pose whose rotation is exactly one, after many products."""
    out = pose.clone()
    out[:3, :3] = orthonormalised(pose[:3, :3])
    return out
