"""Multi3DRefer: F1 of sets of boxes after one-to-one matching.

Source of the definitions: M3DRef-CLIP, ``m3drefclip/evaluation`` (the outputs and the description).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

THRESHOLDS = (0.25, 0.5)
ZERO_TARGET = ("zt_w_d", "zt_wo_d")
QUERY_TYPES = (*ZERO_TARGET, "st_w_d", "st_wo_d", "mt")
SCANREFER_TYPES = ("unique", "multiple")
_EPSILON = np.finfo(np.float32).eps


def iou_matrix_compatible(predicted: ArrayLike, true: ArrayLike) -> NDArray[np.float32]:
    """(P, G) float32 IoU of boxes ((min), (max)). Trap: 1.2e-7 in the union lowers an exact 0.25 or 0.5."""
    p = np.asarray(predicted, np.float32).reshape(-1, 1, 2, 3)
    g = np.asarray(true, np.float32).reshape(1, -1, 2, 3)
    sides = np.maximum(np.minimum(p[:, :, 1], g[:, :, 1]) - np.maximum(p[:, :, 0], g[:, :, 0]), np.float32(0))
    shared = sides.prod(-1)
    union = (p[:, :, 1] - p[:, :, 0]).prod(-1) + (g[:, :, 1] - g[:, :, 0]).prod(-1) - shared
    return shared / (union + _EPSILON)


def query_f1_compatible(predicted: Sequence[Any], true: Sequence[Any]) -> list[float]:
    """F1 at 0.25 and 0.5 of one query with targets.

    Traps: the matching maximises the sum of IoU, not the hits; nothing on both sides raises ZeroDivisionError, NaN
    ValueError.
    """
    size = max(len(predicted), len(true))
    square = np.zeros((size, size), np.float32)
    if predicted and true:
        square[: len(predicted), : len(true)] = iou_matrix_compatible(predicted, true)
    rows, columns = linear_sum_assignment(-square)
    matched = square[rows, columns]
    return [2 * int((matched >= t).sum()) / (len(predicted) + len(true)) for t in THRESHOLDS]


def evaluate_compatible(
    truth: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Mean F1 by query type and overall; items have key, eval_type (truth only) and boxes.

    Traps: a query without prediction keeps 0 overall, and its type's mean is undefined in the official code, so only
    ``overall`` is given then; an unknown key raises KeyError; a type without a query is NaN; a zero-target query has
    1 where nothing is predicted, whatever boxes it has.
    """
    position = {item["key"]: k for k, item in enumerate(truth)}
    f1 = np.zeros((len(truth), len(THRESHOLDS)), np.float32)
    for prediction in predictions:
        k = position[prediction["key"]]
        given = prediction["boxes"]
        if truth[k]["eval_type"] in ZERO_TARGET:
            f1[k] = float(not given)
        else:
            f1[k] = query_f1_compatible(given, truth[k]["boxes"])
    complete = {p["key"] for p in predictions} == set(position)
    return _by_type(f1, [t["eval_type"] for t in truth], QUERY_TYPES if complete else ())


def evaluate_single_compatible(
    truth: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """ScanRefer's accuracy in the same code: the first predicted box against the one true box.

    Traps: a query whose list of boxes is empty raises IndexError.
    """
    position = {item["key"]: k for k, item in enumerate(truth)}
    hits = np.zeros((len(truth), len(THRESHOLDS)))
    for prediction in predictions:
        k = position[prediction["key"]]
        iou = iou_matrix_compatible(prediction["boxes"][0], truth[k]["boxes"][0])[0, 0]
        hits[k] = [float(iou >= t) for t in THRESHOLDS]
    complete = {p["key"] for p in predictions} == set(position)
    return _by_type(hits, [t["eval_type"] for t in truth], SCANREFER_TYPES if complete else ())


def query_f1_strict(iou: NDArray[np.floating[Any]], threshold: float) -> float:
    """F1 of the matching with the most hits, from a (P, G) matrix of IoU; 1 where both sides are empty."""
    if not sum(iou.shape):
        return 1.0
    hits = np.asarray(iou >= threshold - 1e-9, np.float64)
    rows, columns = linear_sum_assignment(-hits)
    return 2 * float(hits[rows, columns].sum()) / sum(iou.shape)


def _by_type(
    values: NDArray[np.floating[Any]], kinds: Sequence[str], listed: Sequence[str]
) -> dict[str, dict[str, float]]:
    masks = {kind: np.array([k == kind for k in kinds], bool) for kind in listed}
    masks["overall"] = np.ones(len(kinds), bool)
    return {
        f"F1@{t}": {kind: _mean(values[mask, column]) for kind, mask in masks.items()}
        for column, t in enumerate(THRESHOLDS)
    }


def _mean(values: NDArray[np.floating[Any]]) -> float:
    return float(values.mean()) if len(values) else math.nan
