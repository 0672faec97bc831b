"""From alike features to a camera pose: hypotheses from matches, then matches from the best of them.

A few matches make pose hypotheses; the best one says where every map point around should appear, and how many
keypoints are found there, beyond chance, judges it. Knows nothing of maps' surfaces or of frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.core.pose import p3p
from tools.localisation_features import Features
from tools.localisation_index import KeyframeIndex
from tools.localisation_refine import Matches, best_poses, match_error, refine_poses, residuals

VIEWS = 8
"""Keyframes that look most like the image, whose points are matched."""
RATIO = 0.92
"""A match's distance must be this much below that of the keypoint's second choice in a keyframe (Lowe's test)."""
GUIDED_PX = 12.0
"""How far from its projection a point is looked for, at ``REFERENCE_FOCAL``."""
HYPOTHESES = 512
FINALISTS = 3
"""Hypotheses that are refined."""
INLIER_PX = 8.0
"""Error of a match that supports a pose, at ``REFERENCE_FOCAL``; scales with the focal length."""
CAUCHY_PX = (2.4, 1.2)
"""Scale of the robust loss, first and last."""
CELL_NEWS = 2.0
"""See ``independence``."""
REFERENCE_FOCAL = 525.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFit:
    """A pose and the matches that support it."""

    camera_from_world: Tensor
    points: Tensor
    """(M, 3) float64, the inliers' places in the world."""
    uv: Tensor
    """(M, 2) float64, where the image shows them."""
    hessian: Tensor
    """(6, 6) float64 of squared pixels, of what is independent among the matches."""
    rms_px: float
    support: float
    """Keypoints that the pose explains beyond chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The keyframes that look like an image, and how like their points are to the image's keypoints."""

    features: Features
    depth_m: Tensor
    """(N,) float64 measured at the keypoints, 0 = none."""
    points: Tensor
    """(V, K, 3) float64, world."""
    real: Tensor
    """(V, K) bool: false where a keyframe has fewer points than the largest."""
    likeness: Tensor
    """(V, N, K) float32."""
    intrinsics: Tensor
    """(4,) float64 of the image's camera."""
    least_likeness: float

    @classmethod
    def around(cls, features: Features, depth_m: Tensor, camera: Camera, index: KeyframeIndex) -> Surroundings:
        """The surroundings of an image in a map that has keyframes."""
        descriptors, points, real = index.stacked(index.nearest_views(features, VIEWS))
        likeness = torch.matmul(features.descriptors, descriptors.mT)
        return cls(
            features=features,
            depth_m=depth_m,
            points=points.double(),
            real=real,
            likeness=torch.where(real[:, None, :], likeness, -1.0),
            intrinsics=torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64),
            least_likeness=index.extractor.least_likeness,
        )

    def mutual(self) -> tuple[Matches, Tensor]:
        """Matches that choose each other within a keyframe, and their likeness (M,)."""
        best, choice = self.likeness.max(2)
        back = self.likeness.max(1).indices
        view, keypoint = (back.gather(1, choice) == torch.arange(best.shape[1])).nonzero(as_tuple=True)
        chosen, value = choice[view, keypoint], best[view, keypoint]
        others = self.likeness[view, keypoint].scatter_(1, chosen[:, None], -1.0)
        clear = (2 - 2 * value).clamp_min(0) < RATIO**2 * (2 - 2 * others.max(1).values).clamp_min(0)
        return self._matches(keypoint[clear], view[clear], chosen[clear]), value[clear]

    def guided(self, camera_from_world: Tensor, camera: Camera) -> PoseFit:
        """A pose refined on all points, each matched with the most alike keypoint near where the pose puts it."""
        scale = camera.fx / REFERENCE_FOCAL
        views, count, _ = self.points.shape
        uv, visible = project(camera, transform(camera_from_world, self.points.reshape(-1, 3)))
        alike = self.likeness.amax(1) > self.least_likeness
        view, point = (visible.reshape(views, count) & alike).nonzero(as_tuple=True)
        flat = view * count + point
        apart = torch.cdist(uv[flat].float(), self.features.uv, compute_mode="donot_use_mm_for_euclid_dist")
        likeness = self.likeness.transpose(1, 2)[view, point]
        best, keypoint = torch.where(apart < GUIDED_PX * scale, likeness, -1.0).max(1)
        keep = best > self.least_likeness
        matches = self._matches(keypoint[keep], view[keep], point[keep])
        pose = camera_from_world[None]
        for cauchy in CAUCHY_PX:
            pose, _ = refine_poses(pose, matches, gate_px=INLIER_PX * scale, scale_px=cauchy * scale, steps=5)
        error = residuals(pose, matches)[0][0, :, :2].norm(dim=-1)
        independent = replace(matches, weight=matches.weight * independence(matches.uv, matches.weight, camera.width))
        _, hessian = refine_poses(pose, independent, gate_px=INLIER_PX * scale, scale_px=CAUCHY_PX[-1] * scale, steps=1)
        agreed = match_error(pose, matches)[0] if bool((matches.depth_m > 0).any()) else error
        inlier = error < INLIER_PX * scale
        return PoseFit(
            camera_from_world=pose[0],
            points=matches.points[inlier],
            uv=matches.uv[inlier],
            hessian=hessian[0],
            rms_px=_weighted_rms(error[inlier], matches.weight[inlier]),
            support=support_of(agreed / scale, matches.weight),
        )

    def _matches(self, keypoint: Tensor, view: Tensor, point: Tensor) -> Matches:
        times = torch.bincount(keypoint, minlength=len(self.features)).double()
        return Matches(
            uv=self.features.uv[keypoint].double(),
            points=self.points[view, point],
            depth_m=self.depth_m[keypoint],
            weight=1 / times[keypoint],
            intrinsics=self.intrinsics,
        )


def _weighted_rms(error: Tensor, weight: Tensor) -> float:
    return float(((error.square() * weight).sum() / weight.sum()).sqrt()) if len(error) else math.inf


def support_of(error_px: Tensor, weight: Tensor) -> float:
    """How many keypoints a pose explains beyond chance, from their errors at ``REFERENCE_FOCAL``.

    Chance puts matches evenly over the search disc. Those in its outer ring (8 to 12 px) tell the density; it is taken
    from what lies within 4 px, whose area is a fifth of the ring's. ``weight`` (M,): one per keypoint in all, however
    many keyframes show it.
    """
    inside = float(weight[error_px < GUIDED_PX / 3].sum())
    ring = float(weight[(error_px > 2 * GUIDED_PX / 3) & (error_px < GUIDED_PX)].sum())
    return inside - ring / 5


def independence(uv: Tensor, weight: Tensor, width: int) -> Tensor:
    """(M,) how much of each match is news: neighbours in the image share the errors of the map and of the lens.

    In a cell of an eighth of the image's ``width``, the first match counts whole, and all of them together never more
    than ``CELL_NEWS``.
    """
    cell = (uv / (width / 8)).long().clamp(0, 31)
    place = cell[:, 1] * 32 + cell[:, 0]
    crowd = torch.zeros(1024, dtype=torch.float64).index_add_(0, place, weight)[place]
    return 1 / (1 + crowd / CELL_NEWS)


def solve_pose(matches: Matches, likeness: Tensor, camera: Camera, *, seed: int) -> Tensor | None:
    """The pose (4, 4) ``camera_from_world`` that most matches support, refined; None when no triple gives one.

    Triples are drawn in favour of ``likeness`` (M,).
    """
    gate = INLIER_PX * camera.fx / REFERENCE_FOCAL
    generator = torch.Generator().manual_seed(seed)
    chance = ((likeness - likeness.amin() + 0.05).square() * matches.weight.float()).expand(HYPOTHESES, -1)
    triples = torch.multinomial(chance, 3, generator=generator)
    uv = matches.uv
    ray = torch.stack([(uv[:, 0] - camera.cx) / camera.fx, (uv[:, 1] - camera.cy) / camera.fy], -1)
    bearing = torch.nn.functional.normalize(torch.cat([ray, torch.ones(len(ray), 1).double()], -1), dim=-1)
    poses, valid = p3p(bearing[triples], matches.points[triples])
    poses = poses[valid]
    if len(poses) == 0:
        return None
    chosen = best_poses(poses, matches, gate, FINALISTS)
    better, _ = refine_poses(chosen, matches, gate_px=gate, scale_px=CAUCHY_PX[0], steps=4)
    return best_poses(better, matches, gate, 1)[0]
