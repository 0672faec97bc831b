"""SQA3D and Beacon3D on annotated graphs: where the asker stands, what counts as right, what the report says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from evals.datasets.beacon3d import ObjectQuestion
from evals.items import Gold, Item
from evals.predictions import Prediction
from evals.stages.annotated import AnnotatedStage, standing, with_relations
from evals.suites.scene_items import beacon3d_items, counterpart, sqa3d_items
from evals.suites.scene_qa import SceneQaPlan, judged, majority, report, short_answer, side_word
from scenes.annotated import scannet_graphs
from scenes.records import Anchor, BoxRecord, FrameRef, GroundedAnswer, ModelRef, TypedValue
from scenes.types import Box3D

DESK = Box3D(center=(1.0, 0.5, 0.0), size=(1.0, 1.0, 0.5))
MADE = {
    "made": {
        "obj_0": {"centroid": [1.0, 0.0, 0.5], "extent": [1.0, 0.5, 1.0], "category": "desk"},
        "obj_1": {"centroid": [1.0, 0.0, 1.1], "extent": [0.2, 0.2, 0.2], "category": "lamp"},
        "obj_2": {"centroid": [-1.0, 2.0, 0.5], "extent": [0.5, 0.5, 1.0], "category": "lamp"},
    }
}


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    path = tmp_path / "graphs.json"
    path.write_text(json.dumps(MADE))
    return path


def item(number: int = 0, *, wording: str = "sqa3d", scene: str = "s1", answer: str = "two", **gold: object) -> Item:
    return Item(
        id=f"{wording}:{number}",
        dialog=f"{wording}:{number}",
        cluster=scene,
        family="how",
        wording=wording,
        text="How many desks are there?",
        frame_id=0,
        time_s=0.0,
        place={"scan": "made", "eye": (0.0, 1.5, 0.0), "heading_rad": 0.0, "object": f"{scene}-{number // 2}"},
        gold=Gold.model_validate({"status": "answered", "accepted": (answer,), "points": False, **gold}),
    )


def reply(
    of: Item, text: str, value: TypedValue | None = None, status: str = "answered", box: Box3D = DESK
) -> Prediction:
    anchor = Anchor(
        object_id="o0",
        label="desk",
        box=BoxRecord.from_box(box),
        sigma_m=0.05,
        confidence=1.0,
        first_seen_s=0.0,
        last_seen_s=0.0,
        map_id="made",
    )
    answer = GroundedAnswer.model_validate(
        {
            "answer": text,
            "status": status,
            "reason": None if status == "answered" else "never_seen",
            "value": value,
            "anchors": (anchor,) if status == "answered" else (),
            "frame": FrameRef(id=0, time_s=0.0, world_from_camera=None),
            "model": ModelRef(base="made", backend="none"),
        }
    )
    return Prediction(id=of.id, suite="scene-qa", version=1, config="c", answer=answer)


def test_a_value_is_the_short_answer() -> None:
    one = item()
    assert short_answer(reply(one, "I see 2.", TypedValue(kind="count", value=2)).answer) == "2"
    assert short_answer(reply(one, "Yes.", TypedValue(kind="bool", value=True)).answer) == "yes"
    assert short_answer(reply(one, "Yes, I have seen 2.", TypedValue(kind="count", value=2)).answer) == "yes"
    behind = TypedValue(kind="direction", value="behind you to the left")
    assert short_answer(reply(one, "Behind you.", behind).answer) == "backward"
    assert short_answer(reply(one, "Two.").answer) == "Two."
    assert short_answer(reply(one, "I have not seen one.", status="abstained").answer) is None
    assert short_answer(None) is None
    assert [side_word(w) for w in ("to your right", "straight ahead", "ahead to the left")] == [
        "right",
        "forward",
        "left",
    ]


def test_the_strict_score_reads_the_value_and_the_official_one_the_sentence() -> None:
    one = item()
    counted = judged(one, reply(one, "I see a pair.", TypedValue(kind="count", value=2)))
    assert (counted.official, counted.strict) == (False, True)
    lucky = judged(one, reply(one, "I can see two of five.", TypedValue(kind="count", value=5)))
    assert (lucky.official, lucky.strict) == (True, False)


def test_silence_is_never_right() -> None:
    one = item()
    for prediction in (None, reply(one, "two", status="abstained")):
        found = judged(one, prediction)
        assert not found.strict
    assert judged(one, None).status == "missing"
    assert not judged(one, None).official


def test_anchors_are_judged_where_the_object_is_known() -> None:
    known = item(wording="beacon3d", boxes={"o0": BoxRecord.from_box(DESK)}, points=True)
    assert judged(known, reply(known, "two")).located is True
    away = Box3D(center=(5.0, 0.5, 0.0), size=(1.0, 1.0, 0.5))
    assert judged(known, reply(known, "two", box=away)).located is False
    assert judged(known, None).located is False
    assert judged(item(), reply(item(), "two")).located is None


def test_the_majority_is_of_the_other_scenes() -> None:
    items = [item(k, scene="s1", answer="one") for k in range(3)] + [item(9, scene="s2", answer="two")]
    guesses = majority(items)
    assert guesses["sqa3d:9"] == "one"
    assert guesses["sqa3d:0"] == "two"


def test_the_report_counts_every_item_and_objects_as_wholes(tmp_path: Path) -> None:
    items = [item(k, wording="beacon3d", scene=f"s{k // 2}") for k in range(4)]
    predictions = {i.id: reply(i, "two") for i in items[:3]}
    plan = SceneQaPlan(dataset="beacon3d", data=tmp_path)
    rows = {row.what: row for row in report(plan, items, predictions).rows}
    assert rows["strict"].value == 75.0
    assert rows["strict"].count == 4
    assert rows["missing"].value == 25.0
    assert rows["strict, all questions of an object"].value == 50.0
    assert rows["anchor on the object, IoU 0.25"].value is None


def test_the_wearer_looks_along_the_heading() -> None:
    pose = standing((1.0, 1.5, 2.0), math.pi / 2)
    assert pose[:3, 3].tolist() == [1.0, 1.5, 2.0]
    assert pose[:3, 2].tolist() == pytest.approx([0.0, 0.0, -1.0], abs=1e-12)
    assert float(torch.linalg.det(pose[:3, :3])) == pytest.approx(1.0)


def test_boxes_alone_give_relations(graph_file: Path) -> None:
    graph = with_relations(scannet_graphs(graph_file)["made"])
    assert ("o1", "on", "o0") in {(r.subject, r.predicate, r.object) for r in graph.relations}


def test_the_tools_see_the_annotated_scene_from_the_asker(graph_file: Path) -> None:
    stage = AnnotatedStage(graph_file)
    with stage.open([item()]) as moment:
        context = moment.context(item(), looking=False)
        assert sorted(o.label for o in context.graph.objects.values()) == ["desk", "lamp", "lamp"]
        assert context.gaze().object_id is None
        assert context.world_from_camera is not None
        assert context.world_from_camera[:3, 2].tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-12)
        assert moment.frame.world_from_camera is not None


def objects_asked() -> Iterator[tuple[dict[int, str], int, str | None]]:
    yield {0: "wall", 4: "lamp", 9: "lamp"}, 9, "o2"
    yield {0: "wall", 4: "lamp", 9: "lamp"}, 4, "o1"
    yield {4: "lamp", 9: "lamp", 11: "lamp"}, 9, None
    yield {4: "lamp", 9: "lamp"}, 5, None


@pytest.mark.parametrize(("classes", "number", "expected"), list(objects_asked()))
def test_an_instance_is_found_by_its_place_among_its_kind(
    graph_file: Path, classes: dict[int, str], number: int, expected: str | None
) -> None:
    graph = scannet_graphs(graph_file)["made"]
    question = ObjectQuestion(
        id="q",
        scene="made",
        object_id=number,
        object_class="lamp",
        question="?",
        answers=("yes",),
        kind="class",
        extra_knowledge=False,
    )
    thing = counterpart(question, classes, graph)
    assert (None if thing is None else thing.id) == expected


@pytest.mark.realdata
def test_the_public_sets_make_items_with_scenes_and_answers(shared_data: Path) -> None:
    graphs = scannet_graphs(shared_data / "scannet_graphs" / "scanrefer_ground_truth_scene_graph.json")
    situated, objects = sqa3d_items(shared_data, graphs), beacon3d_items(shared_data, graphs)
    assert len(situated) > 2000
    assert len(objects) > 800
    assert sum(bool(i.gold.boxes) for i in objects) > 300
    for one in (*situated, *objects):
        assert one.place["scan"] in graphs
        assert one.gold.accepted
    assert len({i.id for i in (*situated, *objects)}) == len(situated) + len(objects)
