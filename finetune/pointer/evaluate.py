"""Scores on wording that training never saw: each call given the right ones before it, and whole turns.

A call counts as right when every choice is (then greedy writing gives exactly this call), or when what is written is
the same call by other choices. A turn counts when all its calls do, the end with its citations and its sentence
included. Standard errors cluster by conversation.
"""

from __future__ import annotations

import math
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from agent.model.pointer.choices import Unreachable, Vocabulary
from agent.model.pointer.decoding import PointerWriter
from agent.model.pointer.network import PointerNetwork, item_ids, load_network
from agent.model.protocol import ToolSchema
from finetune.pointer.batches import IGNORED, batch_of
from finetune.pointer.examples import Example, Pack, Run, Runner, examples_of, in_own_words, own_tools, own_tools_after
from finetune.pointer.train import loss_of
from scenes.questions.phrasing import Split

ROWS = 32
"""Examples that are scored side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call to score and where it stands."""

    example: Example
    conversation: int
    turn: int
    ends: bool
    """Whether it ends the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A call and what was right of it."""

    asked: Asked
    reachable: bool
    tool: bool
    call: bool


def held_out(split: Split, conversations: int, own_share: float, seed: int) -> list[Asked]:
    """The calls of fresh conversations in wording of the split, on scenes of their own."""
    from finetune.pointer.families import conversation
    from tools.toolbox.answers import ANSWER_NAME

    rng = random.Random(f"evaluate/{split}/{seed}")
    out: list[Asked] = []
    for number in range(conversations):
        said = conversation(rng, split, own_share)
        for example in examples_of(said.messages, 0, said.families):
            turn = sum(message["role"] == "user" for message in example.messages)
            ends = example.call.name == ANSWER_NAME
            out.append(Asked(example=in_own_words(example), conversation=number, turn=turn, ends=ends))
    return out


@torch.inference_mode()
def score(network: PointerNetwork, tokenizer: Tokenizer, asked: Sequence[Asked]) -> list[Scored]:
    """Each call, in the order of ``asked``."""
    pack = Pack(tool_sets=(own_tools(),), examples=tuple(a.example for a in asked))
    vocabulary = Vocabulary(network.config.words)
    runner = Runner(pack.tool_sets, vocabulary, tokenizer)
    rows = item_ids(runner.items[0].texts, tokenizer)
    out: dict[int, Scored] = {}
    runs: list[tuple[int, Run]] = []
    for k, one in enumerate(asked):
        try:
            runs.append((k, runner.run(one.example)))
        except Unreachable:
            out[k] = Scored(asked=one, reachable=False, tool=False, call=False)
    runs.sort(key=lambda pair: len(pair[1].source))
    for at in range(0, len(runs), ROWS):
        group = runs[at : at + ROWS]
        batch = batch_of([run for _, run in group], runner.items[0], rows, len(vocabulary.words))
        _, _, hit = loss_of(network, batch, frozen_encoder=True)
        right = hit | (batch.right == IGNORED)
        for (k, _), row in zip(group, right, strict=True):
            out[k] = Scored(asked=asked[k], reachable=True, tool=bool(row[0]), call=bool(row.all()))
    writer = PointerWriter(network, tokenizer)
    return [_written_right(out[k], writer) for k in range(len(asked))]


def _written_right(scored: Scored, writer: PointerWriter) -> Scored:
    """A call that some choice was wrong in, written: other spans may say the same."""
    if scored.call or not scored.reachable:
        return scored
    example = scored.asked.example
    written = writer.write(example.messages, offered(example)).call
    return replace(scored, call=written == example.call, tool=scored.tool or written.name == example.call.name)


def summed_up(scored: Sequence[Scored]) -> dict[str, Any]:
    """Shares with standard errors, and whole turns by family."""
    turns: dict[tuple[int, int], list[Scored]] = defaultdict(list)
    for one in scored:
        turns[one.asked.conversation, one.asked.turn].append(one)
    whole = {key: all(one.call for one in calls) for key, calls in turns.items()}
    before_end = {key: all(one.call for one in calls if not one.asked.ends) for key, calls in turns.items()}
    first_tool = {key: calls[0].tool for key, calls in turns.items()}
    families: dict[str, list[bool]] = defaultdict(list)
    for key, calls in turns.items():
        families[calls[0].asked.example.family].append(whole[key])
    return {
        "turns": len(turns),
        "first_tool": _share(first_tool),
        "calls": _share(before_end),
        "whole_turns": _share(whole),
        "unreachable_calls": sum(not one.reachable for one in scored),
        "families": {name: [sum(hits), len(hits)] for name, hits in sorted(families.items())},
    }


def _share(right: Mapping[tuple[int, int], bool]) -> list[float]:
    """Share and its standard error, clustered by conversation, in percent."""
    clusters: dict[int, list[bool]] = defaultdict(list)
    for (conversation, _), hit in right.items():
        clusters[conversation].append(hit)
    mean = sum(right.values()) / max(len(right), 1)
    spread = sum((sum(hits) - mean * len(hits)) ** 2 for hits in clusters.values())
    count = len(clusters)
    error = math.sqrt(spread * count / max(count - 1, 1)) / max(len(right), 1)
    return [round(100 * mean, 1), round(100 * error, 1)]


def evaluate_folder(
    base: Path,
    adapter: Path | None,
    *,
    split: Split,
    conversations: int,
    own_share: float,
    seed: int,
    show: int = 0,
) -> dict[str, Any]:
    """Scores of a model folder and an adapter folder, as JSON."""
    network, tokenizer = load_network(base)
    if adapter is not None:
        from agent.model.adapter import merge_adapter

        merge_adapter(network, adapter)
    scored = score(network, tokenizer, held_out(split, conversations, own_share, seed))
    _show([one for one in scored if not one.call][:show], PointerWriter(network, tokenizer))
    return {"split": split, "seed": seed, "own_share": own_share, **summed_up(scored)}


def offered(example: Example) -> list[ToolSchema]:
    """The tools as the example's turn offers them."""
    return own_tools_after(example.messages)


def _show(wrong: Sequence[Scored], writer: PointerWriter) -> None:
    """Wrong calls beside what was written, to the error stream."""
    for one in wrong:
        example = one.asked.example
        written = writer.write(example.messages, offered(example)).call
        users = [m["content"][-1]["text"] for m in example.messages if m["role"] == "user"]
        results = [m["content"] for m in example.messages if m["role"] == "tool"]
        print(f"\n[{example.family}] {users[-2:]} {results[-1:]}", file=sys.stderr)
        print(f"  right:   {example.call.name} {example.call.arguments}", file=sys.stderr)
        print(f"  written: {written.name} {written.arguments}", file=sys.stderr)
