"""Through LangChain, tools and images reach the model, and calls come back as LangChain's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, Field

from agent.conversation.chat_model import SightlineChatModel, canonical_messages
from agent.model.protocol import ToolCall, render
from agent.model.vlm import LocalVlm

PICTURE = torch.arange(32 * 48 * 3, dtype=torch.int64).reshape(32, 48, 3).to(torch.uint8)


class Fetch(BaseModel):
    """get a thing"""

    thing: str = Field(description="its name")


def asked(text: str) -> HumanMessage:
    return HumanMessage([{"type": "image", "image": PICTURE}, {"type": "text", "text": text}])


def test_bound_tools_and_images_reach_the_model(scripted: Any) -> None:
    vlm = scripted([ToolCall(name="Fetch", arguments={"thing": "cup"})])
    reply = SightlineChatModel(vlm=vlm).bind_tools([Fetch]).invoke([SystemMessage("Be kind."), asked("bring it")])
    messages, images, tools = vlm.shown[0]
    assert tools[0]["function"]["name"] == "Fetch"
    assert torch.equal(images[0], PICTURE)
    assert "Fetch(thing: string): get a thing" in render(messages, tools)[0].text
    assert reply.tool_calls[0]["args"] == {"thing": "cup"}
    assert reply.tool_calls[0]["id"]


def test_a_stream_is_the_reply_in_chunks(scripted: Any) -> None:
    vlm = scripted([ToolCall(name="Fetch", arguments={"thing": "cup"})])
    chunks = list(SightlineChatModel(vlm=vlm).bind_tools([Fetch]).stream([asked("bring it")]))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    assert whole.tool_call_chunks
    assert whole.tool_calls[0]["name"] == "Fetch"


def test_broken_text_is_shown_as_text_with_the_problem(scripted: Any) -> None:
    reply = SightlineChatModel(vlm=scripted(["gibberish"])).bind_tools([Fetch]).invoke([asked("x")])
    assert reply.content == "gibberish"
    assert not reply.tool_calls
    assert reply.response_metadata["problem"]


def test_a_conversation_is_converted_turn_by_turn() -> None:
    call = {"name": "Fetch", "args": {"thing": "cup"}, "id": "c1", "type": "tool_call"}
    messages, images = canonical_messages(
        [HumanMessage("hi"), AIMessage("", tool_calls=[call]), ToolMessage("o1 cup", tool_call_id="c1", name="Fetch")]
    )
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == {"thing": "cup"}
    assert not images


def test_an_unknown_content_part_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a text part or an image part"):
        canonical_messages([HumanMessage([{"type": "audio", "data": "..."}])])


def test_tool_choice_narrows_the_tools(scripted: Any) -> None:
    vlm = scripted([ToolCall(name="b", arguments={})])
    tools = [{"type": "function", "function": {"name": n, "description": n, "parameters": {}}} for n in ("a", "b")]
    SightlineChatModel(vlm=vlm).bind_tools(tools, tool_choice="b").invoke([asked("x")])
    assert [tool["function"]["name"] for tool in vlm.shown[0][2]] == ["b"]
    with pytest.raises(ValueError, match="tool_choice"):
        SightlineChatModel(vlm=vlm).bind_tools(tools, tool_choice="c")


def test_the_prompt_of_a_real_model_holds_the_tool_and_the_picture(tiny_folder: Path) -> None:
    vlm = LocalVlm.load(str(tiny_folder), None, name="tiny")
    tool = {"type": "function", "function": {"name": "fetch_it", "description": "get", "parameters": {}}}
    messages, images = canonical_messages([asked("x")])
    prompt = vlm.prompt(messages, images, [tool])
    assert "fetch_it(): get" in vlm.processor.tokenizer.decode(list(prompt.ids))
    assert prompt.ids.count(prompt.image_token or -1) == 16
    assert prompt.features["pixel_values"].shape[-2:] == (128, 128)
