"""Invented tools, their closing call, and requests for them, all drawn at random.

What a model reads and writes with them is in ``finetune.language.generic``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from agent.model.protocol import Message, ToolCall, ToolSchema, call_message
from finetune.language import words
from scenes.vocabulary import RELATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class InventedArgument:
    """One argument of an invented tool and how a request mentions it."""

    name: str
    schema: dict[str, Any]
    phrase: str
    """``{v}`` stands for the value."""
    required: bool

    def value(self, rng: random.Random) -> str | int | float:
        """A fresh value that fits the schema."""
        if "enum" in self.schema:
            return rng.choice(self.schema["enum"])
        if self.schema["type"] == "integer":
            return rng.randint(0, rng.choice((9, 99, 999)))
        if self.schema["type"] == "number":
            return round(rng.uniform(0, 20), 1)
        if self.name in ("room", "place", "zone", "area"):
            return rng.choice(words.PLACES)
        if self.name in ("when", "time", "day", "since"):
            return rng.choice(words.TIMES)
        return words.thing_name(rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class InventedTool:
    """An invented tool: a verb, a topic, arguments."""

    name: str
    verb: str
    topic: str
    arguments: tuple[InventedArgument, ...]

    @property
    def schema(self) -> ToolSchema:
        """OpenAI form."""
        parameters = {
            "type": "object",
            "properties": {a.name: a.schema for a in self.arguments},
            "required": [a.name for a in self.arguments if a.required],
        }
        description = f"{self.verb.capitalize()} the {self.topic}."
        return {
            "type": "function",
            "function": {"name": self.name, "description": description, "parameters": parameters},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingTool:
    """The tool that ends a turn, under an invented name and with its own choice of fields."""

    name: str
    fields: tuple[str, ...]
    outcomes: tuple[str, str, str]
    """Words for: done, not possible, need to ask."""
    reasons: tuple[str, ...]
    """What ``reason`` may say when it was not possible."""

    @property
    def schema(self) -> ToolSchema:
        """OpenAI form."""
        types: dict[str, dict[str, Any]] = {
            "status": {"type": "string", "enum": list(self.outcomes)},
            "reason": {"type": "string", "enum": list(self.reasons)},
            "cite": {"type": "array", "items": {"type": "string"}},
            "text": {"type": "string"},
        }
        parameters = {
            "type": "object",
            "properties": {field: types[field] for field in self.fields},
            "required": [field for field in self.fields if field in ("status", "text")],
        }
        return {
            "type": "function",
            "function": {"name": self.name, "description": "End the turn.", "parameters": parameters},
        }

    def call(self, outcome: int, cite: list[str], text: str, reason: str | None = None) -> Message:
        """The call with ``outcomes[outcome]``; the reason is left out where there is none."""
        values = {"status": self.outcomes[outcome], "reason": reason, "cite": cite, "text": text}
        arguments = {field: values[field] for field in self.fields if values[field] is not None}
        return call_message(ToolCall(name=self.name, arguments=arguments))


_STRING: dict[str, Any] = {"type": "string"}
_OBJECT_NAMES = ("object", "query", "target", "item", "thing", "name", "what", "subject", "a")
_OTHER = (
    ("room", _STRING, "in the {v}"),
    ("place", _STRING, "in the {v}"),
    ("reference", _STRING, "near the {v}"),
    ("b", _STRING, "and the {v}"),
    ("other", _STRING, "and {v}"),
    ("owner", _STRING, "of {v}"),
    ("label", _STRING, "as {v}"),
    ("text", _STRING, 'saying "{v}"'),
    ("when", _STRING, "{v}"),
    ("since", _STRING, "since {v}"),
    ("limit", {"type": "integer"}, "at most {v}"),
    ("u", {"type": "integer"}, "at {v}"),
    ("level", {"type": "number"}, "above {v}"),
    ("relation", {"type": "string", "enum": list(RELATIONS)}, "that is {v}"),
    ("kind", {"type": "string", "enum": ["distance", "height", "width", "size"]}, "by {v}"),
    ("mode", {"type": "string", "enum": ["fast", "slow", "exact"]}, "in {v} mode"),
    ("color", {"type": "string", "enum": list(words.COLORS)}, "colored {v}"),
)
REFUSALS = (
    ("never_seen", "I have not seen {a}."),
    ("not_found", "I did not find {a}."),
    ("unknown", "I do not know {a}."),
    ("too_far", "{The} is too far away."),
    ("no_depth", "There is no depth at {the}."),
    ("moved", "{The} has moved."),
    ("hidden", "{The} is hidden."),
    ("lost", "I lost {the}."),
    ("unsupported", "I cannot do that with {the}."),
)
_OPENERS = ("", "", "", "please ", "can you ", "could you ", "I want to ", "now ", "hey, ", "ok, ", "help me ")


def invented_tool(rng: random.Random) -> InventedTool:
    """One tool with one to four arguments, the direct object first."""
    verb, topic = rng.choice(words.VERBS), rng.choice(words.TOPICS)
    name = rng.choice((f"{verb}_{topic}", f"{verb}_{topic}", verb, f"{topic}_{verb}", f"{verb}_{topic}s"))
    first = InventedArgument(name=rng.choice(_OBJECT_NAMES), schema=_STRING, phrase="{v}", required=True)
    rest = rng.sample(_OTHER, rng.choice((0, 0, 1, 1, 2, 3)))
    others = [InventedArgument(name=n, schema=s, phrase=p, required=rng.random() < 0.4) for n, s, p in rest]
    others.sort(key=lambda argument: not argument.required)
    return InventedTool(name=name, verb=verb, topic=topic, arguments=(first, *others))


def invented_closing(rng: random.Random) -> ClosingTool:
    """One way to end a turn."""
    fields = [field for field in ("status", "reason", "cite", "text") if field == "text" or rng.random() < 0.85]
    if rng.random() < 0.2:
        rng.shuffle(fields)
    outcomes = rng.choice(
        (("answered", "abstained", "clarify"), ("done", "failed", "ask"), ("ok", "unknown", "unclear"))
    )
    name = rng.choice(("answer", "answer", "reply", "respond", "say", "finish"))
    reasons = tuple(reason for reason, _ in rng.sample(REFUSALS, rng.randint(3, len(REFUSALS))))
    return ClosingTool(name=name, fields=tuple(fields), outcomes=outcomes, reasons=(*reasons, "ambiguous"))


def invented_request(rng: random.Random, tool: InventedTool) -> tuple[str, dict[str, Any]]:
    """A request in words and the arguments that it asks for."""
    chosen = [a for a in tool.arguments if a.required or rng.random() < 0.5]
    arguments = {a.name: a.value(rng) for a in chosen}
    phrases = [a.phrase.format(v=arguments[a.name]) for a in chosen]
    target, tail = phrases[0], " ".join(phrases[1:])
    style = rng.random()
    if style < 0.35:
        text = f"{rng.choice(_OPENERS)}{tool.verb} the {tool.topic} of {_with_the(target)} {tail}"
    elif style < 0.6:
        text = f"{rng.choice(_OPENERS)}{tool.verb} {_with_the(target)} {tail}"
    elif style < 0.75 and not target.startswith("my "):
        text = f"{tool.verb} all {words.plural(target)} {tail}"
    elif style < 0.9:
        text = f"what is the {tool.topic} of {_with_the(target)} {tail}"
    else:
        text = f"{_with_the(target)} {tail}, {tool.verb} it"
    text = " ".join(text.split())
    if rng.random() < 0.3:
        text = text[:1].upper() + text[1:]
    return text + rng.choice(("", "?", ".")), arguments


def _with_the(name: str) -> str:
    return name if name.startswith("my ") else f"the {name}"
