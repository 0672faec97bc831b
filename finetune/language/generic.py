"""Tool calling over random signatures: what the base model learns before it ever sees a real tool.

Every pack invents its own tools (names, arguments, order), so the only way to be right is to read the signatures in
the prompt, copy values out of the request, read the lines that came back, and cite the ones used. Nothing here knows
Sightline's tools.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from agent.model.protocol import Message, ToolCall, ToolSchema, call_message, tool_message, user_message
from finetune.language import words

Turn = tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
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
class Tool:
    """An invented tool: a verb, a topic, arguments."""

    name: str
    verb: str
    topic: str
    arguments: tuple[Argument, ...]

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
class Closing:
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
    ("relation", {"type": "string", "enum": list(words.RELATIONS)}, "that is {v}"),
    ("kind", {"type": "string", "enum": ["distance", "height", "width", "size"]}, "by {v}"),
    ("mode", {"type": "string", "enum": ["fast", "slow", "exact"]}, "in {v} mode"),
    ("color", {"type": "string", "enum": list(words.COLORS)}, "colored {v}"),
)
_REASONS = (
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


def invented_tool(rng: random.Random) -> Tool:
    """One tool with one to four arguments, the direct object first."""
    verb, topic = rng.choice(words.VERBS), rng.choice(words.TOPICS)
    name = rng.choice((f"{verb}_{topic}", f"{verb}_{topic}", verb, f"{topic}_{verb}", f"{verb}_{topic}s"))
    first = Argument(name=rng.choice(_OBJECT_NAMES), schema=_STRING, phrase="{v}", required=True)
    rest = rng.sample(_OTHER, rng.choice((0, 0, 1, 1, 2, 3)))
    others = [Argument(name=n, schema=s, phrase=p, required=rng.random() < 0.4) for n, s, p in rest]
    others.sort(key=lambda argument: not argument.required)
    return Tool(name=name, verb=verb, topic=topic, arguments=(first, *others))


def invented_closing(rng: random.Random) -> Closing:
    """One way to end a turn."""
    fields = [field for field in ("status", "reason", "cite", "text") if field == "text" or rng.random() < 0.85]
    if rng.random() < 0.2:
        rng.shuffle(fields)
    outcomes = rng.choice(
        (("answered", "abstained", "clarify"), ("done", "failed", "ask"), ("ok", "unknown", "unclear"))
    )
    name = rng.choice(("answer", "answer", "reply", "respond", "say", "finish"))
    reasons = tuple(reason for reason, _ in rng.sample(_REASONS, rng.randint(3, len(_REASONS))))
    return Closing(name=name, fields=tuple(fields), outcomes=outcomes, reasons=(*reasons, "ambiguous"))


def request(rng: random.Random, tool: Tool) -> tuple[str, dict[str, Any]]:
    """A request in words and the arguments that it asks for."""
    chosen = [a for a in tool.arguments if a.required or rng.random() < 0.5]
    arguments = {a.name: a.value(rng) for a in chosen}
    phrases = [a.phrase.format(v=arguments[a.name]) for a in chosen]
    target, tail = phrases[0], " ".join(phrases[1:])
    style = rng.random()
    if style < 0.35:
        text = f"{rng.choice(_OPENERS)}{tool.verb} the {tool.topic} of {_the(target)} {tail}"
    elif style < 0.6:
        text = f"{rng.choice(_OPENERS)}{tool.verb} {_the(target)} {tail}"
    elif style < 0.75 and not target.startswith("my "):
        text = f"{tool.verb} all {words.plural(target)} {tail}"
    elif style < 0.9:
        text = f"what is the {tool.topic} of {_the(target)} {tail}"
    else:
        text = f"{_the(target)} {tail}, {tool.verb} it"
    text = " ".join(text.split())
    if rng.random() < 0.3:
        text = text[:1].upper() + text[1:]
    return text + rng.choice(("", "?", ".")), arguments


def _the(name: str) -> str:
    return name if name.startswith("my ") else f"the {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that a tool returned: an id, a name, facts, and one fact as a sentence says it."""

    id: str
    name: str
    facts: tuple[str, ...]
    """As the line shows them."""
    said: tuple[str, ...]
    """The same facts as a predicate: ``is 2.4 m away``."""
    spoken: bool
    """Whether the line is itself a sentence, to be copied up to the semicolon."""

    @property
    def text(self) -> str:
        """The line."""
        if self.spoken:
            tail = f"; {self.facts[-1]}" if len(self.facts) > 1 else ""
            return f"{self.id} {self.sentence}{tail}"
        return f"{self.id} {self.name}: {', '.join(self.facts)}"

    @property
    def sentence(self) -> str:
        """The whole line but its tail, as a clause."""
        facts = self.facts[:-1] if len(self.facts) > 1 else self.facts
        return f"{words.your(self.name)} is {', '.join(facts)}"


def _fact(rng: random.Random) -> tuple[str, str]:
    style = rng.randrange(7)
    if style == 0:
        amount = f"{words.number(rng)} {rng.choice(words.UNITS)}"
        attribute = rng.choice(words.ATTRIBUTES)
        return f"{attribute} {amount}", f"has a {attribute} of {amount}"
    if style == 1:
        fact = f"{words.number(rng)} m away"
    elif style == 2:
        fact = rng.choice(words.DIRECTIONS)
    elif style == 3:
        fact = f"{rng.choice(words.RELATIONS)} {words.thing_name(rng)}"
    elif style == 4:
        fact = rng.choice(words.COLORS + words.STATES)
    elif style == 5:
        fact = f"seen {words.number(rng)} s ago"
    else:
        fact = f"in the {rng.choice(words.PLACES)}"
    return fact, f"is {fact}" if style != 5 else f"was {fact}"


def line(rng: random.Random, name: str) -> Line:
    """A line about ``name`` with one to four facts."""
    pairs = [_fact(rng) for _ in range(rng.choice((1, 2, 2, 3, 4)))]
    identifier = f"{rng.choice('ooofffrktx')}{rng.randint(1, rng.choice((9, 99)))}"
    spoken = rng.random() < 0.6
    return Line(
        id=identifier, name=name, facts=tuple(p[0] for p in pairs), said=tuple(p[1] for p in pairs), spoken=spoken
    )


def _time_tag(rng: random.Random) -> str:
    style = rng.random()
    if style < 0.2:
        return ""
    return f"[{rng.uniform(0, 90):.1f} s{', gaze' if rng.random() < 0.3 else ''}] "


def _target_of(arguments: dict[str, Any]) -> str:
    return str(next(iter(arguments.values())))


def conversation(rng: random.Random, tools: tuple[Tool, ...], closing: Closing) -> Turn:
    """One request, one or two calls, an end."""
    tool = rng.choice(tools)
    text, arguments = request(rng, tool)
    asked = user_message(_time_tag(rng) + text, images=0)
    name = _target_of(arguments)
    head: list[Message] = [asked]
    if rng.random() < 0.12:
        head += _mended(rng, tool, arguments)
        name = _target_of(arguments)
    head.append(call_message(ToolCall(name=tool.name, arguments=arguments)))
    style = rng.random()
    if style < 0.18:
        return (*head, *_refused(rng, tool, closing, name))
    if style < 0.3:
        return (*head, *_ambiguous(rng, tool, closing, name))
    return (*head, *_told(rng, tool, closing, name))


def _mended(rng: random.Random, tool: Tool, arguments: dict[str, Any]) -> list[Message]:
    """A call that failed with choices; the caller's ``arguments`` become the mended ones."""
    key, wrong = next(iter(arguments.items()))
    right = words.thing_name(rng)
    failed = call_message(ToolCall(name=tool.name, arguments=dict(arguments)))
    complaint = f"error: Expected a known {key}; received {wrong}. Choices: {right}."
    arguments[key] = right
    return [failed, tool_message(tool.name, complaint)]


def _refused(rng: random.Random, tool: Tool, closing: Closing, name: str) -> list[Message]:
    reason = rng.choice([r for r in closing.reasons if r != "ambiguous"])
    the, some = words.your(name), words.one(name)
    says = dict(_REASONS)[reason].format(a=some, the=the, The=the[:1].upper() + the[1:])
    body = f"none: {reason.replace('_', ' ')}: {some if '{a}' in dict(_REASONS)[reason] else the}"
    return [tool_message(tool.name, body), closing.call(1, [], says, reason)]


def _ambiguous(rng: random.Random, tool: Tool, closing: Closing, name: str) -> list[Message]:
    names = [f"{color} {name.split()[-1]}" for color in rng.sample(words.COLORS, 2)]
    lines = [line(rng, n) for n in names]
    choice = f"the {names[0]} or the {names[1]}"
    body = "\n".join([f"none: ambiguous: {choice}", *(entry.text for entry in lines)])
    question = f"Do you mean {choice}?"
    return [tool_message(tool.name, body), closing.call(2, [entry.id for entry in lines], question, "ambiguous")]


def _told(rng: random.Random, tool: Tool, closing: Closing, name: str) -> list[Message]:
    """Lines come back; the end reports the facts of the one that was asked about."""
    names = [name] + [words.thing_name(rng) for _ in range(rng.choice((0, 0, 1, 2, 3)))]
    rng.shuffle(names)
    lines = [line(rng, n) for n in names]
    wanted = lines[names.index(name)]
    if wanted.spoken:
        text = words.sentence(wanted.sentence)
    else:
        text = words.sentence(f"{words.your(name)} {' and '.join(wanted.said[:2])}")
    return [tool_message(tool.name, "\n".join(entry.text for entry in lines)), closing.call(0, [wanted.id], text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericPack:
    """Invented tools and conversations that share them."""

    tools: tuple[ToolSchema, ...]
    conversations: tuple[Turn, ...]


def generic_pack(rng: random.Random, conversations: int) -> GenericPack:
    """A fresh set of tools and ``conversations`` turns with them."""
    offered: list[Tool] = []
    for _ in range(rng.randint(2, 8)):
        tool = invented_tool(rng)
        # A verb or topic that two tools share would make some requests undecidable.
        if all(tool.verb != other.verb and tool.topic != other.topic for other in offered):
            offered.append(tool)
    closing = invented_closing(rng)
    schemas = [tool.schema for tool in offered]
    schemas.insert(rng.randint(0, len(schemas)), closing.schema)
    turns = tuple(conversation(rng, tuple(offered), closing) for _ in range(conversations))
    return GenericPack(tools=tuple(schemas), conversations=turns)
