"""Writes a training conversation: asks, calls real tools, and answers from what they returned.

Gold answers pass the same checker as the model's. What to answer is in ``finetune.language.trace_answers``; which tools
to call is in ``finetune.language.trace_families``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scenes.questions.phrasing import Split, say
from tools.toolbox.answers import AnswerArguments, check_answer
from tools.toolbox.facts import Fact, ToolResult
from tools.toolbox.snapshot import SnapshotContext
from tools.toolbox.toolbox import next_fact_number, run_tool

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """OpenAI messages without a system turn. User texts carry no picture: the scene has none."""

    messages: tuple[Message, ...]
    families: tuple[str, ...]
    """One per user turn."""


class Writer:
    """Writes one conversation on one scene: asks, calls real tools, and answers from what they returned."""

    def __init__(self, rng: random.Random, scene: SnapshotContext, split: Split) -> None:
        self.rng, self.scene = rng, scene
        self.split: Split = split
        self.messages: list[Message] = []
        self.families: list[str] = []
        self.facts: list[Fact] = []
        self.given: list[tuple[AnswerArguments, tuple[Fact, ...]]] = []
        self._next = 1

    def ask(self, family: str, slots: Mapping[str, str] | None = None, gaze: bool = False) -> None:
        """A user turn; from here on facts are numbered anew."""
        self.ask_text(family, say(self.rng, family, self.split, slots or {}), gaze)

    def ask_text(self, family: str, text: str, gaze: bool = False) -> None:
        """A user turn with given words."""
        stamp = f"[{self.scene.time_s:.1f} s{', gaze' if gaze else ''}] "
        self.messages.append({"role": "user", "content": [{"type": "text", "text": stamp + text}]})
        self.families.append(family)
        self.facts, self._next = [], 1

    def call(self, name: str, /, **arguments: Any) -> ToolResult:
        """A tool call and its real result."""
        result = run_tool(name, arguments, self.scene, self._next)
        self._next = next_fact_number(self._next, result)
        self.facts.extend(result.facts)
        call_id = self._called(name, arguments)
        self.messages.append({"role": "tool", "tool_call_id": call_id, "name": name, "content": result.text})
        return result

    def answer(self, text: str, *cite: str, status: str = "answered", reason: str | None = None) -> None:
        """The end of the turn. Raises ValueError if the checker would refuse it."""
        arguments = {"status": status, **({"reason": reason} if reason else {}), "cite": list(cite), "text": text}
        said = AnswerArguments.model_validate(arguments)
        complaint = check_answer(said, self.facts)
        if complaint:
            raise ValueError(f"gold answer refused: {complaint} {arguments}")
        self.given.append((said, tuple(self.facts)))
        self._called("answer", arguments)

    def later(self) -> None:
        """Some seconds pass between turns."""
        step = round(self.rng.uniform(2, 20), 1)
        self.scene.time_s = round(self.scene.time_s + step, 1)

    def done(self) -> Conversation:
        """The finished conversation."""
        return Conversation(messages=tuple(self.messages), families=tuple(self.families))

    def _called(self, name: str, arguments: dict[str, Any]) -> str:
        call_id = f"call_{len(self.messages)}"
        function = {"name": name, "arguments": arguments}
        call = {"id": call_id, "type": "function", "function": function}
        self.messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        return call_id
