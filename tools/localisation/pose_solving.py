"""From alike features to a camera pose: hypotheses from matches, then matches from the best of them.

A few matches make pose hypotheses; the best one says where every map point around should appear, and how many
keypoints are found there, beyond chance, judges it. Knows nothing of maps' surfaces or of frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scenes.geometry import transform
from scenes.types import Camera
from tools.core.p3p import p3p
from tools.core.registration import rigid_exp
from tools.kernels.compiled import EAGER, KernelSet
from tools.localisation.features import Features
from tools.localisation.keypoint_matching import Pairs
from tools.localisation.pose_refinement import Matches, best_poses, match_error, refine_poses, residuals
from tools.localisation.render_alignment import Sighting

GUIDED_PX = 12.0
"""How far from its projection a point is looked for, at ``REFERENCE_FOCAL``."""
GATE_SHARE, CAUCHY_SHARE = 2 / 3, 0.2
"""Gate and scale of the robust loss, in search radii."""
MAX_SAY = 4.0
"""Matches that many others agree with count no more than this in a hypothesis: a poster is one piece of evidence."""
ORBIT_DEG = (-16.0, -8.0, 8.0, 16.0)
"""Turns about what is seen from which a pose that is not well fixed is searched for again."""
LEAD_GATES, LEAD_LEAST_PX = ((1.0, 0.25), (0.6, 0.0)), (8.0, 2.5)
"""Gate and scale of the robust loss in two rounds after a wide search, in search radii, and their least values."""
APART_M = 0.15
"""How far apart the cameras of rival poses are."""
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
    sight: Sighting | None = None
    """How much of what should be seen from there is; None where it was not looked at."""


def matches_of(pairs: Pairs, features: Features, depth_m: Tensor, camera: Camera) -> Matches:
    """Pairs with where the image shows them; ``depth_m`` (N,) measured at its keypoints, 0 = none."""
    return Matches(
        uv=features.uv[pairs.keypoint].double(),
        points=pairs.points,
        depth_m=depth_m[pairs.keypoint],
        weight=pairs.weight,
        intrinsics=torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64),
    )


def nearer(camera_from_world: Tensor, matches: Matches, radius_px: float, kernels: KernelSet = EAGER) -> Tensor:
    """A pose (4, 4) refined on matches that were found within ``radius_px`` of it: the next search is narrower."""
    gate_px, scale_px = GATE_SHARE * radius_px, CAUCHY_SHARE * radius_px
    pose, _ = refine_poses(
        camera_from_world[None], matches, gate_px=gate_px, scale_px=scale_px, steps=5, kernels=kernels
    )
    return pose[0]


def led(
    camera_from_world: Tensor, matches: Matches, radius_px: float, camera: Camera, kernels: KernelSet = EAGER
) -> Tensor:
    """A pose (4, 4) refined on matches that were looked for within ``radius_px``, first those far off, too."""
    pose, scale = camera_from_world[None], camera.fx / REFERENCE_FOCAL
    least_gate, least_scale = (px * scale for px in LEAD_LEAST_PX)
    for gate, cauchy in LEAD_GATES:
        pose, _ = refine_poses(
            pose,
            matches,
            gate_px=max(gate * radius_px, least_gate),
            scale_px=max(cauchy * radius_px, least_scale),
            steps=5,
            kernels=kernels,
        )
    return pose[0]


def fitted(
    camera_from_world: Tensor,
    matches: Matches,
    camera: Camera,
    kernels: KernelSet = EAGER,
    patches: Matches | None = None,
) -> PoseFit:
    """A pose refined on matches that were found near it, and on ``patches``, which do not count as its support."""
    scale = camera.fx / REFERENCE_FOCAL
    pose = camera_from_world[None]
    used = matches if patches is None else matches.with_more(patches)
    for cauchy in CAUCHY_PX:
        pose, _ = refine_poses(pose, used, gate_px=INLIER_PX * scale, scale_px=cauchy * scale, steps=4, kernels=kernels)
    error = residuals(pose, used)[0][0, :, :2].norm(dim=-1)
    independent = replace(used, weight=used.weight * independence(used.uv, used.weight, camera.width))
    _, hessian = refine_poses(
        pose, independent, gate_px=INLIER_PX * scale, scale_px=CAUCHY_PX[-1] * scale, steps=1, kernels=kernels
    )
    inlier = error < INLIER_PX * scale
    return PoseFit(
        camera_from_world=pose[0],
        points=used.points[inlier],
        uv=used.uv[inlier],
        hessian=hessian[0],
        rms_px=_weighted_rms(error[inlier], used.weight[inlier]),
        support=support_of(match_error(pose, matches)[0] / scale, matches.weight),
    )


def orbited(camera_from_world: Tensor, points: Tensor) -> Tensor:
    """(B, 4, 4) the pose turned to either side about the middle of (M, 3) points that it sees.

    Points on one wall look almost the same from there: what a search from the wrong one of such poses does not find.
    """
    middle = transform(camera_from_world, points).median(0).values
    poses = []
    for degrees in ORBIT_DEG:
        turn = rigid_exp(torch.tensor([0.0, math.radians(degrees), 0.0, 0.0, 0.0, 0.0], dtype=torch.float64))
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        poses.append(turn @ camera_from_world)
    return torch.stack(poses)


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


def _drawn(weight: Tensor, sizes: Sequence[int], count: int, generator: torch.Generator) -> Tensor:
    """(count, 3) indices, drawn by their (M,) weight, three of one of the groups of ``sizes`` members.

    A triple that has one of them twice gives no pose.
    """
    total = weight.cumsum(0)
    ends = torch.tensor(sizes).cumsum(0)
    shares = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    first = torch.searchsorted(total, shares[:, :1] * total[-1], right=True).clamp_max(len(weight) - 1)
    group = torch.searchsorted(ends, first, right=True)
    high = total[ends[group] - 1]
    low = torch.where(group > 0, total[(ends[group - 1] - 1).clamp_min(0)], 0.0)
    others = torch.searchsorted(total, low + shares[:, 1:] * (high - low), right=True)
    return torch.cat([first, others.clamp_max(len(weight) - 1)], 1)


def solve_poses(
    matches: Matches,
    camera: Camera,
    *,
    seed: int,
    hypotheses: int,
    finalists: int,
    rivals: int = 3,
    sizes: Sequence[int] = (),
    kernels: KernelSet = EAGER,
) -> Tensor:
    """Poses (B, 4, 4) ``camera_from_world`` that most matches support, refined, the best first.

    None where no triple gives one; several where they differ: matches on one wall often allow two, and only what lies
    beside the wall tells them apart.

    Triples are drawn in favour of the matches' weight, half of them evenly over the image: right matches crowd, but a
    triple from a single poster fixes no pose. Half are drawn from one keyframe each, whose matches ``sizes`` counts:
    where hardly a match in ten is right, those that are right are of the few keyframes that show the same.
    """
    gate = INLIER_PX * camera.fx / REFERENCE_FOCAL
    generator = torch.Generator().manual_seed(seed)
    even = replace(matches, weight=matches.weight.clamp_max(MAX_SAY))
    spread = even.weight * independence(matches.uv, even.weight, camera.width)
    groups = ([len(matches)], sizes or [len(matches)])
    triples = torch.cat([_drawn(w, g, hypotheses // 4, generator) for w in (even.weight, spread) for g in groups])
    uv = matches.uv
    ray = torch.stack([(uv[:, 0] - camera.cx) / camera.fx, (uv[:, 1] - camera.cy) / camera.fy], -1)
    bearing = torch.nn.functional.normalize(torch.cat([ray, torch.ones(len(ray), 1).double()], -1), dim=-1)
    poses, valid = p3p(bearing[triples], matches.points[triples])
    poses = poses[valid]
    if len(poses) == 0:
        return poses
    pose = _distinct(best_poses(poses, even, gate, len(poses), kernels), finalists)
    for wider, steps in ((3.0, 3), (1.0, 3)):
        pose, _ = refine_poses(
            pose, even, gate_px=wider * gate, scale_px=wider * CAUCHY_PX[0], steps=steps, kernels=kernels
        )
    return _distinct(best_poses(pose, even, gate, finalists, kernels), rivals)


def _distinct(poses: Tensor, count: int) -> Tensor:
    """The first ``count`` of (B, 4, 4) poses whose cameras stand apart from those before."""
    places = -(poses[:, :3, :3].mT @ poses[:, :3, 3:])[..., 0]
    near = (torch.cdist(places, places) < APART_M).tolist()
    kept: list[int] = []
    for i in range(len(poses)):
        if len(kept) < count and not any(near[i][k] for k in kept):
            kept.append(i)
    return poses[kept]
