"""The floor plan: every name readable, the page without outside references."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import torch

from agent.floor_plan import TAUGHT, draw_plan, place_labels, plan_frame
from agent.plan_page import plan_html
from tools.snapshot import SnapshotContext

NO_POINTS, NO_COLOURS = torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.uint8)


def test_names_do_not_cover_each_other_and_taught_ones_are_always_there(kitchen: SnapshotContext) -> None:
    frame = plan_frame(NO_POINTS, kitchen.graph)
    labels = place_labels(frame, kitchen.graph)
    for a, b in itertools.combinations(labels, 2):
        apart = a.box[2] < b.box[0] or b.box[2] < a.box[0] or a.box[3] < b.box[1] or b.box[3] < a.box[1]
        assert apart, (a.text, b.text)
    assert {o.label for o in kitchen.graph.objects.values() if o.label} <= {label.text for label in labels}


def test_the_picture_shows_what_was_taught_in_its_own_colour(kitchen: SnapshotContext) -> None:
    image = draw_plan(kitchen.graph, NO_POINTS, NO_COLOURS, 0.0, [(0.0, 0.0), (1.0, 1.0)])
    frame = plan_frame(NO_POINTS, kitchen.graph)
    assert image.size == (frame.width_px, frame.height_px)
    colours = {colour for _, colour in image.getcolors(1_000_000) or []}
    assert TAUGHT in colours


def test_the_page_needs_nothing_from_outside_and_escapes_names(kitchen: SnapshotContext) -> None:
    objects = dict(kitchen.graph.objects)
    objects["o2"] = replace(objects["o2"], label="<script>alert(1)</script>")
    page = plan_html(replace(kitchen.graph, objects=objects), NO_POINTS, NO_COLOURS, 0.0)
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "url(" not in page
    assert "@import" not in page
    for obj in objects.values():
        assert f"<td>{obj.id}</td>" in page
    assert "has left" in page
