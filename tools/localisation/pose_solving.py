"""Camera poses from matches of keypoints and map points: hypotheses, robust refinement, and a score.

Three matches give a pose hypothesis (P3P); the best hypotheses are refined on all matches. Given a pose, the map points
around are searched near where they should appear in the image, and the number found there beyond chance scores the
pose. Knows nothing of the map's surface or of frames.
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
from tools.localisation.keypoint_matching import TentativeMatches
from tools.localisation.pose_refinement import Matches, best_poses, match_error, refine_poses, residuals
from tools.localisation.render_alignment import RenderMatchScore

GUIDED_RADIUS_PX = 12.0
"""Search radius around the projection of a map point in the last search, at ``REFERENCE_FOCAL_PX``."""
GATE_PER_RADIUS, CAUCHY_PER_RADIUS = 2 / 3, 0.2
"""Gate and scale of the robust loss after a search, in search radii."""
MAX_HYPOTHESIS_WEIGHT = 4.0
"""Largest weight of a match when hypotheses are drawn: the matches of one poster agree with each other by the hundred,
but are one piece of evidence."""
ORBIT_ANGLES_DEG = (-16.0, -8.0, 8.0, 16.0)
"""Angles by which ``orbit_poses`` turns a pose."""
COARSE_TO_FINE_PER_RADIUS, COARSE_TO_FINE_MIN_PX = ((1.0, 0.25), (0.6, 0.0)), (8.0, 2.5)
"""(gate, scale) of the robust loss in the two rounds of ``refine_coarse_to_fine``, in search radii, and the least
values of both in pixels."""
MIN_CAMERA_DISTANCE_M = 0.15
"""Poses whose cameras are nearer to each other than this count as one."""
INLIER_PX = 8.0
"""Largest error of an inlier, at ``REFERENCE_FOCAL_PX``; scales with the focal length."""
CAUCHY_PX = (2.4, 1.2)
"""Scale of the robust loss in the first and in the last round."""
EFFECTIVE_MATCHES_PER_CELL = 2.0
"""Matches in one cell of the image count together as at most this many independent ones; see
``independence_weights``."""
REFERENCE_FOCAL_PX = 525.0
"""Focal length at which the pixel thresholds of localisation are given (640 x 480 images of a Kinect)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFit:
    """A pose and the matches that support it."""

    camera_from_world: Tensor
    points: Tensor
    """(M, 3) float64, world positions of the inliers."""
    uv: Tensor
    """(M, 2) float64, the same in the image."""
    hessian: Tensor
    """(6, 6) float64, squared pixels over (rotation, translation), matches weighted by ``independence_weights``."""
    rms_px: float
    support: float
    """Keypoints that the pose explains beyond chance; see ``support_beyond_chance``."""
    render_score: RenderMatchScore | None = None
    """Comparison of the image with the map rendered from the pose; None where that was not needed."""


def pose_matches(tentative: TentativeMatches, features: Features, depth_m: Tensor, camera: Camera) -> Matches:
    """Tentative matches with their places in the image; ``depth_m`` (N,) measured at the keypoints, 0 = none."""
    return Matches(
        uv=features.uv[tentative.keypoint].double(),
        points=tentative.points,
        depth_m=depth_m[tentative.keypoint],
        weight=tentative.weight,
        intrinsics=torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64),
    )


def refine_once(camera_from_world: Tensor, matches: Matches, radius_px: float, kernels: KernelSet = EAGER) -> Tensor:
    """A pose (4, 4) refined once on matches that were searched within ``radius_px``, for a narrower search next."""
    gate_px, scale_px = GATE_PER_RADIUS * radius_px, CAUCHY_PER_RADIUS * radius_px
    pose, _ = refine_poses(
        camera_from_world[None], matches, gate_px=gate_px, scale_px=scale_px, steps=5, kernels=kernels
    )
    return pose[0]


def refine_coarse_to_fine(
    camera_from_world: Tensor, matches: Matches, radius_px: float, camera: Camera, kernels: KernelSet = EAGER
) -> Tensor:
    """A pose (4, 4) refined in two rounds on matches that were searched within ``radius_px``.

    The first round takes matches up to the whole radius away, the second only nearer ones, with a tighter loss.
    """
    pose, scale = camera_from_world[None], camera.fx / REFERENCE_FOCAL_PX
    min_gate, min_scale = (px * scale for px in COARSE_TO_FINE_MIN_PX)
    for gate, cauchy in COARSE_TO_FINE_PER_RADIUS:
        pose, _ = refine_poses(
            pose,
            matches,
            gate_px=max(gate * radius_px, min_gate),
            scale_px=max(cauchy * radius_px, min_scale),
            steps=5,
            kernels=kernels,
        )
    return pose[0]


def refine_and_score(
    camera_from_world: Tensor,
    matches: Matches,
    camera: Camera,
    kernels: KernelSet = EAGER,
    patches: Matches | None = None,
) -> PoseFit:
    """A pose refined on matches that were found near it, with its inliers, Hessian and support.

    ``patches``: further matches (of ``RenderAlignment``) to refine on; they do not count as support.
    """
    scale = camera.fx / REFERENCE_FOCAL_PX
    pose = camera_from_world[None]
    used = matches if patches is None else matches.joined_with(patches)
    for cauchy in CAUCHY_PX:
        pose, _ = refine_poses(pose, used, gate_px=INLIER_PX * scale, scale_px=cauchy * scale, steps=4, kernels=kernels)
    error = residuals(pose, used)[0][0, :, :2].norm(dim=-1)
    independent = replace(used, weight=used.weight * independence_weights(used.uv, used.weight, camera.width))
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
        support=support_beyond_chance(match_error(pose, matches)[0] / scale, matches.weight),
    )


def orbit_poses(camera_from_world: Tensor, points: Tensor) -> Tensor:
    """(B, 4, 4): the camera moved to either side on a circle about the median of (M, 3) points, still looking at them.

    Points on one wall look almost the same from all of these poses, and a local search from the wrong one does not
    reach the right one.
    """
    middle = transform(camera_from_world, points).median(0).values
    poses = []
    for degrees in ORBIT_ANGLES_DEG:
        turn = rigid_exp(torch.tensor([0.0, math.radians(degrees), 0.0, 0.0, 0.0, 0.0], dtype=torch.float64))
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        poses.append(turn @ camera_from_world)
    return torch.stack(poses)


def _weighted_rms(error: Tensor, weight: Tensor) -> float:
    return float(((error.square() * weight).sum() / weight.sum()).sqrt()) if len(error) else math.inf


def support_beyond_chance(error_px: Tensor, weight: Tensor) -> float:
    """How many keypoints a pose explains beyond chance, from their errors at ``REFERENCE_FOCAL_PX``.

    Chance matches lie evenly over the search disc. Those in its outer ring (8 to 12 px) give their density; the
    expected number within 4 px, whose area is a fifth of the ring's, is subtracted from the number found there.
    ``weight`` (M,): the matches of one keypoint share a weight of one, however many keyframes show it.
    """
    inside = float(weight[error_px < GUIDED_RADIUS_PX / 3].sum())
    ring = float(weight[(error_px > 2 * GUIDED_RADIUS_PX / 3) & (error_px < GUIDED_RADIUS_PX)].sum())
    return inside - ring / 5


def independence_weights(uv: Tensor, weight: Tensor, width: int) -> Tensor:
    """(M,) factors 0..1 that account for correlated errors: neighbours in the image share those of map and lens.

    The image is divided into cells of an eighth of its ``width``. All matches of one cell together count as at most
    ``EFFECTIVE_MATCHES_PER_CELL`` independent ones.
    """
    cell = (uv / (width / 8)).long().clamp(0, 31)
    cell_index = cell[:, 1] * 32 + cell[:, 0]
    cell_weight = torch.zeros(1024, dtype=torch.float64).index_add_(0, cell_index, weight)[cell_index]
    return 1 / (1 + cell_weight / EFFECTIVE_MATCHES_PER_CELL)


def _sample_triples(weight: Tensor, sizes: Sequence[int], count: int, generator: torch.Generator) -> Tensor:
    """(count, 3) indices of matches, drawn with probability proportional to their (M,) weight.

    Consecutive matches form groups of ``sizes`` members; the three of a triple come from one group. A triple may hold
    a match twice; it gives no pose then.
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
    """Refined poses (B, 4, 4) ``camera_from_world`` of least robust cost, the best first; B = 0 where there is none.

    Several poses where they differ by more than ``MIN_CAMERA_DISTANCE_M``: matches on one wall often allow two poses,
    and only what lies beside the wall decides between them.

    Triples are drawn in four equal parts. Two of them draw by the matches' weight, and two spread the draws over the
    image, because right matches cluster but a triple within one poster does not determine a pose well. Of either two,
    one takes all three matches from one keyframe: where hardly one match in ten is right, the right ones come from the
    few keyframes that show the same place.

    Args:
        seed: of the draws. hypotheses: number of triples. finalists: hypotheses that are refined.
        rivals: most poses returned. sizes: number of consecutive matches of each keyframe; () if unknown.
    """
    gate = INLIER_PX * camera.fx / REFERENCE_FOCAL_PX
    limited = replace(matches, weight=matches.weight.clamp_max(MAX_HYPOTHESIS_WEIGHT))
    poses = _hypotheses(limited, camera, hypotheses, sizes or [len(matches)], torch.Generator().manual_seed(seed))
    if len(poses) == 0:
        return poses
    pose = _distinct_poses(best_poses(poses, limited, gate, len(poses), kernels), finalists)
    for wider, steps in ((3.0, 3), (1.0, 3)):
        pose, _ = refine_poses(
            pose, limited, gate_px=wider * gate, scale_px=wider * CAUCHY_PX[0], steps=steps, kernels=kernels
        )
    return _distinct_poses(best_poses(pose, limited, gate, finalists, kernels), rivals)


def _hypotheses(
    matches: Matches, camera: Camera, count: int, sizes: Sequence[int], generator: torch.Generator
) -> Tensor:
    """(B, 4, 4) all P3P solutions of ``count`` triples of matches, drawn as ``solve_poses`` says."""
    spread = matches.weight * independence_weights(matches.uv, matches.weight, camera.width)
    groups = ([len(matches)], sizes)
    triples = torch.cat(
        [_sample_triples(w, g, count // 4, generator) for w in (matches.weight, spread) for g in groups]
    )
    uv = matches.uv
    ray = torch.stack([(uv[:, 0] - camera.cx) / camera.fx, (uv[:, 1] - camera.cy) / camera.fy], -1)
    bearing = torch.nn.functional.normalize(torch.cat([ray, torch.ones(len(ray), 1).double()], -1), dim=-1)
    poses, valid = p3p(bearing[triples], matches.points[triples])
    return poses[valid]


def _distinct_poses(poses: Tensor, count: int) -> Tensor:
    """The first ``count`` of (B, 4, 4) poses whose cameras are ``MIN_CAMERA_DISTANCE_M`` from all those kept before."""
    places = -(poses[:, :3, :3].mT @ poses[:, :3, 3:])[..., 0]
    near = (torch.cdist(places, places) < MIN_CAMERA_DISTANCE_M).tolist()
    kept: list[int] = []
    for i in range(len(poses)):
        if len(kept) < count and not any(near[i][k] for k in kept):
            kept.append(i)
    return poses[kept]
