"""Depth image -> points and normals of the depth camera. Pure kernels."""

from __future__ import annotations

import torch
from torch import Tensor

NORMAL_JUMP = 0.03
"""Two neighbours whose depths differ by more than this fraction lie on different surfaces: no normal across them."""


def camera_rays(height: int, width: int, intrinsics: Tensor) -> Tensor:
    """(fx, fy, cx, cy) float32 -> (height, width, 2): x and y of the ray through each pixel centre, at z = 1."""
    fx, fy, cx, cy = intrinsics.unbind()
    u = torch.arange(width, dtype=torch.float32, device=intrinsics.device) + 0.5
    v = torch.arange(height, dtype=torch.float32, device=intrinsics.device) + 0.5
    x = ((u - cx) / fx)[None, :].expand(height, width)
    y = ((v - cy) / fy)[:, None].expand(height, width)
    return torch.stack([x, y], dim=-1)


def backproject_normals(depth_m: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points and surface normals of a depth image, in its own camera.

    Args:
        depth_m: (H, W) float32 z-depth; 0 = invalid.
        intrinsics: (4,) float32 fx, fy, cx, cy.

    Returns:
        points (H, W, 3) float32 (zero where invalid), normals (H, W, 3) float32 unit length and turned towards
        the camera (zero where invalid), and normal_valid (H, W) bool. A normal needs a valid pixel, a valid
        neighbour on each axis, and no depth jump (``NORMAL_JUMP``) to it: central differences where both sides
        are usable, one-sided at edges.
    """
    height, width = depth_m.shape
    rays = camera_rays(height, width, intrinsics)
    points = torch.cat([rays * depth_m[..., None], depth_m[..., None]], dim=-1)
    du, du_valid = _difference(points, depth_m, axis=1)
    dv, dv_valid = _difference(points, depth_m, axis=0)
    normal = torch.stack(
        [
            dv[..., 1] * du[..., 2] - dv[..., 2] * du[..., 1],
            dv[..., 2] * du[..., 0] - dv[..., 0] * du[..., 2],
            dv[..., 0] * du[..., 1] - dv[..., 1] * du[..., 0],
        ],
        dim=-1,
    )
    length = normal.square().sum(-1).sqrt()
    valid = du_valid & dv_valid & (length > 1e-12)
    normal = torch.where(valid[..., None], normal / length.clamp_min(1e-12)[..., None], torch.zeros_like(normal))
    return points, normal, valid


def _difference(points: Tensor, depth_m: Tensor, *, axis: int) -> tuple[Tensor, Tensor]:
    """Derivative of ``points`` along an image axis, and where it exists."""
    forward = torch.roll(points, -1, dims=axis) - points
    jump = (torch.roll(depth_m, -1, dims=axis) - depth_m).abs()
    joined = (depth_m > 0) & (torch.roll(depth_m, -1, dims=axis) > 0) & (jump < NORMAL_JUMP * depth_m)
    index = torch.arange(depth_m.shape[axis], device=depth_m.device)
    inside = index < depth_m.shape[axis] - 1
    joined = joined & (inside[:, None] if axis == 0 else inside[None, :])
    backward = torch.roll(forward, 1, dims=axis)
    joined_back = torch.roll(joined, 1, dims=axis)
    zero = torch.zeros_like(forward)
    total = torch.where(joined[..., None], forward, zero) + torch.where(joined_back[..., None], backward, zero)
    return total, joined | joined_back
