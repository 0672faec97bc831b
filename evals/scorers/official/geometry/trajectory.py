"""Trajectories: association by time, Umeyama alignment and the absolute pose error.

Source of the definitions: Umeyama 1991, Sturm et al. 2012, and the outputs and description of evo (GPL code, not read
for this). Poses are (4, 4) ``world_from_body``; distances in metres, angles in radians unless a name says degrees.
The strict variant differs in the association only: one-to-one, nearest pairs first, as the tools of TUM's benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scenes.errors import InputError

Floats = NDArray[np.float64]
MAX_DIFFERENCE_S = 0.01
DISTANCE_RELATIONS = ("point_distance", "point_distance_error_ratio")
RELATIONS = ("trans", "angle_deg", "angle_rad", "rot_part", "full", *DISTANCE_RELATIONS)


class TrajectoryError(InputError):
    """What a trajectory cannot be measured for."""

    official_name = "EvoException"


class MetricsError(TrajectoryError):
    """A relation, a step or lengths that the error is not defined for."""

    official_name = "MetricsException"


class SyncError(TrajectoryError):
    """No stamps that match."""

    official_name = "SyncException"


class GeometryError(TrajectoryError):
    """Positions that no alignment can be computed from."""

    official_name = "GeometryException"


class FilterError(TrajectoryError):
    """No pair of poses at the wanted step."""

    official_name = "FilterException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Stamped poses in order."""

    stamps_s: Floats
    """(N,)"""
    poses: Floats
    """(N, 4, 4)"""

    @property
    def positions(self) -> Floats:
        """(N, 3)"""
        return self.poses[:, :3, 3]

    def chosen(self, indices: Sequence[int]) -> Trajectory:
        """Some of the poses."""
        index = np.asarray(indices, np.int64)
        return Trajectory(stamps_s=self.stamps_s[index], poses=self.poses[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """``y = scale * rotation @ x + translation``."""

    rotation: Floats
    translation: Floats
    scale: float

    @property
    def matrix(self) -> Floats:
        """(4, 4) similarity."""
        m = np.eye(4)
        m[:3, :3], m[:3, 3] = self.scale * self.rotation, self.translation
        return m


def trajectory_of(rows: ArrayLike) -> Trajectory:
    """From rows ``t tx ty tz qx qy qz qw``; quaternions are normalised."""
    table = np.asarray(rows, np.float64).reshape(-1, 8)
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, 3] = table[:, 1:4]
    poses[:, :3, :3] = [_rotation(q) for q in table[:, 4:8]]
    return Trajectory(stamps_s=table[:, 0], poses=poses)


def matching_indices_compatible(
    stamps_a: ArrayLike, stamps_b: ArrayLike, max_difference_s: float = MAX_DIFFERENCE_S, offset_b_s: float = 0.0
) -> tuple[list[int], list[int]]:
    """For each stamp of ``a`` its nearest of ``b + offset``, where near enough.

    Traps: two stamps may take the same partner; a tie takes the first; an empty ``b`` raises ValueError.
    """
    a, b = np.asarray(stamps_a, np.float64), np.asarray(stamps_b, np.float64) + offset_b_s
    left, right = [], []
    for k, stamp in enumerate(a):
        gaps = np.abs(b - stamp)
        nearest = int(np.argmin(gaps))
        if gaps[nearest] <= max_difference_s:
            left.append(k)
            right.append(nearest)
    return left, right


def matching_indices_strict(
    stamps_a: ArrayLike, stamps_b: ArrayLike, max_difference_s: float = MAX_DIFFERENCE_S, offset_b_s: float = 0.0
) -> tuple[list[int], list[int]]:
    """One-to-one: the nearest pair first, then the next that is free; in the order of ``a``."""
    a, b = np.asarray(stamps_a, np.float64), np.asarray(stamps_b, np.float64) + offset_b_s
    gaps = np.abs(a[:, None] - b[None, :])
    pairs = sorted((gaps[i, j], i, j) for i, j in zip(*np.nonzero(gaps <= max_difference_s), strict=True))
    taken_a: dict[int, int] = {}
    taken_b: set[int] = set()
    for _, i, j in pairs:
        if int(i) not in taken_a and int(j) not in taken_b:
            taken_a[int(i)] = int(j)
            taken_b.add(int(j))
    left = sorted(taken_a)
    return left, [taken_a[i] for i in left]


def associated_compatible(
    reference: Trajectory, estimate: Trajectory, max_difference_s: float = MAX_DIFFERENCE_S, offset_s: float = 0.0
) -> tuple[Trajectory, Trajectory]:
    """Both cut to matching stamps; each stamp of the shorter looks for its nearest. Raises SyncError for none."""
    estimate_longer = len(estimate.stamps_s) > len(reference.stamps_s)
    short, long = (reference, estimate) if estimate_longer else (estimate, reference)
    of_short, of_long = matching_indices_compatible(
        short.stamps_s, long.stamps_s, max_difference_s, offset_s if estimate_longer else -offset_s
    )
    if not of_short:
        raise SyncError(f"expected stamps within {max_difference_s} s of each other, found none")
    pair = short.chosen(of_short), long.chosen(of_long)
    return pair if estimate_longer else (pair[1], pair[0])


def umeyama(x: ArrayLike, y: ArrayLike, with_scale: bool) -> Alignment:
    """The similarity (or rigid motion) that carries (N, 3) ``x`` to ``y`` with least squares.

    Raises GeometryError: shapes differ, or the covariance has rank below 2 by the machine epsilon, which is absolute,
    so very small trajectories fail too.
    """
    a, b = np.asarray(x, np.float64).T, np.asarray(y, np.float64).T
    if a.shape != b.shape:
        raise GeometryError(f"expected as many points on both sides, got {a.shape} and {b.shape}")
    size, n = a.shape
    mean_a, mean_b = a.mean(1), b.mean(1)
    spread = float((np.linalg.norm(a - mean_a[:, None], axis=0) ** 2).sum()) / n
    covariance = (b - mean_b[:, None]) @ (a - mean_a[:, None]).T / n
    u, d, vt = np.linalg.svd(covariance)
    if np.count_nonzero(d > np.finfo(d.dtype).eps) < size - 1:
        raise GeometryError("expected positions that are not all on one line")
    signs = np.ones(size)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        signs[-1] = -1.0
    rotation = u @ np.diag(signs) @ vt
    scale = float((d * signs).sum()) / spread if with_scale else 1.0
    return Alignment(rotation=rotation, translation=mean_b - scale * (rotation @ mean_a), scale=scale)


def aligned(
    estimate: Trajectory, reference: Trajectory, *, rotate: bool, scale: bool, first: int = -1
) -> tuple[Trajectory, Alignment]:
    """The estimate moved onto the reference by the first ``first`` poses (-1: all), and how.

    Trap of the official code: with ``scale`` and without ``rotate`` only the scale is applied.
    """
    n = len(estimate.positions) if first == -1 else first
    found = umeyama(estimate.positions[:n], reference.positions[:n], scale)
    poses = estimate.poses.copy()
    if scale:
        poses[:, :3, 3] *= found.scale
    if rotate:
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = found.rotation, found.translation
        poses = motion @ poses
    return replace(estimate, poses=poses), found


def aligned_origin(estimate: Trajectory, reference: Trajectory) -> tuple[Trajectory, Floats]:
    """The estimate moved so that its first pose is the reference's first, and the (4, 4) motion."""
    motion = reference.poses[0] @ inverse_rigid(estimate.poses[0])
    return replace(estimate, poses=motion @ estimate.poses), motion


def absolute_errors(reference: Trajectory, estimate: Trajectory, relation: str) -> Floats:
    """(N,) error of each pose. Raises MetricsError: lengths differ, or a relation that needs two poses."""
    if relation not in RELATIONS or relation == "point_distance_error_ratio":
        raise MetricsError(f"expected one of {', '.join(RELATIONS[:-1])}, got {relation!r}")
    if len(reference.poses) != len(estimate.poses):
        raise MetricsError(f"expected as many poses, got {len(reference.poses)} and {len(estimate.poses)}")
    if relation in ("trans", "point_distance"):
        return np.linalg.norm(estimate.positions - reference.positions, axis=1)
    gaps = np.stack([inverse_rigid(e) @ r for e, r in zip(estimate.poses, reference.poses, strict=True)])
    return errors_of(gaps, relation)


def errors_of(gaps: Floats, relation: str) -> Floats:
    """(N, 4, 4) relative poses -> (N,) errors: length, angle, or the norm of the difference from the identity."""
    match relation:
        case "trans":
            return np.linalg.norm(gaps[:, :3, 3], axis=1)
        case "rot_part":
            return np.linalg.norm(gaps[:, :3, :3] - np.eye(3), axis=(1, 2))
        case "full":
            return np.linalg.norm(gaps - np.eye(4), axis=(1, 2))
        case "angle_rad":
            return np.array([rotation_angle(g[:3, :3]) for g in gaps])
        case "angle_deg":
            return np.array([math.degrees(rotation_angle(g[:3, :3])) for g in gaps])
        case _:
            raise MetricsError(f"expected one of {', '.join(RELATIONS)}, got {relation!r}")


def statistics(errors: Floats) -> dict[str, float]:
    """rmse, mean, median, std (population), min, max, sse. Raises ValueError for none."""
    squares = float((errors**2).sum())
    return {
        "rmse": math.sqrt(squares / len(errors)) if len(errors) else math.nan,
        "mean": float(np.mean(errors)) if len(errors) else math.nan,
        "median": float(np.median(errors)) if len(errors) else math.nan,
        "std": float(np.std(errors)) if len(errors) else math.nan,
        "min": float(np.min(errors)),
        "max": float(np.max(errors)),
        "sse": squares,
    }


def inverse_rigid(pose: Floats) -> Floats:
    """(4, 4) inverse of a rigid motion."""
    out = np.eye(4)
    out[:3, :3] = pose[:3, :3].T
    out[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return out


def rotation_angle(matrix: Floats) -> float:
    """Angle of a rotation matrix, exact near 0 and near pi."""
    from scipy.spatial.transform import Rotation

    return float(np.linalg.norm(Rotation.from_matrix(matrix).as_rotvec()))


def _rotation(quaternion_xyzw: Floats) -> Floats:
    q = quaternion_xyzw
    size = float(q @ q)
    if size < np.finfo(np.float64).eps * 4:
        return np.eye(3)
    x, y, z, w = q * math.sqrt(2.0 / size)
    return np.array(
        [
            [1 - y * y - z * z, x * y - z * w, x * z + y * w],
            [x * y + z * w, 1 - x * x - z * z, y * z - x * w],
            [x * z - y * w, y * z + x * w, 1 - x * x - y * y],
        ]
    )
