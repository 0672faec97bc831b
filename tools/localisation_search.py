"""The search for the pose of one image: hypotheses from matches, the nearest optimum of each, and which of them it is.

Where the matches fix a pose well, their number decides. Where they leave a direction open, the poses to the sides are
tried too, and what the map looks like from each decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from scenes.types import Camera
from tools.compiled import KernelSet
from tools.localisation_appearance import Appearance
from tools.localisation_features import Features
from tools.localisation_index import KeyframeIndex
from tools.localisation_matching import Effort, Keypoints, agreeing_matches, matches_near
from tools.localisation_pose import (
    GUIDED_PX,
    REFERENCE_FOCAL,
    PoseFit,
    fitted,
    matches_of,
    nearer,
    orbited,
    solve_poses,
)
from tools.localisation_refine import Matches, motions
from tools.mapping import SurfaceMap

MIN_MATCHES = 8
MIN_SUPPORT = 20.0
"""Below this (see ``support_of``) a pose is not returned: half of what the weakest frame of a real recording had in a
map of its other half. Chosen with 1,200 keypoints a frame and kept for 2,500."""
ORBITS, BETTER = 3, 1.03
"""How often a pose that is not well fixed is sought again to its sides, as long as that is so much better."""
EXACT_SIGMA_M = 0.06
"""A pose that the matches give better than this is not sought to its sides."""
LOOKS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Steps along the direction that the matches leave open, in standard deviations, at which the map is looked at."""
LOOK_SAYS, MATCHES_SAY = 25.0, 4.0
"""What is best minimises ``MATCHES_SAY step^2 / 2 - LOOK_SAYS likeness``: the matches' standard deviation is twice the
formal one (see ``covariance_of``), and likenesses are good to 1/25."""
LEAST_LIKENESS = 0.1
"""Where nothing is seen, or all is different, the matches alone decide."""
QUICK_SIGMA_M = 0.05
"""A quick pose that is known worse than this is looked for again with more effort."""
QUICK = Effort(candidates=8, share=0.3, hypotheses=128, finalists=4, radii_px=(16.0,))
"""What is tried at first: enough for most images."""
THOROUGH = Effort(candidates=24, share=1.0, hypotheses=2048, finalists=12, radii_px=(30.0, 16.0))
"""What is tried where the pose from the first is not sure and exact. A hypothesis from one corner of an image is tens
of pixels off in another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFit:
    """Why there is no pose."""

    reason: Literal["too_few_matches", "no_consistent_pose"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One image that is being localised."""

    features: Features
    keypoints: Keypoints
    depth_m: Tensor
    """(N,) float64 at its keypoints, 0 = none."""
    camera: Camera
    appearance: Appearance
    surface: SurfaceMap
    index: KeyframeIndex
    kernels: KernelSet
    seed: int

    def quick(self) -> PoseFit | NoFit:
        """The best supported pose of a few hypotheses, or why there is none."""
        fits = self._fits(QUICK)
        return fits if isinstance(fits, NoFit) else max(fits, key=lambda fit: fit.support)

    def thorough(self) -> PoseFit | NoFit:
        """The pose whose matches and whose looks fit best, sought to its sides; or why there is none."""
        fits = self._fits(THOROUGH)
        if isinstance(fits, NoFit):
            return fits
        fit = max((self._looked_at(fit) for fit in fits), key=score)
        for _ in range(ORBITS):
            if len(fit.points) < MIN_MATCHES or self.sigma_m(fit) < EXACT_SIGMA_M:
                break
            sides = orbited(fit.camera_from_world, fit.points)
            other = max((self._looked_at(self._search(pose)) for pose in sides), key=score)
            if score(other) < BETTER * score(fit):
                break
            fit = other
        return self._slid(fit) if fit.support >= MIN_SUPPORT else fit

    def sigma_m(self, fit: PoseFit) -> float:
        """Standard deviation of a fit's position along its worst axis."""
        return worst_sigma_m(covariance_of(fit, self.camera))

    def _fits(self, effort: Effort) -> list[PoseFit] | NoFit:
        pairs = agreeing_matches(self.features, self.camera, self.index.tables(), effort, self.kernels)
        if len(pairs) < MIN_MATCHES:
            return NoFit(reason="too_few_matches", detail=f"{len(pairs)} matches, at least {MIN_MATCHES} needed")
        matches = matches_of(pairs, self.features, self.depth_m, self.camera)
        poses = solve_poses(
            matches,
            self.camera,
            seed=self.seed,
            hypotheses=effort.hypotheses,
            finalists=effort.finalists,
            sizes=pairs.sizes,
            kernels=self.kernels,
        )
        if len(poses) == 0:
            return NoFit(reason="no_consistent_pose", detail="no three matches give a pose")
        return [self._search(pose, effort) for pose in poses]

    def _looked_at(self, fit: PoseFit) -> PoseFit:
        if not bool(torch.isfinite(fit.camera_from_world).all()):
            return replace(fit, support=0.0, likeness=0.0)  # the refinement of a hopeless hypothesis can run away
        return replace(fit, likeness=self.appearance.likeness(self.surface, fit.camera_from_world))

    def _slid(self, fit: PoseFit) -> PoseFit:
        """The fit moved along the direction that its matches leave open, towards where the map looks most alike.

        A parabola through a few looks, and what the matches say of that direction, have their common optimum.
        """
        if len(fit.points) < MIN_MATCHES or self.sigma_m(fit) < EXACT_SIGMA_M:
            return fit
        covariance = covariance_of(fit, self.camera)
        values, axes = torch.linalg.eigh(covariance[3:, 3:])
        # The turn that goes with a step along the worst axis is the one that the matches expect.
        open_way = covariance[:, 3:] @ axes[:, -1] / values[-1].sqrt()
        at = torch.tensor(LOOKS, dtype=torch.float64)
        poses = motions(at[:, None] * open_way) @ fit.camera_from_world
        likeness = torch.tensor([self.appearance.likeness(self.surface, p) for p in poses], dtype=torch.float64)
        curve = torch.linalg.lstsq(torch.stack([torch.ones_like(at), at, at.square()], -1), likeness[:, None]).solution
        slope, bend = float(curve[1]), min(0.0, float(curve[2]))
        step = LOOK_SAYS * slope / (MATCHES_SAY - 2 * LOOK_SAYS * bend)
        step = max(LOOKS[0], min(LOOKS[-1], step))
        return replace(fit, camera_from_world=motions(step * open_way[None])[0] @ fit.camera_from_world)

    def _search(self, pose: Tensor, effort: Effort = THOROUGH) -> PoseFit:
        """A pose refined on matches that are looked for ever nearer to where it puts the map's points."""
        scale = self.camera.fx / REFERENCE_FOCAL
        for radius_px in effort.radii_px:
            pose = nearer(pose, self._near(pose, radius_px * scale), radius_px * scale, self.kernels)
        return fitted(pose, self._near(pose, GUIDED_PX * scale), self.camera, self.kernels)

    def _near(self, pose: Tensor, radius_px: float) -> Matches:
        least = self.index.extractor.least_likeness
        pairs = matches_near(
            self.keypoints, pose, self.index.tables(), self.kernels, radius_px=radius_px, least_likeness=least
        )
        return matches_of(pairs, self.features, self.depth_m, self.camera)


def score(fit: PoseFit) -> float:
    """How good a fit is that was looked at: the matches that support it, weighed by how alike the map looks.

    The square, because of two poses that matches on one wall allow, the wrong one has as many, and looks 0.35 alike
    where the right one looks 0.65.
    """
    assert fit.likeness is not None
    return fit.support * max(fit.likeness, LEAST_LIKENESS) ** 2


def worst_sigma_m(covariance: Tensor) -> float:
    """Standard deviation of the position along the worst axis of a (6, 6) covariance."""
    return float(torch.linalg.eigvalsh(covariance[3:, 3:])[-1].clamp_min(0).sqrt())


def covariance_of(fit: PoseFit, camera: Camera) -> Tensor:
    """Covariance of a pose from its residuals.

    Twice the formal one in sigma: a map's own errors are larger than what residuals show of them.
    """
    variance = 4 * max(fit.rms_px, 0.5 * camera.fx / REFERENCE_FOCAL) ** 2 / 2
    return torch.linalg.inv(fit.hessian / variance + 1e-9 * torch.eye(6, dtype=torch.float64))
