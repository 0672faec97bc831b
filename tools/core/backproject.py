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


def pad_with_invalid(depth_m: Tensor) -> Tensor:
    """(H, W) -> (H + 2, W + 2): one invalid pixel (0) around the image."""
    return torch.nn.functional.pad(depth_m, (1, 1, 1, 1))


def backproject_normals(padded_m: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points and surface normals of a depth image, in its own camera.

    Args:
        padded_m: (H + 2, W + 2) float32 z-depth of ``pad_with_invalid``; 0 = invalid. Padding inside the kernel would
            cost a masked load for each neighbour.
        intrinsics: (4,) float32 fx, fy, cx, cy.

    Returns:
        points (3, H, W) float32 (zero where invalid), normals (3, H, W) float32 unit length and turned towards
        the camera (zero where invalid), and normal_valid (H, W) uint8, 1 or 0. A normal needs a valid pixel, a
        valid neighbour on each axis, and no depth jump (``NORMAL_JUMP``) to it: central differences where both
        sides are usable, one-sided at edges.
    """
    depth_m = padded_m[1:-1, 1:-1]
    height, width = depth_m.shape
    fx, fy, cx, cy = intrinsics.unbind()
    # Reciprocals: a vector division takes as long as several products.
    inverse_fx, inverse_fy = 1 / fx, 1 / fy
    x = ((torch.arange(width, dtype=torch.float32) + 0.5 - cx) * inverse_fx)[None, :]
    y = ((torch.arange(height, dtype=torch.float32) + 0.5 - cy) * inverse_fy)[:, None]
    right, left = padded_m[1:-1, 2:], padded_m[1:-1, :-2]
    below, above = padded_m[2:, 1:-1], padded_m[:-2, 1:-1]
    # A neighbour on another surface is replaced by the pixel itself, so that the difference is one-sided.
    to_right, to_left, to_below, to_above = (_same_surface(depth_m, d) for d in (right, left, below, above))
    across = (torch.where(to_right, right, 0.0) + torch.where(to_left, left, 0.0)) * inverse_fx
    down = (torch.where(to_below, below, 0.0) + torch.where(to_above, above, 0.0)) * inverse_fy
    du_z = torch.where(to_right, right, depth_m) - torch.where(to_left, left, depth_m)
    dv_z = torch.where(to_below, below, depth_m) - torch.where(to_above, above, depth_m)
    # The differences of points are (x du_z + across, y du_z, du_z) and (x dv_z, y dv_z + down, dv_z); most of their
    # cross product cancels.
    nx, ny = du_z * down, dv_z * across
    nz = -(x * nx + y * ny + across * down)
    squared = nx * nx + ny * ny + nz * nz
    valid = (to_right | to_left) & (to_below | to_above) & (squared > 1e-24)
    scale = torch.where(valid, torch.rsqrt(squared.clamp_min(1e-24)), 0.0)
    points = torch.stack([x * depth_m, y * depth_m, depth_m])
    # By way of float: compiled code stores a vector of booleans byte by byte, which takes longer than all of the above.
    return points, torch.stack([nx * scale, ny * scale, nz * scale]), valid.float().to(torch.uint8)


def _same_surface(depth_m: Tensor, neighbour_m: Tensor) -> Tensor:
    """Whether a pixel and its neighbour are valid and lie on one surface."""
    near = (neighbour_m - depth_m).abs() < NORMAL_JUMP * depth_m
    return near & (neighbour_m > 0)
