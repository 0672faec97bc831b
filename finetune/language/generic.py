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
from finetune.language.invented_tools import (
    REFUSALS,
    ClosingTool,
    InventedTool,
    invented_closing,
    invented_request,
    invented_tool,
)
from scenes.vocabulary import RELATIONS

ChatMessages = tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InventedLine:
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
        """The line without its tail, as a clause."""
        facts = self.facts[:-1] if len(self.facts) > 1 else self.facts
        return f"{words.with_the(self.name)} is {', '.join(facts)}"


def _invented_fact(rng: random.Random) -> tuple[str, str]:
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
        fact = f"{rng.choice(RELATIONS)} {words.thing_name(rng)}"
    elif style == 4:
        fact = rng.choice(words.COLORS + words.STATES)
    elif style == 5:
        fact = f"seen {words.number(rng)} s ago"
    else:
        fact = f"in the {rng.choice(words.PLACES)}"
    return fact, f"is {fact}" if style != 5 else f"was {fact}"


def invented_line(rng: random.Random, name: str) -> InventedLine:
    """A line about ``name`` with one to four facts."""
    pairs = [_invented_fact(rng) for _ in range(rng.choice((1, 2, 2, 3, 4)))]
    identifier = f"{rng.choice('ooofffrktx')}{rng.randint(1, rng.choice((9, 99)))}"
    spoken = rng.random() < 0.6
    return InventedLine(
        id=identifier, name=name, facts=tuple(p[0] for p in pairs), said=tuple(p[1] for p in pairs), spoken=spoken
    )


def _time_tag(rng: random.Random) -> str:
    style = rng.random()
    if style < 0.2:
        return ""
    return f"[{rng.uniform(0, 90):.1f} s{', gaze' if rng.random() < 0.3 else ''}] "


def _target_of(arguments: dict[str, Any]) -> str:
    return str(next(iter(arguments.values())))


def conversation(rng: random.Random, tools: tuple[InventedTool, ...], closing: ClosingTool) -> ChatMessages:
    """One request, one or two calls, the closing call."""
    tool = rng.choice(tools)
    text, arguments = invented_request(rng, tool)
    asked = user_message(_time_tag(rng) + text, images=0)
    name = _target_of(arguments)
    head: list[Message] = [asked]
    if rng.random() < 0.12:
        head += _corrected_call(rng, tool, arguments)
        name = _target_of(arguments)
    head.append(call_message(ToolCall(name=tool.name, arguments=arguments)))
    style = rng.random()
    if style < 0.18:
        return (*head, *_refused_end(rng, tool, closing, name))
    if style < 0.3:
        return (*head, *_ambiguous_end(rng, tool, closing, name))
    return (*head, *_answered_end(rng, tool, closing, name))


def _corrected_call(rng: random.Random, tool: InventedTool, arguments: dict[str, Any]) -> list[Message]:
    """A call that failed with the valid choices in its error; corrects ``arguments`` in place."""
    key, wrong = next(iter(arguments.items()))
    right = words.thing_name(rng)
    failed = call_message(ToolCall(name=tool.name, arguments=dict(arguments)))
    complaint = f"error: Expected a known {key}; received {wrong}. Choices: {right}."
    arguments[key] = right
    return [failed, tool_message(tool.name, complaint)]


def _refused_end(rng: random.Random, tool: InventedTool, closing: ClosingTool, name: str) -> list[Message]:
    reason = rng.choice([r for r in closing.reasons if r != "ambiguous"])
    the, some = words.with_the(name), words.with_article(name)
    says = dict(REFUSALS)[reason].format(a=some, the=the, The=the[:1].upper() + the[1:])
    body = f"none: {reason.replace('_', ' ')}: {some if '{a}' in dict(REFUSALS)[reason] else the}"
    return [tool_message(tool.name, body), closing.call(1, [], says, reason)]


def _ambiguous_end(rng: random.Random, tool: InventedTool, closing: ClosingTool, name: str) -> list[Message]:
    names = [f"{color} {name.split()[-1]}" for color in rng.sample(words.COLORS, 2)]
    lines = [invented_line(rng, n) for n in names]
    choice = f"the {names[0]} or the {names[1]}"
    body = "\n".join([f"none: ambiguous: {choice}", *(entry.text for entry in lines)])
    question = f"Do you mean {choice}?"
    return [tool_message(tool.name, body), closing.call(2, [entry.id for entry in lines], question, "ambiguous")]


def _answered_end(rng: random.Random, tool: InventedTool, closing: ClosingTool, name: str) -> list[Message]:
    """Lines come back; the end reports the facts of the one that was asked about."""
    names = [name] + [words.thing_name(rng) for _ in range(rng.choice((0, 0, 1, 2, 3)))]
    rng.shuffle(names)
    lines = [invented_line(rng, n) for n in names]
    wanted = lines[names.index(name)]
    if wanted.spoken:
        text = words.sentence(wanted.sentence)
    else:
        text = words.sentence(f"{words.with_the(name)} {' and '.join(wanted.said[:2])}")
    return [tool_message(tool.name, "\n".join(entry.text for entry in lines)), closing.call(0, [wanted.id], text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericPack:
    """Invented tools and conversations that share them."""

    tools: tuple[ToolSchema, ...]
    conversations: tuple[ChatMessages, ...]


def generic_pack(rng: random.Random, conversations: int) -> GenericPack:
    """A fresh set of tools and ``conversations`` turns with them."""
    offered: list[InventedTool] = []
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
