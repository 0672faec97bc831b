"""From alike features to a camera pose: hypotheses from matches, then matches from hypotheses.

A few matches make pose hypotheses; each hypothesis says where every map point around should appear, and how many are
found there, beyond chance, judges it. Knows nothing of maps' surfaces or of frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.core.pose import p3p, refine_pose, reprojection_error
from tools.localisation_features import Features, mutual_pairs
from tools.localisation_index import KeyframeIndex

GUIDED_VIEWS = 10
"""Keyframes whose points are looked for once there is a hypothesis."""
GUIDED_PX = 12.0
"""How far from its projection a point is looked for, at ``REFERENCE_FOCAL``."""
GUIDED_LIKENESS = 0.8
"""Least dot product of two RootSIFT descriptors of one place (of unrelated ones it is 0.4 to 0.7)."""
HYPOTHESES = 768
INLIER_PX = 8.0
"""Reprojection error of a match that supports a pose, at ``REFERENCE_FOCAL``; scales with the focal length."""
REFERENCE_FOCAL = 525.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFit:
    """A pose and the matches that support it."""

    camera_from_world: Tensor
    points: Tensor
    """(M, 3) float64, the inliers' places in the world."""
    hessian: Tensor
    """(6, 6) float64 of squared pixels."""
    rms_px: float
    support: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The keyframes that look like an image, and how like their points are to the image's keypoints."""

    features: Features
    points: Tensor
    """(K, 3) float64, world."""
    likeness: Tensor
    """(K, N) float32."""
    sizes: tuple[int, ...]
    """Points per keyframe, most similar keyframe first."""

    @classmethod
    def around(cls, features: Features, index: KeyframeIndex) -> Surroundings:
        near = [index.keyframes[i] for i in index.nearest_views(features, GUIDED_VIEWS)]
        descriptors = torch.cat([k.features.descriptors for k in near])
        return cls(
            features=features,
            points=torch.cat([k.points for k in near]).double(),
            likeness=descriptors @ features.descriptors.T,
            sizes=tuple(len(k.features) for k in near),
        )

    def mutual_pairs(self, views: int) -> Tensor:
        """(M, 2) int64: keypoint and point of matches with each of the first keyframes."""
        pairs, start = [torch.zeros(0, 2, dtype=torch.int64)], 0
        for size in self.sizes[:views]:
            found = mutual_pairs(self.likeness[start : start + size].T)
            pairs.append(found + torch.tensor([0, start]))
            start += size
        return torch.cat(pairs)

    def guided(self, camera_from_world: Tensor, camera: Camera) -> PoseFit:
        """A pose refined on all points, each matched with the most alike keypoint near where the pose puts it."""
        scale = camera.fx / REFERENCE_FOCAL
        intrinsics = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64)
        uv, visible = project(camera, transform(camera_from_world, self.points))
        apart = torch.cdist(uv.float(), self.features.uv)
        best, keypoint = torch.where(apart < GUIDED_PX * scale, self.likeness, -1.0).max(1)
        keep = visible & (best > GUIDED_LIKENESS)
        points, target = self.points[keep], self.features.uv[keypoint[keep]].double()
        pose, hessian, error = refined(camera_from_world, target, points, intrinsics, INLIER_PX * scale)
        inlier = error < INLIER_PX * scale
        rms = float(error[inlier].square().mean().sqrt()) if bool(inlier.any()) else math.inf
        return PoseFit(
            camera_from_world=pose,
            points=points[inlier],
            hessian=hessian,
            rms_px=rms,
            support=support_of(error / scale),
        )


def support_of(error_px: Tensor) -> float:
    """How many matches a pose explains beyond chance, from their errors at ``REFERENCE_FOCAL``.

    Chance puts matches evenly over the search disc. Those in its outer ring (8 to 12 px) tell the density; it is taken
    from what lies within 4 px, whose area is a fifth of the ring's.
    """
    inside = float((error_px < GUIDED_PX / 3).sum())
    ring = float(((error_px > 2 * GUIDED_PX / 3) & (error_px < GUIDED_PX)).sum())
    return inside - ring / 5


def solve_pose(
    uv: Tensor, points: Tensor, likeness: Tensor, camera: Camera, *, seed: int, best: int = 4
) -> list[Tensor]:
    """The poses (4, 4) ``camera_from_world`` that most matches support, refined, best first; maybe none.

    Args:
        uv (M, 2), points (M, 3), likeness (M,): float64. Triples are drawn in favour of likeness.
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
        return []
    error = reprojection_error(poses, points, uv, intrinsics)
    # MSAC: an inlier costs its squared error, an outlier the threshold's.
    cost = error.clamp_max(threshold).square().sum(-1)
    chosen = poses[cost.topk(min(best, len(cost)), largest=False).indices]
    return [refined(pose, uv, points, intrinsics, threshold)[0] for pose in chosen]


def refined(
    pose: Tensor, uv: Tensor, points: Tensor, intrinsics: Tensor, threshold_px: float
) -> tuple[Tensor, Tensor, Tensor]:
    """A pose refined on its own inliers, three times over: pose, Hessian (6, 6), and errors (M,) in pixels."""
    hessian = torch.eye(6, dtype=torch.float64)
    for scale in (0.3, 0.15, 0.15):
        inlier = reprojection_error(pose[None], points, uv, intrinsics)[0] < threshold_px
        pose, hessian = refine_pose(pose, points, uv, intrinsics, inlier.double(), scale * threshold_px)
    return pose, hessian, reprojection_error(pose[None], points, uv, intrinsics)[0]
