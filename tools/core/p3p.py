"""Camera pose from 2D-3D matches: P3P hypotheses in one batch, robust scores, and robust refinement. Pure kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.registration import rigid_exp


def p3p(bearings: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Poses of B triples of matches (Grunert's solution, in the form of Haralick et al. 1994).

    Args:
        bearings: (B, 3, 3) float64 unit rays in the camera, one row per match. points: (B, 3, 3) float64 world.

    Returns:
        camera_from_world (B, 4, 4, 4) float64, up to four per triple; valid (B, 4) bool.
    """
    f1, f2, f3 = bearings.unbind(1)
    p1, p2, p3 = points.unbind(1)
    a2, b2, c2 = ((p - q).square().sum(-1) for p, q in ((p2, p3), (p1, p3), (p1, p2)))
    cos_a, cos_b, cos_g = ((f * g).sum(-1) for f, g in ((f2, f3), (f1, f3), (f1, f2)))
    tiny = 1e-12
    b2 = b2.clamp_min(tiny)
    k, plus = (a2 - c2) / b2, (a2 + c2) / b2
    coefficients = torch.stack(
        [
            (1 + k).square() - 4 * a2 / b2 * cos_g.square(),
            4 * (-k * (1 + k) * cos_b + 2 * a2 / b2 * cos_g.square() * cos_b - (1 - plus) * cos_a * cos_g),
            2
            * (
                k.square()
                - 1
                + 2 * k.square() * cos_b.square()
                + 2 * (b2 - c2) / b2 * cos_a.square()
                - 4 * plus * cos_a * cos_b * cos_g
                + 2 * (b2 - a2) / b2 * cos_g.square()
            ),
            4 * (k * (1 - k) * cos_b - (1 - plus) * cos_a * cos_g + 2 * c2 / b2 * cos_a.square() * cos_b),
            (k - 1).square() - 4 * c2 / b2 * cos_a.square(),
        ],
        dim=-1,
    )
    v, real = quartic_roots(coefficients)
    cos_a, cos_b, cos_g, k, b2 = (x[:, None] for x in (cos_a, cos_b, cos_g, k, b2))
    bottom = 2 * (cos_g - v * cos_a)
    u = ((k - 1) * v.square() - 2 * k * cos_b * v + 1 + k) / torch.where(bottom.abs() < tiny, tiny, bottom)
    s1 = (b2 / (1 + v.square() - 2 * v * cos_b).clamp_min(tiny)).sqrt()
    distances = torch.stack([s1, u * s1, v * s1], dim=-1)
    in_camera = bearings[:, None] * distances[..., None]
    frame_camera, frame_world = _triangle_frame(in_camera), _triangle_frame(points)[:, None]
    rotation = frame_camera @ frame_world.mT
    translation = in_camera[:, :, 0] - (rotation @ points[:, None, 0, :, None])[..., 0]
    pose = torch.zeros(*rotation.shape[:2], 4, 4, dtype=torch.float64)
    pose[..., :3, :3], pose[..., :3, 3], pose[..., 3, 3] = rotation, translation, 1
    valid = real & (distances > 0).all(-1) & torch.isfinite(pose).all(-1).all(-1)
    return pose, valid


def quartic_roots(coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 5) float64, constant term first -> (B, 4) real parts of the roots, and which roots are real."""
    lead = coefficients[:, 4:]
    lead = torch.where(lead.abs() < 1e-12, torch.full_like(lead, 1e-12), lead)
    companion = torch.zeros(len(coefficients), 4, 4, dtype=torch.float64)
    companion[:, 1:, :3] = torch.eye(3, dtype=torch.float64)
    companion[:, :, 3] = -coefficients[:, :4] / lead
    roots = torch.linalg.eigvals(companion)
    return roots.real, roots.imag.abs() < 1e-3 * (1 + roots.real.abs())


def _triangle_frame(points: Tensor) -> Tensor:
    """(..., 3, 3) three points as rows -> (..., 3, 3) an orthonormal frame fixed to the triangle, as columns."""
    first = torch.nn.functional.normalize(points[..., 1, :] - points[..., 0, :], dim=-1)
    normal = torch.linalg.cross(first, points[..., 2, :] - points[..., 0, :])
    normal = torch.nn.functional.normalize(normal, dim=-1)
    return torch.stack([first, torch.linalg.cross(normal, first), normal], dim=-1)


def reprojection_error(camera_from_world: Tensor, points: Tensor, uv: Tensor, intrinsics: Tensor) -> Tensor:
    """(B, 4, 4), (N, 3), (N, 2), (4,) float64 -> (B, N) pixels; infinite behind the camera."""
    p = points @ camera_from_world[:, :3, :3].mT + camera_from_world[:, None, :3, 3]
    z = p[..., 2].clamp_min(1e-6)
    du = p[..., 0] / z * intrinsics[0] + intrinsics[2] - uv[:, 0]
    dv = p[..., 1] / z * intrinsics[1] + intrinsics[3] - uv[:, 1]
    return torch.where(p[..., 2] > 0.05, (du * du + dv * dv).sqrt(), torch.inf)


def refine_pose(
    camera_from_world: Tensor, points: Tensor, uv: Tensor, intrinsics: Tensor, weights: Tensor, scale_px: float
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton on the reprojection error under Cauchy's loss.

    Args:
        camera_from_world: (4, 4) float64. points (N, 3), uv (N, 2), weights (N,): float64, weight 0 leaves one out.
        scale_px: residual at which Cauchy's weight is one half.

    Returns:
        camera_from_world (4, 4), and the Hessian (6, 6) over (rotation, translation) perturbed on the left.
    """
    hessian = torch.eye(6, dtype=torch.float64)
    for _ in range(10):
        p = points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
        x, y, z = p[:, 0], p[:, 1], p[:, 2].clamp_min(1e-3)
        residual = torch.stack([x / z * intrinsics[0] + intrinsics[2], y / z * intrinsics[1] + intrinsics[3]], -1) - uv
        w = weights / (1 + residual.square().sum(-1) / scale_px**2)
        w = torch.where(p[:, 2] > 0.05, w, 0.0)
        zero = torch.zeros_like(x)
        fx, fy = intrinsics[0] / z, intrinsics[1] / z
        by_point = torch.stack([fx, zero, -fx * x / z, zero, fy, -fy * y / z], dim=-1).reshape(-1, 2, 3)
        cross = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], dim=-1).reshape(-1, 3, 3)
        by_step = torch.cat([cross, torch.eye(3, dtype=torch.float64).expand(len(p), 3, 3)], dim=-1)
        jacobian = by_point @ by_step
        hessian = torch.einsum("nri,n,nrj->ij", jacobian, w, jacobian)
        gradient = torch.einsum("nri,n,nr->i", jacobian, w, residual)
        step = torch.linalg.solve(hessian + 1e-9 * torch.eye(6, dtype=torch.float64), -gradient)
        camera_from_world = rigid_exp(step) @ camera_from_world
    return camera_from_world, hessian
