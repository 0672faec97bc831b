"""Training conversations: real tool results, checked answers, arguments that can be copied."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from typing import Any

import pytest

from finetune.language.trace_families import FAMILIES
from finetune.language.traces import Conversation, conversation, iter_conversations
from scenes.records import MAX_ANSWER_CHARS
from tools.toolbox.toolbox import TOOLS

SAMPLE = list(itertools.islice(iter_conversations(11), 400))


def calls(given: Conversation) -> list[dict[str, Any]]:
    return [m["tool_calls"][0]["function"] for m in given.messages if m["role"] == "assistant"]


def test_a_seed_fixes_the_stream_and_splits_do_not_share_one() -> None:
    first, again = (list(itertools.islice(iter_conversations(3), 5)) for _ in range(2))
    assert first == again
    assert first != list(itertools.islice(iter_conversations(3, "test"), 5))


@pytest.mark.parametrize("family", [name for name, _, _ in FAMILIES])
def test_every_family_writes_checked_conversations_in_every_split(family: str) -> None:
    for split in ("train", "val", "test"):
        for seed in range(12):  # Writer.answer raises when the checker would refuse a gold answer
            assert conversation(random.Random(seed), split, family).families[0] == family


def test_turns_alternate_and_end_with_an_answer() -> None:
    for given in SAMPLE:
        roles = [m["role"] for m in given.messages]
        assert roles[0] == "user"
        assert roles.count("user") == len(given.families)
        for before, after in itertools.pairwise(given.messages):
            if before["role"] == "user":
                assert after["role"] == "assistant"
            if after["role"] == "user":
                assert before["tool_calls"][0]["function"]["name"] == "answer"
        assert calls(given)[-1]["name"] == "answer"


def test_every_tool_is_used() -> None:
    used = Counter(c["name"] for given in SAMPLE for c in calls(given))
    assert set(used) == {*(t.name for t in TOOLS), "answer"}


def test_argument_words_can_be_copied_from_what_was_said_before() -> None:
    fixed = {"gaze", "objects", "what color is it?", "what is this?", "what color is this?"}
    for given in SAMPLE:
        heard = ""
        for message in given.messages:
            if message["role"] == "user":
                heard += " " + message["content"][0]["text"].lower()
            for call in message.get("tool_calls", ()):
                arguments = call["function"]["arguments"]
                if call["function"]["name"] == "answer":
                    continue
                for key in ("object", "query", "a", "b", "target", "name", "reference", "room", "text", "question"):
                    value = arguments.get(key)
                    if value is None or value in fixed:
                        continue
                    assert all(word in heard for word in value.split()), (key, value, heard)


def test_answer_words_can_be_copied_from_the_tool_lines() -> None:
    policy = set(
        re.findall(
            r"\w+",
            "i have seen not no yes a an the you your where am is are do know but saw see now which one ok it of or "
            "and hello remember things what else looking for welcome can only help with around lost rooms here",
        )
    )
    for given in SAMPLE:
        lines = ""
        for message in given.messages:
            if message["role"] == "user":
                lines = ""
            elif message["role"] == "tool":
                lines += " " + message["content"].lower()
            else:
                call = message["tool_calls"][0]["function"]
                if call["name"] != "answer":
                    continue
                words = [w.strip(".,:;?!'").lower() for w in call["arguments"]["text"].split()]
                assert len(call["arguments"]["text"]) <= MAX_ANSWER_CHARS
                assert [w for w in words if w not in lines and w not in policy] == []


def test_the_stream_holds_every_kind_of_answer() -> None:
    kinds = Counter(
        (c["arguments"]["status"], c["arguments"].get("reason"))
        for given in SAMPLE
        for c in calls(given)
        if c["name"] == "answer"
    )
    for kind in (
        ("answered", None),
        ("abstained", "never_seen"),
        ("abstained", "moved"),
        ("abstained", "not_localised"),
        ("abstained", "unsupported"),
        ("clarify", "ambiguous"),
        ("clarify", None),
    ):
        assert kinds[kind] > 0, kind
    assert kinds[("answered", None)] > 0.5 * sum(kinds.values())
