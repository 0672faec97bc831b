"""Triangulation of map points along their rays, from matches between keyframes and the depth sensor's measurement.

A depth sensor is off by a per cent or two, differently near and far, left and right, and so are the poses of a
recording with respect to it. Seen from a metre to the side, that moves a point by several pixels. Matches between
keyframes are more exact: their parallax gives the depth that fits the poses, and their distance from the epipolar lines
gives the radial distortion that a recording's pinhole model leaves out. The sensor's depth, corrected by what all
matches together say about it, is the prior of points that few keyframes see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scenes.geometry import inverse, transform
from tools.localisation.depth_correction import (
    MIN_CORRECTION_DEPTHS,
    DepthCorrection,
    fit_depth_correction,
    undistort_normalised,
)
from tools.localisation.features import mutual_nearest_pairs

MATCHED_NEIGHBOURS = 8
"""Keyframes that each keyframe is matched with, spread over those that see at least a fifth of the same points."""
MIN_BASELINE_M = 0.03
"""Views closer than this do not take part in the fit of the distortion: their epipolar lines are ill-defined."""
MAX_MATCH_ERROR_PX = 20.0
"""A match whose point projects farther away than this, with the sensor's depth, is dropped; at 525 px focal length."""
KEYPOINT_SIGMA_PX = 1.0
"""Standard deviation of a keypoint's position."""
UNCORRECTED_DEPTH_SIGMA, CORRECTED_DEPTH_SIGMA = 0.06, 0.01
"""Sigma of the sensor's depth, relative to the depth: before its correction is known, and after."""
MAX_RADIAL = 0.2
"""A radial distortion beyond this is a wrong fit (a lens that strong is undistorted when a recording is read)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangulationView:
    """What triangulation needs of one keyframe."""

    world_from_camera: Tensor
    """(4, 4) float64."""
    intrinsics: Tensor
    """(4,) float64 fx, fy, cx, cy."""
    uv: Tensor
    """(N, 2) float32."""
    descriptors: Tensor
    depth_m: Tensor
    """(N,) float64, measured z-depth."""

    radial: float = 0.0
    """Coefficient of ``undistort_normalised``."""

    @property
    def normalised_uv(self) -> Tensor:
        """(N, 2) float64 normalised image coordinates (x / z, y / z) of the keypoints, with distortion."""
        return (self.uv.double() - self.intrinsics[2:]) / self.intrinsics[:2]

    @property
    def rays(self) -> Tensor:
        """(N, 3) float64 points of the undistorted rays at depth 1, in the camera."""
        xy = undistort_normalised(self.normalised_uv, self.radial)
        return torch.cat([xy, torch.ones(len(xy), 1).double()], -1)

    def points(self, depth_m: Tensor) -> Tensor:
        """(N, 3) world points of depths along the rays."""
        return transform(self.world_from_camera, self.rays * depth_m[:, None])


def triangulate_depths(
    views: Sequence[TriangulationView], *, first: int = 0, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Tensor], DepthCorrection]:
    """Depth (N,) float64 of every point of the views from ``first`` on, and the correction of their sensor's depth.

    The depths are those along rays undistorted by the correction's ``radial``. The views before ``first`` only help:
    they are matched with the later ones, not with each other. ``progress`` is called with the pairs of views that are
    matched and their number.
    """
    observations = _observations_of(views, first, progress)
    radial = fit_radial_distortion(views, observations)
    new = [replace(view, radial=radial) for view in views[first:]]
    undistorted_observations = [
        [replace(one, normalised_uv=undistort_normalised(one.normalised_uv, radial)) for one in own]
        for own in observations[first:]
    ]

    def refine(priors: Sequence[Tensor], sigma: float) -> list[tuple[Tensor, Tensor]]:
        each = zip(new, priors, undistorted_observations, strict=True)
        return [_refined_depths(view, prior, own, sigma) for view, prior, own in each]

    measured = [view.depth_m for view in new]
    uncorrected = refine(measured, UNCORRECTED_DEPTH_SIGMA)
    correction = fit_depth_correction(
        torch.cat(measured),
        torch.cat([view.rays for view in new]),
        torch.cat([depth for depth, _ in uncorrected]),
        torch.cat([information_gain for _, information_gain in uncorrected]),
    )
    correction = replace(correction, radial=radial)
    priors = [correction(view.depth_m, view.rays) for view in new]
    return [depth for depth, _ in refine(priors, CORRECTED_DEPTH_SIGMA)], correction


def fit_radial_distortion(views: Sequence[TriangulationView], observations: Sequence[Sequence[_Observation]]) -> float:
    """The radial distortion for which matches lie nearest to their epipolar lines; 0 where there are too few of them.

    ``observations``: of each view, see ``_observations_of``.
    """
    parts = [
        (
            view.normalised_uv[observation.point],
            observation.normalised_uv,
            observation.camera_from_own,
            observation.intrinsics,
        )
        for view, own in zip(views, observations, strict=True)
        for observation in own
        if float(observation.camera_from_own[:3, 3].norm()) > MIN_BASELINE_M
    ]
    if sum(len(part[0]) for part in parts) < MIN_CORRECTION_DEPTHS:
        return 0.0
    radial, step = 0.0, 1e-3
    for _ in range(6):
        error = torch.cat([_epipolar_distance_px(*part, radial) for part in parts])
        slope = (torch.cat([_epipolar_distance_px(*part, radial + step) for part in parts]) - error) / step
        weight = 1 / (1 + (error / KEYPOINT_SIGMA_PX).square())
        radial -= float((weight * slope * error).sum() / (weight * slope.square()).sum().clamp_min(1e-9))
    return radial if abs(radial) < MAX_RADIAL else 0.0


def _epipolar_distance_px(own: Tensor, other: Tensor, motion: Tensor, intrinsics: Tensor, radial: float) -> Tensor:
    """(M,) signed distance in pixels of the other view's keypoints from the epipolar lines of the view's own."""
    x, y, z = motion[:3, 3].tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    one = torch.ones(len(own), 1, dtype=torch.float64)
    line = torch.cat([undistort_normalised(own, radial), one], -1) @ (cross @ motion[:3, :3]).T
    at = torch.cat([undistort_normalised(other, radial), one], -1)
    return (at * line).sum(-1) / line[:, :2].norm(dim=-1).clamp_min(1e-9) * intrinsics[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observation:
    """Where one other view sees some points of a view."""

    point: Tensor
    """(M,) int64 indices of the points."""
    camera_from_own: Tensor
    """(4, 4) float64: from the view's camera to the other's."""
    intrinsics: Tensor
    normalised_uv: Tensor
    """(M, 2) float64 normalised coordinates in the other image."""


def _observations_of(
    views: Sequence[TriangulationView], first: int, progress: Callable[[int, int], None] | None
) -> list[list[_Observation]]:
    """For every view, the other views' observations of its points; pairs of views before ``first`` are left out."""
    observations: list[list[_Observation]] = [[] for _ in views]
    wanted = sorted(pair for pair in _covisible_pairs(views) if pair[1] >= first)
    for done, (a, b) in enumerate(wanted, 1):
        pairs = mutual_nearest_pairs(views[a].descriptors @ views[b].descriptors.T)
        for own, other, column in ((a, b, 0), (b, a, 1)):
            here, there = pairs[:, column], pairs[:, 1 - column]
            view, far = views[own], views[other]
            motion = inverse(far.world_from_camera) @ view.world_from_camera
            normalised_uv = far.normalised_uv[there]
            error, _ = _reprojection_residual(
                view.rays[here], view.depth_m[here], motion, far.intrinsics, normalised_uv
            )
            near = error.norm(dim=-1) < MAX_MATCH_ERROR_PX * float(far.intrinsics[0]) / 525.0
            if bool(near.any()):
                observations[own].append(
                    _Observation(
                        point=here[near],
                        camera_from_own=motion,
                        intrinsics=far.intrinsics,
                        normalised_uv=normalised_uv[near],
                    )
                )
        if progress is not None:
            progress(done, len(wanted))
    return observations


def _covisible_pairs(views: Sequence[TriangulationView]) -> set[tuple[int, int]]:
    """Pairs (a < b) of views that see enough of each other's points."""
    found: set[tuple[int, int]] = set()
    samples = [view.points(view.depth_m)[:: max(1, len(view.uv) // 64)] for view in views]
    for a, view in enumerate(views):
        shared = torch.zeros(len(views))
        for b, points in enumerate(samples):
            p = transform(inverse(view.world_from_camera), points)
            fx, fy, cx, cy = view.intrinsics
            u, v = p[:, 0] / p[:, 2].clamp_min(0.1) * fx, p[:, 1] / p[:, 2].clamp_min(0.1) * fy
            shared[b] = ((p[:, 2] > 0.1) & (u.abs() < cx) & (v.abs() < cy)).float().mean()
        shared[a] = 0
        # The views that share most show the least parallax: take every n-th of all that share enough.
        usable = (shared > 0.2).nonzero()[:, 0]
        chosen = usable[:: max(1, len(usable) // MATCHED_NEIGHBOURS)].tolist()
        found |= {(min(a, b), max(a, b)) for b in chosen}
    return found


def _reprojection_residual(
    rays: Tensor, depth_m: Tensor, motion: Tensor, intrinsics: Tensor, normalised_uv: Tensor
) -> tuple[Tensor, Tensor]:
    """Reprojection error (M, 2) of points on rays in another view, and its derivative by depth (M, 2)."""
    turned = rays @ motion[:3, :3].T
    p = turned * depth_m[:, None] + motion[:3, 3]
    z = p[:, 2].clamp_min(0.05)
    focal = intrinsics[:2]
    error = (p[:, :2] / z[:, None] - normalised_uv) * focal
    slope = (turned[:, :2] - p[:, :2] / z[:, None] * turned[:, 2:]) / z[:, None] * focal
    return torch.where((p[:, 2] > 0.05)[:, None], error, 1e3), slope


def _refined_depths(
    view: TriangulationView, prior_m: Tensor, observations: Sequence[_Observation], sigma: float
) -> tuple[Tensor, Tensor]:
    """Depths (N,) by Gauss-Newton on each point's own depth under Cauchy's loss, from a prior of relative ``sigma``.

    Also (N,) the information gain: that of the matches over that of the prior.
    """
    depth = prior_m.clone()
    hold = (KEYPOINT_SIGMA_PX / (sigma * prior_m.clamp_min(0.05))).square()
    information_gain = torch.zeros_like(depth)
    rays = view.rays
    for _ in range(8):
        information, gradient = hold.clone(), hold * (depth - prior_m)
        for observation in observations:
            error, slope = _reprojection_residual(
                rays[observation.point],
                depth[observation.point],
                observation.camera_from_own,
                observation.intrinsics,
                observation.normalised_uv,
            )
            weight = 1 / (1 + error.square().sum(-1) / (2 * KEYPOINT_SIGMA_PX) ** 2)
            information.index_add_(0, observation.point, weight * slope.square().sum(-1))
            gradient.index_add_(0, observation.point, weight * (slope * error).sum(-1))
        information_gain = information / hold - 1
        # Far from the solution a step may overshoot: at most 5% at once, and 20% in all.
        step = (gradient / information).clamp(-0.05 * prior_m, 0.05 * prior_m)
        depth = (depth - step).clamp(0.8 * prior_m, 1.2 * prior_m)
    return depth, information_gain
