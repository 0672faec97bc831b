"""Does the answer point at the right things: anchors against true boxes, one to one.

With a true graph behind the tools a thing is the same when its id is; with a perceived one when its box overlaps the
true one (Acc@0.25 and Acc@0.5 of ScanRefer; Chen et al., 2020). Duplicated and surplus anchors count against an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from evals.items import Item
from evals.scorers.score import UNSCORED, Score
from evals.stages.moment import map_object_id
from scenes.boxes import iou
from scenes.records import Anchor, BoxRecord, GroundedAnswer
from scenes.types import Box3D

Match = Literal["id", "box"]
AT_IOU = (0.25, 0.5)
UPRIGHT = 1e-6
"""Quaternion parts about the level axes below which a box stands upright."""


def judge_grounding(item: Item, answer: GroundedAnswer, match: Match) -> dict[str, Score]:
    """``grounding`` (all right things and nothing else), ``anchors_f1``, and with boxes ``acc_25`` and ``acc_50``.

    Unscored where it is not judged what the answer points at, and the accuracies where nothing is to be pointed at.
    """
    gold = item.gold
    names = ("grounding", "anchors_f1", *(("acc_25", "acc_50") if match == "box" else ()))
    if not gold.points:
        return dict.fromkeys(names, UNSCORED)
    if match == "id":
        hits = _same_ids(gold.boxes, answer.anchors)
        return _scores(hits, len(gold.boxes), answer.anchors, names)
    table = _overlaps(list(gold.boxes.values()), answer.anchors)
    at = {t: _one_to_one(table, t) for t in AT_IOU}
    scores = _scores(at[AT_IOU[0]], len(gold.boxes), answer.anchors, names[:2])
    for name, threshold in zip(names[2:], AT_IOU, strict=True):
        share = at[threshold] / len(gold.boxes) if gold.boxes else None
        scores[name] = Score(value=share, metadata={"best_iou": float(table.max()) if table.size else 0.0})
    return scores


def _scores(hits: int, wanted: int, anchors: Sequence[Anchor], names: Sequence[str]) -> dict[str, Score]:
    given = len(anchors)
    f1 = 2 * hits / (wanted + given) if wanted + given else 1.0
    answer = ", ".join(a.object_id for a in anchors[:6])
    why = "" if f1 == 1.0 else f"expected {wanted} things, pointed at {given}, of them right {hits}"
    values = (float(f1 == 1.0), f1)
    return {n: Score(value=v, answer=answer, explanation=why) for n, v in zip(names, values, strict=True)}


def _same_ids(boxes: Mapping[str, BoxRecord], anchors: Sequence[Anchor]) -> int:
    return len({map_object_id(i) for i in boxes} & {a.object_id for a in anchors})


def _overlaps(gold: Sequence[BoxRecord], anchors: Sequence[Anchor]) -> np.ndarray:
    """(gold, anchors) IoU."""
    true, given = [b.to_box() for b in gold], [a.box.to_box() for a in anchors]
    return np.array([[box_iou(a, b) for b in given] for a in true], dtype=np.float64).reshape(len(true), len(given))


def _one_to_one(table: np.ndarray, threshold: float) -> int:
    """The most pairs, one to one, with at least this IoU."""
    if not table.size:
        return 0
    rows, columns = linear_sum_assignment((table < threshold).astype(np.float64))
    return int((table[rows, columns] >= threshold).sum())


def box_iou(a: Box3D, b: Box3D) -> float:
    """IoU of two boxes; upright ones (nearly all) by their footprints, which is exact and a hundred times quicker."""
    if a == b:
        return 1.0 if a.volume > 0 else 0.0
    if math.dist(a.center, b.center) > (math.hypot(*a.size) + math.hypot(*b.size)) / 2:
        return 0.0
    if not (_upright(a) and _upright(b)):
        return iou(a, b)
    low = max(a.center[1] - a.size[1] / 2, b.center[1] - b.size[1] / 2)
    high = min(a.center[1] + a.size[1] / 2, b.center[1] + b.size[1] / 2)
    shared = max(high - low, 0.0) * _shared_area(_footprint(a), _footprint(b))
    union = a.volume + b.volume - shared
    return shared / union if union > 0 else 0.0


def _upright(box: Box3D) -> bool:
    x, _, z, _ = box.quaternion_xyzw
    return abs(x) < UPRIGHT and abs(z) < UPRIGHT


Corner = tuple[float, float]


def _footprint(box: Box3D) -> list[Corner]:
    """The four ground corners (x, z) in order."""
    yaw = 2 * math.atan2(box.quaternion_xyzw[1], box.quaternion_xyzw[3])
    c, s = math.cos(yaw), math.sin(yaw)
    half_x, half_z = box.size[0] / 2, box.size[2] / 2
    # Turning by +yaw about Y carries (x, z) to (c x + s z, -s x + c z).
    return [
        (box.center[0] + c * x + s * z, box.center[2] - s * x + c * z)
        for x, z in ((-half_x, -half_z), (half_x, -half_z), (half_x, half_z), (-half_x, half_z))
    ]


def _shared_area(a: list[Corner], b: list[Corner]) -> float:
    """Area of the intersection of two convex polygons in order (Sutherland and Hodgman, 1974)."""
    kept = a
    sign = 1.0 if _area(b) >= 0 else -1.0
    for (px, pz), (qx, qz) in zip(b, b[1:] + b[:1], strict=True):
        inside = [sign * ((qx - px) * (z - pz) - (qz - pz) * (x - px)) for x, z in kept]
        cut: list[Corner] = []
        for k, (point, d) in enumerate(zip(kept, inside, strict=True)):
            before, e = kept[k - 1], inside[k - 1]
            if (d < 0) != (e < 0):
                t = e / (e - d)
                cut.append((before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1])))
            if d >= 0:
                cut.append(point)
        kept = cut
        if len(kept) < 3:
            return 0.0
    return abs(_area(kept))


def _area(polygon: Sequence[Corner]) -> float:
    """Signed area by the shoelace formula."""
    return sum(x0 * z1 - x1 * z0 for (x0, z0), (x1, z1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True)) / 2
