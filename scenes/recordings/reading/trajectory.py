"""Timed poses, and images matched to them by time."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import quaternion_to_matrix, rigid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory:
    """Poses in order of time."""

    times_s: np.ndarray
    """(N,) float64, increasing."""
    positions: np.ndarray
    """(N, 3) float64."""
    quaternions_xyzw: np.ndarray
    """(N, 4) float64, unit."""

    def pose_at(self, time_s: float, max_gap_s: float) -> Tensor | None:
        """(4, 4) pose, interpolated between the two neighbours in time (position linear, rotation slerp).

        None where the nearer neighbour is more than ``max_gap_s / 2`` away or the two are more than ``max_gap_s``
        apart: motion in between is then a guess. At the ends the nearest pose serves within the same distance.
        """
        after = int(np.searchsorted(self.times_s, time_s))
        before = after - 1
        if after < len(self.times_s) and self.times_s[after] == time_s:
            return self._pose(after)
        if before < 0 or after >= len(self.times_s):
            nearest = 0 if before < 0 else before
            return self._pose(nearest) if abs(self.times_s[nearest] - time_s) <= max_gap_s / 2 else None
        gap = self.times_s[after] - self.times_s[before]
        if gap > max_gap_s:
            return None
        share = float((time_s - self.times_s[before]) / gap)
        position = (1 - share) * self.positions[before] + share * self.positions[after]
        return _rigid(position, _slerp(self.quaternions_xyzw[before], self.quaternions_xyzw[after], share))

    def _pose(self, index: int) -> Tensor:
        return _rigid(self.positions[index], self.quaternions_xyzw[index])


def _rigid(position: np.ndarray, quaternion_xyzw: np.ndarray) -> Tensor:
    return rigid(quaternion_to_matrix(torch.from_numpy(quaternion_xyzw.copy())), torch.from_numpy(position.copy()))


def _slerp(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Constant-speed rotation from ``a`` to ``b`` by the shorter way (Shoemake, 1985)."""
    b = -b if float(a @ b) < 0 else b
    angle = math.acos(min(1.0, float(a @ b)))
    if angle < 1e-6:
        return (1 - share) * a + share * b
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)


def nearest_within(times_s: Sequence[float], time_s: float, tolerance_s: float) -> int | None:
    """Index of the nearest of sorted times, or None where it is more than ``tolerance_s`` away."""
    after = bisect_left(times_s, time_s)
    candidates = [i for i in (after - 1, after) if 0 <= i < len(times_s)]
    best = min(candidates, key=lambda i: abs(times_s[i] - time_s), default=None)
    return best if best is not None and abs(times_s[best] - time_s) <= tolerance_s else None
