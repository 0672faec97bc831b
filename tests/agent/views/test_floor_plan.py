"""The floor plan: every name readable, the page without outside references."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
import torch

from agent.views.floor_plan import TAUGHT_COLOUR, draw_plan, place_labels, plan_projection
from agent.views.plan_page import plan_html
from scenes.types import Box3D, Room, SceneGraph, SceneObject

NO_POINTS, NO_COLOURS = torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.uint8)


@pytest.fixture
def graph() -> SceneGraph:
    """A kitchen with a crowded table, a taught bag, and keys that have left."""
    things = [
        SceneObject(id="o1", label="table", box=Box3D(center=(0.0, 0.7, -2.0), size=(1.2, 0.1, 0.8)), room="r1"),
        SceneObject(id="o2", label="mug", box=Box3D(center=(0.05, 0.8, -2.0), size=(0.1, 0.1, 0.1)), room="r1"),
        SceneObject(id="o3", label="mug", box=Box3D(center=(-0.05, 0.8, -2.0), size=(0.1, 0.1, 0.1)), room="r1"),
        SceneObject(
            id="o4", label="my bag", box=Box3D(center=(1.0, 0.5, 3.0), size=(0.4, 0.3, 0.3)), label_source="user"
        ),
        SceneObject(id="o5", label="keys", box=Box3D(center=(2.0, 0.5, 0.0), size=(0.1, 0.1, 0.1)), present=False),
        SceneObject(id="o6", label="", box=Box3D(center=(0.0, 1.0, -3.0), size=(0.4, 0.3, 0.3))),
    ]
    room = Room(id="r1", label="kitchen", floor_polygon=((-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)))
    return SceneGraph(map_id="m", time_s=9.0, objects={o.id: o for o in things}, rooms={"r1": room})


def test_names_do_not_cover_each_other_and_taught_ones_are_always_there(graph: SceneGraph) -> None:
    frame = plan_projection(NO_POINTS, graph)
    labels = place_labels(frame, graph)
    for a, b in itertools.combinations(labels, 2):
        apart = a.box[2] < b.box[0] or b.box[2] < a.box[0] or a.box[3] < b.box[1] or b.box[3] < a.box[1]
        assert apart, (a.text, b.text)
    assert {o.label for o in graph.objects.values() if o.label} <= {label.text for label in labels}


def test_the_picture_shows_what_was_taught_in_its_own_colour(graph: SceneGraph) -> None:
    image = draw_plan(graph, NO_POINTS, NO_COLOURS, 0.0, [(0.0, 0.0), (1.0, 1.0)])
    frame = plan_projection(NO_POINTS, graph)
    assert image.size == (frame.width_px, frame.height_px)
    colours = {colour for _, colour in image.getcolors(1_000_000) or []}
    assert TAUGHT_COLOUR in colours


def test_the_page_needs_nothing_from_outside_and_escapes_names(graph: SceneGraph) -> None:
    objects = dict(graph.objects)
    objects["o2"] = replace(objects["o2"], label="<script>alert(1)</script>")
    page = plan_html(replace(graph, objects=objects), NO_POINTS, NO_COLOURS, 0.0)
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "url(" not in page
    assert "@import" not in page
    for obj in objects.values():
        assert f"<td>{obj.id}</td>" in page
    assert "has left" in page
