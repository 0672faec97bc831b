"""The pose of a single image in a saved map, or the reason why there is none: rather none than a wrong one.

Retrieval of similar keyframes, matching of local features, P3P hypotheses, robust refinement; then the pose is judged
by what the map would look like from it (and by the image's own depth, where it has some). Knows nothing of tracking.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scenes.geometry import inverse, project, transform
from scenes.types import Camera, Frame
from tools.depth import estimate_depth
from tools.localisation_index import KeyframeIndex
from tools.localisation_pose import REFERENCE_FOCAL, PoseFit, Surroundings, solve_pose
from tools.mapping import SurfaceMap

Reason = Literal["empty_map", "no_texture", "too_few_matches", "no_consistent_pose", "contradicts_map"]

VIEWS = 5
"""Keyframes whose matches make hypotheses."""
MIN_MATCHES = 8
MIN_SUPPORT = 15.0
"""Below this (see ``support_of``) a pose is not returned."""
SURE_SUPPORT = 80.0
"""From this support on, more of it adds no confidence."""
SURE_SIGMA_M = 0.06
"""A position known worse than this takes confidence away."""
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
    """Map points found where the pose puts them, beyond those that chance puts there."""
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


class Localiser:
    """Finds images in one map."""

    def __init__(self, surface_map: SurfaceMap, index: KeyframeIndex, *, seed: int = 0) -> None:
        """``seed`` fixes the random triples, so that an image always gives the same pose.

        Raises:
            ValueError: the index belongs to another map.
        """
        if index.map_id != surface_map.map_id:
            raise ValueError(f"expected keyframes of map {surface_map.map_id}, got those of {index.map_id}")
        self._map = surface_map
        self._index = index
        self._seed = seed

    def localise(self, frame: Frame) -> Localisation | NotLocalised:
        """The pose of a frame; a pose that the frame already has is not looked at."""
        start = time.perf_counter()

        def failed(reason: Reason, detail: str) -> NotLocalised:
            return NotLocalised(reason=reason, detail=detail, ms=1e3 * (time.perf_counter() - start))

        if self._map.is_empty or len(self._index) == 0:
            return failed("empty_map", "the map has no keyframes")
        features = self._index.extractor(frame.rgb)
        if len(features) < MIN_MATCHES:
            return failed("no_texture", f"{len(features)} features, at least {MIN_MATCHES} needed")
        near = Surroundings.around(features, self._index)
        pairs = near.mutual_pairs(VIEWS)
        if len(pairs) < MIN_MATCHES:
            return failed("too_few_matches", f"{len(pairs)} matches, at least {MIN_MATCHES} needed")
        hypotheses = solve_pose(
            features.uv[pairs[:, 0]].double(),
            near.points[pairs[:, 1]],
            near.likeness[pairs[:, 1], pairs[:, 0]].double(),
            frame.camera,
            seed=self._seed,
        )
        found = max((near.guided(h, frame.camera) for h in hypotheses), key=lambda fit: fit.support, default=None)
        if found is None or found.support < MIN_SUPPORT:
            support = 0.0 if found is None else found.support
            return failed("no_consistent_pose", f"support {support:.0f}, at least {MIN_SUPPORT:.0f} needed")
        agreement = self._agreement(found, frame)
        if agreement < MIN_AGREEMENT:
            return failed("contradicts_map", f"{agreement:.0%} agrees with the map, {MIN_AGREEMENT:.0%} needed")
        covariance = _covariance(found, frame.camera)
        return Localisation(
            world_from_camera=inverse(found.camera_from_world),
            map_id=self._map.map_id,
            confidence=confidence(found.support, agreement, worst_sigma_m(covariance)),
            covariance=covariance,
            support=found.support,
            agreement=agreement,
            ms=1e3 * (time.perf_counter() - start),
        )

    def _agreement(self, found: PoseFit, frame: Frame) -> float:
        """How much of the image agrees with the map seen from a pose.

        The inliers' points must be visible there (within 5 cm + 3% of the rendered depth). With the image's own
        depth, its pixels must agree as well, and the worse of both counts.
        """
        camera = frame.camera
        view = self._map.raycast(camera, inverse(found.camera_from_world), color=False)
        p_camera = transform(found.camera_from_world, found.points)
        uv, inside = project(camera, p_camera)
        column = uv[:, 0].clamp(0, camera.width - 1).long()
        row = uv[:, 1].clamp(0, camera.height - 1).long()
        rendered = view.depth_m[row, column].double()
        near = (rendered - p_camera[:, 2]).abs() < 0.05 + 0.03 * p_camera[:, 2]
        visible = float((inside & (rendered > 0) & near).double().mean())
        sensor = estimate_depth(frame) if frame.depth_m is not None else None
        if sensor is None:
            return visible
        both = view.valid & sensor.valid
        if float(both.float().mean()) < 0.05:
            return visible
        same = (view.depth_m - sensor.depth_m).abs() < 0.05 + 0.03 * sensor.depth_m
        return min(visible, float(same[both].float().mean()))


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


def _covariance(found: PoseFit, camera: Camera) -> Tensor:
    """Covariance of a pose from its residuals.

    Twice the formal one in sigma: matches of one keyframe share that keyframe's own errors.
    """
    variance = 4 * max(found.rms_px, 0.5 * camera.fx / REFERENCE_FOCAL) ** 2 / 2
    return variance * torch.linalg.inv(found.hessian + 1e-9 * torch.eye(6, dtype=torch.float64))
