"""Errors and recall of estimated camera poses, and the pose files that they come from.

Two variants of the rules: ``recall`` is the strict one (a missing or non-finite estimate is an infinite error, the
median of an even number is the mean of the middle two); the upper median, which some official scripts take, is beside
it. Pose lines are ``name qw qx qy qz tx ty tz ...``, world-to-camera, as COLMAP writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from scenes.errors import InputError
from scenes.geometry import inverse, pose_error, rigid


def camera_from_world_of(values: Sequence[float]) -> Tensor:
    """``qw qx qy qz tx ty tz`` -> (4, 4) float64; the quaternion is normalised. Raises ValueError for a zero one."""
    q = torch.tensor(values[:4], dtype=torch.float64)
    size = float(q.norm())
    if not size > 0:
        raise ValueError(f"expected a quaternion, got {list(values[:4])}")
    w, x, y, z = (q / size).tolist()
    rotation = torch.tensor(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        dtype=torch.float64,
    )
    return rigid(rotation, torch.tensor(values[4:7], dtype=torch.float64))


def read_poses(path: Path) -> dict[str, Tensor]:
    """Image name -> ``world_from_camera`` (4, 4). Raises InputError: no such file, or a line that is no pose."""
    if not path.is_file():
        raise InputError(f"{path}: expected a file of poses, got nothing")
    poses = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, *values = line.split()
        try:
            poses[name] = inverse(camera_from_world_of([float(v) for v in values[:7]]))
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path} line {number}: expected NAME and seven numbers, got {line[:60]!r}") from error
    return poses


def poses_by_frame(path: Path) -> dict[int, Tensor]:
    """Frame number (of names like ``seq-01/frame-000250.color.png``) -> ``world_from_camera``; see ``read_poses``."""
    return {int(name.rsplit("frame-", 1)[1].split(".")[0]): pose for name, pose in read_poses(path).items()}


def pose_errors(estimates: Mapping[str, Tensor], truth: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(N,) metres and (N,) degrees over all of ``truth``; infinite where there is no finite estimate."""
    metres, degrees = [], []
    for name, true in truth.items():
        found = estimates.get(name)
        if found is None or not bool(torch.isfinite(found).all()):
            metres.append(math.inf)
            degrees.append(math.inf)
            continue
        distance, angle = pose_error(found.double(), true.double())
        metres.append(float(distance))
        degrees.append(math.degrees(float(angle)))
    return torch.tensor(metres, dtype=torch.float64), torch.tensor(degrees, dtype=torch.float64)


def recall(metres: Tensor, degrees: Tensor, *, within_m: float, within_deg: float) -> float:
    """Share of images below both thresholds (strictly)."""
    return float(((metres < within_m) & (degrees < within_deg)).double().mean())


def median(errors: Tensor) -> float:
    """Mean of the middle two for an even number; infinite when one of them is."""
    ordered = errors.sort().values
    n = len(ordered)
    return float((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)


def upper_median(errors: Tensor) -> float:
    """Element n // 2 of the sorted errors, as DSAC* and ACE report it."""
    return float(errors.sort().values[len(errors) // 2])
