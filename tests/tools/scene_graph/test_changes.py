"""What has changed since a visit began, by the log of events."""

from __future__ import annotations

from dataclasses import replace

from scenes.types import Box3D, Change, SceneGraph, SceneObject
from tools.scene_graph.changes import changes_since

DESK = SceneObject(id="o1", label="desk", box=Box3D(center=(0.0, 0.37, 0.0), size=(1.4, 0.74, 0.7)))
SHELF = SceneObject(id="o2", label="shelf", box=Box3D(center=(3.0, 0.6, 0.0), size=(0.8, 1.2, 0.3)))
MUG = SceneObject(id="o3", label="mug", box=Box3D(center=(3.0, 1.25, 0.0), size=(0.08, 0.1, 0.08)), label_source="vlm")
GRAPH = SceneGraph(map_id="m", time_s=0.0, objects={o.id: o for o in (DESK, SHELF, MUG)})
ON_DESK = Box3D(center=(0.2, 0.79, 0.1), size=(0.08, 0.1, 0.08))


def event(kind: str, time_s: float, start: Box3D, goal: Box3D | None = None) -> Change:
    return Change(time_s=time_s, kind=kind, object_id="o3", since_s=time_s - 5.0, from_box=start, to_box=goal)


def test_two_moves_are_one_change_from_the_first_place_to_the_last() -> None:
    between = Box3D(center=(1.0, 0.79, 0.1), size=MUG.box.size)
    log = [event("moved", 20.0, ON_DESK, between), event("moved", 30.0, between, MUG.box)]
    (change,) = changes_since(log, GRAPH, 0.0)
    assert (change.kind, change.from_box, change.to_box) == ("moved", ON_DESK, MUG.box)
    assert (change.since_s, change.time_s) == (15.0, 30.0)


def test_what_was_brought_back_or_changed_before_the_visit_has_not_changed() -> None:
    back = Box3D(center=(2.9, 1.25, 0.0), size=MUG.box.size)
    assert (
        changes_since([event("moved", 20.0, back, ON_DESK), event("moved", 30.0, ON_DESK, MUG.box)], GRAPH, 0.0) == ()
    )
    assert changes_since([event("moved", 20.0, ON_DESK, MUG.box)], GRAPH, 25.0) == ()


def test_what_left_and_was_not_found_again_has_vanished() -> None:
    gone = replace(GRAPH, objects={**GRAPH.objects, "o3": replace(MUG, present=False)})
    log = [event("moved", 20.0, ON_DESK, MUG.box), event("vanished", 30.0, MUG.box)]
    (change,) = changes_since(log, gone, 0.0)
    assert (change.kind, change.from_box, change.to_box) == ("vanished", ON_DESK, None)
    assert changes_since([replace(log[0], object_id="o99")], gone, 0.0) == ()
