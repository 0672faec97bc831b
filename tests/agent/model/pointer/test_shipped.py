"""The weights in the package behind ``--vlm minilm``: what a first version must not get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.conversation.turn import tools_for
from agent.model.interface import Vlm
from agent.model.protocol import ToolCall, call_message, tool_message, user_message
from agent.model.vlm import load_vlm
from tools.toolbox.facts import Fact

NAMES = ("zorblat", "Granny's Vrimkle", "my quoxit", "blue snarfen", "Mia's tweebo", "plindle wok", "the baby's frump")


@pytest.fixture(scope="module")
def vlm() -> Vlm:
    return load_vlm("minilm")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_nobody_knows_is_copied_letter_by_letter(vlm: Vlm, name: str) -> None:
    """Into the call, and into the sentence that says it was never seen."""
    asked = user_message(f"[3.0 s] where is {name}")
    call = vlm.reply([asked], [], tools_for([])).call
    assert call is not None
    assert call == ToolCall(name="where_is", arguments={"object": name})
    missed = tool_message("where_is", f"none: never seen: {name.lower()}")
    end = vlm.reply([asked, call_message(call), missed], [], tools_for([])).call
    assert end is not None
    assert (end.name, end.arguments["status"], end.arguments["reason"]) == ("answer", "abstained", "never_seen")
    assert name.removeprefix("my ").removeprefix("the ") in end.arguments["text"]


@pytest.mark.parametrize("said", ["hello", "thank you", "tell me a joke", "what is the capital of france"])
def test_small_talk_calls_no_tool(vlm: Vlm, said: str) -> None:
    call = vlm.reply([user_message(f"[3.0 s] {said}")], [], tools_for([])).call
    assert call is not None
    assert call.name == "answer"
    assert "have not seen" not in call.arguments["text"]


def test_an_answer_repeats_the_cited_line(vlm: Vlm) -> None:
    asked = user_message("[3.0 s] where is my quoxit")
    call = call_message(ToolCall(name="where_is", arguments={"object": "my quoxit"}))
    fact = Fact(id="o7", role="place", text="your quoxit is 2.4 m away, behind you to the left, on the table; in view")
    reply = vlm.reply([asked, call, tool_message("where_is", fact.line)], [], tools_for([fact])).call
    assert reply is not None
    assert reply.arguments["cite"] == ["o7"]
    assert reply.arguments["text"] == "Your quoxit is 2.4 m away, behind you to the left, on the table."


def test_all_weights_of_the_package_take_at_most_forty_megabytes() -> None:
    from importlib import resources

    roots = [Path(str(resources.files(package))) for package in ("agent", "tools")]
    assert sum(path.stat().st_size for root in roots for path in root.rglob("*.safetensors")) <= 40e6
