"""The graph enforces the answer contract, whatever the model says."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from agent.conversation.graph import MAX_CALLS, answer_question, build_assistant
from agent.conversation.turn import TurnInput
from agent.model.interface import ModelError
from agent.model.protocol import ToolCall, text_of
from scenes.geometry import look_at
from scenes.types import Box3D, Camera, Frame, Relation, SceneGraph, SceneObject
from tools.toolbox.snapshot import SnapshotContext

CAMERA = Camera(width=64, height=48, fx=50.0, fy=50.0, cx=32.0, cy=24.0)
POSE = look_at(torch.tensor([0.0, 1.5, 0.0], dtype=torch.float64), torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64))


@pytest.fixture
def world() -> SnapshotContext:
    """A table two metres ahead with a red mug on it."""
    mug = SceneObject(id="o1", label="mug", box=Box3D(center=(0.0, 0.8, -2.0), size=(0.1, 0.1, 0.1)), color="red")
    table = SceneObject(id="o2", label="table", box=Box3D(center=(0.0, 0.4, -2.0), size=(1.0, 0.7, 1.0)))
    graph = SceneGraph(
        map_id="m",
        time_s=9.0,
        objects={"o1": mug, "o2": table},
        relations=(Relation(subject="o1", predicate="on", object="o2"),),
    )
    return SnapshotContext(graph=graph, camera=CAMERA, world_from_camera=POSE, time_s=9.0)


@pytest.fixture
def question() -> TurnInput:
    rgb = torch.zeros(48, 64, 3, dtype=torch.uint8)
    frame = Frame(id=7, time_s=9.0, camera=CAMERA, rgb=rgb, world_from_camera=POSE)
    return TurnInput(text="where is the mug?", frame=frame)


WHERE = ToolCall(name="where_is", arguments={"object": "mug"})


def answer(text: str, *cite: str, status: str = "answered", **more: Any) -> ToolCall:
    return ToolCall(name="answer", arguments={"status": status, **more, "cite": list(cite), "text": text})


def test_a_cited_answer_carries_value_anchor_and_citation(
    scripted: Any, world: SnapshotContext, question: TurnInput
) -> None:
    vlm = scripted([WHERE, answer("The mug is on the table.", "o1")])
    turn = answer_question(build_assistant(vlm), question, world)
    said = turn.answer
    assert (said.status, said.answer) == ("answered", "The mug is on the table.")
    assert [anchor.object_id for anchor in said.anchors] == ["o1"]
    assert said.anchors[0].box.center == (0.0, 0.8, -2.0)
    assert [citation.source for citation in said.citations] == ["o1"]
    assert [call.name for call in said.tool_calls] == ["where_is"]
    assert said.frame.id == 7
    assert said.timings_ms.prefill == 2.0
    assert said.timings_ms.decode == 4.0
    assert said.model.base == "scripted"


def test_the_model_sees_the_frame_and_may_cite_only_what_came_back(
    scripted: Any, world: SnapshotContext, question: TurnInput
) -> None:
    vlm = scripted([WHERE, answer("The mug is on the table.", "o1")])
    answer_question(build_assistant(vlm), question, world)
    messages, images, _ = vlm.shown[0]
    assert text_of(messages[0]) == "[9.0 s] where is the mug?"
    assert torch.equal(images[0], question.frame.rgb)
    variants = {t["function"]["name"]: t for t in vlm.shown[1][2]}["answer"]["function"]["parameters"]["anyOf"]
    assert [variant["properties"]["cite"]["items"]["enum"] for variant in variants] == [["o1"]] * 3
    assert vlm.shown[1][0][-1]["role"] == "tool"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (answer("The mug is on the table.", "o9"), "o9"),
        (answer("The mug is 77 m away.", "o1"), "77"),
        (answer("Somewhere."), "cites"),
        (answer("x", status="perhaps"), "status"),
    ],
)
def test_a_bad_answer_is_sent_back_once_with_the_complaint(
    scripted: Any, world: SnapshotContext, question: TurnInput, wrong: ToolCall, complaint: str
) -> None:
    vlm = scripted([WHERE, wrong, answer("The mug is on the table.", "o1")])
    turn = answer_question(build_assistant(vlm), question, world)
    assert turn.answer.status == "answered"
    assert complaint in vlm.shown[2][0][-1]["content"]


def test_a_second_bad_answer_becomes_an_abstention(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    bad = answer("The mug is 77 m away.", "o1")
    turn = answer_question(build_assistant(scripted([WHERE, bad, bad])), question, world)
    assert (turn.answer.status, turn.answer.reason) == ("abstained", "unsupported")
    assert not turn.answer.anchors
    assert "77" not in turn.answer.answer


def test_what_was_returned_in_an_earlier_turn_cannot_be_cited(
    scripted: Any, world: SnapshotContext, question: TurnInput
) -> None:
    vlm = scripted([WHERE, answer("The mug is on the table.", "o1"), *[answer("On the table.", "o1")] * 2])
    assistant = build_assistant(vlm)
    first = answer_question(assistant, question, world)
    second = answer_question(assistant, question, world, [first])
    assert second.answer.status == "abstained"


def test_history_is_read_without_its_pictures(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    vlm = scripted([WHERE, answer("The mug is on the table.", "o1")] * 2)
    assistant = build_assistant(vlm)
    first = answer_question(assistant, question, world)
    answer_question(assistant, question, world, [first])
    messages, images, _ = vlm.shown[2]
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert len(images) == 1
    assert messages[3]["tool_calls"][0]["function"]["name"] == "answer"


def test_a_tool_error_goes_back_to_the_model(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    vlm = scripted([ToolCall(name="where_is", arguments={}), WHERE, answer("On the table.", "o1")])
    turn = answer_question(build_assistant(vlm), question, world)
    assert turn.answer.status == "answered"
    assert turn.answer.tool_calls[0].error
    assert vlm.shown[1][0][-1]["content"].startswith("error: Expected")


def test_a_model_that_never_answers_is_stopped(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    vlm = scripted([WHERE] * (MAX_CALLS + 3))
    turn = answer_question(build_assistant(vlm), question, world)
    assert turn.answer.status == "abstained"
    assert len(turn.answer.tool_calls) == MAX_CALLS


def test_text_instead_of_a_call_is_sent_back(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    vlm = scripted(["hello", WHERE, answer("On the table.", "o1")])
    assert answer_question(build_assistant(vlm), question, world).answer.status == "answered"


def test_a_failing_model_is_an_error_answer(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    turn = answer_question(build_assistant(scripted([ModelError("no server")])), question, world)
    assert (turn.answer.status, turn.answer.answer) == ("error", "no server")


def test_an_empty_question_is_refused(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    empty = TurnInput(text="  ", frame=question.frame)
    with pytest.raises(ValueError, match="expected a question"):
        answer_question(build_assistant(scripted([])), empty, world)


def test_pixels_never_enter_the_state(scripted: Any, world: SnapshotContext, question: TurnInput) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    saver = InMemorySaver()
    assistant = build_assistant(scripted([WHERE, answer("On the table.", "o1")]), checkpointer=saver)
    config = {"configurable": {"thread_id": "t"}}
    bound = type(assistant)(graph=assistant.graph.with_config(config), model=assistant.model)
    answer_question(bound, question, world)
    stored = assistant.graph.get_state(config).values
    assert stored["frame_id"] == 7
    assert not [v for v in str(stored).split() if v.startswith("tensor(")]
