"""The scene graph of an analytic room, against its solids."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from scenes.boxes import iou
from scenes.types import SceneGraph
from tests.tools.box_world import BOOK, CABINET, MUG, ROOM, TABLE, Solid, render, tour
from tools.errors import ToolError
from tools.geometry.upright_boxes import contains
from tools.scene_graph.builder import NameTakenError, SceneGraphBuilder, UnknownObjectError
from tools.scene_graph.object_names import NameGuess
from tools.segmentation.base import GazeMiss

EYE, TARGET = (0.0, 1.6, -0.3), (0.0, 0.6, 1.2)


def built(solids: tuple[Solid, ...] = ROOM, namer: object = None) -> SceneGraphBuilder:
    builder = SceneGraphBuilder("room", namer)  # type: ignore[arg-type]
    for frame in tour(solids):
        builder.observe(frame)
    return builder


@pytest.fixture(scope="module")
def graph() -> SceneGraph:
    return built().snapshot()


def found(graph: SceneGraph, solid: Solid) -> str:
    """Id of the object that overlaps a solid most."""
    return max(graph.objects.values(), key=lambda o: float(iou(o.box, solid.box))).id


@pytest.mark.parametrize(("solid", "least"), [(TABLE, 0.7), (CABINET, 0.7), (BOOK, 0.5), (MUG, 0.25)])
def test_each_solid_is_found_where_it_is(graph: SceneGraph, solid: Solid, least: float) -> None:
    assert float(iou(graph.objects[found(graph, solid)].box, solid.box)) >= least


def test_each_solid_is_one_object(graph: SceneGraph) -> None:
    assert len({found(graph, s) for s in ROOM}) == len(ROOM)
    # Nothing else of any size is claimed to be there.
    assert sum(o.box.volume > 0.005 for o in graph.objects.values()) <= len(ROOM)


def test_what_stands_on_the_table_is_on_it(graph: SceneGraph) -> None:
    on_table = graph.related("on", found(graph, TABLE))
    assert {found(graph, MUG), found(graph, BOOK)} <= set(on_table)


def test_colours_are_those_of_the_solids(graph: SceneGraph) -> None:
    assert graph.objects[found(graph, MUG)].color == "red"
    assert graph.objects[found(graph, BOOK)].color == "blue"
    assert graph.objects[found(graph, CABINET)].color == "green"


def test_last_seen_is_the_newest_frame_that_showed_it() -> None:
    builder = built()
    mug = found(builder.snapshot(), MUG)
    before = builder.snapshot().objects[mug].last_seen_s
    for k in range(5):
        # The cabinet's corner of the room; the table is behind the wearer.
        builder.observe(render(ROOM, (0.5, 1.6, -0.5), (-2.0, 0.6, -0.6), frame_id=100 + k, time_s=20.0 + 0.2 * k)[0])
    after = builder.snapshot().objects
    assert after[mug].last_seen_s == before
    assert after[found(builder.snapshot(), CABINET)].last_seen_s > 19.9


def test_identity_is_kept_over_a_second_visit() -> None:
    builder = built()
    before = {s.name: found(builder.snapshot(), s) for s in ROOM}
    for frame in tour(start_s=60.0, first_id=200):
        builder.observe(frame)
    assert {s.name: found(builder.snapshot(), s) for s in ROOM} == before


def test_a_thing_out_of_view_stays_present_and_one_that_is_gone_does_not() -> None:
    builder = built()
    mug, table = found(builder.snapshot(), MUG), found(builder.snapshot(), TABLE)
    without = tuple(s for s in ROOM if s is not MUG)
    for k in range(6):
        builder.observe(render(without, EYE, TARGET, frame_id=300 + k, time_s=30.0 + 0.3 * k)[0])
    after = builder.snapshot()
    assert not after.objects[mug].present
    assert after.objects[table].present
    assert after.objects[found(after, CABINET)].present
    assert any(e.kind == "vanished" and e.object_id == mug for e in builder.events)


def test_a_thing_behind_another_is_not_declared_gone() -> None:
    builder = built()
    mug = found(builder.snapshot(), MUG)
    screen = Solid("screen", (0.0, 0.9, 0.4), (2.0, 1.8, 0.05), (90, 90, 90))
    for k in range(6):
        builder.observe(render((*ROOM, screen), EYE, TARGET, frame_id=300 + k, time_s=30.0 + 0.3 * k)[0])
    assert builder.snapshot().objects[mug].present


def test_a_moved_thing_keeps_its_id_and_remembers_where_it_was() -> None:
    builder = built()
    carton = found(builder.snapshot(), BOOK)
    moved = Solid("carton", (-2.0, 1.28, -0.5), BOOK.size, BOOK.rgb)
    solids = tuple(moved if s is BOOK else s for s in ROOM)
    for frame in tour(solids, start_s=40.0, first_id=400):
        builder.observe(frame)
    after = builder.snapshot()
    assert found(after, moved) == carton
    assert len(builder.objects[carton].positions) >= 2
    event = next(e for e in builder.events if e.kind == "moved")
    assert event.object_id == carton
    assert event.since_s < 40.0 <= event.time_s


def test_a_look_at_a_mapped_thing_gives_its_id() -> None:
    builder = built()
    frame, hit = render(ROOM, EYE, TARGET, frame_id=900, time_s=9.0)
    rows, columns = (hit == ROOM.index(BOOK)).nonzero()
    got = builder.object_at(frame, (float(columns.mean()) + 0.5, float(rows.mean()) + 0.5))
    assert got == found(builder.snapshot(), BOOK)


def test_a_look_makes_a_thing_of_what_nobody_mapped_and_it_lasts() -> None:
    builder = SceneGraphBuilder("room")
    frame, hit = render(ROOM, EYE, TARGET)
    rows, columns = (hit == ROOM.index(MUG)).nonzero()
    got = builder.object_at(frame, (float(columns.mean()) + 0.5, float(rows.mean()) + 0.5))
    assert isinstance(got, str)
    builder.teach(got, "my mug")
    for later in tour(start_s=1.0, first_id=10):
        builder.observe(later)
    thing = builder.snapshot().objects[got]
    assert thing.label == "my mug"
    assert thing.label_source == "user"
    assert float(iou(thing.box, MUG.box)) > 0.25


def test_a_look_at_nothing_gives_a_reason() -> None:
    builder = built()
    frame, _ = render(ROOM, (0.0, 1.6, 0.0), (0.0, 0.0, -1.5))
    miss = builder.object_at(frame, (80.0, 60.0))
    assert isinstance(miss, GazeMiss)
    assert miss.reason == "floor"


def test_two_things_cannot_have_one_name() -> None:
    builder = built()
    graph = builder.snapshot()
    builder.teach(found(graph, MUG), "thing")
    with pytest.raises(NameTakenError) as error:
        builder.teach(found(graph, TABLE), "Thing")
    assert error.value.choices == (found(graph, MUG),)


@pytest.mark.parametrize("name", ["", "  \n\t ", "x" * 10_000])
def test_unusable_names_are_refused(name: str) -> None:
    builder = built()
    with pytest.raises(ToolError):
        builder.teach(next(iter(builder.objects)), name)


def test_control_characters_never_enter_a_name() -> None:
    builder = built()
    object_id = next(iter(builder.objects))
    builder.teach(object_id, "my\x1b[31m\nmug")
    assert builder.objects[object_id].taught.isprintable()


def test_forgetting_removes_the_thing_and_a_second_time_is_an_error() -> None:
    builder = built()
    mug = found(builder.snapshot(), MUG)
    builder.forget(mug)
    assert mug not in builder.snapshot().objects
    with pytest.raises(UnknownObjectError):
        builder.forget(mug)


class CountingNamer:
    """Names by mean colour, and counts its calls: a fake model."""

    def __init__(self) -> None:
        self.seen = 0

    def name(self, things: Sequence[Sequence[Tensor]]) -> Sequence[NameGuess]:
        self.seen += len(things)
        return [NameGuess(label="Thing", confidence=0.9, color="red") for _ in things]


def test_each_thing_is_named_once_from_its_best_view_and_a_taught_name_wins() -> None:
    namer = CountingNamer()
    builder = built(namer=namer)
    taught = found(builder.snapshot(), MUG)
    builder.teach(taught, "my mug")
    while builder.name_pending():
        pass
    graph = builder.snapshot()
    assert namer.seen == len(graph.objects) - 1
    assert builder.name_pending() == 0
    assert graph.objects[taught].label == "my mug"
    others = [o for o in graph.objects.values() if o.id != taught]
    assert all(o.label == "thing" and o.label_source == "vlm" and 0.4 < o.label_confidence < 0.9 for o in others)


def test_a_crop_shows_the_thing() -> None:
    builder = built()
    mug = found(builder.snapshot(), MUG)
    crop = builder.crop(mug)
    assert crop is not None
    assert crop.dtype == torch.uint8
    middle = crop[crop.shape[0] // 2, crop.shape[1] // 2].int()
    assert middle[0] > 2 * middle[1]


def test_boxes_hold_their_surfaces(graph: SceneGraph) -> None:
    builder = built()
    for thing in builder.objects.values():
        if thing.box is not None:
            assert contains(thing.box, thing.points, margin_m=0.01).mean() >= 0.9


def test_frames_without_depth_are_skipped() -> None:
    frame, _ = render(ROOM, EYE, TARGET)
    builder = SceneGraphBuilder("room")
    builder.observe(type(frame)(id=0, time_s=0.0, camera=frame.camera, rgb=frame.rgb))
    assert builder.snapshot().objects == {}
