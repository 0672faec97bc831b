"""Whole turns, free-running: any model in the real graph with the real tools, against gold on the same scene.

A turn is right when its status is, when it cites the same lines (or has the same typed value) and when the answer to a
yes/no question begins with the right word. Wording is not compared. Earlier turns of a conversation are the gold ones.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from agent.conversation.graph import Assistant, answer_question, build_assistant
from agent.conversation.turn import Turn, TurnInput
from agent.model.interface import Vlm
from agent.model.pointer.reading import question_of
from agent.model.protocol import Message, ToolCall, calls_of
from finetune.language.synthetic import random_scene
from finetune.language.trace_families import FAMILIES as PLAIN_FAMILIES
from finetune.language.trace_writer import Writer
from finetune.pointer.families import plain_family, write_conversation
from finetune.pointer.telling import TooLong
from scenes.questions.phrasing import Split
from scenes.records import GroundedAnswer
from scenes.types import Camera, Frame
from tools.toolbox.answers import AnswerArguments, cited_facts, derive_value
from tools.toolbox.facts import Fact
from tools.toolbox.snapshot import SnapshotContext

SMALL = Camera(width=32, height=24, fx=20.0, fy=20.0, cx=16.0, cy=12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldTurn:
    """A question, the scene that it was asked in, what was said before, and the right end."""

    conversation: int
    family: str
    text: str
    gaze: bool
    scene: SnapshotContext
    before: tuple[Message, ...]
    said: AnswerArguments
    facts: tuple[Fact, ...]
    calls: tuple[ToolCall, ...]
    """The right ones, that which ends the turn last."""


class _Recording(Writer):
    """A writer that keeps the scene of each question as it was when it was asked."""

    def __init__(self, rng: random.Random, scene: SnapshotContext, split: Split) -> None:
        super().__init__(rng, scene, split)
        self.asked: list[tuple[SnapshotContext, bool, int]] = []

    def ask_text(self, family: str, text: str, gaze: bool = False) -> None:
        """See ``Writer.ask_text``."""
        self.asked.append((replace(self.scene, notes=list(self.scene.notes)), gaze, len(self.messages)))
        super().ask_text(family, text, gaze)


def gold_turns(split: Split, conversations: int, seed: int) -> list[GoldTurn]:
    """Turns of fresh conversations; those that end in a closer look are left out: no picture stands behind them."""
    rng = random.Random(f"turns/{split}/{seed}")
    out: list[GoldTurn] = []
    number = 0
    while number < conversations:
        try:
            writer = _plain_turn(rng, split) if rng.random() < 0.5 else write_conversation(rng, split, _Recording)
        except TooLong:
            continue
        number += 1
        out += _turns_of(writer, number)
    return out


def _plain_turn(rng: random.Random, split: Split) -> Writer:
    """One turn of the families of ``finetune.language.traces``."""
    writer = _Recording(rng, random_scene(rng), split)
    family = plain_family(rng)
    next(write for name, _, write in PLAIN_FAMILIES if name == family)(writer)
    return writer


def _turns_of(writer: Writer, number: int) -> list[GoldTurn]:
    if not isinstance(writer, _Recording):
        raise TypeError(f"expected a recording writer, got {type(writer).__name__}")
    ends = [start for _, _, start in writer.asked[1:]] + [len(writer.messages)]
    out = []
    for k, ((scene, gaze, start), end) in enumerate(zip(writer.asked, ends, strict=True)):
        own = writer.messages[start:end]
        calls = tuple(call for message in own for call in calls_of(message))
        if any(call.name == "look" for call in calls):
            continue
        said, facts = writer.given[k]
        out.append(
            GoldTurn(
                conversation=number,
                family=writer.families[k],
                text=question_of(own),
                gaze=gaze,
                scene=scene,
                before=tuple(writer.messages[:start]),
                said=said,
                facts=facts,
                calls=calls,
            )
        )
    return out


def run_turn(assistant: Assistant, gold: GoldTurn) -> GroundedAnswer:
    """The model's answer to a gold turn's question, on a scene of its own."""
    scene = replace(gold.scene, notes=list(gold.scene.notes))
    pixels = torch.zeros(SMALL.height, SMALL.width, 3, dtype=torch.uint8)
    frame = Frame(id=1, time_s=scene.time_s, rgb=pixels, camera=SMALL, world_from_camera=scene.world_from_camera)
    asked = TurnInput(text=gold.text, frame=frame, gaze=gold.gaze)
    blank = GroundedAnswer.model_construct(answer="")
    history = [Turn(answer=blank, messages=messages) for messages in _split_turns(gold.before)]
    return answer_question(assistant, asked, scene, history).answer


def _split_turns(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    starts = [k for k, message in enumerate(messages) if message["role"] == "user"]
    return [tuple(messages[a:b]) for a, b in itertools.pairwise([*starts, len(messages)])]


def is_right(gold: GoldTurn, answer: GroundedAnswer) -> bool:
    """See the head of this module."""
    if (answer.status, answer.reason) != (gold.said.status, gold.said.reason):
        return False
    opened = gold.said.text.split(",", 1)[0]
    if opened in ("Yes", "No") and not answer.answer.lower().startswith(opened.lower()):
        return False
    if len(gold.calls) == 1 and answer.tool_calls:
        return False
    lines = {fact.text for fact in cited_facts(gold.said.cite, gold.facts)}
    if {citation.evidence for citation in answer.citations} == lines:
        return True
    value = derive_value(gold.said.cite, gold.facts)
    several = len(set(gold.said.cite)) > 1
    return value is not None and not several and answer.value == value


def score_turns(model: Vlm, turns: Sequence[GoldTurn], show: int = 0) -> tuple[dict[str, Any], list[str]]:
    """Shares by family and times, and up to ``show`` wrong turns as text."""
    assistant = build_assistant(model)
    right: dict[str, list[bool]] = defaultdict(list)
    times, wrong = [], []
    for gold in turns:
        start = time.perf_counter()
        answer = run_turn(assistant, gold)
        times.append((time.perf_counter() - start) * 1e3)
        hit = is_right(gold, answer)
        right[gold.family].append(hit)
        if not hit and len(wrong) < show:
            calls = [(call.name, call.arguments) for call in answer.tool_calls]
            wrong.append(f"[{gold.family}] {gold.text}\n  gold: {gold.said.text}\n  said: {answer.answer} {calls}")
    hits = [hit for family in right.values() for hit in family]
    times.sort()
    return {
        "model": model.base,
        "turns": len(hits),
        "right": round(100 * sum(hits) / max(len(hits), 1), 1),
        "p50_ms": round(times[len(times) // 2]),
        "p95_ms": round(times[int(len(times) * 0.95)]),
        "families": {name: [sum(own), len(own)] for name, own in sorted(right.items())},
    }, wrong
