"""Writes a training conversation: asks, calls real tools, and answers from what they returned.

Gold answers pass the same checker as the model's. The ``tell_`` functions are the whole policy from tool results to
answers; which tools to call is in ``finetune.language.trace_families``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scenes.questions.lexicon import COLORS, object_name
from scenes.questions.phrasing import Split, say
from tools.toolbox.answers import AnswerArguments, check_answer
from tools.toolbox.context import Fact, ToolResult
from tools.toolbox.phrases import with_article
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


def sentence(text: str) -> str:
    """A span as a sentence: capital and full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def clause_of(result: ToolResult) -> str:
    """The words after ``none: <reason>: ``."""
    return result.text.split("\n", 1)[0].split(": ", 2)[2]


def miss(w: Writer, result: ToolResult) -> bool:
    """End the turn where a tool found nothing or several things; False when it found what was asked."""
    if not result.text.startswith("none: "):
        return False
    clause = clause_of(result)
    if result.reason == "ambiguous":
        w.answer(f"Which one: {clause}?", *(f.id for f in result.facts), status="clarify", reason="ambiguous")
    elif result.reason == "never_seen":
        w.answer(f"I have not seen {clause}.", status="abstained", reason="never_seen")
    elif result.reason == "not_localised":
        w.answer(f"I do not know where you are: {clause}.", status="abstained", reason="not_localised")
    else:
        w.answer(sentence(clause), status="abstained", reason=result.reason)
    return True


def gone(w: Writer, result: ToolResult) -> bool:
    """End the turn where all that fits has moved away; False where something fits and is there."""
    if result.reason != "moved":
        return False
    w.answer(sentence(result.facts[0].text.rsplit(";", 1)[0]), result.facts[0].id, status="abstained", reason="moved")
    return True


def tell_place(w: Writer, result: ToolResult) -> None:
    """The answer to where_is."""
    if miss(w, result):
        return
    fact = result.facts[0]
    span = fact.text.rsplit(";", 1)[0]
    if result.reason in ("moved", "not_reobserved"):
        w.answer(sentence(span), fact.id, status="abstained", reason=result.reason)
    elif result.reason == "not_localised":
        w.answer(f"I do not know where you are, but {span}.", fact.id, status="abstained", reason="not_localised")
    else:
        w.answer(sentence(span), fact.id)


def tell_first(w: Writer, result: ToolResult, opening: str = "") -> None:
    """The answer that is the first fact itself, up to its semicolon."""
    if not miss(w, result) and not gone(w, result):
        fact = result.facts[0]
        span = fact.text.rsplit(";", 1)[0]
        w.answer(f"{opening}{span}." if opening else sentence(span), fact.id)


def tell_existence(w: Writer, result: ToolResult) -> None:
    """Yes with the place or the count, no with the kind, or never seen."""
    if miss(w, result):
        return
    count = result.facts[0]
    if gone(w, result):
        return
    if len(result.facts) == 1:
        w.answer(f"No, I have seen {count.text}.", count.id)
    elif count.text.startswith("1 "):
        w.answer(f"Yes, {result.facts[-1].text}.", result.facts[-1].id)
    else:
        w.answer(f"Yes, I have seen {count.text}.", count.id)


def tell_count(w: Writer, result: ToolResult) -> None:
    """The counted fact."""
    if not miss(w, result) and not gone(w, result):
        w.answer(f"I have seen {result.facts[0].text}.", result.facts[0].id)


def tell_list(w: Writer, result: ToolResult) -> None:
    """The listing fact, or the zero count."""
    if miss(w, result):
        return
    if len(result.facts) == 1:
        w.answer(f"I have seen {result.facts[0].text}.", result.facts[0].id)
    else:
        w.answer(sentence(result.facts[1].text), result.facts[1].id)


def tell_changes(w: Writer, result: ToolResult, group: str = "") -> None:
    """What has changed, all of it or one group of ``tools.toolbox.change_facts.GROUPS``."""
    fact_of = result.artifact.get("kinds", {})
    if not group or group not in fact_of:
        tell_list(w, result)
        return
    fact = next(f for f in result.facts if f.id == fact_of[group])
    nothing = fact.text.startswith("nothing")
    w.answer(
        f"Nothing {'has moved' if group == 'moved' else f'is {group}'}." if nothing else sentence(fact.text), fact.id
    )


def tell_moved(w: Writer, result: ToolResult) -> None:
    """Whether one thing has moved, and from where to where."""
    if miss(w, result):
        return
    count, *lines = result.facts
    if lines:
        w.answer(f"Yes, {lines[0].text.split(';', 1)[0]}.", count.id, lines[0].id)
    else:
        w.answer(f"No, I have seen {count.text}.", count.id)


def tell_color(w: Writer, name: str) -> None:
    """Colour from the graph; where it has none, from a closer look."""
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = result.facts[0]
    if fact.value is not None and fact.value.kind == "color":
        w.answer(sentence(fact.text.split(",", 1)[0]), fact.id)
        return
    w.scene.looks = lambda object_id, question: w.rng.choice((*COLORS, ""))
    tell_first(w, w.call("look", target=name, question="what color is it?"))


def tell_gazed(w: Writer) -> None:
    """The name of what the wearer looks at; an unnamed thing is looked at closely."""
    result = w.call("describe", object="gaze")
    if miss(w, result):
        return
    fact = result.facts[0]
    if not fact.text.startswith("this thing has no name"):
        w.answer(sentence(fact.text.split(",", 1)[0]), fact.id)
        return
    name = with_article(object_name(w.rng))
    w.scene.looks = lambda object_id, question: w.rng.choice((name, name, ""))
    tell_first(w, w.call("look", target="gaze", question="what is this?"))


def tell_saved(w: Writer, result: ToolResult) -> bool:
    """Confirm what was saved, forgotten or noted; False when there was nothing to do it to."""
    if miss(w, result):
        return False
    w.answer(f"OK, {result.facts[0].text}.", result.facts[0].id)
    return True


def tell_gazed_color(w: Writer) -> None:
    """The colour of what the wearer looks at; where the graph has none, from a closer look."""
    result = w.call("describe", object="gaze")
    if miss(w, result):
        return
    if len(result.facts) == 2:
        w.answer(sentence(result.facts[1].text), result.facts[1].id)
        return
    w.scene.looks = lambda object_id, question: w.rng.choice((*COLORS, ""))
    tell_first(w, w.call("look", target="gaze", question="what color is this?"))
