"""Conversations -> examples: what the model has read, the tools it may call, the call it is to make.

An example is JSON, so that a machine that only trains needs no tools and no scenes: a pack holds sets of tools and
examples that name one of them.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from agent.model.pointer.choices import Choice, Of, Step, Unreachable, Vocabulary
from agent.model.pointer.grammar import CallGrammar
from agent.model.pointer.items import ItemSet, ends_turn, items_of
from agent.model.pointer.reading import LINE, Source, question_of, read
from agent.model.pointer.spans import SpanPlanner
from agent.model.protocol import Message, ToolCall, ToolSchema, calls_of

PLAIN_ENDS_KEPT, OWN_ENDS_KEPT = 0.25, 0.6
"""Shares of the ends of turns that are trained on: most plain ones copy one line, and all are long to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One call to learn."""

    messages: tuple[Message, ...]
    """Up to the call."""
    tools: int
    """Which set of tools of the pack."""
    call: ToolCall
    family: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a pack holds it."""
        call = {"name": self.call.name, "arguments": self.call.arguments}
        return {"messages": self.messages, "tools": self.tools, "call": call, "family": self.family}


def example_from_json(raw: dict[str, Any]) -> Example:
    """The reverse of ``Example.to_json``."""
    call = ToolCall(name=raw["call"]["name"], arguments=raw["call"]["arguments"])
    return Example(messages=tuple(raw["messages"]), tools=raw["tools"], call=call, family=raw["family"])


def examples_of(messages: Sequence[Message], tools: int, families: Sequence[str] = ()) -> Iterator[Example]:
    """Every call of a conversation, with what came before it."""
    left, family = list(families), ""
    for place, message in enumerate(messages):
        if message["role"] == "user" and left:
            family = left.pop(0)
        for call in calls_of(message):
            yield Example(messages=tuple(messages[:place]), tools=tools, call=call, family=family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Sets of tools and examples over them."""

    tool_sets: tuple[tuple[ToolSchema, ...], ...]
    examples: tuple[Example, ...]

    def save(self, path: Path) -> None:
        """Write one gzipped file of JSON lines: the sets of tools, then the examples."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
            file.write(json.dumps(self.tool_sets) + "\n")
            for example in self.examples:
                file.write(json.dumps(example.to_json(), ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Pack:
        """The reverse of ``save``."""
        with gzip.open(path, "rt", encoding="utf-8") as file:
            tool_sets = tuple(tuple(tools) for tools in json.loads(file.readline()))
            return cls(tool_sets=tool_sets, examples=tuple(example_from_json(json.loads(line)) for line in file))


def own_pack(count: int, split: str, seed: int) -> Pack:
    """``count`` examples with Sightline's tools, ends of turns thinned out in training."""
    from finetune.pointer.families import FAMILIES, conversation
    from finetune.pointer.wording import PATTERNS
    from tools.toolbox.answers import ANSWER_NAME

    added = {name for name, _, _ in FAMILIES} | set(PATTERNS)
    rng = random.Random(f"{split}/{seed}/own")
    out: list[Example] = []
    while len(out) < count:
        said = conversation(rng, split)  # type: ignore[arg-type]
        for example in examples_of(said.messages, 0, said.families):
            kept = OWN_ENDS_KEPT if example.family in added else PLAIN_ENDS_KEPT
            thin = example.call.name == ANSWER_NAME and example.family != "small_talk" and split == "train"
            if not thin or rng.random() < kept:
                out.append(in_own_words(example))
    return Pack(tool_sets=(own_tools(),), examples=tuple(out[:count]))


def own_tools() -> tuple[ToolSchema, ...]:
    """Sightline's tools as a turn offers them."""
    from tools.toolbox.toolbox import tool_schemas

    return tuple(citing(tool) for tool in tool_schemas())


def own_tools_after(messages: Sequence[Message]) -> list[ToolSchema]:
    """``own_tools`` as a turn offers them after these messages: it is answered only when a tool has said something."""
    newest = max(k for k, message in enumerate(messages) if message["role"] == "user")
    said = any(LINE.match(line) for m in messages[newest:] if m["role"] == "tool" for line in m["content"].split("\n"))
    return list(own_tools()) if said else [_without_answered(tool) for tool in own_tools()]


def in_own_words(example: Example) -> Example:
    """A closer look asks what the wearer asked, letter by letter."""
    if example.call.name != "look":
        return example
    asked = question_of(example.messages)
    return replace(example, call=ToolCall(name="look", arguments={**example.call.arguments, "question": asked}))


def invented_pack(count: int, seed: int, conversations: int = 24) -> Pack:
    """About ``count`` examples over invented tools, ``conversations`` a set of tools."""
    from finetune.language.generic import generic_pack

    rng = random.Random(f"{seed}/invented")
    sets: list[tuple[ToolSchema, ...]] = []
    out: list[Example] = []
    while len(out) < count:
        pack = generic_pack(rng, conversations)
        for messages in pack.conversations:
            out += list(examples_of(messages, len(sets)))
        sets.append(tuple(pack.tools))
    return Pack(tool_sets=tuple(sets), examples=tuple(out))


def joined_packs(packs: Iterable[Pack]) -> Pack:
    """Several packs as one."""
    sets: list[tuple[ToolSchema, ...]] = []
    out: list[Example] = []
    for pack in packs:
        moved = len(sets)
        sets += pack.tool_sets
        out += [
            Example(messages=e.messages, tools=e.tools + moved, call=e.call, family=e.family) for e in pack.examples
        ]
    return Pack(tool_sets=tuple(sets), examples=tuple(out))


def citing(tool: ToolSchema) -> ToolSchema:
    """A tool as a turn offers it: of the tool that ends the turn, the forms that the answer contract knows."""
    if not ends_turn(tool):
        return tool
    function = tool["function"]
    plain = function["parameters"]["properties"]

    def form(status: str, optional: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
        properties = {"status": {"type": "string", "enum": [status]}, **fields, "text": plain["text"]}
        return {"type": "object", "properties": properties, "required": [n for n in properties if n not in optional]}

    forms = [
        form("answered", cite={**plain["cite"], "minItems": 1}),
        form("abstained", reason=plain["reason"], cite=plain["cite"]),
        form("clarify", optional=("reason",), reason=plain["reason"], cite=plain["cite"]),
    ]
    return {**tool, "function": {**function, "parameters": {**function["parameters"], "anyOf": forms}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An example as choices: T steps, each with all that is allowed and the right one."""

    source: Source
    tools: int
    steps: tuple[Step, ...]

    @property
    def choices(self) -> list[Choice]:
        """The right choices."""
        return [step.right for step in self.steps if step.right is not None]


class Runner:
    """Runs the grammar over examples."""

    def __init__(self, tool_sets: Sequence[Sequence[ToolSchema]], vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
        self._sets = [list(tools) for tools in tool_sets]
        self.items: list[ItemSet] = [items_of(tools) for tools in self._sets]
        self._vocabulary, self._tokenizer = vocabulary, tokenizer
        self._planner = SpanPlanner(tokenizer)

    def run(self, example: Example) -> Run:
        """The steps of an example.

        Raises:
            Unreachable: the call cannot be written from what was read.
        """
        source = read(example.messages, self._tokenizer)
        offered = self._offered(example.tools, source)
        grammar = CallGrammar(offered, self.items[example.tools], source, self._vocabulary, self._planner)
        writing = grammar.call(example.call)
        steps: list[Step] = []
        step = next(writing)
        while True:
            if step.right is None:
                raise Unreachable("a step without a right choice")
            steps.append(step)
            try:
                step = writing.send(step.right)
            except StopIteration:
                return Run(source=source, tools=example.tools, steps=tuple(steps))

    def _offered(self, tools: int, source: Source) -> list[ToolSchema]:
        """As ``agent.conversation.turn.tools_for``: a turn without lines cannot be answered, only ended."""
        if source.lines():
            return self._sets[tools]
        return [_without_answered(tool) for tool in self._sets[tools]]


def _without_answered(tool: ToolSchema) -> ToolSchema:
    forms = tool["function"].get("parameters", {}).get("anyOf")
    if not forms or not ends_turn(tool):
        return tool
    kept = [form for form in forms if not form["properties"].get("cite", {}).get("minItems")]
    function = {**tool["function"], "parameters": {**tool["function"]["parameters"], "anyOf": kept}}
    return {**tool, "function": function}


def place_of(choice: Choice, pieces: int) -> int:
    """A choice's place in the memory."""
    return choice.number + (pieces if choice.of is Of.ITEM else 0)
