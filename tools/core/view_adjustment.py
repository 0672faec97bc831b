"""Poses of views around one reference view, adjusted to matched keypoints: bundle adjustment of a star.

Every track starts at a keypoint of the reference, so that a point is one inverse depth along a known ray and is
eliminated for next to nothing (Triggs et al. 2000, section 6). Keypoints fix rotations and the shape of the baselines;
their length comes from the given poses, whose errors the prior describes: each view's own, and the reference's, which
all baselines share. One coefficient of radial distortion is estimated with them: left out, it is taken for motion.
Pure, float64, eager: a few milliseconds of small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NOISE_PX = 2.0
"""What a track is trusted to, in pixels: far more than its own scatter (0.1), because errors of tracks are alike
(rolling shutter, distortion) and a thousand of them would outweigh any prior. AbsRel on ``redkitchen`` 250-498: 0.132
at 0.25, 0.099 at 0.5, 0.087 at 1, 0.078 at 2, 0.079 at 4, and 0.092 with the given poses."""
OUTLIER_PX = 0.25
"""Residual at which Cauchy's loss halves a track's weight."""
CENTRE_M, TURN_RAD = 0.03, 0.03
"""Prior of each given pose: poses of depth SLAM are off by this much between frames half a second apart."""
REFERENCE_M, REFERENCE_RAD = 0.03, 0.02
"""The same of the reference's pose."""
DISTORTION = 0.05
"""Prior of the coefficient of radial distortion (of the squared radius at focal length 1), around 0."""
ITERATIONS = 12
NEAREST, FARTHEST = 3.0, 0.05
"""Inverse depths, 1/m, that a point may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """Tracks of P keypoints of a reference view through N other views. All float64, image points at focal length 1."""

    rays: Tensor
    """(P, 2) keypoints of the reference."""
    places: Tensor
    """(N, P, 2) their matches, anything where not seen."""
    seen: Tensor
    """(N, P), 1 or 0."""
    focal_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Poses:
    """What is adjusted."""

    rotation: Tensor
    """(N, 3, 3) view_from_reference."""
    centre: Tensor
    """(N, 3) metres, in the reference's axes."""
    turn: Tensor
    """(N, 3) rotation vectors, how far the rotations have moved from the given ones."""
    inverse_depth: Tensor
    """(P,) 1/m."""
    distortion: Tensor
    """0-d."""


def adjust(star: Star, rotation: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Poses that agree with the tracks as far as the given ones may be wrong (Levenberg-Marquardt).

    Args:
        rotation: (N, 3, 3) float64 view_from_reference as given. centre: (N, 3) float64, in the reference's axes.

    Returns:
        rotation, centre, and (N, P) float64 distances in pixels between the tracks and where the points project.
    """
    count = len(star.rays)
    poses = Poses(
        rotation=rotation,
        centre=centre,
        turn=torch.zeros_like(centre),
        inverse_depth=torch.full((count,), 0.5, dtype=torch.float64),
        distortion=torch.zeros((), dtype=torch.float64),
    )
    for _ in range(4):
        poses = _triangulated(star, poses)
    prior = _prior(centre)
    damping, cost = 1e-3, _cost(star, poses, centre, prior)
    for _ in range(ITERATIONS):
        tried = _stepped(star, poses, centre, prior, damping)
        new = _cost(star, tried, centre, prior)
        if new >= cost:
            damping *= 5
            continue
        small = cost - new < 1e-4 * cost
        poses, cost, damping = tried, new, max(0.3 * damping, 1e-6)
        if small:
            break
    return poses.rotation, poses.centre, _residuals(star, poses)[1].norm(dim=-1) * star.focal_px


def skew(v: Tensor) -> Tensor:
    """(..., 3) -> (..., 3, 3), the matrix of the cross product."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*v.shape[:-1], 3, 3)


def epipolar_px(star: Star, rotation: Tensor, centre: Tensor) -> Tensor:
    """(N, P) float64 distances of the tracks from the epipolar lines of poses, pixels, symmetric (Sampson)."""
    essential = -rotation @ skew(centre)
    one = torch.ones_like(star.rays[:, :1])
    here, there = torch.cat([star.rays, one], -1), torch.nn.functional.pad(star.places, (0, 1), value=1.0)
    lines = torch.einsum("nij,pj->npi", essential, here)
    back = torch.einsum("nij,npi->npj", essential, there)
    slope = lines[..., :2].square().sum(-1) + back[..., :2].square().sum(-1)
    return (there * lines).sum(-1).abs() / slope.clamp_min(1e-20).sqrt() * star.focal_px


def _straight(points: Tensor, distortion: Tensor) -> Tensor:
    return points * (1 + distortion * points.square().sum(-1, keepdim=True))


def _residuals(star: Star, poses: Poses) -> tuple[Tensor, Tensor]:
    """Points in the views (N, P, 3), up to scale, and projection less place (N, P, 2), at focal length 1."""
    rays = torch.nn.functional.pad(_straight(star.rays, poses.distortion), (0, 1), value=1.0)
    apart = rays - poses.inverse_depth[:, None] * poses.centre[:, None]
    points = torch.einsum("nij,npj->npi", poses.rotation, apart)
    depth = points[..., 2:].clamp_min(0.05)
    points = torch.cat([points[..., :2], depth], -1)
    return points, points[..., :2] / depth - _straight(star.places, poses.distortion)


def _weights(star: Star, residual: Tensor) -> Tensor:
    """(N, P) inverse variance times Cauchy's weight."""
    ratio = residual.square().sum(-1) * (star.focal_px / OUTLIER_PX) ** 2
    return star.seen / (1 + ratio) * (star.focal_px / NOISE_PX) ** 2


def _jacobians(star: Star, poses: Poses, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the residuals: to a view's turn and centre (N, P, 2, 6), to the inverse depth (N, P, 2), to the distortion
    (N, P, 2)."""
    image = points[..., :2] / points[..., 2:]
    along = torch.cat([torch.eye(2, dtype=torch.float64).expand(*image.shape, 2), -image[..., None]], -1)
    along = along / points[..., 2:, None]
    moved = -poses.inverse_depth[:, None, None] * (along @ poses.rotation[:, None])
    depth = -(along @ (poses.rotation @ poses.centre[..., None])[:, None])[..., 0]
    bent = torch.nn.functional.pad(star.rays * star.rays.square().sum(-1, keepdim=True), (0, 1))
    bent = torch.einsum("npai,nij,pj->npa", along, poses.rotation, bent)
    bent = bent - star.places * star.places.square().sum(-1, keepdim=True)
    return torch.cat([-along @ skew(points), moved], -1), depth, bent


def _triangulated(star: Star, poses: Poses) -> Poses:
    """One Gauss-Newton step of the inverse depths alone."""
    points, residual = _residuals(star, poses)
    weight = _weights(star, residual / 4)  # Depths are not known yet: a wide loss.
    slope = _jacobians(star, poses, points)[1]
    curvature = (weight * slope.square().sum(-1)).sum(0) + 1.0
    step = (weight * (slope * residual).sum(-1)).sum(0) / curvature
    return _moved(poses, torch.zeros(6 * len(poses.centre) + 1, dtype=torch.float64), -step)


def _moved(poses: Poses, step: Tensor, depth_step: Tensor) -> Poses:
    views = step[:-1].reshape(-1, 6)
    return Poses(
        rotation=torch.linalg.matrix_exp(skew(views[:, :3])) @ poses.rotation,
        centre=poses.centre + views[:, 3:],
        turn=poses.turn + views[:, :3],
        inverse_depth=(poses.inverse_depth + depth_step).clamp(FARTHEST, NEAREST),
        distortion=poses.distortion + step[-1],
    )


def _prior(centre: Tensor) -> Tensor:
    """(6N + 1, 6N + 1) inverse covariance of turns and centres of the views, and of the distortion.

    What is wrong with the reference's pose moves and turns all views alike.
    """
    n = len(centre)
    each = torch.tensor([TURN_RAD] * 3 + [CENTRE_M] * 3, dtype=torch.float64).square()
    shared = torch.zeros(n, 6, 6, dtype=torch.float64)
    shared[:, :3, :3] = torch.eye(3) * REFERENCE_RAD
    shared[:, 3:, :3] = skew(centre) * REFERENCE_RAD
    shared[:, 3:, 3:] = torch.eye(3) * REFERENCE_M
    shared = shared.reshape(6 * n, 6)
    covariance = torch.diag(each.repeat(n)) + shared @ shared.T
    return torch.block_diag(torch.linalg.inv(covariance), torch.tensor([[DISTORTION**-2]], dtype=torch.float64))


def _deviation(poses: Poses, centre: Tensor) -> Tensor:
    """(6N + 1,) from what was given."""
    views = torch.cat([poses.turn, poses.centre - centre], -1).reshape(-1)
    return torch.cat([views, poses.distortion[None]])


def _cost(star: Star, poses: Poses, centre: Tensor, prior: Tensor) -> float:
    squared = _residuals(star, poses)[1].square().sum(-1) * (star.focal_px / OUTLIER_PX) ** 2
    off = _deviation(poses, centre)
    return float((star.seen * squared.log1p()).sum() * (OUTLIER_PX / NOISE_PX) ** 2 + off @ prior @ off)


def _stepped(star: Star, poses: Poses, centre: Tensor, prior: Tensor, damping: float) -> Poses:
    """One damped Gauss-Newton step, the depths eliminated (Schur complement)."""
    n, count = star.seen.shape
    points, residual = _residuals(star, poses)
    weight = _weights(star, residual)[..., None]
    view, depth, bent = _jacobians(star, poses, points)
    heavy = weight[..., None] * view
    hessian = prior.clone()
    gradient = prior @ _deviation(poses, centre)
    blocks = torch.einsum("npai,npaj->nij", heavy, view)
    hessian[:-1, :-1] += torch.block_diag(*blocks)
    cross = torch.einsum("npai,npa->ni", heavy, bent).reshape(-1)
    hessian[:-1, -1] += cross
    hessian[-1, :-1] += cross
    hessian[-1, -1] += (weight * bent * bent).sum()
    gradient[:-1] += torch.einsum("npai,npa->ni", heavy, residual).reshape(-1)
    gradient[-1] += (weight * bent * residual).sum()
    mixed = torch.cat(
        [
            torch.einsum("npai,npa->nip", heavy, depth).reshape(6 * n, count),
            (weight * bent * depth).sum(-1).sum(0)[None],
        ]
    )
    own = ((weight * depth * depth).sum(-1).sum(0) + 1.0) * (1 + damping)
    slope = (weight * depth * residual).sum(-1).sum(0)
    reduced = hessian + damping * torch.diag(hessian.diagonal()) - (mixed / own) @ mixed.T
    step = torch.linalg.solve(reduced, (mixed / own) @ slope - gradient)
    return _moved(poses, step, -(slope + mixed.T @ step) / own)
