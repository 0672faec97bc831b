"""The relative pose error of trajectories over a step in frames, metres or degrees.

Source of the definitions: Sturm et al. 2012, and the outputs and description of evo (GPL code, not read for this).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from evals.scorers.official.geometry.trajectory import (
    DISTANCE_RELATIONS,
    FilterError,
    Floats,
    MetricsError,
    Trajectory,
    errors_of,
    inverse_rigid,
    rotation_angle,
)

Pairs = list[tuple[int, int]]
UNITS = ("f", "m", "d", "r")
"""Frames, metres of path, degrees, radians."""


def relative_errors(
    reference: Trajectory, estimate: Trajectory, relation: str, pairs: Sequence[tuple[int, int]]
) -> Floats:
    """(len(pairs),) errors of the motion between two poses.

    ``point_distance_error_ratio`` is in percent of the reference's distance, and drops pairs where that is 0.
    """
    if relation in DISTANCE_RELATIONS:
        true, mine = (
            np.array([np.linalg.norm(t.positions[i] - t.positions[j]) for i, j in pairs]) for t in (reference, estimate)
        )
        errors = np.abs(true - mine)
        return errors if relation == "point_distance" else errors[true != 0] / true[true != 0] * 100
    return errors_of(np.stack([_gap(reference.poses, estimate.poses, i, j) for i, j in pairs]), relation)


def pairs_compatible(
    poses: Floats, delta: float, unit: str, *, relative_tolerance: float = 0.1, every: bool = False
) -> Pairs:
    """Pairs of poses one step apart.

    Args:
        poses: (N, 4, 4) of the trajectory that the step is measured on.
        delta: the step, in ``unit``.
        relative_tolerance: of ``every`` pairs in metres or angles.
        every: all pairs at the step; otherwise consecutive ones that do not overlap.

    Traps: the official code measures the step on the estimate, so that its drift chooses the pairs; consecutive
    pairs in metres drop the segment that starts at the first pose, in degrees they keep it; no pair raises
    FilterError; a step in frames that is negative or no whole number raises MetricsError.
    """
    if delta < 0:
        raise MetricsError(f"expected a step of at least 0, got {delta}")
    if unit == "f":
        if delta != int(delta):
            raise MetricsError(f"expected whole frames, got {delta}")
        found = _by_frames(len(poses), int(delta), every)
    elif unit == "m":
        found = _by_path(poses, delta, delta * relative_tolerance, every)
    elif unit in ("d", "r"):
        degrees = 180 / math.pi if unit == "d" else 1.0
        found = _by_angle(poses, delta, delta * relative_tolerance, every, degrees)
    else:
        raise MetricsError(f"expected a unit among {', '.join(UNITS)}, got {unit!r}")
    if not found:
        raise FilterError(f"expected at least one pair of poses {delta} {unit} apart, found none")
    return found


def pairs_strict(reference_poses: Floats, delta: float, unit: str, *, relative_tolerance: float = 0.1) -> Pairs:
    """Every pair one step apart on the reference, so that an estimate cannot choose its pairs."""
    return pairs_compatible(reference_poses, delta, unit, relative_tolerance=relative_tolerance, every=True)


def _by_frames(count: int, step: int, every: bool) -> Pairs:
    if every:
        return [(i, i + step) for i in range(count) if i + step < count]
    chosen = np.arange(0, count, step).tolist()
    return list(itertools.pairwise(chosen))


def _by_path(poses: Floats, step: float, tolerance: float, every: bool) -> Pairs:
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    if every:
        path = np.concatenate([[0.0], np.cumsum(steps)])
        found = []
        for i in range(len(path) - 1):
            gaps = np.abs(path[i + 1 :] - path[i] - step)
            nearest = int(np.argmin(gaps))
            if gaps[nearest] <= tolerance:
                found.append((i, i + 1 + nearest))
        return found
    ends, travelled = [], 0.0
    for i, moved in enumerate([0.0, *steps.tolist()]):
        travelled += moved
        if travelled >= step:
            ends.append(i)
            travelled = 0.0
    return list(itertools.pairwise(ends))


def _by_angle(poses: Floats, step: float, tolerance: float, every: bool, degrees: float) -> Pairs:
    rotations = poses[:, :3, :3]

    def angle(i: int, j: int) -> float:
        return rotation_angle(rotations[i].T @ rotations[j]) * degrees

    n = len(poses)
    if every:
        low, high = step - tolerance, step + tolerance
        return [(i, j) for i in range(n) for j in range(i + 1, n) if low <= angle(i, j) <= high]
    found, start, turned = [], 0, 0.0
    for end in range(1, n):
        turned += angle(end - 1, end)
        if turned >= step:
            found.append((start, end))
            start, turned = end, 0.0
    return found


def _gap(reference: Floats, estimate: Floats, i: int, j: int) -> Floats:
    true = inverse_rigid(reference[i]) @ reference[j]
    mine = inverse_rigid(estimate[i]) @ estimate[j]
    return inverse_rigid(true) @ mine
