"""Map points made exact by the other keyframes that see them: depth along each point's ray, from matches and sensor.

A depth sensor is off by a per cent or two, differently near and far, left and right, and so are the poses of a
recording against it. Seen from a metre to the side, that moves a point by several pixels. Matches between keyframes
know better: their parallax gives the depth that fits the poses, and their distance from the epipolar lines gives the
distortion that a recording's pinhole model leaves out. The sensor's depth, corrected by what the matches say of it on
the whole, stays as a prior for points that few keyframes see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scenes.geometry import inverse, transform
from scenes.types import Camera
from tools.localisation.features import mutual_pairs

NEIGHBOURS = 8
"""Keyframes that each keyframe is matched with: those that share most of its points' views."""
LEAST_BASELINE_M = 0.03
"""Views closer than this have no epipolar lines to speak of."""
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
MAX_RADIAL = 0.2
"""A radial distortion beyond this is a wrong fit (a lens that strong is undistorted when a recording is read)."""
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

    radial: float = 0.0
    """See ``bent``."""

    @property
    def flat(self) -> Tensor:
        """(N, 2) float64 keypoints at depth 1, as measured."""
        return (self.uv.double() - self.intrinsics[2:]) / self.intrinsics[:2]

    @property
    def ray(self) -> Tensor:
        """(N, 3) float64 points at depth 1 in the camera."""
        flat = bent(self.flat, self.radial)
        return torch.cat([flat, torch.ones(len(flat), 1).double()], -1)

    def points(self, depth_m: Tensor) -> Tensor:
        """(N, 3) world points of depths along the rays."""
        return transform(self.world_from_camera, self.ray * depth_m[:, None])


def bent(flat: Tensor, radial: float | Tensor) -> Tensor:
    """(N, 2) positions at depth 1 as a lens shows them -> as a pinhole would: ``x (1 + radial |x|^2)`` (Brown 1971)."""
    return flat * (1 + radial * flat.square().sum(-1, keepdim=True))


def undistorted(uv: Tensor, camera: Camera, radial: float) -> Tensor:
    """(N, 2) ``uv_px`` without a camera's radial distortion."""
    centre = torch.tensor([camera.cx, camera.cy], dtype=uv.dtype)
    focal = torch.tensor([camera.fx, camera.fy], dtype=uv.dtype)
    return bent((uv - centre) / focal, radial) * focal + centre


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCorrection:
    """``true = measured * (scale + slope * measured + right * x + down * y)``, for rays (x, y, 1) of the camera.

    A tilt is what a principal point or an extrinsic rotation that is slightly wrong makes of depth.
    """

    scale: float = 1.0
    slope: float = 0.0
    """Per metre."""
    right: float = 0.0
    down: float = 0.0
    radial: float = 0.0
    """Distortion of the colour camera, see ``bent``."""
    count: int = 0
    """Triangulated depths that it was fitted to."""

    def __call__(self, depth_m: Tensor, rays: Tensor) -> Tensor:
        """Corrected depths of (..., 2) rays' x and y; 0 stays 0."""
        return depth_m * (self.scale + self.slope * depth_m + self.right * rays[..., 0] + self.down * rays[..., 1])

    def of_image(self, depth_m: Tensor, camera: Camera) -> Tensor:
        """A depth image (H, W) of a camera that looks the way the colour camera does, corrected."""
        x = (torch.arange(depth_m.shape[1]) + 0.5 - camera.cx) / camera.fx
        y = (torch.arange(depth_m.shape[0]) + 0.5 - camera.cy) / camera.fy
        tilt = self.scale + self.right * x + self.down * y[:, None]
        return depth_m * (self.slope * depth_m + tilt.to(depth_m.dtype))


def triangulated(
    views: Sequence[SightedView], *, first: int = 0, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Tensor], DepthCorrection]:
    """Depth (N,) float64 of every point of the views from ``first`` on, and the correction of their sensor's depth.

    The depths are those of rays bent by the correction's ``radial``. The views before ``first`` only help: they are
    matched with the later ones, not with each other. ``progress`` is told how many pairs of views are matched, of how
    many.
    """
    seen = _sights(views, first, progress)
    radial = fitted_radial(views, seen)
    new = [replace(view, radial=radial) for view in views[first:]]
    sights = [[replace(s, flat=bent(s.flat, radial)) for s in own] for own in seen[first:]]
    measured = [view.depth_m for view in new]
    loose = [_depths(view, own, sight, LOOSE) for view, own, sight in zip(new, measured, sights, strict=True)]
    correction = fitted_correction(
        torch.cat(measured),
        torch.cat([view.ray for view in new]),
        torch.cat([depth for depth, _ in loose]),
        torch.cat([gain for _, gain in loose]),
    )
    correction = replace(correction, radial=radial)
    prior = [correction(view.depth_m, view.ray) for view in new]
    tight = [_depths(view, own, sight, TIGHT)[0] for view, own, sight in zip(new, prior, sights, strict=True)]
    return tight, correction


def fitted_correction(measured: Tensor, rays: Tensor, found: Tensor, gain: Tensor) -> DepthCorrection:
    """The robust plane of ``found / measured`` over ``measured`` and the rays, where ``gain`` says that the parallax
    suffices."""
    good = gain > MIN_PARALLAX
    count = int(good.sum())
    if count < MIN_CORRECTION:
        return DepthCorrection(count=count)
    z, ratio = measured[good], found[good] / measured[good]
    design = torch.stack([torch.ones_like(z), z, rays[good, 0], rays[good, 1]], -1)
    # Without spread in depth or image the slopes are not known: held at zero with the weight of a 1% error at 1.
    hold = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    plane = torch.cat([ratio.median()[None], torch.zeros(3, dtype=torch.float64)])
    for _ in range(10):
        weight = 1 / (1 + ((ratio - design @ plane) / 0.01).square())
        plane = torch.linalg.solve(design.T @ (weight[:, None] * design) + hold, design.T @ (weight * ratio))
    if bool(((design @ plane - 1).abs() > MAX_CORRECTION).any()):
        return DepthCorrection(count=count)
    scale, slope, right, down = plane.tolist()
    return DepthCorrection(scale=scale, slope=slope, right=right, down=down, count=count)


def fitted_radial(views: Sequence[SightedView], sights: Sequence[Sequence[_Sight]]) -> float:
    """The radial distortion with which matches lie best on their epipolar lines; 0 where too few tell."""
    parts = [
        (view.flat[sight.point], sight.flat, sight.camera_from_own, sight.intrinsics)
        for view, own in zip(views, sights, strict=True)
        for sight in own
        if float(sight.camera_from_own[:3, 3].norm()) > LEAST_BASELINE_M
    ]
    if sum(len(part[0]) for part in parts) < MIN_CORRECTION:
        return 0.0
    radial, step = 0.0, 1e-3
    for _ in range(6):
        error = torch.cat([_epipolar_px(*part, radial) for part in parts])
        slope = (torch.cat([_epipolar_px(*part, radial + step) for part in parts]) - error) / step
        weight = 1 / (1 + (error / NOISE_PX).square())
        radial -= float((weight * slope * error).sum() / (weight * slope.square()).sum().clamp_min(1e-9))
    return radial if abs(radial) < MAX_RADIAL else 0.0


def _epipolar_px(own: Tensor, other: Tensor, motion: Tensor, intrinsics: Tensor, radial: float) -> Tensor:
    """(M,) signed distance in pixels of the other view's keypoints from the epipolar lines of the own."""
    x, y, z = motion[:3, 3].tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    one = torch.ones(len(own), 1, dtype=torch.float64)
    line = torch.cat([bent(own, radial), one], -1) @ (cross @ motion[:3, :3]).T
    at = torch.cat([bent(other, radial), one], -1)
    return (at * line).sum(-1) / line[:, :2].norm(dim=-1).clamp_min(1e-9) * intrinsics[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """One other view of some points of a view."""

    point: Tensor
    """(M,) int64 indices."""
    camera_from_own: Tensor
    """(4, 4) float64: from the view's camera to the other's."""
    intrinsics: Tensor
    flat: Tensor
    """(M, 2) float64 in the other image, at depth 1."""


def _sights(
    views: Sequence[SightedView], first: int, progress: Callable[[int, int], None] | None
) -> list[list[_Sight]]:
    """For every view, where other views see its points; pairs of views before ``first`` are left out."""
    seen: list[list[_Sight]] = [[] for _ in views]
    wanted = sorted(pair for pair in _pairs(views) if pair[1] >= first)
    for done, (a, b) in enumerate(wanted, 1):
        pairs = mutual_pairs(views[a].descriptors @ views[b].descriptors.T)
        for own, other, column in ((a, b, 0), (b, a, 1)):
            here, there = pairs[:, column], pairs[:, 1 - column]
            view, far = views[own], views[other]
            motion = inverse(far.world_from_camera) @ view.world_from_camera
            flat = far.flat[there]
            error, _ = _residual(view.ray[here], view.depth_m[here], motion, far.intrinsics, flat)
            near = error.norm(dim=-1) < GATE_PX * float(far.intrinsics[0]) / 525.0
            if bool(near.any()):
                seen[own].append(
                    _Sight(point=here[near], camera_from_own=motion, intrinsics=far.intrinsics, flat=flat[near])
                )
        if progress is not None:
            progress(done, len(wanted))
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


def _residual(ray: Tensor, depth_m: Tensor, motion: Tensor, intrinsics: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Reprojection error (M, 2) of points on rays in another view, and its derivative by depth (M, 2)."""
    turned = ray @ motion[:3, :3].T
    p = turned * depth_m[:, None] + motion[:3, 3]
    z = p[:, 2].clamp_min(0.05)
    focal = intrinsics[:2]
    error = (p[:, :2] / z[:, None] - flat) * focal
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
                ray[sight.point], depth[sight.point], sight.camera_from_own, sight.intrinsics, sight.flat
            )
            weight = 1 / (1 + error.square().sum(-1) / (2 * NOISE_PX) ** 2)
            information.index_add_(0, sight.point, weight * slope.square().sum(-1))
            gradient.index_add_(0, sight.point, weight * (slope * error).sum(-1))
        gain = information / hold - 1
        # Far from the solution a step may overshoot: at most 5% at once, and 20% in all.
        step = (gradient / information).clamp(-0.05 * prior_m, 0.05 * prior_m)
        depth = (depth - step).clamp(0.8 * prior_m, 1.2 * prior_m)
    return depth, gain
