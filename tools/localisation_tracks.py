"""Map points made exact by the other keyframes that see them: depth along each point's ray, from matches and sensor.

A depth sensor is off by a per cent or two, differently near and far, and so are the poses of a recording against it.
Seen from a metre to the side, that moves a point by several pixels. Matches between keyframes know better: their
parallax gives the depth that fits the poses. The sensor's depth, corrected by what the matches say of it on the whole,
stays as a prior for points that few keyframes see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import inverse, transform
from tools.localisation_features import mutual_pairs

NEIGHBOURS = 8
"""Keyframes that each keyframe is matched with: those that share most of its points' views."""
GATE_PX = 20.0
"""A match whose projected point is farther away than this is none."""
NOISE_PX = 1.0
"""Standard deviation of a keypoint."""
LOOSE, TIGHT = 0.06, 0.01
"""Relative sigma of sensor depth: before its correction is known, and after."""
MIN_PARALLAX = 4.0
"""How many times better than the loose prior the matches must fix a depth for it to count in the correction."""
MIN_CORRECTION = 200
"""Depths that a correction needs; with fewer there is none."""
MAX_CORRECTION = 0.15
"""A factor farther from one is not a calibration error but a wrong recording; it is not applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SightedView:
    """What triangulation needs of one keyframe."""

    world_from_camera: Tensor
    """(4, 4) float64."""
    intrinsics: Tensor
    """(4,) float64 fx, fy, cx, cy."""
    uv: Tensor
    """(N, 2) float32."""
    descriptors: Tensor
    depth_m: Tensor
    """(N,) float64, measured z-depth."""

    @property
    def ray(self) -> Tensor:
        """(N, 3) float64 points at depth 1 in the camera."""
        fx, fy, cx, cy = self.intrinsics
        uv = self.uv.double()
        return torch.stack([(uv[:, 0] - cx) / fx, (uv[:, 1] - cy) / fy, torch.ones(len(uv)).double()], -1)

    def points(self, depth_m: Tensor) -> Tensor:
        """(N, 3) world points of depths along the rays."""
        return transform(self.world_from_camera, self.ray * depth_m[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCorrection:
    """``true = measured * (scale + slope * measured)``."""

    scale: float = 1.0
    slope: float = 0.0
    """Per metre."""
    count: int = 0
    """Triangulated depths that it was fitted to."""

    def __call__(self, depth_m: Tensor) -> Tensor:
        """Corrected depths; 0 stays 0."""
        return depth_m * (self.scale + self.slope * depth_m)


def triangulated(views: Sequence[SightedView], *, first: int = 0) -> tuple[list[Tensor], DepthCorrection]:
    """Depth (N,) float64 of every point of the views from ``first`` on, and the correction of their sensor's depth.

    The views before ``first`` only help: they are matched with the later ones, not with each other.
    """
    sights = _sights(views, first)[first:]
    new = views[first:]
    measured = [view.depth_m for view in new]
    loose = [_depths(view, own, seen, LOOSE) for view, own, seen in zip(new, measured, sights, strict=True)]
    correction = fitted_correction(
        torch.cat(measured), torch.cat([depth for depth, _ in loose]), torch.cat([gain for _, gain in loose])
    )
    prior = [correction(depth) for depth in measured]
    tight = [_depths(view, own, seen, TIGHT)[0] for view, own, seen in zip(new, prior, sights, strict=True)]
    return tight, correction


def fitted_correction(measured: Tensor, found: Tensor, gain: Tensor) -> DepthCorrection:
    """The robust line of ``found / measured`` over ``measured``, where ``gain`` says that the parallax suffices."""
    good = gain > MIN_PARALLAX
    count = int(good.sum())
    if count < MIN_CORRECTION:
        return DepthCorrection(count=count)
    z, ratio = measured[good], found[good] / measured[good]
    design = torch.stack([torch.ones_like(z), z], -1)
    # Without spread in depth the slope is not known: it is held at zero with the weight of a 1% error at 1 m.
    hold = torch.diag(torch.tensor([0.0, 1.0], dtype=torch.float64))
    line = torch.stack([ratio.median(), torch.zeros((), dtype=torch.float64)])
    for _ in range(10):
        weight = 1 / (1 + ((ratio - design @ line) / 0.01).square())
        line = torch.linalg.solve(design.T @ (weight[:, None] * design) + hold, design.T @ (weight * ratio))
    factor = design @ line
    if bool(((factor - 1).abs() > MAX_CORRECTION).any()):
        return DepthCorrection(count=count)
    return DepthCorrection(scale=float(line[0]), slope=float(line[1]), count=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """One other view of some points of a view."""

    point: Tensor
    """(M,) int64 indices."""
    camera_from_own: Tensor
    """(4, 4) float64: from the view's camera to the other's."""
    intrinsics: Tensor
    uv: Tensor
    """(M, 2) float64 in the other image."""


def _sights(views: Sequence[SightedView], first: int) -> list[list[_Sight]]:
    """For every view, where other views see its points; pairs of views before ``first`` are left out."""
    seen: list[list[_Sight]] = [[] for _ in views]
    for a, b in sorted(pair for pair in _pairs(views) if pair[1] >= first):
        pairs = mutual_pairs(views[a].descriptors @ views[b].descriptors.T)
        for own, other, column in ((a, b, 0), (b, a, 1)):
            here, there = pairs[:, column], pairs[:, 1 - column]
            view, far = views[own], views[other]
            motion = inverse(far.world_from_camera) @ view.world_from_camera
            uv = far.uv[there].double()
            error, _ = _residual(view.ray[here], view.depth_m[here], motion, far.intrinsics, uv)
            near = error.norm(dim=-1) < GATE_PX * float(far.intrinsics[0]) / 525.0
            if bool(near.any()):
                seen[own].append(
                    _Sight(point=here[near], camera_from_own=motion, intrinsics=far.intrinsics, uv=uv[near])
                )
    return seen


def _pairs(views: Sequence[SightedView]) -> set[tuple[int, int]]:
    """Pairs (a < b) of views that see much of each other's points."""
    found: set[tuple[int, int]] = set()
    samples = [view.points(view.depth_m)[:: max(1, len(view.uv) // 64)] for view in views]
    for a, view in enumerate(views):
        shared = torch.zeros(len(views))
        for b, points in enumerate(samples):
            p = transform(inverse(view.world_from_camera), points)
            fx, fy, cx, cy = view.intrinsics
            u, v = p[:, 0] / p[:, 2].clamp_min(0.1) * fx, p[:, 1] / p[:, 2].clamp_min(0.1) * fy
            shared[b] = ((p[:, 2] > 0.1) & (u.abs() < cx) & (v.abs() < cy)).float().mean()
        shared[a] = 0
        # The most alike views show the least parallax: every n-th of all that share enough.
        usable = (shared > 0.2).nonzero()[:, 0]
        chosen = usable[:: max(1, len(usable) // NEIGHBOURS)].tolist()
        found |= {(min(a, b), max(a, b)) for b in chosen}
    return found


def _residual(ray: Tensor, depth_m: Tensor, motion: Tensor, intrinsics: Tensor, uv: Tensor) -> tuple[Tensor, Tensor]:
    """Reprojection error (M, 2) of points on rays in another view, and its derivative by depth (M, 2)."""
    turned = ray @ motion[:3, :3].T
    p = turned * depth_m[:, None] + motion[:3, 3]
    z = p[:, 2].clamp_min(0.05)
    focal, centre = intrinsics[:2], intrinsics[2:]
    error = p[:, :2] / z[:, None] * focal + centre - uv
    slope = (turned[:, :2] - p[:, :2] / z[:, None] * turned[:, 2:]) / z[:, None] * focal
    return torch.where((p[:, 2] > 0.05)[:, None], error, 1e3), slope


def _depths(view: SightedView, prior_m: Tensor, seen: Sequence[_Sight], sigma: float) -> tuple[Tensor, Tensor]:
    """Gauss-Newton on each point's own depth under Cauchy's loss: depths (N,), and information over the prior's."""
    depth = prior_m.clone()
    hold = (NOISE_PX / (sigma * prior_m.clamp_min(0.05))).square()
    gain = torch.zeros_like(depth)
    ray = view.ray
    for _ in range(8):
        information, gradient = hold.clone(), hold * (depth - prior_m)
        for sight in seen:
            error, slope = _residual(
                ray[sight.point], depth[sight.point], sight.camera_from_own, sight.intrinsics, sight.uv
            )
            weight = 1 / (1 + error.square().sum(-1) / (2 * NOISE_PX) ** 2)
            information.index_add_(0, sight.point, weight * slope.square().sum(-1))
            gradient.index_add_(0, sight.point, weight * (slope * error).sum(-1))
        gain = information / hold - 1
        # Far from the solution a step may overshoot: at most 5% at once, and 20% in all.
        step = (gradient / information).clamp(-0.05 * prior_m, 0.05 * prior_m)
        depth = (depth - step).clamp(0.8 * prior_m, 1.2 * prior_m)
    return depth, gain
