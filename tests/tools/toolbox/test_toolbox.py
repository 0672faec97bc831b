"""The toolbox on one small scene: what the model reads, what it may cite, and what it is told when it errs."""

from __future__ import annotations

import dataclasses

import pytest

from scenes.types import Change
from tools.errors import ToolError
from tools.toolbox.context import Gaze
from tools.toolbox.snapshot import SnapshotContext
from tools.toolbox.toolbox import TOOLS, next_fact_number, run_tool, tool_schemas


def read(kitchen: SnapshotContext, name: str, /, **arguments: object) -> str:
    return run_tool(name, arguments, kitchen).text


def test_where_is_says_distance_direction_place_and_when(kitchen: SnapshotContext) -> None:
    assert read(kitchen, "where_is", object="my bag") == (
        "o4 your bag is 3.3 m away, behind you to the right, on the sofa in the kitchen; seen 12 s ago"
    )


@pytest.mark.parametrize("name", ["o2", "red mug", "the red mugs", "red mug on the table"])
def test_an_object_is_found_by_id_name_colour_and_relation(kitchen: SnapshotContext, name: str) -> None:
    result = run_tool("where_is", {"object": name}, kitchen)
    assert [f.id for f in result.facts] == ["o2"]


def test_several_matches_are_told_apart_for_a_question_back(kitchen: SnapshotContext) -> None:
    result = run_tool("where_is", {"object": "mug"}, kitchen)
    assert result.reason == "ambiguous"
    assert result.text.split("\n")[0] == "none: ambiguous: the red mug or the blue mug"
    assert {f.id for f in result.facts} == {"o2", "o3"}
    for choice in ("red mug", "blue mug"):
        assert run_tool("where_is", {"object": choice}, kitchen).reason is None


def test_what_was_never_seen_is_not_invented(kitchen: SnapshotContext) -> None:
    result = run_tool("where_is", {"object": "piano"}, kitchen)
    assert (result.text, result.reason, result.facts) == ("none: never seen: a piano", "never_seen", ())


def test_a_wrong_colour_is_rejected_with_the_reason(kitchen: SnapshotContext) -> None:
    result = run_tool("where_is", {"object": "green mug"}, kitchen)
    assert result.reason == "never_seen"
    assert {r["why"] for r in result.artifact["rejected"]} == {"red, not green", "blue, not green"}


def test_a_thing_that_moved_away_is_reported_as_moved(kitchen: SnapshotContext) -> None:
    result = run_tool("where_is", {"object": "keys"}, kitchen)
    assert result.reason == "moved"
    assert result.text.startswith("o5 the keys have moved; they were in the kitchen, 2.3 m away, to your right")


def test_without_a_pose_no_direction_is_given(kitchen: SnapshotContext) -> None:
    lost = dataclasses.replace(kitchen, world_from_camera=None)
    place = run_tool("where_is", {"object": "my bag"}, lost)
    assert place.reason == "not_localised"
    assert "away" not in place.text
    for name, arguments in (("where_am_i", {}), ("measure", {"kind": "distance", "a": "sofa"})):
        assert run_tool(name, arguments, lost).reason == "not_localised"


def test_things_on_the_table_are_counted_and_listed(kitchen: SnapshotContext) -> None:
    result = run_tool("find_objects", {"query": "objects", "relation": "on", "reference": "table"}, kitchen)
    lines = result.text.split("\n")
    assert lines[:2] == ["f1 2 objects on the table", "f2 on the table: 2 mugs"]
    assert result.facts[0].value is not None
    assert result.facts[0].value.value == 2
    assert result.facts[0].object_ids == ("o2", "o3")


def test_a_known_thing_that_is_not_there_counts_zero(kitchen: SnapshotContext) -> None:
    result = run_tool("find_objects", {"query": "bag", "relation": "on", "reference": "table"}, kitchen)
    assert result.text == "f1 no bag on the table"
    assert result.facts[0].value is not None
    assert result.facts[0].value.value == 0


def test_a_superlative_gives_one(kitchen: SnapshotContext) -> None:
    result = run_tool("find_objects", {"query": "largest thing"}, kitchen)
    assert [f.id for f in result.facts] == ["o7"]


@pytest.mark.parametrize(
    ("arguments", "text", "metres"),
    [
        ({"kind": "distance", "a": "my bag"}, "your bag is 3.3 m away", 3.349),
        ({"kind": "distance", "a": "red mug", "b": "blue mug"}, "the red mug is 30 cm from the blue mug", 0.32),
        ({"kind": "width", "a": "sofa"}, "the sofa is 2.1 m wide", 2.1),
        ({"kind": "height", "a": "red mug"}, "the red mug is 10 cm tall", 0.1),
    ],
)
def test_measures_are_said_rounded_and_kept_exact(
    kitchen: SnapshotContext, arguments: dict[str, str], text: str, metres: float
) -> None:
    fact = run_tool("measure", arguments, kitchen).facts[0]
    assert fact.text == text
    assert fact.value is not None
    assert fact.value.value == pytest.approx(metres, abs=1e-3)


def test_the_gaze_is_an_object_or_a_point_or_a_reason(kitchen: SnapshotContext) -> None:
    assert read(kitchen, "describe", object="gaze").startswith("o6 this thing has no name; it is 40 cm wide")
    wall = dataclasses.replace(kitchen, gazed=Gaze(point=(0.0, 1.6, -4.0), reason="unsupported", miss="no object"))
    assert read(wall, "measure", kind="distance", a="gaze") == "f1 the point you look at is 4 m away"
    unconfirmed = dataclasses.replace(kitchen, gazed=Gaze(object_id="o99", point=(0.0, 1.0, -2.0)))
    assert run_tool("describe", {"object": "gaze"}, unconfirmed).reason == "unsupported"
    blind = dataclasses.replace(kitchen, gazed=Gaze(reason="no_depth", miss="there is no depth where you look"))
    assert read(blind, "describe", object="gaze") == "none: no depth: there is no depth where you look"


def test_a_taught_name_works_at_once_and_is_gone_when_forgotten(kitchen: SnapshotContext) -> None:
    assert read(kitchen, "remember", name="My Lamp", target="gaze") == "o6 saved as your lamp"
    assert read(kitchen, "where_is", object="my lamp").startswith("o6 your lamp is 3.1 m away")
    assert read(kitchen, "forget", target="my lamp") == "f1 your lamp is forgotten"
    assert run_tool("where_is", {"object": "my lamp"}, kitchen).reason == "never_seen"


def test_my_mug_means_the_taught_one_among_several(kitchen: SnapshotContext) -> None:
    run_tool("remember", {"name": "my mug", "target": "o3"}, kitchen)
    assert run_tool("where_is", {"object": "my mug"}, kitchen).facts[0].id == "o3"
    assert run_tool("where_is", {"object": "mug"}, kitchen).reason == "ambiguous"


def test_notes_come_back(kitchen: SnapshotContext) -> None:
    assert read(kitchen, "recall", query="red mug") == "f1 note on the mug, 40 s ago: needs washing"
    run_tool("annotate", {"target": "sofa", "text": "has a stain"}, kitchen)
    assert read(kitchen, "recall", query="sofa") == "f1 note on the sofa, just now: has a stain"
    assert run_tool("recall", {"query": "table"}, kitchen).reason == "never_seen"


def test_look_returns_what_the_vision_model_said(kitchen: SnapshotContext) -> None:
    seeing = dataclasses.replace(kitchen, looks=lambda object_id, question: f"{object_id} {question}")
    assert read(seeing, "look", target="gaze", question="what is it?") == "f1 the picture shows o6 what is it?"
    assert run_tool("look", {"target": "gaze", "question": "what is it?"}, kitchen).reason == "unsupported"


def test_depth_at_a_pixel_or_the_reason_why_not(kitchen: SnapshotContext) -> None:
    deep = dataclasses.replace(kitchen, depths=lambda u, v: 1.84)
    assert read(deep, "measure_depth", u=320, v=240) == "f1 the depth at (320, 240) is 1.8 m"
    assert run_tool("measure_depth", {"u": 700, "v": 1}, deep).reason == "out_of_range"
    assert run_tool("measure_depth", {"u": 7, "v": 1}, kitchen).reason == "no_depth"


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("where", {}, "where_is"),
        ("where_is", {}, "object"),
        ("where_is", {"object": "o99"}, "o1"),
        ("where_is", {"object": " "}, "an empty text"),
        ("where_is", {"object": "mug", "room": "x"}, "room"),
        ("measure", {"kind": "weight", "a": "mug"}, "distance"),
        ("measure", {"kind": "width", "a": "mug", "b": "sofa"}, "only with kind 'distance'"),
        ("find_objects", {"query": "mug", "relation": "on"}, "relation and reference together"),
        ("measure_depth", {"u": float("nan"), "v": 1}, "u"),
        ("remember", {"name": " ", "target": "sofa"}, "a name"),
    ],
)
def test_a_call_that_the_model_can_mend_says_how(
    kitchen: SnapshotContext, name: str, arguments: dict[str, object], says: str
) -> None:
    with pytest.raises(ToolError, match=says):
        run_tool(name, arguments, kitchen)


def test_fact_numbers_run_on_within_a_turn(kitchen: SnapshotContext) -> None:
    first = run_tool("find_objects", {"query": "objects", "relation": "on", "reference": "table"}, kitchen)
    number = next_fact_number(1, first)
    assert run_tool("where_am_i", {}, kitchen, number).facts[0].id == "f3"


def test_schemas_are_lean_and_name_every_tool() -> None:
    schemas = tool_schemas()
    assert [s["function"]["name"] for s in schemas] == [*(t.name for t in TOOLS), "answer"]
    for schema in schemas:
        parameters = schema["function"]["parameters"]
        assert parameters["additionalProperties"] is False
        assert set(parameters["required"]) <= set(parameters["properties"])
        for property_schema in parameters["properties"].values():
            assert not {"title", "default", "anyOf", "$ref"} & set(property_schema)
            assert "type" in property_schema


@pytest.fixture
def changed(kitchen: SnapshotContext) -> SnapshotContext:
    """The red mug came from the sofa, the keys are gone, the bag is new, the table was opened."""
    objects = kitchen.graph.objects
    on_sofa = dataclasses.replace(objects["o2"].box, center=(1.0, 0.45, 3.0))
    log = (
        Change(time_s=95.0, kind="moved", object_id="o2", since_s=5.0, from_box=on_sofa, to_box=objects["o2"].box),
        Change(time_s=96.0, kind="vanished", object_id="o5", since_s=6.0, from_box=objects["o5"].box),
        Change(time_s=97.0, kind="appeared", object_id="o4", since_s=7.0, to_box=objects["o4"].box),
        Change(time_s=98.0, kind="opened", object_id="o1", since_s=8.0),
    )
    return dataclasses.replace(kitchen, graph=dataclasses.replace(kitchen.graph, changes=log))


def test_what_changed_is_told_by_the_way_it_changed(changed: SnapshotContext) -> None:
    result = run_tool("find_objects", {"query": "objects", "when": "moved"}, changed)
    fact = {f.id: f for f in result.facts}
    assert fact["f1"].text == "4 objects that changed"
    assert set(fact["f1"].object_ids) == {"o1", "o2", "o4", "o5"}
    kinds = result.artifact["kinds"]
    assert set(fact[kinds["moved"]].object_ids) == {"o2", "o5"}
    assert fact[kinds["gone"]].object_ids == ("o5",)
    assert fact[kinds["new"]].text == "new: your bag"
    assert fact[kinds["opened"]].object_ids == ("o1",)
    assert fact[kinds["closed"]].text == "nothing is closed"
    assert {row["id"]: row["kind"] for row in result.artifact["changes"]} == {
        "o1": "opened",
        "o2": "moved",
        "o4": "appeared",
        "o5": "vanished",
    }


def test_a_thing_found_at_another_place_has_moved_from_where_it_was(changed: SnapshotContext) -> None:
    result = run_tool("find_objects", {"query": "red mug", "when": "moved"}, changed)
    assert result.facts[0].text == "1 red mug that moved"
    assert result.facts[1].text.startswith(
        "the red mug has moved from the sofa and it is now on the table in the kitchen;"
    )
    for name, text in (("blue mug", "no blue mug that moved"), ("bag", "no bag that moved")):
        assert run_tool("find_objects", {"query": name, "when": "moved"}, changed).text == f"f1 {text}"


def test_what_changed_can_be_asked_of_one_room_and_of_nothing(changed: SnapshotContext) -> None:
    asked = {"query": "objects", "when": "moved", "room": "kitchen"}
    assert run_tool("find_objects", asked, changed).facts[0].text == "4 objects that changed in the kitchen"
    still = dataclasses.replace(changed, graph=dataclasses.replace(changed.graph, changes=()))
    assert run_tool("find_objects", asked, still).text == "f1 no objects that changed in the kitchen"


def test_without_a_log_what_left_its_place_has_moved(kitchen: SnapshotContext) -> None:
    result = run_tool("find_objects", {"query": "objects", "when": "moved"}, kitchen)
    assert result.facts[0].text == "1 object that moved"
    assert result.facts[0].object_ids == ("o5",)
    assert result.facts[1].text == "moved: keys"
