"""Rigid transforms, projection and pose error: pure functions on batched tensors.

Shapes are written with a leading ``...`` for any batch. Oriented-box geometry is in ``scenes.boxes``.
Conventions are those of ``scenes.types``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from scenes.types import Camera


def inverse(b_from_a: Tensor) -> Tensor:
    """(..., 4, 4) rigid transform -> ``a_from_b``, exact for rotations (no general inverse)."""
    rotation_t = b_from_a[..., :3, :3].mT
    out = torch.zeros_like(b_from_a)
    out[..., :3, :3] = rotation_t
    out[..., :3, 3] = -(rotation_t @ b_from_a[..., :3, 3:]).squeeze(-1)
    out[..., 3, 3] = 1
    return out


def transform(b_from_a: Tensor, p_a: Tensor) -> Tensor:
    """Apply a (..., 4, 4) transform to (..., N, 3) points."""
    return p_a @ b_from_a[..., :3, :3].mT + b_from_a[..., None, :3, 3]


def rigid(rotation: Tensor, translation: Tensor) -> Tensor:
    """(..., 3, 3) and (..., 3) -> (..., 4, 4)."""
    out = torch.zeros(*rotation.shape[:-2], 4, 4, dtype=rotation.dtype, device=rotation.device)
    out[..., :3, :3] = rotation
    out[..., :3, 3] = translation
    out[..., 3, 3] = 1
    return out


def quaternion_to_matrix(quaternion_xyzw: Tensor) -> Tensor:
    """(..., 4) quaternions, normalised here, -> (..., 3, 3) rotations."""
    x, y, z, w = (quaternion_xyzw / quaternion_xyzw.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def matrix_to_quaternion(rotation: Tensor) -> Tensor:
    """(..., 3, 3) rotations -> (..., 4) unit quaternions xyzw with w >= 0.

    Each of the four classical extractions is best where its own component is largest; all four are
    computed and the best is taken, so there is no branch.
    """
    m = rotation
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    yz, zx, xy = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    sxy, szx, syz = m[..., 0, 1] + m[..., 1, 0], m[..., 2, 0] + m[..., 0, 2], m[..., 1, 2] + m[..., 2, 1]
    four_q_squared = torch.stack(
        [1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22, 1 + m00 + m11 + m22], dim=-1
    )
    # Row k is 4 * q_k * (x, y, z, w).
    candidates = torch.stack(
        [
            torch.stack([four_q_squared[..., 0], sxy, szx, yz], -1),
            torch.stack([sxy, four_q_squared[..., 1], syz, zx], -1),
            torch.stack([szx, syz, four_q_squared[..., 2], xy], -1),
            torch.stack([yz, zx, xy, four_q_squared[..., 3]], -1),
        ],
        dim=-2,
    )
    best = four_q_squared.argmax(-1)[..., None, None].expand(*four_q_squared.shape[:-1], 1, 4)
    q = candidates.gather(-2, best).squeeze(-2)
    q = q / q.norm(dim=-1, keepdim=True)
    return torch.where(q[..., 3:] < 0, -q, q)


def orthonormalised(rotation: Tensor) -> Tensor:
    """The rotation nearest to a (..., 3, 3) matrix in the Frobenius norm (SVD, determinant +1)."""
    u, _, vt = torch.linalg.svd(rotation)
    sign = torch.linalg.det(u @ vt)
    flip = torch.ones(*rotation.shape[:-1], dtype=rotation.dtype)
    flip[..., 2] = sign
    return (u * flip[..., None, :]) @ vt


def project(camera: Camera, p_camera: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 3) points in the camera frame -> (uv_px (..., 2), valid (...,) in front and inside the image)."""
    z = p_camera[..., 2]
    safe_z = torch.where(z > 1e-6, z, torch.ones_like(z))
    u = p_camera[..., 0] / safe_z * camera.fx + camera.cx
    v = p_camera[..., 1] / safe_z * camera.fy + camera.cy
    valid = (z > 1e-6) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    return torch.stack([u, v], dim=-1), valid


def backproject(camera: Camera, uv_px: Tensor, depth_m: Tensor) -> Tensor:
    """(..., 2) pixels and (...,) z-depths -> (..., 3) points in the camera frame."""
    x = (uv_px[..., 0] - camera.cx) / camera.fx * depth_m
    y = (uv_px[..., 1] - camera.cy) / camera.fy * depth_m
    return torch.stack([x, y, depth_m], dim=-1)


def pixel_grid(width: int, height: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(height, width, 2) ``uv_px`` of all pixel centres."""
    v, u = torch.meshgrid(
        torch.arange(height, dtype=dtype) + 0.5, torch.arange(width, dtype=dtype) + 0.5, indexing="ij"
    )
    return torch.stack([u, v], dim=-1)


def rotation_angle(rotation: Tensor) -> Tensor:
    """(..., 3, 3) -> angle in radians, 0..pi, accurate near 0 and pi (atan2 of the skew part and the trace)."""
    skew = torch.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        dim=-1,
    )
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.atan2(skew.norm(dim=-1), trace - 1)


def pose_error(world_from_a: Tensor, world_from_b: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of the two origins in metres and angle between the two rotations in radians."""
    distance = (world_from_a[..., :3, 3] - world_from_b[..., :3, 3]).norm(dim=-1)
    return distance, rotation_angle(world_from_a[..., :3, :3].mT @ world_from_b[..., :3, :3])


def look_at(eye: Tensor, target: Tensor) -> Tensor:
    """(..., 3) positions -> (..., 4, 4) ``world_from_camera`` of an upright camera at ``eye`` that sees ``target``.

    Y is up in the world and down in the camera. Looking straight up or down is undefined and gives NaN.
    """
    forward = target - eye
    forward = forward / forward.norm(dim=-1, keepdim=True)
    up = torch.zeros_like(forward)
    up[..., 1] = 1
    right = torch.linalg.cross(forward, up)
    right = right / right.norm(dim=-1, keepdim=True)
    down = torch.linalg.cross(forward, right)
    return rigid(torch.stack([right, down, forward], dim=-1), eye)
