"""The event log in words."""

from __future__ import annotations

from scenes.types import Box3D, SceneGraph, SceneObject
from tools.changes import Event, clock_text, event_text

DESK = SceneObject(id="o1", label="desk", box=Box3D(center=(0.0, 0.37, 0.0), size=(1.4, 0.74, 0.7)))
SHELF = SceneObject(id="o2", label="shelf", box=Box3D(center=(3.0, 0.6, 0.0), size=(0.8, 1.2, 0.3)))
MUG = SceneObject(id="o3", label="mug", box=Box3D(center=(3.0, 1.25, 0.0), size=(0.08, 0.1, 0.08)), label_source="vlm")
GRAPH = SceneGraph(map_id="m", time_s=0.0, objects={o.id: o for o in (DESK, SHELF, MUG)})
ON_DESK = Box3D(center=(0.2, 0.79, 0.1), size=(0.08, 0.1, 0.08))
TEN = 36_000.0


def test_a_move_says_from_where_to_where_and_when() -> None:
    event = Event(time_s=TEN + 420, kind="moved", object_id="o3", since_s=TEN + 120, from_box=ON_DESK, to_box=MUG.box)
    assert event_text(event, GRAPH) == "the mug moved from the desk to the shelf between 10:02 and 10:07"


def test_a_vanished_thing_left_its_place() -> None:
    event = Event(time_s=TEN + 420, kind="vanished", object_id="o3", since_s=TEN, from_box=ON_DESK)
    assert event_text(event, GRAPH) == "the mug left the desk between 10:00 and 10:07"


def test_what_has_no_name_and_no_place_is_still_told() -> None:
    event = Event(time_s=60.0, kind="vanished", object_id="o9", since_s=0.0)
    assert event_text(event, GRAPH, clock_text) == "a thing left its place between 00:00 and 00:01"
