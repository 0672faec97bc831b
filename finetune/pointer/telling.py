"""What the writers of the added families share: asking in held-apart wording, and how a turn ends."""

from __future__ import annotations

from finetune.language.trace_slots import definite, name_for
from finetune.language.trace_writer import (
    Writer,
    sentence,
    tell_place,
)
from finetune.pointer.wording import worded
from scenes.questions.lexicon import invented_word
from tools.toolbox.context import ToolResult


class TooLong(ValueError):
    """Two lines that do not fit into one sentence."""


def ask(w: Writer, family: str, slots: dict[str, str]) -> str:
    text = worded(w.rng, family, w.split, slots)
    w.ask_text(family, text)
    return text


def two_names(w: Writer) -> tuple[str, str]:
    """Two different names."""
    first = name_for(w, never=0.05, loose=0.03, colored=0.25)
    for _ in range(20):
        second = name_for(w, never=0.05, loose=0.03, colored=0.25)
        if second != first:
            return first, second
    return first, invented_word(w.rng)


def slots_of_two(w: Writer, first: str, second: str) -> dict[str, str]:
    return {"the": definite(w, first), "the2": definite(w, second)}


def told(text: str) -> str:
    """A line up to its semicolon: what a sentence says of it."""
    return text.rsplit(";", 1)[0]


def usable(result: ToolResult) -> bool:
    return bool(result.facts) and result.reason is None


def end_with_both(w: Writer, first: ToolResult, second: ToolResult) -> None:
    """Two results in one sentence; what was not found ends the turn as it does alone."""
    for result in (first, second):
        if not usable(result):
            end_unfound(w, result)
            return
    lines = [told(result.facts[0].text) for result in (first, second)]
    text = sentence(f"{lines[0]}, and {lines[1]}")
    if len(text) > 170:
        text = sentence(lines[0].split(", in ", 1)[0].split(", on ", 1)[0] + ", and " + lines[1].split(", on ", 1)[0])
    if len(text) > 175:
        raise TooLong(text)
    w.answer(text, first.facts[0].id, second.facts[0].id)


def end_unfound(w: Writer, result: ToolResult) -> None:
    """The end where a thing is missing, ambiguous, moved or not seen again."""
    tell_place(w, result)


OPENERS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("where is {the}", "where_is", {}),
    ("where's {the}", "where_is", {}),
    ("have you seen {the}", "where_is", {}),
    ("how far away is {the}", "measure", {"kind": "distance"}),
    ("how big is {the}", "measure", {"kind": "size"}),
    ("how tall is {the}", "measure", {"kind": "height"}),
    ("describe {the}", "describe", {}),
)
"""What a correction may correct: words, tool, further arguments."""


def tell(w: Writer, tool: str, result: ToolResult) -> None:
    if tool == "where_is" or not usable(result):
        end_unfound(w, result)
    else:
        w.answer(sentence(told(result.facts[0].text)), result.facts[0].id)
