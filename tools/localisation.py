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

from scenes.geometry import inverse, pose_error, project, transform
from scenes.types import Camera, Frame
from tools.core.pose import p3p, refine_pose, reprojection_error
from tools.depth import DepthEstimate, estimate_depth
from tools.localisation_features import Features, mutual_matches
from tools.localisation_index import KeyframeIndex
from tools.mapping import SurfaceMap

Reason = Literal[
    "empty_map", "no_texture", "no_similar_view", "too_few_matches", "no_consistent_pose", "contradicts_map"
]

VIEWS = 5
"""Keyframes matched per image."""
GUIDED_VIEWS = 10
"""Keyframes whose points are looked for once a first pose is known."""
GUIDED_PX = 12.0
"""How far from its projection a point is looked for, at ``REFERENCE_FOCAL``."""
GUIDED_LIKENESS = 0.8
"""Least dot product of two RootSIFT descriptors of one place (of unrelated ones it is 0.4 to 0.7)."""
HYPOTHESES = 512
INLIER_PX = 8.0
"""Reprojection error of a match that supports a pose, at ``REFERENCE_FOCAL``; scales with the focal length."""
REFERENCE_FOCAL = 525.0
MIN_MATCHES = 8
MIN_INLIERS = 12
"""Below this a pose is not returned: chance supports of images of another place stay below ten."""
SURE_INLIERS = 60
"""From this many inliers on, their number adds no more confidence."""
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
    inliers: int
    agreement: float
    """Share of what could be checked against the map's rendered depth that agrees with it."""
    ms: float

    @property
    def sigma_m(self) -> float:
        """One standard deviation of the position along its worst axis."""
        return float(torch.linalg.eigvalsh(self.covariance[3:, 3:])[-1].clamp_min(0).sqrt())

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFit:
    """A pose and the matches that support it."""

    camera_from_world: Tensor
    inlier: Tensor
    """(M,) bool."""
    hessian: Tensor
    """(6, 6) float64 of squared pixels."""
    rms_px: float


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
        uv, points, likeness = self._matches(features)
        if len(uv) < MIN_MATCHES:
            return failed("too_few_matches", f"{len(uv)} matches, at least {MIN_MATCHES} needed")
        found = solve_pose(uv, points, likeness, frame.camera, seed=self._seed)
        matched = len(uv)
        if found is not None and int(found.inlier.sum()) >= MIN_MATCHES:
            found, points = self._guided(found, points, features, frame.camera)
        if found is None or int(found.inlier.sum()) < MIN_INLIERS:
            count = 0 if found is None else int(found.inlier.sum())
            return failed("no_consistent_pose", f"{count} matches agree on a pose, at least {MIN_INLIERS} needed")
        sensor = estimate_depth(frame) if frame.depth_m is not None else None
        agreement = self._agreement(found, points, frame.camera, sensor)
        if agreement < MIN_AGREEMENT:
            return failed(
                "contradicts_map", f"{agreement:.0%} agrees with the map, at least {MIN_AGREEMENT:.0%} needed"
            )
        covariance = _covariance(found, frame.camera)
        return Localisation(
            world_from_camera=inverse(found.camera_from_world),
            map_id=self._map.map_id,
            confidence=confidence(found, agreement, matched),
            covariance=covariance,
            inliers=int(found.inlier.sum()),
            agreement=agreement,
            ms=1e3 * (time.perf_counter() - start),
        )

    def _matches(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """uv (M, 2), points (M, 3) and likeness (M,) float64 of matches with the most similar keyframes."""
        uv, points, likeness = [], [], []
        for i in self._index.nearest_views(features, VIEWS):
            keyframe = self._index.keyframes[i]
            pairs = mutual_matches(features.descriptors, keyframe.features.descriptors)
            a, b = pairs.unbind(-1)
            uv.append(features.uv[a])
            points.append(keyframe.points[b])
            likeness.append((features.descriptors[a] * keyframe.features.descriptors[b]).sum(-1))
        if not uv:
            return torch.zeros(0, 2).double(), torch.zeros(0, 3).double(), torch.zeros(0).double()
        return torch.cat(uv).double(), torch.cat(points).double(), torch.cat(likeness).double()

    def _guided(self, first: PoseFit, points: Tensor, features: Features, camera: Camera) -> tuple[PoseFit, Tensor]:
        """A second fit with the points of all keyframes around, each looked for near where the first pose puts it."""
        near = [self._index.keyframes[i] for i in self._index.nearest_views(features, GUIDED_VIEWS)]
        map_points = torch.cat([k.points for k in near]).double()
        descriptors = torch.cat([k.features.descriptors for k in near])
        uv, visible = project(camera, transform(first.camera_from_world, map_points))
        map_points, descriptors, uv = map_points[visible], descriptors[visible], uv[visible]
        if len(uv) == 0:
            return first, points
        radius = GUIDED_PX * camera.fx / REFERENCE_FOCAL
        apart = torch.cdist(uv.float(), features.uv)
        likeness = torch.where(apart < radius, descriptors @ features.descriptors.T, -1.0)
        best, keypoint = likeness.max(1)
        keep = best > GUIDED_LIKENESS
        if int(keep.sum()) < int(first.inlier.sum()):
            return first, points
        chosen = map_points[keep]
        intrinsics = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64)
        fit = _refined(
            first.camera_from_world,
            features.uv[keypoint[keep]].double(),
            chosen,
            intrinsics,
            INLIER_PX * camera.fx / REFERENCE_FOCAL,
        )
        return (fit, chosen) if int(fit.inlier.sum()) >= int(first.inlier.sum()) else (first, points)

    def _agreement(self, found: PoseFit, points: Tensor, camera: Camera, sensor: DepthEstimate | None) -> float:
        """How much of the image agrees with the map seen from a pose.

        The inliers' points must be visible there (within 5 cm + 3% of the rendered depth). With the image's own
        depth, its pixels must agree as well, and the worse of both counts.
        """
        view = self._map.raycast(camera, inverse(found.camera_from_world), color=False)
        p_camera = transform(found.camera_from_world, points[found.inlier])
        uv, inside = project(camera, p_camera)
        column = uv[:, 0].clamp(0, camera.width - 1).long()
        row = uv[:, 1].clamp(0, camera.height - 1).long()
        rendered = view.depth_m[row, column].double()
        near = (rendered - p_camera[:, 2]).abs() < 0.05 + 0.03 * p_camera[:, 2]
        visible = float((inside & (rendered > 0) & near).double().mean())
        if sensor is None:
            return visible
        both = view.valid & sensor.valid
        if float(both.float().mean()) < 0.05:
            return visible
        same = (view.depth_m - sensor.depth_m).abs() < 0.05 + 0.03 * sensor.depth_m
        return min(visible, float(same[both].float().mean()))


def solve_pose(uv: Tensor, points: Tensor, likeness: Tensor, camera: Camera, *, seed: int) -> PoseFit | None:
    """The pose that most matches support, refined; None when no triple of matches gives one.

    Args:
        uv (M, 2), points (M, 3), likeness (M,): float64. Triples are drawn in proportion to likeness.
    """
    intrinsics = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64)
    threshold = INLIER_PX * camera.fx / REFERENCE_FOCAL
    generator = torch.Generator().manual_seed(seed)
    chance = (likeness - likeness.amin() + 0.05).square().expand(HYPOTHESES, -1)
    triples = torch.multinomial(chance, 3, generator=generator)
    ray = torch.stack([(uv[:, 0] - camera.cx) / camera.fx, (uv[:, 1] - camera.cy) / camera.fy], -1)
    bearing = torch.nn.functional.normalize(torch.cat([ray, torch.ones(len(ray), 1).double()], -1), dim=-1)
    poses, valid = p3p(bearing[triples], points[triples])
    poses = poses[valid]
    if len(poses) == 0:
        return None
    best: PoseFit | None = None
    error = reprojection_error(poses, points, uv, intrinsics)
    # MSAC: an inlier costs its squared error, an outlier the threshold's.
    cost = error.clamp_max(threshold).square().sum(-1)
    for i in cost.topk(min(4, len(cost)), largest=False).indices.tolist():
        fit = _refined(poses[i], uv, points, intrinsics, threshold)
        if best is None or int(fit.inlier.sum()) > int(best.inlier.sum()):
            best = fit
    return best


def _refined(pose: Tensor, uv: Tensor, points: Tensor, intrinsics: Tensor, threshold: float) -> PoseFit:
    hessian = torch.eye(6, dtype=torch.float64)
    for scale in (1.0, 0.5, 0.5):
        inlier = reprojection_error(pose[None], points, uv, intrinsics)[0] < threshold
        pose, hessian = refine_pose(pose, points, uv, intrinsics, inlier.double(), 0.3 * scale * threshold)
    error = reprojection_error(pose[None], points, uv, intrinsics)[0]
    inlier = error < threshold
    rms = float(error[inlier].square().mean().sqrt()) if bool(inlier.any()) else math.inf
    return PoseFit(camera_from_world=pose, inlier=inlier, hessian=hessian, rms_px=rms)


def _covariance(found: PoseFit, camera: Camera) -> Tensor:
    """Covariance of a pose from its residuals.

    Twice the formal one in sigma: matches of one keyframe share that keyframe's own errors.
    """
    variance = 4 * max(found.rms_px, 0.5 * camera.fx / REFERENCE_FOCAL) ** 2 / 2
    return variance * torch.linalg.inv(found.hessian + 1e-9 * torch.eye(6, dtype=torch.float64))


def confidence(found: PoseFit, agreement: float, matches: int) -> float:
    """0..1 from how many matches support the pose, which share they are, and how well the map agrees.

    A product: each alone can refute a pose. ``MIN_INLIERS`` gives 0.3 at best, so that a pose that just passed does
    not count as known.
    """
    inliers = int(found.inlier.sum())
    number = 0.3 + 0.7 * min(1.0, (inliers - MIN_INLIERS) / (SURE_INLIERS - MIN_INLIERS))
    share = min(1.0, (inliers / max(matches, 1)) / 0.25)
    return float(max(0.0, min(1.0, number * share**0.5 * min(1.0, agreement / 0.8))))


def same_place(a: Localisation, b: Localisation, *, max_m: float = 0.25, max_deg: float = 10.0) -> bool:
    """Whether two localisations (of one image, by two ways) agree."""
    distance, angle = pose_error(a.world_from_camera, b.world_from_camera)
    return float(distance) <= max_m and math.degrees(float(angle)) <= max_deg
