"""Robust refinement of several camera poses at once, on 2D-3D matches and on the image's own depth where it has some.

Pure functions of tensors. Measured depth settles what few or flat matches leave open: without it, a camera that steps
aside and turns back sees almost the same image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NOISE_PX = 1.5
"""Standard deviation of a match, in pixels; a depth that is off by its own sigma costs as much."""
DEPTH_SIGMA = (0.01, 0.01)
"""Sigma of a map point's depth in the image against the sensor's: metres, plus a share of the depth."""
SCREENED = 256
"""Matches that every hypothesis is tried on; the best ``FINALISTS`` are tried on all."""
FINALISTS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Keypoints of an image and the map points that they may be."""

    uv: Tensor
    """(M, 2) float64, ``uv_px``."""
    points: Tensor
    """(M, 3) float64, world."""
    depth_m: Tensor
    """(M,) float64, measured at the keypoint; 0 where there is none."""
    weight: Tensor
    """(M,) float64: matches of one keypoint with several keyframes share a weight of one."""
    intrinsics: Tensor
    """(4,) float64 fx, fy, cx, cy."""

    def __len__(self) -> int:
        return len(self.uv)

    def with_more(self, others: Matches) -> Matches:
        """These and others of the same image."""
        return Matches(
            uv=torch.cat([self.uv, others.uv]),
            points=torch.cat([self.points, others.points]),
            depth_m=torch.cat([self.depth_m, others.depth_m]),
            weight=torch.cat([self.weight, others.weight]),
            intrinsics=self.intrinsics,
        )

    def chosen(self, keep: Tensor) -> Matches:
        """Those that a mask or index picks."""
        return Matches(
            uv=self.uv[keep],
            points=self.points[keep],
            depth_m=self.depth_m[keep],
            weight=self.weight[keep],
            intrinsics=self.intrinsics,
        )


def residuals(camera_from_world: Tensor, matches: Matches) -> tuple[Tensor, Tensor]:
    """(B, 4, 4) poses -> (B, M, 3) residuals in pixels (u, v, depth) and (B, M, 3) points in the cameras.

    A point behind the camera has a residual of 1000 pixels.
    """
    p = matches.points @ camera_from_world[:, :3, :3].mT + camera_from_world[:, None, :3, 3]
    z = p[..., 2].clamp_min(0.05)
    focal, centre = matches.intrinsics[:2], matches.intrinsics[2:]
    uv = p[..., :2] / z[..., None] * focal + centre - matches.uv
    depth = torch.where(matches.depth_m > 0, (p[..., 2] - matches.depth_m) * _pixels_per_metre(matches), 0.0)
    out = torch.cat([uv, depth[..., None]], -1)
    return torch.where((p[..., 2] > 0.05)[..., None], out, 1e3), p


def _pixels_per_metre(matches: Matches) -> Tensor:
    return NOISE_PX / (DEPTH_SIGMA[0] + DEPTH_SIGMA[1] * matches.depth_m)


def match_error(camera_from_world: Tensor, matches: Matches) -> Tensor:
    """(B, M) length of the residual in pixels, the depth's share cut off where it would outweigh the image's."""
    r, _ = residuals(camera_from_world, matches)
    flat, depth = r[..., :2].square().sum(-1), r[..., 2].square()
    return (flat + depth.clamp_max(64.0)).sqrt()


def best_poses(candidates: Tensor, matches: Matches, gate_px: float, count: int) -> Tensor:
    """The ``count`` of (B, 4, 4) poses that explain most matches (MSAC: an inlier costs its squared error)."""
    screen = matches if len(matches) <= SCREENED else matches.chosen(_spread(len(matches)))
    for kept, part in ((FINALISTS, screen), (count, matches)):
        cost = (match_error(candidates, part).clamp_max(gate_px).square() * part.weight).sum(-1)
        candidates = candidates[cost.topk(min(kept, len(cost)), largest=False).indices]
    return candidates


def _spread(count: int) -> Tensor:
    """``SCREENED`` indices, evenly over all."""
    return (torch.arange(SCREENED) * count) // SCREENED


def refine_poses(
    camera_from_world: Tensor, matches: Matches, *, gate_px: float, scale_px: float, steps: int
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton under Cauchy's loss from (B, 4, 4) poses.

    Args:
        gate_px: matches farther off count for nothing. scale_px: residual at which Cauchy's weight is one half.

    Returns:
        camera_from_world (B, 4, 4) and the Hessian (B, 6, 6) of squared pixels over (rotation, translation), perturbed
        on the left.
    """
    pose = camera_from_world
    eye = torch.eye(6, dtype=torch.float64)
    hessian = eye.expand(len(pose), 6, 6)
    focal = matches.intrinsics[:2]
    per_metre = torch.where(matches.depth_m > 0, _pixels_per_metre(matches), 0.0)
    for _ in range(steps):
        r, p = residuals(pose, matches)
        squared = r[..., :2].square().sum(-1)
        w = torch.where(squared < gate_px**2, matches.weight / (1 + squared / scale_px**2), 0.0)
        w_depth = w / (1 + r[..., 2].square() / scale_px**2)
        x, y, z = p[..., 0], p[..., 1], p[..., 2].clamp_min(0.05)
        zero = torch.zeros_like(x)
        fx, fy = focal[0] / z, focal[1] / z
        # Rows: derivative of u, v and depth by (rotation, translation); d p / d rotation = -[p]x.
        by_u = torch.stack([-fx * x * y / z, fx * z + fx * x * x / z, -fx * y, fx, zero, -fx * x / z], -1)
        by_v = torch.stack([-fy * z - fy * y * y / z, fy * x * y / z, fy * x, zero, fy, -fy * y / z], -1)
        by_z = torch.stack([y, -x, zero, zero, zero, torch.ones_like(x)], -1) * per_metre[:, None]
        jacobian = torch.stack([by_u, by_v, by_z], -2)
        weighted = jacobian * torch.stack([w, w, w_depth], -1)[..., None]
        flat = jacobian.flatten(1, 2)
        hessian = weighted.flatten(1, 2).mT @ flat
        gradient = (weighted.flatten(1, 2).mT @ r.flatten(1, 2)[..., None])[..., 0]
        step = torch.linalg.solve(hessian + 1e-6 * eye, -gradient)
        pose = motions(step) @ pose
    return pose, hessian


def motions(twists: Tensor) -> Tensor:
    """(B, 6) rotation vectors and translations -> (B, 4, 4): Rodrigues' rotations, and the translations as they are.

    A rotation to the last digit for vectors of any length: a step of a hopeless pose may be many turns.
    """
    angle = twists[:, :3].norm(dim=-1).clamp_min(1e-12)[:, None, None]
    x, y, z = (twists[:, :3] / angle[:, 0]).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    eye = torch.eye(3, dtype=twists.dtype)
    rotation = eye + torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)
    out = torch.eye(4, dtype=twists.dtype).repeat(len(twists), 1, 1)
    out[:, :3, :3], out[:, :3, 3] = rotation, twists[:, 3:]
    return out
