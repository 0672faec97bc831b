"""Scores of graphs that are known by construction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.scorers.graph_scores import Counts, match, score
from scenes.types import Box3D, Relation, SceneGraph, SceneObject


def thing(object_id: str, x: float, label: str = "box") -> SceneObject:
    return SceneObject(id=object_id, label=label, box=Box3D(center=(x, 0.5, 0.0), size=(0.5, 1.0, 0.5)))


TRUE = SceneGraph(
    map_id="t",
    time_s=0.0,
    objects={o.id: o for o in (thing("w1", 0.0, "mug"), thing("w2", 2.0, "table"), thing("w3", 4.0, "lamp"))},
    relations=(Relation(subject="w1", predicate="on", object="w2"),),
)


def renamed(graph: SceneGraph, prefix: str) -> SceneGraph:
    """The same graph under other ids."""
    new = {k: prefix + k for k in graph.objects}
    return replace(
        graph,
        objects={new[k]: replace(o, id=new[k]) for k, o in graph.objects.items()},
        relations=tuple(replace(r, subject=new[r.subject], object=new[r.object]) for r in graph.relations),
    )


def test_a_graph_scores_perfectly_against_itself() -> None:
    result = score(renamed(TRUE, "p"), TRUE, set(TRUE.objects))
    assert result.objects == Counts(tp=3, fp=0, fn=0)
    assert result.named == Counts(tp=3, fp=0, fn=0)
    assert result.relations == Counts(tp=1, fp=0, fn=0)
    assert result.mean_iou == pytest.approx(1.0)


def test_an_empty_graph_finds_nothing_and_claims_nothing() -> None:
    result = score(SceneGraph(map_id="t", time_s=0.0), TRUE, set(TRUE.objects))
    assert result.objects == Counts(tp=0, fp=0, fn=3)
    assert result.objects.f1 == 0.0


def test_a_prediction_is_counted_once() -> None:
    two = replace(TRUE, objects={"a": thing("a", 0.0), "b": thing("b", 0.05)}, relations=())
    assert len(match(list(two.objects.values()), [TRUE.objects["w1"]])) == 1
    # The second lies on a true object, so it is a duplicate match, not an invention.
    assert score(two, TRUE, {"w1"}).objects == Counts(tp=1, fp=0, fn=0)


def test_an_invention_is_false_and_a_badly_seen_truth_is_not_required() -> None:
    extra = replace(TRUE, objects={"a": thing("a", 0.0), "x": thing("x", 9.0)}, relations=())
    assert score(extra, TRUE, {"w1"}).objects == Counts(tp=1, fp=1, fn=0)
    assert score(replace(TRUE, relations=()), TRUE, {"w1"}).objects == Counts(tp=1, fp=0, fn=0)


def test_a_wrong_name_is_a_named_miss_only() -> None:
    wrong = replace(TRUE, objects={**TRUE.objects, "w1": replace(TRUE.objects["w1"], label="cup")})
    result = score(wrong, TRUE, set(TRUE.objects))
    assert result.objects.tp == 3
    assert result.named == Counts(tp=2, fp=1, fn=1)


def test_absent_predictions_claim_nothing() -> None:
    gone = replace(TRUE, objects={k: replace(o, present=False) for k, o in TRUE.objects.items()}, relations=())
    assert score(gone, TRUE, set(TRUE.objects)).objects == Counts(tp=0, fp=0, fn=3)
