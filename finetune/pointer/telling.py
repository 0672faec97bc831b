"""What the writers of the added families share: asking in held-apart wording, and how a turn ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from finetune.language.trace_answers import sentence, tell_place
from finetune.language.trace_slots import definite, name_for, slots_for
from finetune.language.trace_writer import Writer
from finetune.pointer.wording import worded
from scenes.questions.lexicon import invented_word
from scenes.records import MAX_ANSWER_CHARS
from tools.toolbox.facts import Fact, ToolResult


class TooLong(ValueError):
    """Two lines that do not fit into one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainQuestion:
    """A question about one thing that a later turn may mend or complete."""

    family: str
    """Whose wording of ``scenes.questions`` it takes."""
    tool: str
    argument: str
    """Which argument names the thing."""
    more: dict[str, str] = field(default_factory=dict)
    """Further arguments."""

    def ask(self, w: Writer, name: str) -> ToolResult:
        """Ask about a thing, call the tool and end the turn."""
        w.ask(self.family, slots_for(w, name))
        return self.answer(w, name)

    def answer(self, w: Writer, argument: str) -> ToolResult:
        """Call the tool for whatever was asked and end the turn."""
        result = w.call(self.tool, **self.more, **{self.argument: argument})
        if self.tool == "where_is" or not usable(result):
            end_unfound(w, result)
        else:
            w.answer(sentence(result.main.text if self.family == "describe" else result.main.short), result.main.id)
        return result


PLAIN_QUESTIONS = (
    PlainQuestion(family="where_is", tool="where_is", argument="object"),
    PlainQuestion(family="where_is", tool="where_is", argument="object"),
    PlainQuestion(family="distance", tool="measure", argument="a", more={"kind": "distance"}),
    PlainQuestion(family="size", tool="measure", argument="a", more={"kind": "size"}),
    PlainQuestion(family="height", tool="measure", argument="a", more={"kind": "height"}),
    PlainQuestion(family="describe", tool="describe", argument="object"),
)
"""Drawn from; the commonest twice."""


def ask(w: Writer, family: str, slots: dict[str, str]) -> str:
    """A user turn in words of ``finetune.pointer.wording``; returns them."""
    text = worded(w.rng, family, w.split, slots)
    w.ask_text(family, text)
    return text


def two_names(w: Writer) -> tuple[str, str]:
    """Two different names."""
    first = name_for(w, absent=0.05, claimed=0.03, colored=0.25)
    for _ in range(20):
        second = name_for(w, absent=0.05, claimed=0.03, colored=0.25)
        if second != first:
            return first, second
    return first, invented_word(w.rng)


def slots_of_two(w: Writer, first: str, second: str) -> dict[str, str]:
    """Both as they are said."""
    return {"the": definite(w, first), "the2": definite(w, second)}


def usable(result: ToolResult) -> bool:
    """Whether a result says what was asked, without a reason to abstain."""
    return bool(result.facts) and result.reason is None


def end_with_both(w: Writer, first: Fact, second: Fact) -> None:
    """Two facts in one sentence.

    Raises:
        TooLong: they do not fit.
    """
    text = sentence(f"{first.short}, and {second.short}")
    if len(text) > MAX_ANSWER_CHARS:
        raise TooLong(text)
    w.answer(text, first.id, second.id)


def end_unfound(w: Writer, result: ToolResult) -> None:
    """The end where a thing is missing, ambiguous, moved or not seen again."""
    tell_place(w, result)


def yes_no(yes: bool, text: str) -> str:
    """A sentence that begins with the answer."""
    return f"{'Yes' if yes else 'No'}, {text}."
