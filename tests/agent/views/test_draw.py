"""What is drawn lies where the geometry says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agent.views.draw import ANCHOR_COLOURS, draw_answer
from agent.views.floor_plan import draw_plan
from agent.views.plan_page import plan_html
from scenes.boxes import corners
from scenes.geometry import inverse, look_at, project, transform
from scenes.records import Anchor, BoxRecord, Direction, FrameRef, GroundedAnswer, ModelRef
from scenes.types import Box3D, Camera, Frame, SceneGraph, SceneObject

CAMERA = Camera(width=320, height=240, fx=260.0, fy=260.0, cx=160.0, cy=120.0)
POSE = look_at(torch.tensor([0.0, 1.6, 0.0]).double(), torch.tensor([0.0, 1.4, 2.0]).double())
FRAME = Frame(id=3, time_s=1.0, camera=CAMERA, rgb=torch.zeros(240, 320, 3, dtype=torch.uint8), world_from_camera=POSE)


def answer_with(box: Box3D, direction: Direction) -> GroundedAnswer:
    anchor = Anchor(
        object_id="o1",
        label="mug",
        box=BoxRecord.from_box(box),
        sigma_m=0.05,
        confidence=0.9,
        first_seen_s=0.0,
        last_seen_s=1.0,
        map_id="m",
        direction=direction,
    )
    return GroundedAnswer(
        answer="The mug is here.",
        status="answered",
        anchors=(anchor,),
        frame=FrameRef(id=3, time_s=1.0, world_from_camera=None),
        model=ModelRef(base="test", backend="test"),
    )


def coloured(image: np.ndarray) -> np.ndarray:
    """(N, 2) pixels (u, v) of the first anchor's colour."""
    rows, columns = np.nonzero((image == np.array(ANCHOR_COLOURS[0])).all(-1))
    return np.stack([columns, rows], 1)


def test_a_box_in_view_is_drawn_where_its_corners_project() -> None:
    box = Box3D(center=(0.0, 1.3, 2.0), size=(0.4, 0.3, 0.3))
    direction = Direction(azimuth_deg=0.0, elevation_deg=-8.0, distance_m=2.0, clock=12, in_view=True)
    image = np.asarray(draw_answer(FRAME, answer_with(box, direction), "where?"))
    uv, valid = project(CAMERA, transform(inverse(POSE), corners(box)))
    assert valid.all()
    for u, v in uv.tolist():
        assert np.abs(coloured(image) - (u, v)).max(1).min() <= 2


@pytest.mark.parametrize(("azimuth", "left"), [(-150.0, True), (100.0, False)])
def test_a_box_out_of_view_is_an_arrow_at_the_side_to_turn_to(azimuth: float, left: bool) -> None:
    box = Box3D(center=(0.0, 1.0, -3.0), size=(0.4, 0.3, 0.3))
    direction = Direction(azimuth_deg=azimuth, elevation_deg=0.0, distance_m=3.0, clock=7, in_view=False)
    pixels = coloured(np.asarray(draw_answer(FRAME, answer_with(box, direction))))
    at_edge = pixels[(pixels[:, 0] < 12) | (pixels[:, 0] >= 308)]
    assert len(at_edge) > 0
    assert ((at_edge[:, 0] < 160) == left).all()


def test_a_box_around_the_camera_is_not_drawn_as_nonsense() -> None:
    box = Box3D(center=(0.0, 1.6, -0.5), size=(4.0, 4.0, 4.0))
    direction = Direction(azimuth_deg=180.0, elevation_deg=0.0, distance_m=0.5, clock=6, in_view=False)
    image = draw_answer(FRAME, answer_with(box, direction))
    assert image.width == 320
    assert image.height > 240


def test_the_plan_shows_every_object_and_the_page_needs_nothing_from_outside() -> None:
    objects = {
        "o1": SceneObject(id="o1", label="<sofa>", box=Box3D(center=(0.0, 0.4, 0.0), size=(2.0, 0.8, 0.9))),
        "o2": SceneObject(id="o2", label="", box=Box3D(center=(2.0, 0.4, 1.0), size=(0.3, 0.3, 0.3))),
    }
    graph = SceneGraph(map_id="m", time_s=0.0, objects=objects)
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 2.0])
    rgb = torch.full((500, 3), 120, dtype=torch.uint8)
    plan = draw_plan(graph, points, rgb, 0.0, [(0.0, 0.0), (1.0, 1.0)])
    assert min(plan.size) > 100
    page = plan_html(graph, points, rgb, 0.0, title="a & b")
    assert page.count("<polygon") == 2
    assert "&lt;sofa&gt;" in page
    assert "<sofa>" not in page
    assert "http" not in page
    assert "a &amp; b" in page


def test_an_empty_map_still_has_a_plan() -> None:
    empty = torch.zeros(0, 3)
    plan = draw_plan(SceneGraph(map_id="m", time_s=0.0), empty, empty.to(torch.uint8), 0.0)
    assert min(plan.size) > 0
