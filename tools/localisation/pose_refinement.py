"""Robust refinement of several camera poses at once, on 2D-3D matches and on the image's own depth where it has some.

The arithmetic is that of ``tools.core.pose_steps``. Measured depth settles what few or flat matches leave open: without
it, a camera that steps aside and turns back sees almost the same image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tools.core.pose_steps import MOST_DEPTH_COST, residuals_of
from tools.kernels.compiled import EAGER, KernelSet

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

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """In the order in which kernels take them."""
        return self.uv, self.points, self.depth_m, self.weight, self.intrinsics

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
    off, p = residuals_of(
        camera_from_world, matches.uv.unbind(-1), matches.points.unbind(-1), matches.depth_m, matches.intrinsics
    )
    return torch.stack(off, -1), torch.stack(p, -1)


def match_error(camera_from_world: Tensor, matches: Matches) -> Tensor:
    """(B, M) length of the residual in pixels, the depth's share cut off where it would outweigh the image's."""
    r, _ = residuals(camera_from_world, matches)
    flat, depth = r[..., :2].square().sum(-1), r[..., 2].square()
    return (flat + depth.clamp_max(MOST_DEPTH_COST)).sqrt()


def best_poses(candidates: Tensor, matches: Matches, gate_px: float, count: int, kernels: KernelSet = EAGER) -> Tensor:
    """The ``count`` of (B, 4, 4) poses that explain most matches (MSAC: an inlier costs its squared error)."""
    screen = matches if len(matches) <= SCREENED else matches.chosen(_spread(len(matches)))
    gate = torch.tensor(gate_px, dtype=torch.float64)
    for kept, part in ((FINALISTS, screen), (count, matches)):
        cost = kernels.pose_costs(candidates, *part.tensors, gate)
        candidates = candidates[cost.topk(min(kept, len(cost)), largest=False).indices]
    return candidates


def _spread(count: int) -> Tensor:
    """``SCREENED`` indices, evenly over all."""
    return (torch.arange(SCREENED) * count) // SCREENED


def refine_poses(
    camera_from_world: Tensor,
    matches: Matches,
    *,
    gate_px: float,
    scale_px: float,
    steps: int,
    kernels: KernelSet = EAGER,
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton under Cauchy's loss from (B, 4, 4) poses.

    Args:
        gate_px: matches farther off count for nothing. scale_px: residual at which Cauchy's weight is one half.

    Returns:
        camera_from_world (B, 4, 4) and the Hessian (B, 6, 6) of squared pixels over (rotation, translation), perturbed
        on the left, at the pose before the last step.
    """
    # Compiled code has no size 1: a pose alone goes twice.
    pose = camera_from_world.repeat(2, 1, 1) if len(camera_from_world) == 1 else camera_from_world
    gate, scale = torch.tensor([gate_px, scale_px]).unbind()
    columns = torch.cat([matches.uv, matches.points, matches.depth_m[:, None], matches.weight[:, None]], 1)
    columns = columns.T.float().contiguous().unbind()
    intrinsics = matches.intrinsics.float()
    hessian = torch.eye(6, dtype=torch.float64).expand(len(pose), 6, 6)
    for _ in range(steps):
        pose, hessian = kernels.pose_step(pose, *columns, intrinsics, gate, scale)
    count = len(camera_from_world)
    return pose[:count], hessian[:count]
