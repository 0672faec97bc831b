"""Robust refinement of several camera poses at once, on 2D-3D matches and, where known, on measured depth.

The arithmetic is that of ``tools.core.pose_steps``. Measured depth removes an ambiguity of few or coplanar matches: a
camera that steps aside and turns back sees almost the same image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tools.core.pose_steps import MAX_DEPTH_COST_PX2, residuals_of
from tools.kernels.compiled import EAGER, KernelSet

SCREENING_MATCHES = 256
"""Matches on which every hypothesis is scored first; the best ``MAX_SCREENED_POSES`` are scored on all matches."""
MAX_SCREENED_POSES = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Matches of positions in an image and map points, as poses are refined on them."""

    uv: Tensor
    """(M, 2) float64, ``uv_px``."""
    points: Tensor
    """(M, 3) float64, world."""
    depth_m: Tensor
    """(M,) float64, measured at the keypoint; 0 where there is none."""
    weight: Tensor
    """(M,) float64. Matches of one keypoint with several keyframes share a weight of one."""
    intrinsics: Tensor
    """(4,) float64 fx, fy, cx, cy."""

    def __len__(self) -> int:
        return len(self.uv)

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """All fields in the order in which the kernels take them."""
        return self.uv, self.points, self.depth_m, self.weight, self.intrinsics

    def joined_with(self, others: Matches) -> Matches:
        """These matches followed by others of the same image."""
        return Matches(
            uv=torch.cat([self.uv, others.uv]),
            points=torch.cat([self.points, others.points]),
            depth_m=torch.cat([self.depth_m, others.depth_m]),
            weight=torch.cat([self.weight, others.weight]),
            intrinsics=self.intrinsics,
        )

    def chosen(self, keep: Tensor) -> Matches:
        """The matches that a mask or index selects."""
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
    """(B, M) length of the residual in pixels; the depth's part counts at most ``MAX_DEPTH_COST_PX2``."""
    r, _ = residuals(camera_from_world, matches)
    image, depth = r[..., :2].square().sum(-1), r[..., 2].square()
    return (image + depth.clamp_max(MAX_DEPTH_COST_PX2)).sqrt()


def best_poses(candidates: Tensor, matches: Matches, gate_px: float, count: int, kernels: KernelSet = EAGER) -> Tensor:
    """The ``count`` of (B, 4, 4) poses of least MSAC cost (Torr and Zisserman 2000), the best first."""
    screen = matches if len(matches) <= SCREENING_MATCHES else matches.chosen(_evenly_spaced(len(matches)))
    gate = torch.tensor(gate_px, dtype=torch.float64)
    for kept, part in ((MAX_SCREENED_POSES, screen), (count, matches)):
        cost = kernels.pose_costs(candidates, *part.tensors, gate)
        candidates = candidates[cost.topk(min(kept, len(cost)), largest=False).indices]
    return candidates


def _evenly_spaced(count: int) -> Tensor:
    """``SCREENING_MATCHES`` indices, evenly spaced over 0..count - 1."""
    return (torch.arange(SCREENING_MATCHES) * count) // SCREENING_MATCHES


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
        gate_px: matches with a larger error are left out. scale_px: residual at which Cauchy's weight is one half.

    Returns:
        camera_from_world (B, 4, 4) and the Hessian (B, 6, 6) of squared pixels over (rotation, translation), perturbed
        on the left, at the pose before the last step.
    """
    # Compiled kernels need a growing dimension of at least two: a single pose is passed twice.
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
