"""ScanRefer: axis-aligned IoU of boxes and the share of predictions above 0.25 and 0.5.

Source of the definitions: the outputs and the description of ScanRefer's ``utils/box_util.py``,
``utils/metric_util.py`` and ``benchmark/eval.py`` (non-commercial code, not read for this).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scenes import boxes
from scenes.types import Box3D

THRESHOLDS = (0.25, 0.5)
_UNION_EPSILON = 1e-8
_GROUPS = ("unique", "multiple")
_CONTEXTS = ("not_in_others", "in_others")


def corners_iou_compatible(corners_a: ArrayLike, corners_b: ArrayLike) -> float:
    """IoU of the axis-aligned boxes around two sets of (8, 3) corners.

    Traps: rotated boxes are compared by the boxes around them; 1e-8 in the union makes an exact 0.5 fall below 0.5
    and ruins boxes of about a cubic millimetre; NaN corners give NaN. No corners raise ValueError.
    """
    a, b = np.asarray(corners_a, np.float64), np.asarray(corners_b, np.float64)
    with np.errstate(invalid="ignore"):
        return _around_iou(a, b)


def _around_iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    low_a, high_a, low_b, high_b = a.min(0), a.max(0), b.min(0), b.max(0)
    sides = np.maximum(np.minimum(high_a, high_b) - np.maximum(low_a, low_b), 0.0)
    shared = sides[0] * sides[1] * sides[2]
    volume_a, volume_b = np.prod(high_a - low_a), np.prod(high_b - low_b)
    return float(shared / (volume_a + volume_b - shared + _UNION_EPSILON))


def center_size_iou_compatible(box_a: ArrayLike, box_b: ArrayLike) -> float:
    """IoU of boxes (cx, cy, cz, dx, dy, dz). Trap: two negative sizes make a positive volume."""
    a, b = np.asarray(box_a, np.float64), np.asarray(box_b, np.float64)
    high = np.minimum(a[:3] + a[3:6] / 2, b[:3] + b[3:6] / 2)
    low = np.maximum(a[:3] - a[3:6] / 2, b[:3] - b[3:6] / 2)
    if not bool((high > low).all()):
        return 0.0
    shared = (high - low).prod()
    return float(shared / (a[3:6].prod() + b[3:6].prod() - shared))


def iou_strict(a: Box3D, b: Box3D) -> float:
    """IoU of oriented boxes, exact; 0 where the union has no volume."""
    return boxes.iou(a, b)


def evaluate_compatible(truth: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores and counts by group and the IoU of each prediction.

    Args:
        truth: scene_id, object_id, ann_id, bbox (8 corners).
        predictions: the same with unique_multiple (0 unique, 1 multiple) and others (0, 1).

    Traps: the denominator is the number of predictions, so that missing ones do not count and duplicates count twice;
    a prediction without truth has IoU 0; groups come from the predictions, and one that is neither 0 nor 1 counts in
    ``overall`` only; an empty group has 0; no predictions raise ZeroDivisionError.
    """
    boxes_of: dict[Hashable, Any] = {_key(t): t["bbox"] for t in truth}
    ious, groups = [], []
    for prediction in predictions:
        box = boxes_of.get(_key(prediction))
        corners = prediction["bbox"]
        ious.append(0.0 if box is None else corners_iou_compatible(corners, box))
        groups.append((_named(_GROUPS, prediction["unique_multiple"]), _named(_CONTEXTS, prediction["others"])))
    if not predictions:
        raise ZeroDivisionError("expected at least one prediction")
    scores, stats = {}, {}
    for group in (*_GROUPS, "overall"):
        scores[group], stats[group] = {}, {}
        for context in (*_CONTEXTS, "overall"):
            chosen = [
                iou
                for iou, (g, c) in zip(ious, groups, strict=True)
                if group in (g, "overall") and context in (c, "overall")
            ]
            stats[group][context] = len(chosen)
            scores[group][context] = {f"acc@{t}iou": _share(chosen, t) for t in THRESHOLDS}
    return {"scores": scores, "stats": stats, "ious": ious}


def accuracy_strict(ious: Mapping[Any, float], expected: Sequence[Any], threshold: float) -> float | None:
    """Share of all expected queries whose IoU reaches the threshold (to 1e-9); missing ones are wrong."""
    hits = sum(ious.get(key, 0.0) >= threshold - 1e-9 for key in expected if not math.isnan(ious.get(key, 0.0)))
    return hits / len(expected) if expected else None


def _share(ious: Sequence[float], threshold: float) -> float:
    return sum(iou >= threshold for iou in ious) / len(ious) if ious else 0


def _named(names: Sequence[str], value: Any) -> str:
    return names[value] if value in (0, 1) else ""


def _key(item: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(item[k]) for k in ("scene_id", "object_id", "ann_id"))
