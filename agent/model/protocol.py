"""Messages and tool calls in one canonical form, whatever model answers.

The canonical form is OpenAI's: messages are dicts with ``role`` and ``content``; an assistant message may carry
``tool_calls``; tools are JSON schemas. What a model reads and writes is ChatML with Hermes calls::

    <tool_call>
    {"name": "where_is", "arguments": {"object": "my bag"}}
    </tool_call>

This module knows the form and nothing of any model, tool or tokenizer. ``render`` is the Python twin of
``agent/templates/chat_template.jinja``: training uses it because it also says which spans the assistant wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.prompts import NAME_QUESTION as NAME_QUESTION  # these three: for importers that have not moved yet
from agent.prompts import NAME_SYSTEM as NAME_SYSTEM
from agent.prompts import SYSTEM_PROMPT
from agent.prompts import UNCLEAR as UNCLEAR

Message = dict[str, Any]
"""One chat message in OpenAI's form."""
ToolSchema = dict[str, Any]
"""``{"type": "function", "function": {"name", "description", "parameters"}}``."""

IMAGE = "<image>"
CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
TURN_OPEN, TURN_CLOSE = "<|im_start|>", "<|im_end|>"
JSON_SEPARATORS = (", ", ": ")
"""The one serialisation: the grammar forces it and training uses it."""


class ProtocolError(ValueError):
    """Text that is not one well-formed tool call; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call that a model asks for."""

    name: str
    arguments: dict[str, Any]


def call_json(call: ToolCall) -> str:
    """The call as the one line of JSON inside ``<tool_call>``."""
    payload = {"name": call.name, "arguments": call.arguments}
    return json.dumps(payload, ensure_ascii=False, separators=JSON_SEPARATORS)


def hermes(call: ToolCall) -> str:
    """The call as a model writes it."""
    return f"{CALL_OPEN}\n{call_json(call)}\n{CALL_CLOSE}"


def parse_call(text: str) -> ToolCall:
    """Read exactly one Hermes call; text before it is allowed, text after it is not.

    Raises:
        ProtocolError: no call, more than one, broken JSON, or a name or arguments of the wrong type.
    """
    parts = text.split(CALL_OPEN)
    if len(parts) != 2 or CALL_CLOSE not in parts[1]:
        raise ProtocolError(f"expected one {CALL_OPEN}...{CALL_CLOSE}, got {_clip(text)}")
    body, rest = parts[1].split(CALL_CLOSE, 1)
    if rest.replace(TURN_CLOSE, "").strip():
        raise ProtocolError(f"expected nothing after {CALL_CLOSE}, got {_clip(rest)}")
    try:
        payload = json.loads(body)
    except json.JSONDecodeError as error:
        raise ProtocolError(f"expected JSON in a tool call, got {_clip(body)} ({error.msg})") from error
    return call_from_payload(payload)


def call_from_payload(payload: object) -> ToolCall:
    """``{"name": str, "arguments": object | JSON text}`` -> call; OpenAI servers send the arguments as text.

    Raises:
        ProtocolError: another shape.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("name"), str):
        raise ProtocolError(f'expected {{"name": ..., "arguments": ...}}, got {_clip(str(payload))}')
    arguments = payload.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except json.JSONDecodeError as error:
            raise ProtocolError(f"expected arguments as JSON, got {_clip(arguments)} ({error.msg})") from error
    if not isinstance(arguments, dict):
        raise ProtocolError(f"expected arguments to be an object, got {_clip(str(arguments))}")
    return ToolCall(name=payload["name"], arguments=arguments)


def user_message(text: str, *, images: int = 1) -> Message:
    """A user turn with ``images`` pictures before the text."""
    return {"role": "user", "content": [*({"type": "image"} for _ in range(images)), {"type": "text", "text": text}]}


def call_message(call: ToolCall, call_id: str = "") -> Message:
    """An assistant turn that is one tool call."""
    function = {"name": call.name, "arguments": call.arguments}
    entry = {"type": "function", "function": function} | ({"id": call_id} if call_id else {})
    return {"role": "assistant", "content": "", "tool_calls": [entry]}


def tool_message(name: str, text: str, call_id: str = "") -> Message:
    """What a tool returned."""
    return {"role": "tool", "name": name, "content": text} | ({"tool_call_id": call_id} if call_id else {})


def calls_of(message: Message) -> tuple[ToolCall, ...]:
    """The tool calls of an assistant message."""
    return tuple(call_from_payload(entry["function"]) for entry in message.get("tool_calls") or ())


def text_of(message: Message) -> str:
    """The text of a message without its images."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content if part["type"] == "text")


def signature(tool: ToolSchema) -> str:
    """A tool as one line: ``find(query: string, room?: string): Find things.``"""
    function = tool["function"]
    parameters = function.get("parameters") or {}
    required = parameters.get("required") or ()
    arguments = ", ".join(
        f"{name}{'' if name in required else '?'}: {_type_name(schema)}"
        for name, schema in (parameters.get("properties") or {}).items()
    )
    return f"{function['name']}({arguments}): {function['description']}"


def _type_name(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(str(choice) for choice in schema["enum"])
    return "list" if schema.get("type") == "array" else str(schema.get("type", "any"))


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of rendered text; ``written`` marks what the assistant wrote itself."""

    text: str
    written: bool


def render_system(text: str, tools: Sequence[ToolSchema] = ()) -> str:
    """The system turn: instruction, then one signature a line."""
    listing = "".join("\n" + signature(tool) for tool in tools)
    return f"{TURN_OPEN}system\n{text}{listing}{TURN_CLOSE}\n"


def render(messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> list[Span]:
    """Messages -> spans whose concatenation is what the model's chat template produces.

    A message without a system turn in front gets ``SYSTEM_PROMPT``.
    """
    system, rest = SYSTEM_PROMPT, list(messages)
    if rest and rest[0]["role"] == "system":
        system = text_of(rest.pop(0))
    spans = [Span(render_system(system, tools), False)]
    for message in rest:
        spans.extend(_turn(message))
    return spans


def generation_prompt() -> str:
    """What opens the assistant's turn."""
    return f"{TURN_OPEN}assistant\n"


def _turn(message: Message) -> list[Span]:
    role = message["role"]
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "".join(IMAGE if part["type"] == "image" else part["text"] for part in content)
    if role != "assistant":
        return [Span(f"{TURN_OPEN}{role}\n{content}{TURN_CLOSE}\n", False)]
    written = content + "".join(hermes(call) for call in calls_of(message))
    return [Span(generation_prompt(), False), Span(written + TURN_CLOSE, True), Span("\n", False)]


def _clip(text: str, limit: int = 80) -> str:
    shown = text if len(text) <= limit else text[: limit - 3] + "..."
    return repr(shown)
