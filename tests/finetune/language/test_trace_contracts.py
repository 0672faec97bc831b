"""Gold depends on what tools mean, not on how they word it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from finetune.language import trace_answers, trace_writer
from finetune.language.trace_families import FAMILIES
from finetune.language.traces import Conversation, conversation
from tools.toolbox import change_facts, finding, measuring, references, remembering, results
from tools.toolbox.facts import Fact, ToolResult
from tools.toolbox.toolbox import run_tool

SEEDS = range(6)
WORDING = (finding, measuring, references, remembering, results, change_facts)
PHRASES = (
    "with_the",
    "with_article",
    "is_or_are",
    "bearing_words",
    "place_words",
    "place_text",
    "room_name",
    "seen_words",
    "size_words",
    "route_words",
    "length_words",
    "ago_words",
    "names_with_counts",
    "asked_name",
)
"""Every function that words a part of a tool's line."""


def gold(given: Conversation) -> list[Any]:
    """A conversation without its wording: what was asked and called, with which arguments, and how each turn ended."""
    kept: list[Any] = []
    for message in given.messages:
        if message["role"] == "user":
            kept.append(message["content"])
        elif message["role"] == "assistant":
            function = message["tool_calls"][0]["function"]
            dropped = {"text"} if function["name"] == "answer" else set()
            kept.append((function["name"], {k: v for k, v in function["arguments"].items() if k not in dropped}))
    return kept


def answers(given: Conversation) -> list[str]:
    calls = [m["tool_calls"][0]["function"] for m in given.messages if m["role"] == "assistant"]
    return [call["arguments"]["text"] for call in calls if call["name"] == "answer"]


def every_family() -> Iterator[Conversation]:
    for name, _, _ in FAMILIES:
        for seed in SEEDS:
            yield conversation(random.Random(seed), "train", name)


def test_gold_stays_when_every_line_of_every_tool_is_worded_otherwise(reword_tools: Callable[[], None]) -> None:
    before = list(every_family())
    reword_tools()
    after = list(every_family())
    assert [gold(g) for g in after] == [gold(g) for g in before]
    changed = sum(answers(a) != answers(b) for a, b in zip(after, before, strict=True))
    assert changed > 0.8 * len(before)  # the wording did change: only small talk says no tool's words


def test_gold_stays_when_every_phrase_is_worded_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(every_family())

    def other(phrase: Callable[..., str]) -> Callable[..., str]:
        def worded(*given: Any) -> str:
            said = phrase(*given)
            return said and f"so, {said}; indeed"

        return worded

    patched = set()
    for module in WORDING:
        for name in PHRASES:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, other(getattr(module, name)))
                patched.add(name)
    assert patched == set(PHRASES)
    assert [gold(g) for g in every_family()] == [gold(g) for g in before]


def test_what_a_sentence_says_of_a_fact_is_part_of_its_line() -> None:
    seen: set[str] = set()

    def watched(*given: Any) -> ToolResult:
        result = run_tool(*given)
        for fact in result.facts:
            assert fact.short
            assert fact.text.startswith(fact.short)
            seen.add(fact.role)
        assert (result.miss is None) == (not result.text.startswith("none: "))
        if result.miss is not None:
            assert result.text.split("\n")[0] == result.miss.line
            assert result.reason == result.miss.reason
            assert (result.miss.reason == "ambiguous") == bool(result.miss.choices)
        return result

    original = trace_writer.run_tool
    try:
        trace_writer.run_tool = watched
        for _ in every_family():
            pass
    finally:
        trace_writer.run_tool = original
    assert seen >= {"place", "moved_away", "seen", "room", "wearer", "count", "names", "description", "name", "unnamed"}
    assert seen >= {"color", "picture", "distance", "size", "fit", "depth", "route", "note", "saved_name", "forgotten"}


def test_a_count_that_is_no_count_is_refused() -> None:
    assert trace_answers.number_of(finding._count(1, "no mugs", ())) == 0
    with pytest.raises(ValueError, match="expected a fact with a count"):
        trace_answers.number_of(Fact(id="o1", role="place", text="the mug is 2 m away"))
