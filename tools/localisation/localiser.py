"""The pose of a single image in a saved map, or the reason why there is none: rather no pose than a wrong one.

Similar keyframes are retrieved and matched, P3P gives hypotheses, robust refinement a pose; the pose is then checked
against the map rendered from it. An image's own depth, where it has some, takes part in the refinement and the check.
It is not aligned with the surface by itself: where a map is seen from the side, the visible surfaces slide along each
other, and on a real recording such alignment moved true poses by 3 to 15 cm. Knows nothing of tracking.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from scenes.geometry import inverse
from scenes.types import Frame
from tools.kernels.compiled import kernels
from tools.localisation.features import Features
from tools.localisation.keyframe_index import KeyframeIndex, depth_at_points
from tools.localisation.keypoint_matching import KeypointLookup
from tools.localisation.pose_check import (
    check_depth,
    check_points,
    downscaled_camera,
    downscaled_depth,
)
from tools.localisation.pose_search import (
    FULL_CONFIDENCE_SUPPORT,
    MIN_SUPPORT,
    NoPose,
    PoseSearch,
    covariance_of,
    worst_sigma_m,
)
from tools.localisation.pose_solving import PoseFit
from tools.localisation.render_alignment import RenderAlignment, RenderMatchScore
from tools.mapping.surface_map import SurfaceMap, is_rigid

Reason = Literal["empty_map", "bad_image", "no_texture", "too_few_matches", "no_consistent_pose", "contradicts_map"]

MIN_FEATURES = 40
"""A lens cap, a bare wall or pure blur has fewer keypoints."""
MIN_SCORE = MIN_SUPPORT
"""Least ``RenderMatchScore.score`` of a pose whose keypoint support is below ``MIN_SUPPORT``."""
FULL_CONFIDENCE_SCORE = 60.0
"""From this ``RenderMatchScore.score`` on, more of it adds no confidence."""
FULL_CONFIDENCE_INLIER_RATIO = 0.4
"""From this ``RenderMatchScore.inlier_ratio`` on, more of it adds no confidence. Of wrong poses on the right wall of a
real recording it was at most 0.34, of right ones 0.3 to 0.7."""
FULL_CONFIDENCE_SIGMA_M = 0.06
"""A position sigma above this lowers the confidence; no frame of a map's own recording had one."""
FULL_CONFIDENCE_SIGMA_RENDERED_M = 0.12
"""The same for a pose that was compared with a rendering of the map."""
MAX_SIGMA_M = 0.5
"""A pose with a larger position sigma is not returned."""
MIN_AGREEMENT = 0.4
"""Least ``SurfaceAgreement.agreement`` of a pose that is returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Localisation:
    """Where an image was taken."""

    world_from_camera: Tensor
    """(4, 4) float64 of the colour camera."""
    map_id: str
    confidence: float
    """0..1."""
    covariance: Tensor
    """(6, 6) float64 over (rotation in rad, translation in m), perturbed on the left in the camera's frame."""
    support: float
    """Keypoints that the pose explains beyond chance; see ``support_beyond_chance``."""
    agreement: float
    """Share of the inliers (and, with depth, of the pixels) that the map's rendered depth confirms."""
    ms: float

    @property
    def sigma_m(self) -> float:
        """One standard deviation of the position along its worst axis."""
        return worst_sigma_m(self.covariance)

    @property
    def sigma_deg(self) -> float:
        """The same of the rotation."""
        return math.degrees(float(torch.linalg.eigvalsh(self.covariance[:3, :3])[-1].clamp_min(0).sqrt()))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLocalised:
    """Why an image has no pose."""

    reason: Reason
    detail: str
    """What was found and what is needed, in words."""
    ms: float


class _Rejected(Exception):
    """Carries the reason out of the steps of one query; never leaves this module."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class Localiser:
    """Finds images in one map."""

    def __init__(
        self, surface_map: SurfaceMap, index: KeyframeIndex, *, seed: int = 0, compile: bool | None = None
    ) -> None:
        """``seed`` fixes the random triples, so that an image always gives the same pose; ``compile`` as for
        ``SurfaceMap``.

        Raises:
            ValueError: the index belongs to another map.
        """
        if index.map_id != surface_map.map_id:
            raise ValueError(f"expected keyframes of map {surface_map.map_id}, got those of {index.map_id}")
        self._map = surface_map
        self._index = index
        self._kernels = kernels(compile)
        self._seed = seed

    @torch.no_grad()
    def localise(self, frame: Frame, *, thorough: bool = False) -> Localisation | NotLocalised:
        """The pose of a frame; a pose that the frame already has is not used.

        ``thorough``: spend all effort at once, instead of only where the quick attempt gives no sure pose.
        """
        start = time.perf_counter()
        try:
            found = self._find(frame, thorough)
        except _Rejected as refused:
            return NotLocalised(reason=refused.reason, detail=str(refused), ms=1e3 * (time.perf_counter() - start))
        return replace(found, ms=1e3 * (time.perf_counter() - start))

    def _find(self, frame: Frame, thorough: bool) -> Localisation:
        features = self._features(frame)
        own = self._own_depth(frame)
        search = PoseSearch(
            features=features,
            keypoints=KeypointLookup.of(features, frame.camera),
            depth_m=_depth_at(features, own, frame),
            camera=frame.camera,
            make_alignment=lambda: RenderAlignment.of(frame.rgb, frame.camera, own, self._map, self._kernels),
            index=self._index,
            kernels=self._kernels,
            seed=self._seed,
        )
        fit = search.pose(thorough=thorough)
        if isinstance(fit, NoPose):
            raise _Rejected(fit.reason, fit.detail)
        return self._checked(fit, frame, own)

    def _checked(self, fit: PoseFit, frame: Frame, own: Tensor | None) -> Localisation:
        """The result of a fit. Raises _Rejected: too little support, contradicted by the map, or not known well enough.

        ``own``: of ``_own_depth``.
        """
        score = 0.0 if fit.render_score is None else fit.render_score.score
        if fit.support < MIN_SUPPORT and score < MIN_SCORE:
            raise _Rejected(
                "no_consistent_pose",
                f"support {fit.support:.0f} and score {score:.0f}, {MIN_SUPPORT:.0f} of either needed",
            )
        pose = fit.camera_from_world
        if not is_rigid(pose):
            raise _Rejected("no_consistent_pose", "the refinement of the best hypothesis ran away")
        checked, view = check_points(self._map, frame.camera, pose, fit.points)
        checked = check_depth(checked, view, own)
        if checked.agreement < MIN_AGREEMENT:
            raise _Rejected(
                "contradicts_map", f"{checked.agreement:.0%} agrees with the map, {MIN_AGREEMENT:.0%} needed"
            )
        covariance = covariance_of(fit, frame.camera)
        sigma_m = worst_sigma_m(covariance)
        if not sigma_m < MAX_SIGMA_M:
            raise _Rejected("no_consistent_pose", f"position known to {sigma_m:.2f} m, {MAX_SIGMA_M} m needed")
        return Localisation(
            world_from_camera=inverse(pose),
            map_id=self._map.map_id,
            confidence=confidence(fit.support, checked.agreement, sigma_m, fit.render_score),
            covariance=covariance,
            support=fit.support,
            agreement=checked.agreement,
            ms=0.0,
        )

    def _features(self, frame: Frame) -> Features:
        if self._map.is_empty or len(self._index) == 0:
            raise _Rejected("empty_map", "the map has no keyframes")
        extractor = self._index.extractor
        if min(frame.rgb.shape[:2]) < extractor.min_side_px:
            size = f"{frame.camera.width}x{frame.camera.height}"
            raise _Rejected("bad_image", f"{size} pixels, at least {extractor.min_side_px} on a side needed")
        features = extractor(frame.rgb)
        features = replace(features, uv=self._index.undistorted(features.uv, frame.camera))
        if len(features) < MIN_FEATURES:
            raise _Rejected("no_texture", f"{len(features)} features, at least {MIN_FEATURES} needed")
        return features

    def _own_depth(self, frame: Frame) -> Tensor | None:
        """(h, w) the frame's own depth, corrected, in a small copy of its colour camera; None where it has none."""
        return downscaled_depth(frame, downscaled_camera(frame.camera), self._index.correction, self._kernels)


def _depth_at(features: Features, own: Tensor | None, frame: Frame) -> Tensor:
    """(N,) float64 depth at keypoints, 0 where it is not known."""
    if own is None:
        return torch.zeros(len(features), dtype=torch.float64)
    shrink = torch.tensor([own.shape[1] / frame.camera.width, own.shape[0] / frame.camera.height])
    depth, known = depth_at_points(own, features.uv * shrink)
    return torch.where(known, depth, 0.0).double()


def confidence(support: float, agreement: float, sigma_m: float, render_score: RenderMatchScore | None) -> float:
    """0..1 from a pose's support, its agreement with the map's surface, and its position sigma.

    A product, because each factor alone can refute a pose. ``MIN_SUPPORT`` gives 0.3 at best, so that a pose that just
    passed does not count as known. For a pose that was compared with a rendering, patches support it as keypoints do
    and a larger sigma is accepted, but a low inlier ratio refutes it.
    """
    evidence = 0.3 + 0.7 * min(1.0, (support - MIN_SUPPORT) / (FULL_CONFIDENCE_SUPPORT - MIN_SUPPORT))
    full_sigma_m, matched = FULL_CONFIDENCE_SIGMA_M, 1.0
    if render_score is not None:
        evidence = max(evidence, min(1.0, render_score.score / FULL_CONFIDENCE_SCORE))
        full_sigma_m = FULL_CONFIDENCE_SIGMA_RENDERED_M
        matched = min(1.0, render_score.inlier_ratio / FULL_CONFIDENCE_INLIER_RATIO) ** 2
    precise = min(1.0, (full_sigma_m / max(sigma_m, 1e-6)) ** 2)
    return float(max(0.0, min(1.0, evidence * min(1.0, agreement / 0.8) * precise * matched)))
