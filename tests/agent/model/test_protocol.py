"""The canonical form: what is written can be read, and Python and Jinja render alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.protocol import (
    Message,
    ProtocolError,
    ToolCall,
    call_message,
    calls_of,
    hermes,
    parse_call,
    render,
    signature,
    text_of,
    tool_message,
    user_message,
)
from finetune.recipes.base import load_tokenizer
from tools.toolbox.toolbox import tool_schemas

SCALARS = st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=20)
JSON_VALUES = SCALARS | st.lists(st.text(max_size=5))


@given(st.text("abcdefgh_", min_size=1, max_size=12), st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4))
def test_a_call_that_was_written_is_read_back(name: str, arguments: dict[str, object]) -> None:
    call = ToolCall(name=name, arguments=arguments)
    if "<tool_call>" not in str(arguments) and "</tool_call>" not in str(arguments):
        assert parse_call(hermes(call)) == call


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "expected one <tool_call>"),
        ("<tool_call>\n{broken\n</tool_call>", "expected JSON"),
        ('<tool_call>\n{"name": 3}\n</tool_call>', 'expected {"name"'),
        ('<tool_call>\n{"name": "a", "arguments": []}\n</tool_call>', "expected arguments to be an object"),
        ('<tool_call>\n{"name": "a"}\n</tool_call> and more', "expected nothing after"),
        ('<tool_call>\n{"name": "a"}\n</tool_call>' * 2, "expected one <tool_call>"),
    ],
)
def test_anything_but_one_call_is_a_typed_error_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ProtocolError, match=says.replace("{", r"\{")) as caught:
        parse_call(text)
    assert "\n" not in str(caught.value)


def conversation() -> list[Message]:
    """A turn with a picture, quotes, a tool result of two lines, and an answer."""
    return [
        {"role": "system", "content": "Be brief."},
        user_message('[1.0 s] where is "it" <b>?'),
        call_message(ToolCall(name="where_is", arguments={"object": 'a "big" äpfel'}), "c1"),
        tool_message("where_is", "o1 the mug is here\no2 too", "c1"),
        call_message(ToolCall(name="answer", arguments={"status": "answered", "cite": ["o1"], "text": "Here."})),
        user_message("thanks", images=0),
        {"role": "assistant", "content": "plain words"},
    ]


@pytest.mark.parametrize("tools", [[], tool_schemas()])
@pytest.mark.parametrize("start", [0, 1])
def test_python_and_the_chat_template_render_alike(tiny_folder: Path, tools: list[Any], start: int) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    messages = conversation()[start:]
    expected = tokenizer.apply_chat_template(messages, tools=tools or None, tokenize=False)
    assert "".join(span.text for span in render(messages, tools)) == expected


def test_only_what_the_assistant_wrote_is_marked(tiny_folder: Path) -> None:
    written = [span.text for span in render(conversation()) if span.written]
    assert [text.count("<|im_end|>") for text in written] == [1, 1, 1]
    assert all(text.startswith("<tool_call>") for text in written[:2])
    assert written[2] == "plain words<|im_end|>"


def test_every_tool_and_argument_reaches_the_signature() -> None:
    for tool in tool_schemas():
        line = signature(tool)
        assert line.startswith(tool["function"]["name"] + "(")
        assert all(name in line for name in tool["function"]["parameters"]["properties"])


def test_message_helpers_agree() -> None:
    call = ToolCall(name="a", arguments={"b": 1})
    assert calls_of(call_message(call)) == (call,)
    assert text_of(user_message("hi", images=2)) == "hi"
