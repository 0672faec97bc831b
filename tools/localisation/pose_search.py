"""The search for the pose of one image: hypotheses from matches, refinement of each, and the choice between them.

The keypoints alone give the pose of most images at once. Where they do not determine it well, the map is rendered from
the rival poses and compared with the image (``RenderAlignment``): that refines each rival further and decides which of
them is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from scenes.types import Camera
from tools.kernels.compiled import KernelSet
from tools.localisation.features import Features
from tools.localisation.keyframe_index import KeyframeIndex
from tools.localisation.keypoint_matching import KeypointLookup, SearchEffort, match_by_appearance, match_near_pose
from tools.localisation.pose_refinement import Matches
from tools.localisation.pose_solving import (
    GUIDED_RADIUS_PX,
    REFERENCE_FOCAL_PX,
    PoseFit,
    orbit_poses,
    pose_matches,
    refine_and_score,
    refine_coarse_to_fine,
    refine_once,
    solve_poses,
)
from tools.localisation.render_alignment import RenderAlignment, RenderMatchScore
from tools.mapping.surface_map import is_rigid

MIN_MATCHES = 8
MIN_SUPPORT = 20.0
"""Least support (``support_beyond_chance``) of a pose from keypoints alone: half of what the weakest frame of a real
recording had in a map of its other half. Chosen with 1,200 keypoints a frame and kept for 2,500."""
FULL_CONFIDENCE_SUPPORT = 60.0
"""From this support on, more of it adds no confidence."""
MAX_SIGMA_ONE_SEARCH_M, MAX_SIGMA_TWO_SEARCHES_M = 0.045, 0.06
"""Largest position sigma at which a pose from one, or from two, searches for keypoints is accepted without more effort.
In maps of parts of a real recording's first half, accepted poses were off by 4.1 and 4.6 cm at most, and those from
one search were as exact as from two."""
QUICK = SearchEffort(
    candidate_keyframes=8, keypoint_share=0.3, hypotheses=128, finalists=4, rivals=3, sufficient_matches=200
)
"""The first attempt: enough for most images."""
THOROUGH = SearchEffort(candidate_keyframes=24, keypoint_share=1.0, hypotheses=2048, finalists=12, rivals=4)
"""The second attempt, where the first gave no sure and exact pose."""
WIDE_RADIUS_PX = 16.0
"""Search radius around the projection of a map point before ``GUIDED_RADIUS_PX``; at ``REFERENCE_FOCAL_PX``."""
COARSE_REACHES_PX = (12, 6, 3)
"""Distances up to which patches are searched, in turn, in pixels of the coarse image. From the second on, keypoints
take part in the refinement. At the last, nearly all patches of a right pose are found, so it scores the pose."""
MAX_FULLY_ALIGNED = 3
"""Poses that are refined beyond the first of these distances, the best scored ones."""
FINE_REACH_PX = 6
"""Distance up to which patches are searched in the final refinement, in pixels of the fine image."""
CONVINCING_INLIER_RATIO = 0.45
"""Inlier ratio of patches (``RenderMatchScore``) from which on no other pose is tried. Of right poses of a real
recording's hard images it was 0.3 to 0.7, of wrong ones at most 0.34."""
ORBITED_POSES = 2
"""Best scored poses whose neighbours on a circle (``orbit_poses``) are tried, too."""

ScoredPose = tuple[Tensor, RenderMatchScore]
"""``camera_from_world`` (4, 4) float64, and how well the map rendered from there matches the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPose:
    """Why there is no pose."""

    reason: Literal["too_few_matches", "no_consistent_pose"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSearch:
    """The search for one image's pose."""

    features: Features
    keypoints: KeypointLookup
    depth_m: Tensor
    """(N,) float64 measured at the keypoints, 0 = none."""
    camera: Camera
    make_alignment: Callable[[], RenderAlignment]
    """Prepares the comparison with renderings of the map, which most images do not need."""
    index: KeyframeIndex
    kernels: KernelSet
    seed: int
    """Of the random draws of hypotheses."""

    def pose(self, *, thorough: bool = False) -> PoseFit | NoPose:
        """The pose, with as much effort as needed; ``thorough``: with all effort from the start."""
        rivals = self.hypotheses(QUICK)
        if isinstance(rivals, NoPose):
            rivals = torch.zeros(0, 4, 4, dtype=torch.float64)
        accepted = None if thorough else self._pose_from_keypoints(rivals)
        if accepted is not None:
            return accepted
        return _RenderAlignmentSearch(search=self, alignment=self.make_alignment()).pose(rivals)

    def sigma_m(self, fit: PoseFit) -> float:
        """Standard deviation of a fit's position along its worst axis."""
        return worst_sigma_m(covariance_of(fit, self.camera))

    def hypotheses(self, effort: SearchEffort) -> Tensor | NoPose:
        """(B, 4, 4) rival poses from matches by appearance, at least one, the best supported first."""
        pairs = match_by_appearance(self.features, self.camera, self.index.tables(), effort, self.kernels)
        if len(pairs) < MIN_MATCHES:
            return NoPose(reason="too_few_matches", detail=f"{len(pairs)} matches, at least {MIN_MATCHES} needed")
        matches = pose_matches(pairs, self.features, self.depth_m, self.camera)
        poses = solve_poses(
            matches,
            self.camera,
            seed=self.seed,
            hypotheses=effort.hypotheses,
            finalists=effort.finalists,
            rivals=effort.rivals,
            sizes=pairs.sizes,
            kernels=self.kernels,
        )
        # Three points nearly in a line give no rotation, and the refinement of a hopeless hypothesis can run away.
        poses = poses[[is_rigid(pose) for pose in poses]]
        if len(poses) == 0:
            return NoPose(reason="no_consistent_pose", detail="no three matches give a pose")
        return poses

    def _pose_from_keypoints(self, rivals: Tensor) -> PoseFit | None:
        """The pose, where keypoints alone determine it surely and exactly; else None."""
        if len(rivals) == 0:
            return None
        # Most first hypotheses are near enough for the narrow search alone.
        fit = self._narrow_search(rivals[0])
        if self._is_sure(fit, MAX_SIGMA_ONE_SEARCH_M):
            return fit
        fit = max((self._wide_and_narrow_search(pose) for pose in rivals), key=lambda fit: fit.support)
        return fit if self._is_sure(fit, MAX_SIGMA_TWO_SEARCHES_M) else None

    def _is_sure(self, fit: PoseFit, sigma_m: float) -> bool:
        return (
            is_rigid(fit.camera_from_world) and fit.support >= FULL_CONFIDENCE_SUPPORT and self.sigma_m(fit) < sigma_m
        )

    def _wide_and_narrow_search(self, pose: Tensor) -> PoseFit:
        """A pose refined on keypoints searched within ``WIDE_RADIUS_PX``, then on nearer ones."""
        radius_px = WIDE_RADIUS_PX * self.camera.fx / REFERENCE_FOCAL_PX
        return self._narrow_search(refine_once(pose, self.matches_within(pose, radius_px), radius_px, self.kernels))

    def _narrow_search(self, pose: Tensor) -> PoseFit:
        return refine_and_score(pose, self.guided_matches(pose), self.camera, self.kernels)

    def guided_matches(self, pose: Tensor) -> Matches:
        """``matches_within`` ``GUIDED_RADIUS_PX``, on which a pose is scored."""
        return self.matches_within(pose, GUIDED_RADIUS_PX * self.camera.fx / REFERENCE_FOCAL_PX)

    def matches_within(self, pose: Tensor, radius_px: float) -> Matches:
        """Keypoints that look like map points, within ``radius_px`` of where a pose puts these."""
        matches = match_near_pose(
            self.keypoints,
            pose,
            self.index.tables(),
            self.kernels,
            radius_px=radius_px,
            min_similarity=self.index.extractor.min_similarity,
        )
        return pose_matches(matches, self.features, self.depth_m, self.camera)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RenderAlignmentSearch:
    """The part of a search that compares the image with renderings of the map."""

    search: PoseSearch
    alignment: RenderAlignment

    def pose(self, rivals: Tensor) -> PoseFit | NoPose:
        """The pose: from the rivals (B, 4, 4) of the quick attempt if one convinces, else also from a thorough one."""
        scored: list[ScoredPose] = []
        for rival in rivals:
            scored = _best_first([*scored, *self._align([rival])])
            if _is_convincing(scored):
                return self._final_fit(scored[0][0])
        more = self.search.hypotheses(THOROUGH)
        if isinstance(more, NoPose):
            if not scored:
                return more
        else:
            scored = _best_first([*scored, *self._align(more)])
        if not scored:
            return NoPose(reason="no_consistent_pose", detail="no hypothesis could be refined")
        if not _is_convincing(scored):
            orbits = [
                orbit_poses(pose, score.matches.points) for pose, score in scored[:ORBITED_POSES] if score.inliers
            ]
            scored = _best_first([*scored, *self._align([pose for poses in orbits for pose in poses])])
        return self._final_fit(scored[0][0])

    def _align(self, poses: Tensor | Sequence[Tensor]) -> list[ScoredPose]:
        """Refine poses against the rendered map; the ``MAX_FULLY_ALIGNED`` most promising ones, scored, best first."""
        wide, narrow, last = COARSE_REACHES_PX
        begun = []
        for pose in poses:
            pose = self._refine(pose, self.alignment.score_pose(pose, wide), wide)
            if is_rigid(pose):
                begun.append((pose, self.alignment.score_pose(pose, narrow)))
        aligned = []
        for pose, score in _best_first(begun)[:MAX_FULLY_ALIGNED]:
            pose = self._refine(pose, score, narrow)
            if is_rigid(pose):
                pose = self._refine(pose, self.alignment.score_pose(pose, last), last)
            if is_rigid(pose):
                aligned.append((pose, self.alignment.score_pose(pose, last)))
        return _best_first(aligned)

    def _refine(self, pose: Tensor, score: RenderMatchScore, reach_px: int) -> Tensor:
        """A pose refined on patches within ``reach_px`` coarse pixels and, after the first reach, on keypoints."""
        camera, matches = self.search.camera, score.matches
        radius_px = reach_px * camera.width / self.alignment.coarse.camera.width
        if reach_px < COARSE_REACHES_PX[0]:
            keypoint_radius_px = min(radius_px, WIDE_RADIUS_PX * camera.fx / REFERENCE_FOCAL_PX)
            matches = matches.joined_with(self.search.matches_within(pose, keypoint_radius_px))
        return refine_coarse_to_fine(pose, matches, radius_px, camera, self.search.kernels)

    def _final_fit(self, pose: Tensor) -> PoseFit | NoPose:
        """The chosen pose, refined on patches of the fine image and on keypoints, with its scores."""
        search, fine = self.search, self.alignment.fine
        radius_px = FINE_REACH_PX * search.camera.width / fine.camera.width
        patches = self.alignment.score_pose(pose, FINE_REACH_PX, fine).matches
        matches = search.guided_matches(pose).joined_with(patches)
        pose = refine_coarse_to_fine(pose, matches, radius_px, search.camera, search.kernels)
        if not is_rigid(pose):
            return NoPose(reason="no_consistent_pose", detail="the best hypothesis could not be refined")
        fit = refine_and_score(pose, search.guided_matches(pose), search.camera, search.kernels, patches)
        return replace(fit, render_score=self.alignment.score_pose(pose, COARSE_REACHES_PX[-1]))


def _is_convincing(scored: Sequence[ScoredPose]) -> bool:
    return bool(scored) and scored[0][1].inlier_ratio >= CONVINCING_INLIER_RATIO


def _best_first(scored: Sequence[ScoredPose]) -> list[ScoredPose]:
    return sorted(scored, key=lambda one: one[1].score, reverse=True)


def worst_sigma_m(covariance: Tensor) -> float:
    """Standard deviation of the position along the worst axis of a (6, 6) covariance."""
    return float(torch.linalg.eigvalsh(covariance[3:, 3:])[-1].clamp_min(0).sqrt())


def covariance_of(fit: PoseFit, camera: Camera) -> Tensor:
    """(6, 6) covariance of a pose over (rotation, translation), from its Hessian and residuals.

    Sigmas are twice the formal ones, because the residuals show only a part of the map's own errors.
    """
    variance = 4 * max(fit.rms_px, 0.5 * camera.fx / REFERENCE_FOCAL_PX) ** 2 / 2
    return torch.linalg.inv(fit.hessian / variance + 1e-9 * torch.eye(6, dtype=torch.float64))
