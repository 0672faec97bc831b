"""Errors and recall of camera poses as three public evaluations report them: hloc, visloc pseudo ground truth, DSAC*.

Sources of the definitions: hloc ``pipelines/Cambridge/utils.py`` (Apache-2.0), visloc_pseudo_gt_limitations
``evaluation_util.py``, DSAC* ``test.py``. Poses of the first two are ``qw qx qy qz tx ty tz``, world-to-camera. The
strict variant of all of them is ``evals.scorers.pose_metrics``: normalised quaternions, a missing or non-finite
estimate is an infinite error, strict thresholds, the median of an even number is the mean of the middle two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
HLOC_THRESHOLDS = ((0.01, 1.0), (0.02, 2.0), (0.03, 3.0), (0.05, 5.0), (0.25, 2.0), (0.5, 5.0), (5.0, 10.0))
"""(metres, degrees) pairs of the hloc evaluation."""
DSAC_THRESHOLDS = ((0.05, 5.0), (0.02, 2.0), (0.01, 1.0))
_CV_RANGE = 100.0
"""OpenCV's Rodrigues gives zero for a matrix with an element beyond this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HlocReport:
    """Median errors, recall at each threshold pair, and the error of each image in order."""

    median_m: float
    median_deg: float
    recall: tuple[float, ...]
    metres: tuple[float, ...]
    degrees: tuple[float, ...]


def hloc_compatible(
    truth: Mapping[str, Sequence[float]],
    estimates: Mapping[str, Sequence[float]],
    *,
    names: Sequence[str] | None = None,
    only_localised: bool = False,
) -> HlocReport:
    """Errors over ``names`` (default: all of ``truth``).

    Traps: quaternions are not normalised, so that an unnormalised one gives a wrong centre and even no rotation
    error; the arccos of the clipped trace is rough below 0.2 degrees; a missing estimate is an infinite error and
    180 degrees unless ``only_localised``, so the median may be infinite; no estimates raise IndexError, a name with
    an estimate and no truth KeyError, a pose of fewer numbers ValueError.
    """
    if not estimates:
        raise IndexError("expected at least one line of estimates")
    poses = {name: _hloc_pose(values) for name, values in estimates.items()}
    metres, degrees = [], []
    for name in truth if names is None else names:
        if name not in poses:
            if not only_localised:
                metres.append(math.inf)
                degrees.append(180.0)
            continue
        rotation, translation = poses[name]
        true_rotation, true_translation = _hloc_pose(truth[name])
        gap = -true_rotation.T @ true_translation + rotation.T @ translation
        cosine = np.clip((np.trace(true_rotation.T @ rotation) - 1) / 2, -1.0, 1.0)
        metres.append(float(np.linalg.norm(gap)))
        degrees.append(float(np.rad2deg(np.abs(np.arccos(cosine)))))
    e_m, e_deg = np.array(metres), np.array(degrees)
    return HlocReport(
        median_m=float(np.median(e_m)),
        median_deg=float(np.median(e_deg)),
        recall=tuple(float(np.mean((e_m < m) & (e_deg < d))) for m, d in HLOC_THRESHOLDS),
        metres=tuple(metres),
        degrees=tuple(degrees),
    )


def visloc_errors_compatible(
    truth: Mapping[str, Sequence[float]], estimates: Mapping[str, Sequence[float]]
) -> list[float]:
    """max(rotation error in degrees, centre error in centimetres) of each image of ``truth``; inf where missing.

    Traps: a NaN or infinite translation counts as perfect, because the inverted pose is all NaN, its rotation vector
    zero and ``max(0, nan)`` is 0; a zero quaternion raises ValueError.
    """
    known = {name: _normalised_pose(values) for name, values in estimates.items()}
    true = {name: _normalised_pose(values) for name, values in truth.items()}
    return [_visloc_error(true[name], known[name]) if name in known else math.inf for name in true]


def visloc_recall_compatible(errors: Sequence[float], threshold: float) -> tuple[float, float]:
    """(share below the threshold, share at or below it: the last bin of the official curve)."""
    values = np.array(errors, np.float64)
    return float(np.mean(values < threshold)), float(np.mean(values <= threshold))


@dataclass(frozen=True, slots=True, kw_only=True)
class DsacReport:
    """Upper medians and percent of frames below each threshold pair."""

    median_deg: float
    median_cm: float
    percent: tuple[float, ...]
    sorted_deg: tuple[float, ...]
    sorted_cm: tuple[float, ...]


def dsac_compatible(truth: Sequence[ArrayLike], estimates: Sequence[ArrayLike]) -> DsacReport:
    """From (4, 4) camera-to-world poses in float32.

    Traps: the median is element n // 2 of the sorted errors; NaN breaks the order; the scale of a rotation matrix
    does not matter; no frames raise ZeroDivisionError.
    """
    degrees, metres = [], []
    for true_pose, pose in zip(truth, estimates, strict=True):
        true, mine = np.asarray(true_pose, np.float32), np.asarray(pose, np.float32)
        metres.append(float(np.linalg.norm(true[:3, 3] - mine[:3, 3])))
        vector = rotation_vector_compatible(mine[:3, :3] @ true[:3, :3].T).astype(np.float32)
        degrees.append(float(np.linalg.norm(vector)) * 180 / math.pi)
    n = len(degrees)
    percent = [
        sum(d < deg and m < far for d, m in zip(degrees, metres, strict=True)) / n * 100 for far, deg in DSAC_THRESHOLDS
    ]
    degrees.sort()
    metres.sort()
    return DsacReport(
        median_deg=degrees[n // 2],
        median_cm=metres[n // 2] * 100,
        percent=tuple(percent),
        sorted_deg=tuple(degrees),
        sorted_cm=tuple(m * 100 for m in metres),
    )


def rotation_vector_compatible(matrix: NDArray[Any]) -> Floats:
    """(3, 3) -> (3,) axis times angle, as OpenCV's Rodrigues: of the nearest rotation; zero for NaN or huge ones."""
    m = np.asarray(matrix, np.float64)
    if not bool((np.abs(m) < _CV_RANGE).all()):
        return np.zeros(3)
    u, _, vt = np.linalg.svd(m)
    r = u @ vt
    axis = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine = math.sqrt(float(axis @ axis) * 0.25)
    cosine = min(1.0, max(-1.0, (float(np.trace(r)) - 1) * 0.5))
    angle = math.acos(cosine)
    if sine >= 1e-5:
        return axis * (0.5 / sine * angle)
    if cosine > 0:
        return np.zeros(3)
    half = np.sqrt(np.maximum((np.diag(r) + 1) * 0.5, 0.0))
    half[1] *= -1.0 if r[0, 1] < 0 else 1.0
    half[2] *= -1.0 if r[0, 2] < 0 else 1.0
    if abs(half[0]) < abs(half[1]) and abs(half[0]) < abs(half[2]) and (r[1, 2] > 0) != (half[1] * half[2] > 0):
        half[2] = -half[2]
    return half * (angle / float(np.linalg.norm(half)))


def _visloc_error(true: Floats, mine: Floats) -> float:
    gap = true @ np.linalg.inv(mine) if np.isfinite(mine).all() else np.full((4, 4), math.nan)
    angle = math.degrees(float(np.linalg.norm(rotation_vector_compatible(gap[:3, :3]))))
    centres = [-(pose[:3, :3].T @ pose[:3, 3]) for pose in (true, mine)]
    centimetres = float(np.linalg.norm(centres[0] - centres[1])) * 100 if np.isfinite(mine).all() else math.nan
    # Not math: the first stays where the second is NaN, as in the official max(r, t).
    return max(angle, centimetres)


def _hloc_pose(values: Sequence[float]) -> tuple[Floats, Floats]:
    if len(values) != 7:
        raise ValueError(f"expected seven numbers of a pose, got {len(values)}")
    return _rotation(values[:4]), np.array(values[4:7], np.float64)


def _normalised_pose(values: Sequence[float]) -> Floats:
    quaternion = np.array(values[:4], np.float64)
    size = float(np.linalg.norm(quaternion))
    if size == 0:
        raise ValueError("expected a quaternion, got zeros")
    pose = np.eye(4)
    pose[:3, :3] = _rotation((quaternion / size).tolist())
    pose[:3, 3] = values[4:7]
    return pose


def _rotation(quaternion_wxyz: Sequence[float]) -> Floats:
    """The textbook matrix of a unit quaternion, whatever its length."""
    w, x, y, z = quaternion_wxyz
    return np.array(
        [
            [1 - 2 * y**2 - 2 * z**2, 2 * x * y - 2 * w * z, 2 * z * x + 2 * w * y],
            [2 * x * y + 2 * w * z, 1 - 2 * x**2 - 2 * z**2, 2 * y * z - 2 * w * x],
            [2 * z * x - 2 * w * y, 2 * y * z + 2 * w * x, 1 - 2 * x**2 - 2 * y**2],
        ]
    )
