"""Area under the curve of relative pose errors between pairs of cameras.

Source of the definitions: Depth-Anything-3, ``bench/utils.py`` (Apache-2.0), after VGGT.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

THRESHOLDS_DEG = (30, 15, 5, 3)
_EPSILON = 1e-15
_UNDEFINED_RAD = 1e6
_LEAST_PART = 0.1


def relative_pose_errors_compatible(
    predicted: Any, true: Any, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Degrees of rotation and of translation direction for all pairs of cameras, from (N, 4, 4) world-to-camera.

    In torch, and in the official order of products, because arccos near 1 shows the last bit of single precision.

    Traps: a translation's sign does not matter, so a mirrored motion has error 0; a relative translation of zero
    counts as 90 degrees; surplus true cameras are left out; the rotation error is never below 3.6e-6 degrees.
    """
    p = torch.as_tensor(predicted, dtype=dtype).reshape(-1, 4, 4)
    g = torch.as_tensor(true, dtype=dtype).reshape(-1, 4, 4)[: len(p)]
    pairs = list(combinations(range(len(p)), 2))
    if not pairs:
        return torch.zeros(0, dtype=dtype), torch.zeros(0, dtype=dtype)
    first, second = torch.tensor(pairs).T
    mine, real = (_between(_from_first(x), first, second) for x in (p, g))
    rotation = _rotation_error(real[:, :3, :3], mine[:, :3, :3]) * 180.0 / math.pi
    bend = _direction_error(real[:, :3, 3], mine[:, :3, 3]) * 180.0 / math.pi
    return rotation, torch.minimum(bend, (180 - bend).abs())


def auc_compatible(rotation_deg: ArrayLike, translation_deg: ArrayLike, threshold_deg: int) -> float:
    """Mean over 1, 2 .. threshold degrees of the share of pairs whose larger error is below; NaN without pairs.

    Trap: an error of exactly the threshold is inside the last bin.
    """
    worst = np.maximum(np.asarray(rotation_deg), np.asarray(translation_deg))
    counts, _ = np.histogram(worst, bins=np.arange(threshold_deg + 1))
    return float(np.mean(np.cumsum(counts / len(worst)))) if len(worst) else math.nan


def auc_strict(rotation_deg: ArrayLike, translation_deg: ArrayLike, threshold_deg: float) -> float | None:
    """The exact area under the curve of recall over 0 .. threshold, as a share; None without pairs, NaN errors lose."""
    worst = np.maximum(np.asarray(rotation_deg, np.float64), np.asarray(translation_deg, np.float64))
    if not len(worst):
        return None
    worst = np.where(np.isnan(worst), math.inf, worst)
    return float(np.clip(1 - worst / threshold_deg, 0.0, 1.0).mean())


def _from_first(poses: Tensor) -> Tensor:
    """Poses from the first camera's frame instead of the world's."""
    return torch.bmm(poses, _inverse(poses[:1]).expand(len(poses), 4, 4))


def _between(poses: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return torch.bmm(_inverse(poses[first]), poses[second])


def _inverse(poses: Tensor) -> Tensor:
    out = torch.eye(4, dtype=poses.dtype).repeat(len(poses), 1, 1)
    back = poses[:, :3, :3].transpose(1, 2)
    out[:, :3, :3], out[:, :3, 3:] = back, -torch.bmm(back, poses[:, :3, 3:])
    return out


def _rotation_error(true: Tensor, mine: Tensor) -> Tensor:
    """Radians, by the quaternions' dot product."""
    dot = (_quaternions(mine) * _quaternions(true)).sum(1)
    return torch.arccos(1 - 2 * (1 - dot**2).clamp(min=_EPSILON))


def _direction_error(true: Tensor, mine: Tensor) -> Tensor:
    """Radians between lines of motion; 1e6 where not finite."""
    a, b = (v / (v.norm(dim=1, keepdim=True) + _EPSILON) for v in (mine, true))
    loss = (1 - (a * b).sum(1) ** 2).clamp_min(_EPSILON)
    angle = torch.acos(torch.sqrt(1 - loss))
    return torch.where(angle.isfinite(), angle, torch.full_like(angle, _UNDEFINED_RAD))


def _quaternions(m: Tensor) -> Tensor:
    """(N, 3, 3) -> (N, 4) xyzw with w >= 0, from the largest component, in the precision of the input."""
    a, b, c = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    squares = torch.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], -1)
    roots = squares.clamp(min=0).sqrt()
    w = roots**2
    xy, xz, yz = m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 1, 2] + m[:, 2, 1]
    x, y, z = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    rows = torch.stack(
        [
            torch.stack([w[:, 0], x, y, z], -1),
            torch.stack([x, w[:, 1], xy, xz], -1),
            torch.stack([y, xy, w[:, 2], yz], -1),
            torch.stack([z, xz, yz, w[:, 3]], -1),
        ],
        1,
    )
    candidates = rows / (2 * roots.clamp(min=_LEAST_PART))[..., None]
    chosen = candidates[torch.arange(len(m)), roots.argmax(-1)]
    out = chosen[:, [1, 2, 3, 0]]
    return torch.where(out[:, 3:4] < 0, -out, out)
