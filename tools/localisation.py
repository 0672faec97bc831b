"""The pose of a single image in a saved map, or the reason why there is none: rather none than a wrong one.

Retrieval of similar keyframes, matching of local features, P3P hypotheses, robust refinement; then the pose is judged
by what the map would look like from it. An image's own depth, where it has some, takes part in the refinement and in
the judgement. It is not aligned with the surface by itself: where a map is seen from the side, surfaces in view slide
along each other, and on a real recording alignment moved true poses by 3 to 15 cm. Knows nothing of tracking.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from scenes.geometry import inverse
from scenes.types import Camera, Frame
from tools.compiled import KernelSet, kernels
from tools.localisation_features import Features
from tools.localisation_index import KeyframeIndex, depth_at_points
from tools.localisation_matching import Effort, Keypoints, agreeing_matches, matches_near
from tools.localisation_pose import (
    GUIDED_PX,
    REFERENCE_FOCAL,
    WIDER_PX,
    PoseFit,
    fitted,
    matches_of,
    nearer,
    orbited,
    solve_poses,
)
from tools.localisation_refine import Matches
from tools.localisation_surface import (
    Checked,
    check_depth,
    check_pose,
    resampled,
    working_camera,
)
from tools.mapping import SurfaceMap

Reason = Literal["empty_map", "bad_image", "no_texture", "too_few_matches", "no_consistent_pose", "contradicts_map"]

MIN_FEATURES = 40
"""A lens cap, a bare wall or pure blur has fewer keypoints."""
MIN_MATCHES = 8
ORBITS, BETTER = 3, 1.03
"""How often a pose that is not well fixed is sought again to its sides, as long as that gives so much more support."""
MIN_SUPPORT = 20.0
"""Below this (see ``support_of``) a pose is not returned: half of what the weakest frame of a real recording had in a
map of its other half. Chosen with 1,200 keypoints a frame and kept for 2,500."""
SURE_SUPPORT = 60.0
"""From this support on, more of it adds no confidence."""
SURE_SIGMA_M = 0.06
"""A position known worse than this takes confidence away; no frame of a map's own recording was."""
MAX_SIGMA_M = 0.5
"""A position known worse than this is none."""
EXACT_SIGMA_M = 0.06
"""A pose that the matches give better than this is not sought to its sides."""
QUICK = Effort(candidates=8, share=0.7, hypotheses=256)
"""What is tried at first: enough for most images."""
THOROUGH = Effort(candidates=24, share=1.0, hypotheses=512)
"""What is tried where the pose from the first is not sure and exact."""
MIN_AGREEMENT = 0.4
"""Share of inliers (and, with depth, of pixels) that the map's rendered depth must confirm."""


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
    """Keypoints that show the map where the pose puts it, beyond those that chance puts there."""
    agreement: float
    """Share of what could be checked against the map's rendered depth that agrees with it."""
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
    """What was found against what is needed."""
    ms: float


class _Refused(Exception):
    """Ends one query; never leaves this module."""

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
    def localise(self, frame: Frame) -> Localisation | NotLocalised:
        """The pose of a frame; a pose that the frame already has is not looked at."""
        start = time.perf_counter()
        try:
            found = self._find(frame)
        except _Refused as refused:
            return NotLocalised(reason=refused.reason, detail=str(refused), ms=1e3 * (time.perf_counter() - start))
        return replace(found, ms=1e3 * (time.perf_counter() - start))

    def _find(self, frame: Frame) -> Localisation:
        features = self._features(frame)
        camera = frame.camera
        has_depth = frame.depth_m is not None and bool((frame.depth_m > 0).any())
        depth_m = self._keypoint_depth(frame, features, has_depth)
        fit = self._fit(features, depth_m, camera)
        pose = fit.camera_from_world
        checked = self._checked(pose, fit, frame)
        if checked.agreement < MIN_AGREEMENT:
            raise _Refused(
                "contradicts_map", f"{checked.agreement:.0%} agrees with the map, {MIN_AGREEMENT:.0%} needed"
            )
        covariance = _covariance(fit, camera)
        sigma_m = worst_sigma_m(covariance)
        if not sigma_m < MAX_SIGMA_M:
            raise _Refused("no_consistent_pose", f"position known to {sigma_m:.2f} m, {MAX_SIGMA_M} m needed")
        return Localisation(
            world_from_camera=inverse(pose),
            map_id=self._map.map_id,
            confidence=confidence(fit.support, checked.agreement, sigma_m),
            covariance=covariance,
            support=fit.support,
            agreement=checked.agreement,
            ms=0.0,
        )

    def _fit(self, features: Features, depth_m: Tensor, camera: Camera) -> PoseFit:
        """The pose that the matches give: with little effort where that suffices, else with more."""
        query = _Query(
            features=features, depth_m=depth_m, camera=camera, index=self._index, kernels=self._kernels, seed=self._seed
        )
        try:
            fit = query.fit(QUICK, orbits=0)
            if fit.support >= SURE_SUPPORT and worst_sigma_m(_covariance(fit, camera)) < EXACT_SIGMA_M:
                return fit
        except _Refused:
            pass  # a wider search may still find it, and says why where it does not
        return query.fit(THOROUGH, orbits=ORBITS)

    def _features(self, frame: Frame) -> Features:
        if self._map.is_empty or len(self._index) == 0:
            raise _Refused("empty_map", "the map has no keyframes")
        extractor = self._index.extractor
        if min(frame.rgb.shape[:2]) < extractor.least_px:
            size = f"{frame.camera.width}x{frame.camera.height}"
            raise _Refused("bad_image", f"{size} pixels, at least {extractor.least_px} on a side needed")
        features = extractor(frame.rgb)
        features = replace(features, uv=self._index.undistorted(features.uv, frame.camera))
        if len(features) < MIN_FEATURES:
            raise _Refused("no_texture", f"{len(features)} features, at least {MIN_FEATURES} needed")
        return features

    def _keypoint_depth(self, frame: Frame, features: Features, has_depth: bool) -> Tensor:
        if not has_depth:
            return torch.zeros(len(features), dtype=torch.float64)
        small = working_camera(frame.camera)
        own = resampled(frame, small, self._index.correction)
        shrink = torch.tensor([small.width / frame.camera.width, small.height / frame.camera.height])
        depth, known = depth_at_points(own, features.uv * shrink)
        return torch.where(known, depth, 0.0).double()

    def _checked(self, pose: Tensor, fit: PoseFit, frame: Frame) -> Checked:
        checked, view = check_pose(self._map, frame.camera, pose, fit.points)
        return check_depth(checked, view, frame, self._index.correction)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """One image that is being localised."""

    features: Features
    depth_m: Tensor
    """(N,) float64 at its keypoints, 0 = none."""
    camera: Camera
    index: KeyframeIndex
    kernels: KernelSet
    seed: int

    def fit(self, effort: Effort, *, orbits: int) -> PoseFit:
        """The best supported pose, sought to its sides ``orbits`` times. Raises _Refused where there is none."""
        camera = self.camera
        pairs = agreeing_matches(self.features, camera, self.index.tables(), effort)
        if len(pairs) < MIN_MATCHES:
            raise _Refused("too_few_matches", f"{len(pairs)} matches, at least {MIN_MATCHES} needed")
        matches = matches_of(pairs, self.features, self.depth_m, camera)
        poses = solve_poses(matches, camera, seed=self.seed, hypotheses=effort.hypotheses)
        if len(poses) == 0:
            raise _Refused("no_consistent_pose", "no three matches give a pose")
        found = Keypoints.of(self.features, camera)
        fit = max((self._search(found, pose) for pose in poses), key=lambda fit: fit.support)
        for _ in range(orbits):
            if len(fit.points) < MIN_MATCHES or worst_sigma_m(_covariance(fit, camera)) < EXACT_SIGMA_M:
                break
            sides = orbited(fit.camera_from_world, fit.points)
            other = max((self._search(found, pose) for pose in sides), key=lambda fit: fit.support)
            if other.support < BETTER * fit.support:
                break
            fit = other
        if fit.support < MIN_SUPPORT:
            raise _Refused("no_consistent_pose", f"support {fit.support:.0f}, at least {MIN_SUPPORT:.0f} needed")
        return fit

    def _search(self, found: Keypoints, pose: Tensor) -> PoseFit:
        """A pose refined on matches that are looked for ever nearer to where it puts the map's points."""
        scale = self.camera.fx / REFERENCE_FOCAL
        for radius_px in WIDER_PX:
            pose = nearer(pose, self._near(found, pose, radius_px * scale), radius_px * scale)
        return fitted(pose, self._near(found, pose, GUIDED_PX * scale), self.camera)

    def _near(self, found: Keypoints, pose: Tensor, radius_px: float) -> Matches:
        least = self.index.extractor.least_likeness
        pairs = matches_near(found, pose, self.index.tables(), self.kernels, radius_px=radius_px, least_likeness=least)
        return matches_of(pairs, self.features, self.depth_m, self.camera)


def confidence(support: float, agreement: float, sigma_m: float) -> float:
    """0..1 from how many matches support a pose, how well the map agrees with it, and how well they fix it.

    A product: each alone can refute a pose. ``MIN_SUPPORT`` gives 0.3 at best, so that a pose that just passed does
    not count as known.
    """
    number = 0.3 + 0.7 * min(1.0, (support - MIN_SUPPORT) / (SURE_SUPPORT - MIN_SUPPORT))
    fixed = min(1.0, (SURE_SIGMA_M / max(sigma_m, 1e-6)) ** 2)
    return float(max(0.0, min(1.0, number * min(1.0, agreement / 0.8) * fixed)))


def worst_sigma_m(covariance: Tensor) -> float:
    """Standard deviation of the position along the worst axis of a (6, 6) covariance."""
    return float(torch.linalg.eigvalsh(covariance[3:, 3:])[-1].clamp_min(0).sqrt())


def _covariance(fit: PoseFit, camera: Camera) -> Tensor:
    """Covariance of a pose from its residuals.

    Twice the formal one in sigma: a map's own errors are larger than what residuals show of them.
    """
    variance = 4 * max(fit.rms_px, 0.5 * camera.fx / REFERENCE_FOCAL) ** 2 / 2
    return torch.linalg.inv(fit.hessian / variance + 1e-9 * torch.eye(6, dtype=torch.float64))
