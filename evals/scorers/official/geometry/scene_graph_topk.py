"""3DSSG: at which rank objects, predicates and triplets of a scene graph are found.

Source of the definitions: the outputs and the description of 3DSSG's ``ssg/utils/util_eva.py`` (non-commercial code,
not read for this). Ranks start at 1; k + 1 means "not among the first k". ``Tie`` says which rank an element has
among equal confidences; the official sort leaves that open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Tie = Literal["input", "best", "worst"]
THRESHOLD = 0.5


def single_ranks_compatible(classes: Sequence[int], probabilities: ArrayLike, k: int, tie: Tie = "input") -> list[int]:
    """Rank of the true class of each row; a class outside the range is not found. k < 1 raises TypeError."""
    if k < 1 and len(classes):
        raise TypeError(f"expected k of at least 1, got {k}")
    rows = np.asarray(probabilities, np.float64)
    return [_rank(row, c, k, k, tie) for row, c in zip(rows, classes, strict=True)]


def multi_ranks_compatible(labels: ArrayLike, probabilities: ArrayLike, k: int, tie: Tie = "input") -> list[int]:
    """Rank of each true class of rows of 0/1, divided by their number.

    Traps: ``ceil(rank / labels)``, so that with two labels a first rank can be right at rank 2; rows without labels
    are skipped; k < 1 takes all classes.
    """
    ranks = []
    for row, hot in zip(np.asarray(probabilities, np.float64), np.asarray(labels), strict=True):
        true = np.nonzero(hot)[0].tolist()
        ranks += [_shared_rank(row, c, len(row) if k < 1 else k, k, len(true), tie) for c in true]
    return ranks


def predicate_ranks_compatible(
    predicates: Sequence[Sequence[int]], probabilities: ArrayLike, k: int, tie: Tie = "input"
) -> list[int]:
    """Ranks of the true predicates of each edge, divided by their number; k < 1 takes the first. Edges without
    predicate add nothing."""
    most = max(k, 1)
    ranks = []
    for row, true in zip(np.asarray(probabilities, np.float64), predicates, strict=True):
        ranks += sorted(_shared_rank(row, c, most, most, len(true), tie) for c in true)
    return ranks


def triplet_ranks_compatible(
    truth: Sequence[Sequence[Any]],
    nodes: ArrayLike,
    predicates: ArrayLike,
    edges: Sequence[Sequence[int]],
    *,
    k: int,
    threshold: float = THRESHOLD,
    ignore_none: bool = False,
    tie: Tie = "input",
) -> list[int]:
    """Rank of each true triplet among all of its own edge.

    Args:
        truth: (subject class, object class, predicates) of each edge.
        nodes: (N, C) probabilities. predicates: (E, K). edges: (E, 2) node indices.

    Traps: ranks are divided by the number of predicates; an edge without predicate has the rank of the first triplet
    whose confidence is below the threshold (nearly always 1) unless ``ignore_none``; k < 1 takes the first; no edges
    raise RuntimeError, an unknown node IndexError.
    """
    if not len(edges):
        raise RuntimeError("expected at least one edge")
    node, predicate = np.asarray(nodes, np.float64), np.asarray(predicates, np.float64)
    most = max(k, 1)
    ranks = []
    for (subject, obj), row, (s, o, true) in zip(edges, predicate, truth, strict=True):
        confidence = np.einsum("n,l,m->nlm", node[subject], node[obj], row)
        ranks += _triplet_ranks(confidence, s, o, true, most, most, threshold, ignore_none, tie)
    return ranks


def triplet_recall_compatible(
    node_classes: Sequence[int],
    nodes: ArrayLike,
    predicates: ArrayLike,
    edges: Sequence[Sequence[int]],
    gt_edges: Sequence[Sequence[int]],
    gt_predicates: Sequence[Sequence[int]],
    node_of: Mapping[int, int],
    *,
    k: int,
    threshold: float = THRESHOLD,
    tie: Tie = "input",
) -> list[int]:
    """The same over the true edges, whose nodes ``node_of`` maps to predicted ones.

    Traps: a true edge that was not predicted adds k + 1 once for each of its predicates, so one without adds nothing;
    k < 1 takes all.
    """
    node, predicate = np.asarray(nodes, np.float64), np.asarray(predicates, np.float64)
    place = {(s, o): e for e, (s, o) in enumerate(edges)}
    ranks = []
    for (gt_s, gt_o), true in zip(gt_edges, gt_predicates, strict=True):
        pair = (node_of.get(gt_s, -1), node_of.get(gt_o, -1))
        if pair not in place:
            ranks += [k + 1] * len(true)
            continue
        confidence = np.einsum("n,l,m->nlm", node[pair[0]], node[pair[1]], predicate[place[pair]])
        most = confidence.size if k < 1 else k
        s, o = node_classes[gt_s], node_classes[gt_o]
        ranks += _triplet_ranks(confidence, s, o, true, most, k, threshold, False, tie)
    return ranks


def predicate_recall_compatible(
    predicates: ArrayLike,
    edges: Sequence[Sequence[int]],
    gt_edges: Sequence[Sequence[int]],
    gt_predicates: Sequence[Sequence[int]],
    node_of: Mapping[int, int],
    *,
    k: int,
    threshold: float = THRESHOLD,
    tie: Tie = "input",
) -> list[int]:
    """Ranks of the predicates of true edges; traps as in ``triplet_recall_compatible``."""
    predicate = np.asarray(predicates, np.float64)
    place = {(s, o): e for e, (s, o) in enumerate(edges)}
    ranks = []
    for (gt_s, gt_o), true in zip(gt_edges, gt_predicates, strict=True):
        pair = (node_of.get(gt_s, -1), node_of.get(gt_o, -1))
        if pair not in place:
            ranks += [k + 1] * len(true)
            continue
        row = predicate[place[pair]]
        most = len(row) if k < 1 else k
        if not true:
            ranks.append(_first_below(row, threshold, most, k))
        ranks += sorted(_shared_rank(row, c, most, k, len(true), tie) for c in true)
    return ranks


def object_recall_compatible(
    node_classes: Sequence[int], nodes: ArrayLike, node_of: Mapping[int, int], *, k: int, tie: Tie = "input"
) -> list[int]:
    """Rank of the class of each true node in its predicted one; k + 1 where there is none."""
    node = np.asarray(nodes, np.float64)
    ranks = []
    for gt, true in enumerate(node_classes):
        index = node_of.get(gt, -1)
        ranks.append(k + 1 if index < 0 else _rank(node[index], true, k, k, tie))
    return ranks


def recall_at(ranks: Sequence[int], k: int) -> float:
    """Share of ranks up to k; NaN for none."""
    return sum(r <= k for r in ranks) / len(ranks) if ranks else math.nan


def triplet_recall_strict(
    truth: Sequence[tuple[int, int, int, int, int]], scored: Sequence[tuple[float, int, int, int, int, int]], k: int
) -> float | None:
    """Share of true triplets among the k most confident of the whole scene.

    ``truth``: (subject node, object node, subject class, predicate, object class); ``scored``: the same after its
    confidence. None without truth. Ties are broken against the prediction.
    """
    if not truth:
        return None
    true = set(truth)
    ordered = sorted(scored, key=lambda row: (-row[0], row[1:] in true))
    return sum(row[1:] in true for row in ordered[:k]) / len(true)


def _triplet_ranks(
    confidence: Floats,
    subject: int,
    obj: int,
    true: Sequence[int],
    most: int,
    k: int,
    threshold: float,
    ignore_none: bool,
    tie: Tie,
) -> list[int]:
    flat = confidence.reshape(-1)
    if not true:
        return [] if ignore_none else [_first_below(flat, threshold, most, k)]
    _, objects, kinds = confidence.shape
    places = [(subject * objects + obj) * kinds + c for c in true]
    return sorted(_shared_rank(flat, p, most, k, len(true), tie) for p in places)


def _shared_rank(row: Floats, index: int, most: int, k: int, labels: int, tie: Tie) -> int:
    """The rank divided by the number of labels; k + 1 stays what it is."""
    rank = _rank(row, index, most, k, tie)
    return math.ceil(rank / labels) if rank <= most else rank


def _rank(row: Floats, index: int, most: int, k: int, tie: Tie) -> int:
    """Place of an element in descending order (NaN first); k + 1 where it is not among the first ``most``."""
    if not 0 <= index < len(row):
        return k + 1
    keys = np.where(np.isnan(row), np.inf, row)
    mine = keys[index]
    equal = np.nonzero(keys == mine)[0]
    before = int((keys > mine).sum())
    inside = {"input": int((equal < index).sum()), "best": 0, "worst": len(equal) - 1}[tie]
    rank = before + inside + 1
    return rank if rank <= most else k + 1


def _first_below(row: Floats, threshold: float, most: int, k: int) -> int:
    ordered = np.sort(np.where(np.isnan(row), np.inf, row))[::-1][:most]
    below = np.nonzero(ordered < threshold)[0]
    return int(below[0]) + 1 if len(below) else k + 1
