"""Errors of depth images as Depth Anything V2 reports them.

Source of the definitions: Depth-Anything-V2, ``metric_depth/util/metric.py`` and ``train.py`` (Apache-2.0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAMES = ("d1", "d2", "d3", "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog")
LEAST_PIXELS = 10
"""Images with fewer valid pixels are left out of the data set's mean."""
DELTA = 1.25


def depth_errors_compatible(predicted_m: ArrayLike, true_m: ArrayLike, dtype: str = "float32") -> dict[str, float]:
    """All figures over (N,) pixels in the given precision.

    Traps: nothing is masked; a negative prediction counts as below delta; ``silog`` is
    ``sqrt(mean(d^2) - 0.5 mean(d)^2)`` of natural logarithms and not KITTI's; an input of two dimensions is divided by
    its rows, so that its deltas exceed 1; NaN makes all means NaN; an empty input gives NaN.
    """
    p, g = np.asarray(predicted_m, dtype), np.asarray(true_m, dtype)
    with np.errstate(all="ignore"):
        ratio = np.maximum(g / p, p / g)
        log_gap, difference = np.log(p) - np.log(g), p - g
        rows = len(p) if p.ndim else 0
        out = {f"d{k}": _ratio(int((ratio < DELTA**k).sum()), rows) for k in (1, 2, 3)}
        out["abs_rel"] = _mean(np.abs(difference) / g)
        out["sq_rel"] = _mean(difference**2 / g)
        out["rmse"] = _root(_mean(difference**2))
        out["rmse_log"] = _root(_mean(log_gap**2))
        out["log10"] = _mean(np.abs(np.log10(p) - np.log10(g)))
        out["silog"] = _root(_mean(log_gap**2) - 0.5 * _mean(log_gap) ** 2)
    return out


def valid_pixels(true_m: NDArray[Any], mask: NDArray[Any], nearest_m: float, farthest_m: float) -> NDArray[np.bool_]:
    """Where the mask is 1 and the true depth is between the limits (both included)."""
    return (mask == 1) & (true_m >= nearest_m) & (true_m <= farthest_m)


def masked_errors_compatible(
    predicted_m: ArrayLike,
    true_m: ArrayLike,
    mask: ArrayLike,
    *,
    nearest_m: float,
    farthest_m: float,
    dtype: str = "float32",
) -> dict[str, float] | None:
    """The same over valid pixels; None for fewer than ten."""
    p, g = np.asarray(predicted_m, dtype), np.asarray(true_m, dtype)
    valid = valid_pixels(g, np.asarray(mask), nearest_m, farthest_m)
    return depth_errors_compatible(p[valid], g[valid], dtype) if int(valid.sum()) >= LEAST_PIXELS else None


def dataset_errors_compatible(images: Sequence[dict[str, float] | None]) -> dict[str, float]:
    """The plain mean over images with a result. Trap: images count equally, whatever their pixels."""
    known = [image for image in images if image is not None]
    return {name: math.fsum(image[name] for image in known) / len(known) for name in NAMES}


def depth_errors_strict(
    predicted_m: ArrayLike, true_m: ArrayLike, valid: ArrayLike | None = None
) -> dict[str, float] | None:
    """All figures in float64 over valid pixels of any shape; None without any.

    A pixel is valid where the truth is positive and finite (and ``valid`` holds). A prediction there that is not
    positive and finite is no depth: it raises ValueError, because no figure can be made of it and none be left out.
    ``silog`` is KITTI's, ``100 sqrt(mean(d^2) - mean(d)^2)``.
    """
    p, g = np.asarray(predicted_m, np.float64), np.asarray(true_m, np.float64)
    known = np.isfinite(g) & (g > 0)
    if valid is not None:
        known &= np.asarray(valid, bool)
    p, g = p[known], g[known]
    if not len(p):
        return None
    bad = int((~(np.isfinite(p) & (p > 0))).sum())
    if bad:
        raise ValueError(f"expected positive depths at all {len(p)} valid pixels, got {bad} that are not")
    out = depth_errors_compatible(p, g, "float64")
    gap = np.log(p) - np.log(g)
    return {**out, "silog": 100 * math.sqrt(max(float((gap**2).mean() - gap.mean() ** 2), 0.0))}


def _ratio(count: int, rows: int) -> float:
    return count / rows if rows else math.nan


def _mean(values: NDArray[Any]) -> Any:
    return values.mean() if values.size else math.nan


def _root(value: Any) -> Any:
    return np.sqrt(value)
