"""The search for the pose of one image: hypotheses from matches, the nearest optimum of each, and which of them it is.

Most images are known from their keypoints at once. Where these fix no pose well, the map is drawn from the rival poses
and compared with the image (``Alignment``): that leads each to the nearest pose from which it looks like the image, and
tells which of them it is.
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
from tools.localisation.keypoint_matching import Effort, Keypoints, agreeing_matches, matches_near
from tools.localisation.pose_refinement import Matches
from tools.localisation.pose_solving import (
    GUIDED_PX,
    REFERENCE_FOCAL,
    PoseFit,
    fitted,
    led,
    matches_of,
    nearer,
    orbited,
    solve_poses,
)
from tools.localisation.render_alignment import Alignment, Sighting
from tools.mapping.surface_map import is_rigid

MIN_MATCHES = 8
MIN_SUPPORT = 20.0
"""Below this (see ``support_of``) keypoints alone give no pose: half of what the weakest frame of a real recording had
in a map of its other half. Chosen with 1,200 keypoints a frame and kept for 2,500."""
SURE_SUPPORT = 60.0
"""From this support on, more of it adds no confidence."""
DIRECT_SIGMA_M, QUICK_SIGMA_M = 0.045, 0.06
"""A pose that is known worse than this is looked for again with more effort: from one search for keypoints, and from
two. In maps of parts of a real recording's first half, the poses below were off by 4.1 and 4.6 cm at most, and those
from one search were as exact as from two."""
QUICK = Effort(candidates=8, share=0.3, hypotheses=128, finalists=4, rivals=3, enough=200)
"""What is tried at first: enough for most images."""
THOROUGH = Effort(candidates=24, share=1.0, hypotheses=2048, finalists=12, rivals=4)
"""What is tried where the pose from the first is not sure and exact."""
SEARCHED_PX = 16.0
"""How far from its projection a point is looked for before ``GUIDED_PX``; at ``REFERENCE_FOCAL``."""
REACHES = (12, 6, 3)
"""How far, in coarse pixels, patches are looked for in turn. From the second on, keypoints have a say beside them. With
the last, nearly all patches of a right pose are found, so it judges it."""
PROMISING = 3
"""Poses that are followed beyond the first of these."""
LAST_REACH = 6
"""In fine pixels."""
CONVINCING = 0.45
"""Share of patches (see ``Sighting``) from which on no other pose is tried. Of right poses of a real recording's hard
images it was 0.3 to 0.7, of wrong ones at most 0.34."""
ORBITED = 2
"""Poses that are also tried to their sides."""


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
    look: Callable[[], Alignment]
    """Prepares the comparison with the map's view, which most images do not need."""
    index: KeyframeIndex
    kernels: KernelSet
    seed: int

    def pose(self, *, thorough: bool = False) -> PoseFit | NoFit:
        """The pose, with as much effort as it takes; ``thorough``: with all effort at once."""
        rivals = self.hypotheses(QUICK)
        if isinstance(rivals, NoFit):
            rivals = torch.zeros(0, 4, 4, dtype=torch.float64)
        quick = None if thorough else self._quick(rivals)
        if quick is not None:
            return quick
        return _Looking(search=self, alignment=self.look()).pose(rivals)

    def sigma_m(self, fit: PoseFit) -> float:
        """Standard deviation of a fit's position along its worst axis."""
        return worst_sigma_m(covariance_of(fit, self.camera))

    def hypotheses(self, effort: Effort) -> Tensor | NoFit:
        """(B, 4, 4) rival poses from matches by likeness, at least one, the best supported first."""
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
            rivals=effort.rivals,
            sizes=pairs.sizes,
            kernels=self.kernels,
        )
        # Three points nearly in a line give no rotation, and the refinement of a hopeless hypothesis can run away.
        poses = poses[[is_rigid(pose) for pose in poses]]
        if len(poses) == 0:
            return NoFit(reason="no_consistent_pose", detail="no three matches give a pose")
        return poses

    def _quick(self, rivals: Tensor) -> PoseFit | None:
        """The pose, where keypoints alone tell it surely and exactly; else None."""
        if len(rivals) == 0:
            return None
        # Most first hypotheses are near enough for the narrow search.
        fit = self._fitted(rivals[0])
        if self._is_sure(fit, DIRECT_SIGMA_M):
            return fit
        fit = max((self._searched(pose) for pose in rivals), key=lambda fit: fit.support)
        return fit if self._is_sure(fit, QUICK_SIGMA_M) else None

    def _is_sure(self, fit: PoseFit, sigma_m: float) -> bool:
        return is_rigid(fit.camera_from_world) and fit.support >= SURE_SUPPORT and self.sigma_m(fit) < sigma_m

    def _searched(self, pose: Tensor) -> PoseFit:
        """A pose refined on keypoints that are looked for ever nearer to where it puts the map's points."""
        radius_px = SEARCHED_PX * self.camera.fx / REFERENCE_FOCAL
        return self._fitted(nearer(pose, self.near(pose, radius_px), radius_px, self.kernels))

    def _fitted(self, pose: Tensor) -> PoseFit:
        return fitted(pose, self.guided(pose), self.camera, self.kernels)

    def guided(self, pose: Tensor) -> Matches:
        """``near`` within ``GUIDED_PX``: what judges a pose."""
        return self.near(pose, GUIDED_PX * self.camera.fx / REFERENCE_FOCAL)

    def near(self, pose: Tensor, radius_px: float) -> Matches:
        """Keypoints that look like map points within ``radius_px`` of where a pose puts them."""
        least = self.index.extractor.least_likeness
        pairs = matches_near(
            self.keypoints, pose, self.index.tables(), self.kernels, radius_px=radius_px, least_likeness=least
        )
        return matches_of(pairs, self.features, self.depth_m, self.camera)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """The same image, compared with what the map looks like."""

    search: Search
    alignment: Alignment

    def pose(self, rivals: Tensor) -> PoseFit | NoFit:
        """The pose, from the rivals (B, 4, 4) that little effort gave, if they do, else from more."""
        seen: list[tuple[Tensor, Sighting]] = []
        for rival in rivals:
            seen = _ranked([*seen, *self._aligned([rival])])
            if _convinces(seen):
                return self._settled(seen[0][0])
        more = self.search.hypotheses(THOROUGH)
        if isinstance(more, NoFit):
            if not seen:
                return more
        else:
            seen = _ranked([*seen, *self._aligned(more)])
        if not seen:
            return NoFit(reason="no_consistent_pose", detail="no hypothesis could be refined")
        if not _convinces(seen):
            sides = [orbited(pose, sight.matches.points) for pose, sight in seen[:ORBITED] if sight.close]
            seen = _ranked([*seen, *self._aligned([one for poses in sides for one in poses])])
        return self._settled(seen[0][0])

    def _aligned(self, poses: Tensor | Sequence[Tensor]) -> list[tuple[Tensor, Sighting]]:
        """The most promising of some poses, led to where the map looks like the image, and how much it does; the best
        first."""
        wide, narrow, last = REACHES
        begun = []
        for pose in poses:
            pose = self._led(pose, self.alignment.sighting(pose, wide), wide)
            if is_rigid(pose):
                begun.append((pose, self.alignment.sighting(pose, narrow)))
        found = []
        for pose, sight in _ranked(begun)[:PROMISING]:
            pose = self._led(pose, sight, narrow)
            if is_rigid(pose):
                pose = self._led(pose, self.alignment.sighting(pose, last), last)
            if is_rigid(pose):
                found.append((pose, self.alignment.sighting(pose, last)))
        return _ranked(found)

    def _led(self, pose: Tensor, sight: Sighting, reach: int) -> Tensor:
        """A pose refined on what is seen near where it puts it: patches, and keypoints once it is near."""
        camera, matches = self.search.camera, sight.matches
        radius_px = reach * camera.width / self.alignment.coarse.camera.width
        if reach < REACHES[0]:
            near_px = min(radius_px, SEARCHED_PX * camera.fx / REFERENCE_FOCAL)
            matches = matches.with_more(self.search.near(pose, near_px))
        return led(pose, matches, radius_px, camera, self.search.kernels)

    def _settled(self, pose: Tensor) -> PoseFit | NoFit:
        """The last word on a pose: patches of the finer picture, and keypoints."""
        search, fine = self.search, self.alignment.fine
        radius_px = LAST_REACH * search.camera.width / fine.camera.width
        patches = self.alignment.sighting(pose, LAST_REACH, fine).matches
        pose = led(pose, search.guided(pose).with_more(patches), radius_px, search.camera, search.kernels)
        if not is_rigid(pose):
            return NoFit(reason="no_consistent_pose", detail="the best hypothesis could not be refined")
        fit = fitted(pose, search.guided(pose), search.camera, search.kernels, patches)
        return replace(fit, sight=self.alignment.sighting(pose, REACHES[-1]))


def _convinces(seen: Sequence[tuple[Tensor, Sighting]]) -> bool:
    return bool(seen) and seen[0][1].share >= CONVINCING


def _ranked(seen: Sequence[tuple[Tensor, Sighting]]) -> list[tuple[Tensor, Sighting]]:
    return sorted(seen, key=lambda one: one[1].score, reverse=True)


def worst_sigma_m(covariance: Tensor) -> float:
    """Standard deviation of the position along the worst axis of a (6, 6) covariance."""
    return float(torch.linalg.eigvalsh(covariance[3:, 3:])[-1].clamp_min(0).sqrt())


def covariance_of(fit: PoseFit, camera: Camera) -> Tensor:
    """Covariance of a pose from its residuals.

    Twice the formal one in sigma: a map's own errors are larger than what residuals show of them.
    """
    variance = 4 * max(fit.rms_px, 0.5 * camera.fx / REFERENCE_FOCAL) ** 2 / 2
    return torch.linalg.inv(fit.hessian / variance + 1e-9 * torch.eye(6, dtype=torch.float64))
