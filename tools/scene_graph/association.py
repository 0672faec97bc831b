"""Which observation is which known thing: overlap tables and one-to-one assignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Shared voxels of observed segments (rows) and known owners (columns)."""

    segments: NDArray[np.int32]
    """(r,) segment labels."""
    owners: NDArray[np.int32]
    """(c,) owner ids, none of them 0."""
    shared: NDArray[np.float64]
    """(r, c) voxels in common."""
    size: NDArray[np.float64]
    """(r,) voxels of each segment."""

    @property
    def coverage(self) -> NDArray[np.float64]:
        """(r, c) share of each segment that each owner holds."""
        return self.shared / np.maximum(self.size, 1)[:, None]


def overlap(segment_of_voxel: NDArray[np.int32], owner_of_voxel: NDArray[np.int32]) -> Overlap:
    """Count voxels per (segment, owner) pair; owner 0 is nobody."""
    segments, row = np.unique(segment_of_voxel, return_inverse=True)
    size = np.bincount(row, minlength=len(segments)).astype(np.float64)
    owned = owner_of_voxel > 0
    owners, column = np.unique(owner_of_voxel[owned], return_inverse=True)
    flat = np.bincount(row[owned] * len(owners) + column, minlength=len(segments) * len(owners))
    return Overlap(segments, owners, flat.reshape(len(segments), len(owners)).astype(np.float64), size)


def one_to_one(score: NDArray[np.float64], minimum: float) -> list[tuple[int, int]]:
    """Pairs (row, column) with the largest total score; every pair scores at least ``minimum``, no index twice.

    Hungarian algorithm (Jonker-Volgenant variant in SciPy). Scores below the minimum cannot displace a good
    pair, because they count as zero.
    """
    if score.size == 0:
        return []
    rows, columns = linear_sum_assignment(np.where(score >= minimum, score, 0.0), maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if score[r, c] >= minimum]
