"""Loaders of public question sets: what they read, and how they name what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.datasets.beacon3d import (
    load_beacon3d_descriptions,
    load_beacon3d_questions,
    load_object_classes,
)
from evals.datasets.bfcl import load_bfcl
from evals.datasets.openeqa import load_openeqa
from evals.datasets.reading import DatasetError
from evals.datasets.referring import load_multi3drefer, load_scanrefer
from evals.datasets.scanqa import load_scanqa
from evals.datasets.sqa3d import load_sqa3d
from evals.datasets.vsi_bench import load_vsi_bench
from evals.scorers.official.calls.bfcl_check import check_calls_compatible

OPENEQA = {
    "question_id": "q1",
    "question": "What stands by the door?",
    "answer": "A lamp",
    "category": "object recognition",
    "episode_history": "made/one",
}
SCANQA = {"question_id": "val-1", "scene_id": "s1", "question": "Where is it?", "answers": ["here"], "object_ids": [3]}
SCANREFER = {"scene_id": "s1", "object_id": "4", "object_name": "trash_can", "ann_id": "0", "description": "the bin"}
MULTI = {**SCANREFER, "object_ids": [1, 2], "eval_type": "mt", "ann_id": 7}
VSI = {
    "id": 1,
    "dataset": "made",
    "scene_name": "s1",
    "question_type": "route_planning",
    "question": "Which way?",
    "options": ["A. left", "B. right"],
    "ground_truth": "B",
}


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_lists_of_questions_are_read(tmp_path: Path) -> None:
    (eqa,) = load_openeqa(written(tmp_path / "a.json", [{**OPENEQA, "extra_answers": ["lamp"]}]))
    assert eqa.answers == ("A lamp", "lamp")
    (qa,) = load_scanqa(written(tmp_path / "b.json", [SCANQA]))
    assert (qa.object_ids, qa.answers) == ((3,), ("here",))
    (refer,) = load_scanrefer(written(tmp_path / "c.json", [SCANREFER]))
    assert refer.key == ("s1", "4", "0")
    assert refer.object_name == "trash can"
    (multi,) = load_multi3drefer(written(tmp_path / "d.json", [MULTI]))
    assert (multi.object_ids, multi.kind, multi.ann_id) == ((1, 2), "mt", "7")
    number = {**VSI, "id": 2, "question_type": "object_counting", "ground_truth": 3, "options": None}
    choice, count = load_vsi_bench(lines(tmp_path / "e.jsonl", [VSI, "", number]))
    assert (choice.truth, count.truth, count.options) == ("B", "3", ())


@pytest.mark.parametrize(
    ("load", "row", "said"),
    [
        (load_openeqa, {**OPENEQA, "answer": " "}, "text in 'answer'"),
        (load_openeqa, {**OPENEQA, "category": "poetry"}, "one of object recognition"),
        (load_openeqa, {**OPENEQA, "extra_answers": "lamp"}, "a list of texts in 'extra_answers'"),
        (load_scanqa, {**SCANQA, "question": None}, "text in 'question'"),
        (load_scanqa, {**SCANQA, "object_ids": ["x"]}, "whole numbers in 'object_ids'"),
        (load_scanrefer, {**SCANREFER, "object_id": "four"}, "a whole number in 'object_id'"),
        (load_multi3drefer, {**MULTI, "object_ids": [1]}, "as many objects as mt says"),
        (load_multi3drefer, {**MULTI, "eval_type": "zt_w_d"}, "as many objects as zt_w_d says"),
    ],
)
def test_a_bad_entry_is_named(
    tmp_path: Path, load: Callable[[Path], list[Any]], row: dict[str, Any], said: str
) -> None:
    with pytest.raises(DatasetError, match=rf"f\.json entry 1: expected .*{said}"):
        load(written(tmp_path / "f.json", [{**row, **good_of(load)}, row]))


def good_of(load: Callable[[Path], list[Any]]) -> dict[str, Any]:
    """What mends the bad field of a row, with ids of its own."""
    good = {load_openeqa: OPENEQA, load_scanqa: SCANQA, load_scanrefer: SCANREFER, load_multi3drefer: MULTI}[load]
    return {**good, "extra_answers": [], "question_id": "other", "ann_id": "other"}


@pytest.mark.parametrize(("content", "said"), [('{"a": 1}', "a list"), ("[1]", "an object"), ("[", "JSON")])
def test_what_is_no_list_of_objects_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=f"expected {said}"):
        load_openeqa(path)


def test_a_missing_file_and_a_second_use_of_an_id_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected a file nowhere\.json"):
        load_scanqa(tmp_path / "nowhere.json")
    with pytest.raises(DatasetError, match="entry 1: expected ids that occur once, got 'val-1' again"):
        load_scanqa(written(tmp_path / "f.json", [SCANQA, SCANQA]))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "line 2: expected JSON"),
        ({**VSI, "id": 2, "ground_truth": "C"}, "the letter of an option"),
        ({**VSI, "id": 2, "question_type": "object_counting", "ground_truth": "many"}, "a number"),
        ({**VSI, "id": 2, "question_type": "singing"}, "one of"),
        ({**VSI}, "ids that occur once"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        load_vsi_bench(lines(tmp_path / "f.jsonl", [VSI, row]))


def situated(tmp_path: Path, **changed: object) -> tuple[Path, Path]:
    question = {"scene_id": "s1", "situation": "I face the door.", "question": "Is it open?", "question_id": 5}
    annotation = {
        "scene_id": "s1",
        "question_id": 5,
        "answers": [{"answer": "yes"}],
        "position": {"x": 1, "y": 2, "z": 0},
        "rotation": {"_x": 0, "_y": 0, "_z": math.sin(0.25), "_w": math.cos(0.25)},
        **changed,
    }
    return (
        written(tmp_path / "q.json", {"questions": [question]}),
        written(tmp_path / "a.json", {"annotations": [annotation]}),
    )


def test_situated_questions_join_two_files(tmp_path: Path) -> None:
    (question,) = load_sqa3d(*situated(tmp_path))
    assert (question.answers, question.position, question.kind) == (("yes",), (1.0, 2.0, 0.0), "is")
    assert question.heading_rad == pytest.approx(0.5 - math.pi)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"question_id": 6}, "expected a question of q.json, got '6'"),
        ({"scene_id": "s2"}, "the scene of the question"),
        ({"answers": []}, "at least one answer"),
        ({"position": {"x": 1, "y": None, "z": 0}}, "finite numbers x, y, z"),
        ({"rotation": {"_x": 0, "_y": 0, "_z": 2, "_w": 0}}, "a unit quaternion"),
        ({"rotation": {"_x": 1, "_y": 0, "_z": 0, "_w": 0}}, "a turn about the vertical"),
    ],
)
def test_a_bad_annotation_is_named(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        load_sqa3d(*situated(tmp_path, **changed))


def test_objects_of_beacon3d_are_read_in_order(tmp_path: Path) -> None:
    asked = {"question": "What colour?", "answer": "White", "tag": "appearance", "extra_knowledge": 0}
    path = written(
        tmp_path / "qa.json", {"s1": {"box": {"27": {"qa": [asked, asked]}}, "lamp": {"3": {"qa": [asked]}}}}
    )
    assert [(q.id, q.object_class) for q in load_beacon3d_questions(path)] == [
        ("s1_27_0", "box"),
        ("s1_27_1", "box"),
        ("s1_3_0", "lamp"),
    ]
    step = {"text": "The box", "obj_id": ["27", "29"], "tag": "class-Spatial"}
    path = written(tmp_path / "grounding.json", {"s1": {"box": {"27": {"chain_1": [step, step]}}}})
    first, second = load_beacon3d_descriptions(path)
    assert (first.step, second.step, first.object_ids) == (0, 1, (27, 29))
    assert first.kinds == {"class", "spatial"}
    assert load_object_classes(written(tmp_path / "c.json", {"s1": {"0": "box"}})) == {"s1": {0: "box"}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"s1": {"box": {"x": {"qa": []}}}}, "s1 box x: expected an object's number"),
        ({"s1": {"box": {"1": {"qa": []}}}}, "expected a list of questions"),
        (
            {"s1": {"box": {"1": {"qa": [{"question": "?", "answer": "a", "tag": "smell"}]}}}},
            "question 0: expected one",
        ),
        ({"s1": 3}, "s1: expected an object"),
    ],
)
def test_a_bad_object_is_named(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        load_beacon3d_questions(written(tmp_path / "qa.json", content))


FUNCTION = {"name": "f", "parameters": {"type": "dict", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}
REQUEST = {"id": "simple_0", "question": [[{"role": "user", "content": "Call f."}]], "function": [FUNCTION]}


def test_bfcl_requests_join_their_answers(tmp_path: Path) -> None:
    asked = lines(tmp_path / "q.json", [REQUEST])
    answers = lines(tmp_path / "a.json", [{"id": "simple_0", "ground_truth": [{"f": {"a": [1]}}]}])
    (item,) = load_bfcl(asked, answers)
    assert (item.category, item.messages, item.answers) == ("simple", (("user", "Call f."),), ({"f": {"a": [1]}},))
    assert load_bfcl(asked)[0].answers is None


@pytest.mark.parametrize(
    ("request_row", "answer", "said"),
    [
        (REQUEST, {"id": "simple_1", "ground_truth": []}, "an answer to 'simple_0'"),
        (REQUEST, {"id": "simple_0", "ground_truth": [{"f": {}, "g": {}}]}, "a list of calls"),
        ({**REQUEST, "function": []}, {"id": "simple_0", "ground_truth": []}, "a list of functions"),
        ({**REQUEST, "function": [{"name": "f"}]}, {"id": "simple_0", "ground_truth": []}, "name and parameters"),
        ({**REQUEST, "question": "f?"}, {"id": "simple_0", "ground_truth": []}, "a list of turns"),
    ],
)
def test_a_bad_request_is_named(tmp_path: Path, request_row: object, answer: object, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        load_bfcl(lines(tmp_path / "q.json", [request_row]), lines(tmp_path / "a.json", [answer]))


@pytest.mark.realdata
def test_the_public_files_load_whole(shared_data: Path) -> None:
    qa = shared_data / "qa"
    assert len(load_openeqa(qa / "open-eqa-v0.json")) == 1636
    questions = qa / "v1_balanced_questions_test_scannetv2.json"
    assert len(load_sqa3d(questions, qa / "v1_balanced_sqa_annotations_test_scannetv2.json")) == 3519
    beacon = qa / "beacon3d" / "scannet"
    assert len(load_beacon3d_questions(beacon / "metadata_scannet_qa.json")) == 1155
    assert len(load_beacon3d_descriptions(beacon / "metadata_scannet_grounding.json")) == 2458


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["simple_python", "multiple", "parallel"])
def test_the_first_accepted_values_are_right_by_the_official_check(shared_data: Path, name: str) -> None:
    folder = shared_data / "bfcl"
    items = load_bfcl(folder / f"BFCL_v4_{name}.json", folder / f"answers_{name}.json")
    right = 0
    for item in items:
        assert item.answers is not None
        calls = [{f: {p: first_of(v) for p, v in values.items()} for f, values in a.items()} for a in item.answers]
        right += check_calls_compatible(list(item.functions), calls, item.answers, name).valid
    # The few that fail have an answer that their own documentation forbids.
    assert right / len(items) > 0.95


def first_of(accepted: list[Any]) -> Any:
    """The first accepted value as a model would write it: dicts inside hold lists of accepted values themselves."""
    value = next((v for v in accepted if v != ""), "")
    if isinstance(value, dict):
        return {k: first_of(v) for k, v in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{k: first_of(v) for k, v in item.items()} for item in value]
    return value
