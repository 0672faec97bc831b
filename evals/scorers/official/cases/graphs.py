"""Golden file of scene-graph ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evals.scorers.official.cases.check import FLOAT64, Case, Check, difference
from evals.scorers.official.geometry import scene_graph_topk as topk

Header = Mapping[str, Any]
_TRIPLET_KS = (1, 2, 3, 5, 6, 10, 11, 21, 50, 51, 91, 100)
_OBJECT_KS = (1, 2, 3, 4, 5, 10, 50, 100)
_PREDICATE_KS = (1, 2, 3, 4, 5, 10)
_REPORTED = (
    ("top_k_triplet", "Recall@k for relationship triplets: ", _TRIPLET_KS),
    ("top_k_obj", "Recall@k for objects: ", _OBJECT_KS),
    ("top_k_rel", "Recall@k for predicates: ", _PREDICATE_KS),
    ("top_k_triplet_recall", "New Recall@k for relationship triplets: ", _TRIPLET_KS),
    ("top_k_obj_recall", "Mew Recall@k for objects: ", _OBJECT_KS),
    ("top_k_rel_recall", "New Recall@k for predicates: ", _PREDICATE_KS),
)
"""The official report's blocks, its spelling included."""


def _ranks(case: Case, header: Header, tie: topk.Tie = "input") -> Any:
    given = case["input"]
    k, limit = given["k"], given.get("threshold", topk.THRESHOLD)
    node_of = dict(given.get("gt_to_pd", ()))
    match case["kind"]:
        case "single":
            return topk.single_ranks_compatible(given["gt"], given["pd"], k, tie)
        case "multi":
            return topk.multi_ranks_compatible(given["gt"], given["pd"], k, tie)
        case "predicate":
            return topk.predicate_ranks_compatible(given["gt_predicates"], given["edge_pd"], k, tie)
        case "triplet":
            skip = given.get("ignore_none", False)
            graph = (given["gt"], given["node_pd"], given["edge_pd"], given["edges"])
            return topk.triplet_ranks_compatible(*graph, k=k, threshold=limit, ignore_none=skip, tie=tie)
        case "triplet_recall":
            graph = (given["node_gt"], given["node_pd"], given["edge_pd"], given["edges"], given["gt_edges"])
            truth = (given["edge_gt"], node_of)
            return topk.triplet_recall_compatible(*graph, *truth, k=k, threshold=limit, tie=tie)
        case "predicate_recall":
            graph = (given["edge_pd"], given["edges"], given["gt_edges"], given["edge_gt"], node_of)
            return topk.predicate_recall_compatible(*graph, k=k, threshold=limit, tie=tie)
        case "object_recall":
            return topk.object_recall_compatible(given["node_gt"], given["node_pd"], node_of, k=k, tie=tie)
        case _:
            return _scenes(given, tie)


def _scenes(given: Mapping[str, Any], tie: topk.Tie) -> dict[str, Any]:
    out: dict[str, Any] = {name: [] for name, _, _ in _REPORTED}
    for scene in given["scenes"]:
        for name, ranks in _scene(given, scene, tie).items():
            out[name] += ranks
    printed = [f"recall obj cls {_object_recall(given['scenes'])}", f"recall rel cls {_predicate_recall(given)}"]
    for name, title, ks in _REPORTED:
        printed += [title, *(f"top-k R@{k}\t {topk.recall_at(out[name], k)}" for k in ks), str(len(out[name]))]
    order = ("top_k_obj", "top_k_rel", "top_k_triplet", "top_k_obj_recall", "top_k_rel_recall", "top_k_triplet_recall")
    return {**{name: out[name] for name in order}, "printed": printed}


def _scene(given: Mapping[str, Any], scene: Mapping[str, Any], tie: topk.Tie) -> dict[str, list[int]]:
    k, skip = given["k"], given.get("ignore_none", False)
    nodes, predicates, edges, classes = scene["node_pd"], scene["edge_pd"], scene["edges"], scene["node_y"]
    node_of = dict(scene["gt_to_pd"])
    labels = {(s, o): true for (s, o), true in zip(scene["gt_edges"], scene["edge_gt"], strict=True)}
    truth = [(classes[s], classes[o], labels.get((s, o), [])) for s, o in edges]
    single = topk.multi_ranks_compatible if given["multi"] else topk.single_ranks_compatible
    of_true = (scene["gt_edges"], scene["edge_gt"], node_of)
    return {
        "top_k_obj": topk.single_ranks_compatible(classes, nodes, k, tie),
        "top_k_rel": single(scene["edge_y"], predicates, k, tie),
        "top_k_triplet": topk.triplet_ranks_compatible(truth, nodes, predicates, edges, k=k, ignore_none=skip, tie=tie),
        "top_k_obj_recall": topk.object_recall_compatible(classes, nodes, node_of, k=k, tie=tie),
        "top_k_rel_recall": topk.predicate_recall_compatible(predicates, edges, *of_true, k=k, tie=tie),
        "top_k_triplet_recall": topk.triplet_recall_compatible(
            classes, nodes, predicates, edges, *of_true, k=k, tie=tie
        ),
    }


def _object_recall(scenes: Sequence[Mapping[str, Any]]) -> float:
    """Share of nodes whose most probable class is theirs."""
    hits = [int(np.argmax(row) == true) for s in scenes for row, true in zip(s["node_pd"], s["node_y"], strict=True)]
    return sum(hits) / len(hits)


def _predicate_recall(given: Mapping[str, Any]) -> Any:
    """Share of edges whose most probable predicate is theirs; with several labels, for each predicate at 0.5."""
    scenes = given["scenes"]
    if not given["multi"]:
        hits = [int(np.argmax(row) == t) for s in scenes for row, t in zip(s["edge_pd"], s["edge_y"], strict=True)]
        return sum(hits) / len(hits)
    scores = np.concatenate([np.asarray(s["edge_pd"], np.float64) for s in scenes])
    labels = np.concatenate([np.asarray(s["edge_y"]) for s in scenes]) == 1
    counts = labels.sum(0)
    return np.where(counts > 0, (labels & (scores > topk.THRESHOLD)).sum(0) / np.maximum(counts, 1), 0.0)


def _same_ranks(case: Case, official: Any, mine: Any) -> str:
    """Any rank inside a tie is right."""
    check = Check(metric="", run=_ranks, rtol=FLOAT64)
    found = difference(check, official, mine)
    if not found or "tie" not in case.get("tags", ()) or not isinstance(official, list):
        return found
    best, worst = (_ranks(case, {}, tie) for tie in ("best", "worst"))
    if len(best) == len(official) and all(b <= r <= w for b, r, w in zip(best, official, worst, strict=True)):
        return ""
    return found


CHECKS = (Check(metric="ssg_topk", run=_ranks, compare=_same_ranks),)
