"""Projective point-to-plane ICP (Newcombe et al. 2011, section 3.5): one Gauss-Newton step. Pure kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.core.blocks import gather

MIN_NORMAL_COSINE = 0.7
"""Surfaces whose normals differ by more than 45 degrees do not correspond."""
HUBER_M = 0.006
"""Residuals above this, at 0 m, are outliers in part: three times the sensor's noise there."""
HUBER_PER_GAP = 0.1
"""Huber's bound is at least this share of ``max_gap_m``: while correspondences are coarse, a tight robust loss would
slow the first steps down."""
NOISE_GROWTH = 1.8
"""Noise at z metres is sqrt(1 + (NOISE_GROWTH z^2)^2) times that near 0: 2 mm constant and 3.6 mm/m^2. More than a
sensor's own scatter (``tools.depth.estimate``), because far depth is off as a whole, too, and such errors do not
average out."""


def icp_step(
    live_points: Tensor,
    live_normals: Tensor,
    live_valid: Tensor,
    model_depth: Tensor,
    model_normals: Tensor,
    intrinsics: Tensor,
    model_from_live: Tensor,
    max_gap_m: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Improve the pose of a live depth image against a rendered view of a map.

    Args:
        live_points, live_normals: (3, N) float32 in the live camera. live_valid: (N,) uint8, 1 or 0.
        model_depth: (H, W) float32, 0 = nothing. model_normals: (3, H, W) float32, in the *model* camera.
        intrinsics: (4,) float32 of the model view. model_from_live: (4, 4) float64, the current estimate.
        max_gap_m: 0-d float32; points further apart do not correspond.

    Returns:
        The new model_from_live (4, 4) float64; hessian (6, 6) float64 of the weighted squares over (rotation,
        translation), perturbed on the left; stats (4,) float64: sum of weighted squared residuals in m^2, sum of
        weights, corresponding points, live points that fall on a rendered pixel.
    """
    height, width = model_depth.shape
    m = model_from_live.float()
    fx, fy, cx, cy = intrinsics.unbind()
    x, y, z = (
        m[i, 0] * live_points[0] + m[i, 1] * live_points[1] + m[i, 2] * live_points[2] + m[i, 3] for i in range(3)
    )
    inverse = 1 / z.clamp_min(1e-3)
    u, v = x * inverse * fx + cx, y * inverse * fy + cy
    in_image = ((u - width / 2).abs() < width / 2) & ((v - height / 2).abs() < height / 2)
    column, row = u.clamp(0, width - 1).int(), v.clamp(0, height - 1).int()
    pixel = row * width + column
    depth = gather(model_depth, pixel)
    nx, ny, nz = (gather(model_normals[i], pixel) for i in range(3))
    rendered = (live_valid > 0) & (z > 1e-3) & in_image & (depth > 0)
    # The model point lies on the ray of the pixel's centre, not of (u, v).
    dx = x - (column.float() + 0.5 - cx) * (1 / fx) * depth
    dy = y - (row.float() + 0.5 - cy) * (1 / fy) * depth
    dz = z - depth
    residual = nx * dx + ny * dy + nz * dz
    lx, ly, lz = (m[i, 0] * live_normals[0] + m[i, 1] * live_normals[1] + m[i, 2] * live_normals[2] for i in range(3))
    near = dx * dx + dy * dy + dz * dz < max_gap_m * max_gap_m
    matched = rendered & near & (lx * nx + ly * ny + lz * nz > MIN_NORMAL_COSINE)
    # Inverse variance of the sensor's noise times Huber's weight of the residual in units of that noise.
    variance = 1 + (NOISE_GROWTH * z * z).square()
    huber = torch.clamp_min(HUBER_PER_GAP * max_gap_m, HUBER_M) * variance.sqrt()
    weight = (huber / residual.abs().clamp_min(1e-9)).clamp_max(1.0) / variance
    weight = torch.where(matched, weight, 0.0)
    # Scalar products, not one matrix product: they are sums in the same pass over the pixels, and nothing is stored.
    # For that, all sums must go into one tensor: compiled code makes one loop of what one result needs.
    system = (y * nz - z * ny, z * nx - x * nz, x * ny - y * nx, nx, ny, nz, residual)
    weighted = [weight * part for part in system]
    products = {(i, j): torch.dot(weighted[i], system[j]) for i in range(7) for j in range(i, 7)}
    entries = [products[min(i, j), max(i, j)] for i in range(6) for j in range(7)]
    counts = [products[6, 6], weight.sum(), matched.float().sum(), rendered.float().sum()]
    normal, stats = torch.stack([*entries, *counts]).double().split((len(entries), len(counts)))
    normal = normal.reshape(6, 7)
    hessian, gradient = normal[:, :6], normal[:, 6]
    # Damping far below the data's own curvature only keeps the system solvable when nothing corresponds.
    damped = hessian + 1e-6 * torch.eye(6, dtype=torch.float64)
    step = torch.linalg.solve(damped, -gradient)
    return rigid_exp(step) @ model_from_live, hessian, stats


def rigid_exp(step: Tensor) -> Tensor:
    """(6,) rotation vector and translation -> (4, 4): Rodrigues' rotation, and the translation as it is."""
    w, t = step[:3], step[3:]
    angle_squared = (w * w).sum()
    angle = angle_squared.clamp_min(1e-16).sqrt()
    zero = torch.zeros_like(w[0])
    skew = torch.stack([zero, -w[2], w[1], w[2], zero, -w[0], -w[1], w[0], zero]).reshape(3, 3)
    rotation = (
        torch.eye(3, dtype=step.dtype)
        + torch.sin(angle) / angle * skew
        + (1 - torch.cos(angle)) / angle.square() * (skew @ skew)
    )
    bottom = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=step.dtype)
    return torch.cat([torch.cat([rotation, t[:, None]], dim=1), bottom])
