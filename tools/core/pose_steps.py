"""Camera poses against 2D-3D matches and measured depth: robust costs, and one Gauss-Newton step. Pure kernels.

The matches are described in ``tools.localisation.pose_refinement``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

NOISE_PX = 1.5
"""Standard deviation of a match, in pixels; a depth error of one sigma costs as much as this."""
DEPTH_SIGMA = (0.02, 0.02)
"""Sigma of a map point's depth in the image against the sensor's: metres, plus a share of the depth. Twice that of one
point, because the errors of one image's points are correlated (25 and 15 mm in maps of parts of a real recording's
first half)."""
MIN_DEPTH_M = 0.05
"""Points nearer to the camera's plane than this, or behind it, are not seen."""
UNSEEN_RESIDUAL_PX = 1e3
"""Each part of the residual of a point that is not seen."""
MAX_DEPTH_COST_PX2 = 64.0
"""Squared pixels that a depth error costs at most, so that it cannot outweigh the image."""
NORMAL_EQUATION_TERMS = (
    (0, 1, 2, 6, 7, 8, 20),
    (1, 3, 4, 9, 10, 11, 21),
    (2, 4, 5, 12, 13, 14, 22),
    (6, 9, 12, 15, 26, 16, 23),
    (7, 10, 13, 26, 17, 18, 24),
    (8, 11, 14, 16, 18, 19, 25),
)
"""Index, among the sums of ``normal_equations``, of each entry of Hessian and gradient; 26 is a zero."""


def residuals_of(
    camera_from_world: Tensor, uv: Sequence[Tensor], points: Sequence[Tensor], depth_m: Tensor, intrinsics: Tensor
) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Residuals u, v and depth in pixels, each (B, M), and x, y, z in the cameras, each (B, M).

    The parts come apart, not stacked, so that Inductor keeps them in registers.

    Args:
        camera_from_world: (B, 4, 4). uv: u and v, points: x, y and z, each (M,). depth_m: (M,) (0 = none).
            intrinsics: (4,). All of one floating type.
    """
    m = camera_from_world
    px, py, pz = points
    x, y, z = (
        m[:, i, 0, None] * px + m[:, i, 1, None] * py + m[:, i, 2, None] * pz + m[:, i, 3, None] for i in range(3)
    )
    inverse = 1 / z.clamp_min(MIN_DEPTH_M)
    off_u = x * inverse * intrinsics[0] + intrinsics[2] - uv[0]
    off_v = y * inverse * intrinsics[1] + intrinsics[3] - uv[1]
    off_z = (z - depth_m) * pixels_per_metre(depth_m)
    seen = z > MIN_DEPTH_M
    return (
        torch.where(seen, off_u, UNSEEN_RESIDUAL_PX),
        torch.where(seen, off_v, UNSEEN_RESIDUAL_PX),
        torch.where(seen, off_z, UNSEEN_RESIDUAL_PX),
    ), (x, y, z)


def pixels_per_metre(depth_m: Tensor) -> Tensor:
    """Pixels that a metre of depth error counts: one sigma of depth as much as one of a match; 0 without depth."""
    return torch.where(depth_m > 0, NOISE_PX / (DEPTH_SIGMA[0] + DEPTH_SIGMA[1] * depth_m), 0.0)


def pose_costs(
    camera_from_world: Tensor,
    uv: Tensor,
    points: Tensor,
    depth_m: Tensor,
    weight: Tensor,
    intrinsics: Tensor,
    gate_px: Tensor,
) -> Tensor:
    """(B,) MSAC cost of each pose: squared errors of the matches, at most the squared gate each, times their weight.

    Args:
        camera_from_world: (B, 4, 4). uv (M, 2), points (M, 3), depth_m (M,), weight (M,), intrinsics (4,), gate_px
            (): all of one floating type.
    """
    (off_u, off_v, off_z), _ = residuals_of(camera_from_world, uv.unbind(-1), points.unbind(-1), depth_m, intrinsics)
    squared = off_u * off_u + off_v * off_v + (off_z * off_z).clamp_max(MAX_DEPTH_COST_PX2)
    return (torch.minimum(squared, gate_px * gate_px) * weight).sum(-1)


def pose_step(
    camera_from_world: Tensor,
    u: Tensor,
    v: Tensor,
    x: Tensor,
    y: Tensor,
    z: Tensor,
    depth_m: Tensor,
    weight: Tensor,
    intrinsics: Tensor,
    gate_px: Tensor,
    scale_px: Tensor,
) -> tuple[Tensor, Tensor]:
    """One step of Gauss-Newton under Cauchy's loss.

    The matches come as columns, which compiled code reads a vector at a time, and in single precision, which is good
    to 1e-3 pixels 10 m from the origin; the equations are solved in double.

    Args:
        camera_from_world: (B, 4, 4) float64. u, v (positions in the image), x, y, z (positions in the world), depth_m,
            weight: (M,) float32. intrinsics: (4,) float32. gate_px: () float32, matches with a larger error are left
            out. scale_px: () float32, residual at which Cauchy's weight is one half.

    Returns:
        The new camera_from_world (B, 4, 4), and the Hessian (B, 6, 6) of squared pixels over (rotation, translation)
        at the old one, perturbed on the left.
    """
    sums = normal_equations(
        camera_from_world.to(u.dtype), (u, v), (x, y, z), depth_m, weight, intrinsics, gate_px, scale_px
    )
    hessian, gradient = sums.double().split((6, 1), -1)
    # Damping far below the data's own curvature only keeps the system solvable when nothing corresponds.
    damped = hessian + 1e-6 * torch.eye(6, dtype=hessian.dtype)
    step = torch.linalg.solve(damped, -gradient)[..., 0]
    return rigid_exp_batch(step) @ camera_from_world, hessian


def normal_equations(
    camera_from_world: Tensor,
    uv: Sequence[Tensor],
    points: Sequence[Tensor],
    depth_m: Tensor,
    weight: Tensor,
    intrinsics: Tensor,
    gate_px: Tensor,
    scale_px: Tensor,
) -> Tensor:
    """(B, 6, 7) the Hessian and the gradient of ``pose_step``.

    Summed over the matches in one pass, not by a matrix product, so that no Jacobian is stored (see
    ``registration.icp_step``). With H the 3x3 Hessian by a point in the camera, and d p / d rotation = -[p]x, the
    blocks are H, [p]x H and [p]x H [p]x^T.
    """
    (off_u, off_v, off_z), (x, y, z) = residuals_of(camera_from_world, uv, points, depth_m, intrinsics)
    squared = off_u * off_u + off_v * off_v
    sharp = 1 / (scale_px * scale_px)
    w = torch.where(squared < gate_px * gate_px, weight / (1 + squared * sharp), 0.0)
    inverse = 1 / z.clamp_min(MIN_DEPTH_M)
    u, v = x * inverse, y * inverse
    fx, fy, per_metre = intrinsics[0] * inverse, intrinsics[1] * inverse, pixels_per_metre(depth_m)
    w_z = w / (1 + off_z * off_z * sharp) * per_metre
    xx, yy = w * fx * fx, w * fy * fy
    xz, yz = -xx * u, -yy * v
    zz = w_z * per_metre - xz * u - yz * v
    # Gradient by the point, and the rows of [p]x H; x and y do not mix in H.
    gx, gy = w * fx * off_u, w * fy * off_v
    gz = w_z * off_z - gx * u - gy * v
    a = (y * xz, y * yz - z * yy, y * zz - z * yz)
    b = (z * xx - x * xz, -x * yz, z * xz - x * zz)
    c = (-y * xx, x * yy, x * yz - y * xz)
    turn_a = (y * a[2] - z * a[1], z * a[0] - x * a[2], x * a[1] - y * a[0])
    turn = (*turn_a, z * b[0] - x * b[2], x * b[1] - y * b[0], x * c[1] - y * c[0])
    gradient = (y * gz - z * gy, z * gx - x * gz, x * gy - y * gx, gx, gy, gz)
    parts = (*turn, *a, *b, *c, xx, xz, yy, yz, zz, *gradient)
    sums = torch.stack([part.sum(-1) for part in parts], -1)
    return torch.nn.functional.pad(sums, (0, 1))[:, torch.tensor(NORMAL_EQUATION_TERMS)]


def rigid_exp_batch(twists: Tensor) -> Tensor:
    """(B, 6) rotation vectors and translations -> (B, 4, 4): Rodrigues' rotations, and the translations as they are.

    Exactly a rotation for vectors of any length: the step of a hopeless pose may be many turns.
    """
    angle = twists[:, :3].norm(dim=-1).clamp_min(1e-12)[:, None, None]
    x, y, z = (twists[:, :3] / angle[:, 0]).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    rotation = torch.eye(3, dtype=twists.dtype) + torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)
    moved = torch.cat([rotation, twists[:, 3:, None]], -1)
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=twists.dtype).expand(twists.shape[0], 1, 4)
    return torch.cat([moved, bottom], 1)
