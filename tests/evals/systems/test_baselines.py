"""Baselines are what they say: blind sees nothing, the oracle makes the right calls, the vote leaves its scene out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from agent.conversation.turn import Turn, TurnInput
from agent.model.protocol import ToolCall
from evals.items import Gold, Item
from evals.scorers.headline import HEADLINE, score_item
from evals.stages.true_graph import TrueGraphStage
from evals.systems.base import Asked, System
from evals.systems.choose import SYSTEMS, make_system
from evals.systems.majority import MajoritySystem
from evals.systems.oracle_tool import OracleToolSystem
from evals.systems.reading import CAPTIONS, GRAPH_LINES, ReadingSystem, captions, graph_lines
from scenes.errors import InputError
from scenes.records import ToolStep, TypedValue
from scenes.types import Box3D, Camera, Frame, Room, SceneGraph, SceneObject
from tests.agent.conftest import ScriptedVlm
from tests.evals.conftest import Known
from tools.toolbox.snapshot import SnapshotContext

CAMERA = Camera(width=64, height=48, fx=46, fy=46, cx=32, cy=24)
MUG = SceneObject(id="o1", label="mug", color="red", box=Box3D(center=(0, 1, -2), size=(0.1, 0.1, 0.1)), room="a")
SOFA = SceneObject(id="o2", label="sofa", color="blue", box=Box3D(center=(2, 0.4, -2), size=(2, 0.8, 1)), room="a")
GRAPH = SceneGraph(
    map_id="m",
    time_s=3.0,
    objects={"o1": MUG, "o2": SOFA},
    relations=(),
    rooms={"a": Room(id="a", label="kitchen", floor_polygon=((-9, -9), (9, -9), (9, 9), (-9, 9)))},
)
WHERE = (ToolStep(name="where_is", arguments={"object": "mug"}),)


def asked(text: str = "where is the mug", trace: tuple[ToolStep, ...] = WHERE) -> Asked:
    frame = Frame(
        id=4,
        time_s=3.0,
        camera=CAMERA,
        rgb=torch.zeros((48, 64, 3), dtype=torch.uint8),
        world_from_camera=torch.eye(4, dtype=torch.float64),
    )
    gold = Gold(status="answered" if trace else "clarify")
    item = Item(
        id="i",
        dialog="i",
        cluster="w",
        family="f",
        wording="t",
        text=text,
        frame_id=4,
        time_s=3.0,
        gold=gold,
        trace=trace,
    )
    context = SnapshotContext(graph=GRAPH, camera=CAMERA, world_from_camera=frame.world_from_camera, time_s=3.0)
    return Asked(question=TurnInput(text=text, frame=frame), context=context, item=item)


def closing(text: str, *cite: str, status: str = "answered", **more: str) -> ToolCall:
    return ToolCall(name="answer", arguments={"status": status, **more, "cite": list(cite), "text": text})


def test_blind_gets_neither_picture_nor_tools_nor_lines():
    model = ScriptedVlm([closing("On the table.")])
    turn = ReadingSystem(model, None, "recall").answer(asked(), ())
    ((messages, images, tools),) = model.shown
    assert images == []
    assert [t["function"]["name"] for t in tools] == ["answer"]
    assert "mug" in str(messages)
    assert "kitchen" not in str(messages)
    assert (turn.answer.answer, turn.answer.anchors, turn.answer.citations) == ("On the table.", (), ())


def test_captions_tell_names_and_rooms_and_point_at_nothing():
    lines = captions(asked())
    assert 0 < len(lines) <= CAPTIONS
    assert "kitchen" in lines[0].text
    assert "red mug" in lines[0].text
    assert not any(fact.object_ids for fact in lines)
    model = ScriptedVlm([closing("In the kitchen.", "f1")])
    answer = ReadingSystem(model, captions, "recall").answer(asked(), ()).answer
    assert (answer.status, answer.anchors) == ("answered", ())
    assert answer.citations[0].source == "f1"


def test_the_graph_in_the_prompt_holds_centres_and_its_lines_can_be_cited():
    lines = graph_lines(asked())
    assert len(lines) <= GRAPH_LINES
    assert lines[0].id == "o1"
    assert "(0.0, 1.0, -2.0)" in lines[0].text
    model = ScriptedVlm([closing("The mug is in the kitchen.", "o1")])
    answer = ReadingSystem(model, graph_lines, "find_objects").answer(asked(), ()).answer
    assert [a.object_id for a in answer.anchors] == ["o1"]
    assert len(model.shown[0][1]) == 1


def test_a_reader_that_cites_what_it_was_not_given_abstains():
    model = ScriptedVlm([closing("It is 7 m away.", "o9")])
    answer = ReadingSystem(model, graph_lines, "find_objects").answer(asked(), ()).answer
    assert (answer.status, answer.reason) == ("abstained", "unsupported")


def test_the_oracle_makes_the_calls_and_leaves_only_the_answer_to_the_model():
    model = ScriptedVlm([closing("The mug is 2.2 m away, straight ahead, in the kitchen.", "o1")])
    answer = OracleToolSystem(model).answer(asked(), ()).answer
    assert [c.name for c in answer.tool_calls] == ["where_is"]
    assert answer.status == "answered"
    (shown,) = model.shown
    assert [t["function"]["name"] for t in shown[2]] == ["answer"]


def test_the_oracle_lets_the_model_choose_where_no_call_is_known_and_none_where_none_is_due():
    model = ScriptedVlm([closing("Hello!", status="clarify")])
    assert OracleToolSystem(model).answer(asked("hi", ()), ()).answer.tool_calls == ()
    assert [t["function"]["name"] for t in model.shown[0][2]] == ["answer"]


def vote(system: System, item: Item) -> Turn:
    return system.answer(Asked(question=asked().question, context=asked().context, item=item), ())


def test_the_vote_is_the_most_frequent_answer_of_the_other_scenes():
    def item(cluster: str, number: int, value: int) -> Item:
        gold = Gold(status="answered", value=TypedValue(kind="count", value=value), points=False)
        id = f"{cluster}-{number}"
        return Item(
            id=id, dialog=id, cluster=cluster, family="count", wording="t", text="?", frame_id=0, time_s=0, gold=gold
        )

    items = [item("a", 0, 3), item("a", 1, 3), item("a", 2, 3), item("b", 0, 1), item("c", 0, 1), item("c", 1, 2)]
    system = MajoritySystem(items)
    assert vote(system, items[0]).answer.answer == "1."
    assert vote(system, items[3]).answer.value == TypedValue(kind="count", value=3)


def test_votes_never_count_as_grounded(known: Known):
    system = MajoritySystem(known.items)
    scored = []
    for item in known.items:
        answer = vote(system, item.model_copy(update={"cluster": "elsewhere"})).answer
        scored.append(score_item(item, known.prediction(item, answer), "id"))
    assert [s.item.id for s in scored if s.value(HEADLINE)] == []
    assert sum(s.value("answer") or 0 for s in scored) > 0


def test_an_unknown_system_is_refused_with_the_names_of_all(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="oracle-tool"):
        make_system("best", "embedded", None, lambda: ())
    assert "agent" in SYSTEMS


def test_turns_of_a_dialog_share_what_was_taught_and_dialogs_do_not(known: Known):
    stage = TrueGraphStage(visits=2)
    taught = next(i for i in known.items if i.family == "teach")
    names: Sequence[str] = []
    for _ in range(2):
        with stage.open([taught]) as moment:
            context = moment.context(taught, looking=True)
            names = [o.label for o in context.graph.objects.values()]
            assert "my zorblat" not in names
            gazed = context.gaze().object_id
            assert gazed is not None
            context.remember("my zorblat", gazed)
            again = moment.context(taught, looking=False)
            assert again.graph.objects[gazed].label == "my zorblat"
            assert again.gaze().object_id is None
