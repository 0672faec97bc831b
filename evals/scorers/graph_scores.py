"""Scores of a predicted scene graph against the true one, both ``scenes.types.SceneGraph``.

Matching of boxes is one-to-one, largest total overlap first. A prediction is false only if it overlaps no true object,
seen well or not; a true object is missed only if it had to be found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.boxes import iou
from scenes.types import SceneGraph, SceneObject
from tools.scene_graph.association import one_to_one

AT_IOU = 0.25
SCORED_PREDICATES = ("on", "in", "next to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """True positives, false positives, false negatives."""

    tp: int
    fp: int
    fn: int

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn); 1 when there was nothing to find and nothing was claimed."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else 1.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphScore:
    """One predicted graph against one true graph."""

    objects: Counts
    named: Counts
    """As ``objects``, where a match counts only under the same label."""
    relations: Counts
    """Relations between matched objects, ``SCORED_PREDICATES`` only."""
    rooms: Counts
    """Which room each matched object is in, under the best one-to-one naming of the rooms."""
    triplets: Counts
    """As ``relations`` plus both labels; true triplets whose things were not found are missed."""
    mean_iou: float
    """Of the matched pairs."""
    pairs: Mapping[str, str]
    """True id -> predicted id."""


def overlaps(predicted: Sequence[SceneObject], true: Sequence[SceneObject]) -> NDArray[np.float64]:
    """(true, predicted) box IoU; pairs whose bounding spheres are apart are 0 without asking."""
    out = np.zeros((len(true), len(predicted)))
    for i, a in enumerate(true):
        for j, b in enumerate(predicted):
            gap = np.linalg.norm(np.subtract(a.box.center, b.box.center))
            if gap < (np.linalg.norm(a.box.size) + np.linalg.norm(b.box.size)) / 2:
                out[i, j] = float(iou(a.box, b.box))
    return out


def match(predicted: Sequence[SceneObject], true: Sequence[SceneObject], at_iou: float = AT_IOU) -> dict[str, str]:
    """True id -> predicted id, one-to-one."""
    return {true[i].id: predicted[j].id for i, j in one_to_one(overlaps(predicted, true), at_iou)}


def score(predicted: SceneGraph, true: SceneGraph, eligible: set[str], at_iou: float = AT_IOU) -> GraphScore:
    """Compare two graphs. ``eligible`` are the ids of the true objects that had to be found."""
    claimed = [o for o in predicted.objects.values() if o.present]
    required = [o for o in true.objects.values() if o.id in eligible]
    table = overlaps(claimed, list(true.objects.values()))
    false = int((table.max(0, initial=0.0) < at_iou).sum()) if claimed else 0
    pairs = match(claimed, required, at_iou)
    ious = [float(iou(true.objects[t].box, predicted.objects[p].box)) for t, p in pairs.items()]
    named = sum(true.objects[t].label == predicted.objects[p].label for t, p in pairs.items())
    missed = len(required) - len(pairs)
    return GraphScore(
        objects=Counts(tp=len(pairs), fp=false, fn=missed),
        named=Counts(tp=named, fp=false + len(pairs) - named, fn=len(required) - named),
        relations=_relations(predicted, true, pairs),
        rooms=_rooms(predicted, true, pairs),
        triplets=_triplets(predicted, true, pairs, eligible),
        mean_iou=float(np.mean(ious)) if ious else 0.0,
        pairs=pairs,
    )


def _links(graph: SceneGraph, true_id: Mapping[str, str]) -> set[tuple[str, str, str]]:
    """The scored relations between the things that ``true_id`` holds, told with those ids."""
    return {
        (true_id[r.subject], r.predicate, true_id[r.object])
        for r in graph.relations
        if r.predicate in SCORED_PREDICATES and r.subject in true_id and r.object in true_id
    }


def _relations(predicted: SceneGraph, true: SceneGraph, pairs: Mapping[str, str]) -> Counts:
    wanted = _links(true, {t: t for t in pairs})
    said = _links(predicted, {p: t for t, p in pairs.items()})
    return Counts(tp=len(wanted & said), fp=len(said - wanted), fn=len(wanted - said))


def _rooms(predicted: SceneGraph, true: SceneGraph, pairs: Mapping[str, str]) -> Counts:
    """Rooms have no names in common, so each true one takes the predicted one with which it shares most things."""
    held = [(true.objects[t].room, predicted.objects[p].room) for t, p in pairs.items() if true.objects[t].room]
    rows, columns = sorted({t for t, _ in held}), sorted({p for _, p in held if p})
    shared = np.array([[float(held.count((t, p))) for p in columns] for t in rows]).reshape(len(rows), len(columns))
    same = {rows[r]: columns[c] for r, c in one_to_one(shared, 1.0)}
    right = sum(same.get(t) == p for t, p in held)
    return Counts(tp=right, fp=sum(p != "" for _, p in held) - right, fn=len(held) - right)


def _triplets(predicted: SceneGraph, true: SceneGraph, pairs: Mapping[str, str], eligible: set[str]) -> Counts:
    wanted = _links(true, {t: t for t in eligible})
    said = _links(predicted, {p: t for t, p in pairs.items()})
    named = {t for t, p in pairs.items() if true.objects[t].label == predicted.objects[p].label}
    right = {s for s in said & wanted if s[0] in named and s[2] in named}
    return Counts(tp=len(right), fp=len(said) - len(right), fn=len(wanted) - len(right))
