"""Distances between point clouds: accuracy, completeness, precision, recall, F, and the several "Chamfer" distances.

Source of the definitions: Depth-Anything-3, ``bench/utils.py`` (Apache-2.0) and, for Chamfer, their plain formulas.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

Floats = NDArray[np.float64]
THRESHOLD_M = 0.05


def reconstruction_compatible(
    predicted: ArrayLike, true: ArrayLike, threshold_m: float = THRESHOLD_M, voxel_m: float | None = None
) -> dict[str, float]:
    """acc, comp, overall (metres), precision, recall, fscore of (N, 3) points.

    Traps: thresholds are strict; ``overall`` is half of the usual Chamfer-L1; an empty cloud gives inf and 0; NaN
    raises ValueError; duplicates weigh; ``voxel_m`` starts each cloud's grid at its own minimum.
    """
    p, g = _points(predicted), _points(true)
    if voxel_m:
        p, g = voxel_means(p, voxel_m), voxel_means(g, voxel_m)
    if not len(p) or not len(g):
        far, none = math.inf, 0.0
        return {"acc": far, "comp": far, "overall": far, "precision": none, "recall": none, "fscore": none}
    to_true, to_predicted = KDTree(g).query(p)[0], KDTree(p).query(g)[0]
    accuracy, completeness = float(np.mean(to_true)), float(np.mean(to_predicted))
    precision, recall = float(np.mean(to_true < threshold_m)), float(np.mean(to_predicted < threshold_m))
    return {
        "acc": accuracy,
        "comp": completeness,
        "overall": (accuracy + completeness) / 2,
        "precision": precision,
        "recall": recall,
        "fscore": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
    }


def reconstruction_strict(predicted: ArrayLike, true: ArrayLike, threshold_m: float = THRESHOLD_M) -> dict[str, float]:
    """The same with distances of exactly the threshold inside (to 1e-9 m). Raises ValueError for points not finite."""
    for name, cloud in (("prediction", predicted), ("truth", true)):
        if not bool(np.isfinite(_points(cloud)).all()):
            raise ValueError(f"expected finite points in the {name}")
    return reconstruction_compatible(predicted, true, threshold_m + 1e-9)


def chamfer_compatible(a: ArrayLike, b: ArrayLike) -> dict[str, float]:
    """All that papers call "Chamfer" of two (N, 3) clouds, in metres or square metres; NaN where one is empty."""
    p, g = _points(a), _points(b)
    names = ("chamfer_l1_sum", "chamfer_l1_mean", "chamfer_l2_squared_sum", "hausdorff")
    if not len(p) or not len(g):
        return dict.fromkeys(names, math.nan)
    to_b, to_a = KDTree(g).query(p)[0], KDTree(p).query(g)[0]
    total = float(to_b.mean() + to_a.mean())
    squared = float((to_b**2).mean() + (to_a**2).mean())
    return dict(zip(names, (total, total / 2, squared, float(max(to_b.max(), to_a.max()))), strict=True))


def voxel_means(points: Floats, voxel_m: float) -> Floats:
    """The mean point of each occupied voxel, on a grid that starts half a voxel below the minimum."""
    if not len(points):
        return points
    cells = np.floor((points - (points.min(0) - voxel_m / 2)) / voxel_m).astype(np.int64)
    _, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), 3))
    np.add.at(sums, inverse.reshape(-1), points)
    return sums / counts[:, None]


def _points(cloud: ArrayLike) -> Floats:
    return np.asarray(cloud, np.float64).reshape(-1, 3)
