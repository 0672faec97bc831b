"""Poses as recordings write them, checked and made exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import orthonormalised
from scenes.recordings.reading.base import RecordingError

ROUNDED = 1e-2
"""Largest entry of ``R^T R - I`` that rounding explains (two decimals); more is another kind of matrix."""

EXACT = 1e-9
"""Below this a rotation is left alone, so that a pose that was written and read again is the same bits."""


def checked_pose(matrix: np.ndarray | Sequence[Sequence[float]] | Any, where: str) -> Tensor:
    """(4, 4) float64 rigid transform from a 4x4 or 3x4 matrix; a rounded rotation becomes the nearest exact one.

    Raises RecordingError for another shape, NaN or infinity, a reflection, a scale or a shear.
    """
    try:
        values = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RecordingError(f"{where}: expected a 4x4 matrix of numbers, got {str(matrix)[:60]!r}") from error
    if values.shape not in ((4, 4), (3, 4)):
        raise RecordingError(f"{where}: expected a 4x4 matrix, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise RecordingError(f"{where}: expected a finite pose, got NaN or infinity; remove the frame or its pose")
    if values.shape == (4, 4) and np.abs(values[3] - (0, 0, 0, 1)).max() > 1e-6:
        raise RecordingError(f"{where}: expected the last row 0 0 0 1, got {values[3].tolist()}")
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3] = torch.from_numpy(values[:3])
    pose[:3, :3] = checked_rotation(pose[:3, :3], where)
    return pose


def checked_rotation(rotation: Tensor, where: str) -> Tensor:
    """(3, 3) float64 rotation, exact; see ``checked_pose``."""
    if float(torch.linalg.det(rotation)) < 0:
        raise RecordingError(
            f"{where}: expected a rotation, got a reflection (determinant "
            f"{float(torch.linalg.det(rotation)):.3g}); the axes were converted wrongly"
        )
    error = float((rotation.T @ rotation - torch.eye(3, dtype=torch.float64)).abs().max())
    if error > ROUNDED:
        raise RecordingError(
            f"{where}: expected a rotation, got a matrix that stretches (R^T R differs from I by {error:.2g})"
        )
    return orthonormalised(rotation) if error > EXACT else rotation
