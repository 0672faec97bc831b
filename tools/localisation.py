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
from scenes.types import Frame
from tools.compiled import kernels
from tools.localisation_appearance import Appearance
from tools.localisation_features import Features
from tools.localisation_index import KeyframeIndex, depth_at_points
from tools.localisation_matching import Keypoints
from tools.localisation_pose import PoseFit
from tools.localisation_search import MIN_SUPPORT, QUICK_SIGMA_M, NoFit, Search, covariance_of, worst_sigma_m
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
SURE_SUPPORT = 60.0
"""From this support on, more of it adds no confidence."""
SURE_SIGMA_M = 0.06
"""A position known worse than this takes confidence away; no frame of a map's own recording was."""
LOOKED_SIGMA_M = 0.12
"""The same where the map looks like the image from there."""
SURE_LIKENESS = 0.5
"""From here on (see ``Appearance``), looking still more alike adds no confidence; wrong poses on the right wall of a
real recording looked 0.31 to 0.47 alike, right ones 0.58 to 0.69."""
MAX_SIGMA_M = 0.5
"""A position known worse than this is none."""
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
        has_depth = frame.depth_m is not None and bool((frame.depth_m > 0).any())
        depth_m = self._keypoint_depth(frame, features, has_depth)
        fit = self._fit(frame, features, depth_m)
        pose = fit.camera_from_world
        checked = self._checked(pose, fit, frame)
        if checked.agreement < MIN_AGREEMENT:
            raise _Refused(
                "contradicts_map", f"{checked.agreement:.0%} agrees with the map, {MIN_AGREEMENT:.0%} needed"
            )
        covariance = covariance_of(fit, frame.camera)
        sigma_m = worst_sigma_m(covariance)
        if not sigma_m < MAX_SIGMA_M:
            raise _Refused("no_consistent_pose", f"position known to {sigma_m:.2f} m, {MAX_SIGMA_M} m needed")
        return Localisation(
            world_from_camera=inverse(pose),
            map_id=self._map.map_id,
            confidence=confidence(fit.support, checked.agreement, sigma_m, fit.likeness),
            covariance=covariance,
            support=fit.support,
            agreement=checked.agreement,
            ms=0.0,
        )

    def _fit(self, frame: Frame, features: Features, depth_m: Tensor) -> PoseFit:
        """The pose that the image gives: with little effort where that suffices, else with more."""
        search = Search(
            features=features,
            keypoints=Keypoints.of(features, frame.camera),
            depth_m=depth_m,
            camera=frame.camera,
            appearance=Appearance.of(frame.rgb, frame.camera),
            surface=self._map,
            index=self._index,
            kernels=self._kernels,
            seed=self._seed,
        )
        quick = search.quick()
        if isinstance(quick, PoseFit) and quick.support >= SURE_SUPPORT and search.sigma_m(quick) < QUICK_SIGMA_M:
            return quick
        fit = search.thorough()
        if isinstance(fit, NoFit):
            raise _Refused(fit.reason, fit.detail)
        if fit.support < MIN_SUPPORT:
            raise _Refused("no_consistent_pose", f"support {fit.support:.0f}, at least {MIN_SUPPORT:.0f} needed")
        return fit

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


def confidence(support: float, agreement: float, sigma_m: float, likeness: float | None) -> float:
    """0..1 from how many matches support a pose, how well the map agrees with it, and how well they fix it.

    A product: each alone can refute a pose. ``MIN_SUPPORT`` gives 0.3 at best, so that a pose that just passed does
    not count as known. A pose that was looked at (``likeness``) may be fixed less well: what matches on one wall leave
    open, its looks have settled, or refute.
    """
    number = 0.3 + 0.7 * min(1.0, (support - MIN_SUPPORT) / (SURE_SUPPORT - MIN_SUPPORT))
    sure_m = SURE_SIGMA_M if likeness is None else LOOKED_SIGMA_M
    fixed = min(1.0, (sure_m / max(sigma_m, 1e-6)) ** 2)
    looks = 1.0 if likeness is None else min(1.0, max(0.0, likeness) / SURE_LIKENESS) ** 2
    return float(max(0.0, min(1.0, number * min(1.0, agreement / 0.8) * fixed * looks)))
