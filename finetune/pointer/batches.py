"""Examples -> tensors: batches of one set of tools and of similar length, in an order that a seed and a step give."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from agent.model.pointer.choices import Of, Unreachable
from agent.model.pointer.decoding import allowed_places
from agent.model.pointer.items import ItemSet
from agent.model.pointer.network import item_ids, padded, source_tensors
from finetune.pointer.examples import Pack, Run, Runner, place_of

IGNORED = -100
"""Target of a step that is forced or padding."""
ITEM_GROUPS = 4
"""Groups in which items are read: less padding."""
WINDOW = 4096
"""Examples that are sorted by length together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """B examples of at most T steps over sources of at most L pieces and N items."""

    ids: Tensor
    kinds: Tensor
    mask: Tensor
    """(B, L) each."""
    item_ids: tuple[Tensor, ...]
    item_masks: tuple[Tensor, ...]
    """(n, I) each, in groups of similar length."""
    item_order: Tensor
    """(N,): where each item stands in the joined groups."""
    item_kinds: Tensor
    """(N,)."""
    words: Tensor
    places: Tensor
    """(B, T): what was chosen before each step, see ``PointerNetwork.fed``."""
    allowed: Tensor
    """(B, T, W + L + N) bool."""
    right: Tensor
    """(B, T): the right place in the row of scores; ``IGNORED`` where there is no choice."""

    def to(self, device: torch.device | str) -> Batch:
        """The same on a device."""
        moved: dict[str, Any] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            moved[name] = tuple(v.to(device) for v in value) if isinstance(value, tuple) else value.to(device)
        return Batch(**moved)


def batch_of(runs: Sequence[Run], items: ItemSet, rows: Sequence[Sequence[int]], vocabulary: int) -> Batch:
    """Runs over one set of tools, whose items' pieces are ``rows``, as tensors."""
    ids, kinds, mask = source_tensors([run.source for run in runs])
    pieces, count = ids.shape[1], len(items.texts)
    steps = max(len(run.steps) for run in runs)
    words = torch.full((len(runs), steps), -1)
    places = torch.full((len(runs), steps), -1)
    allowed = torch.zeros((len(runs), steps, vocabulary + pieces + count), dtype=torch.bool)
    right = torch.full((len(runs), steps), IGNORED)
    for b, run in enumerate(runs):
        for t, (step, choice) in enumerate(zip(run.steps, run.choices, strict=True)):
            place = place_of(choice, pieces)
            allowed[b, t, allowed_places(step, vocabulary, pieces)] = True
            if step.forced is None:
                right[b, t] = choice.number if choice.of is Of.WORD else vocabulary + place
            if t + 1 < steps:
                (words if choice.of is Of.WORD else places)[b, t + 1] = place
    order = sorted(range(count), key=lambda k: len(rows[k]))
    size = -(-count // ITEM_GROUPS)
    grouped = [padded([rows[k] for k in order[at : at + size]]) for at in range(0, count, size)]
    return Batch(
        ids=ids,
        kinds=kinds,
        mask=mask,
        item_ids=tuple(ids for ids, _ in grouped),
        item_masks=tuple(mask for _, mask in grouped),
        item_order=torch.tensor(order).argsort(),
        item_kinds=torch.tensor([int(kind) for kind in items.kinds]),
        words=words,
        places=places,
        allowed=allowed,
        right=right,
    )


def planned(pack: Pack, tokens: int, seed: int, most: int) -> list[list[int]]:
    """One pass over a pack: groups of examples of one set of tools, at most ``tokens`` pieces long when padded."""
    rng = random.Random(seed)
    by_tools: dict[int, list[int]] = {}
    for number, example in enumerate(pack.examples):
        by_tools.setdefault(example.tools, []).append(number)
    lengths = [_length(pack, k) for k in range(len(pack.examples))]
    groups: list[list[int]] = []
    for numbers in by_tools.values():
        rng.shuffle(numbers)
        for start in range(0, len(numbers), WINDOW):
            window = sorted(numbers[start : start + WINDOW], key=lambda k: lengths[k])
            groups += _cut(window, lengths, tokens, most)
    rng.shuffle(groups)
    return groups


def _cut(window: Sequence[int], lengths: Sequence[int], tokens: int, most: int) -> list[list[int]]:
    """Examples in order of length -> groups that keep within ``tokens`` and ``most``."""
    groups: list[list[int]] = []
    for k in window:
        if not groups or len(groups[-1]) >= most or lengths[k] * (len(groups[-1]) + 1) > tokens:
            groups.append([])
        groups[-1].append(k)
    return groups


def _length(pack: Pack, number: int) -> int:
    """A guess at an example's pieces from its characters."""
    characters = sum(
        len(part.get("text", "")) if isinstance(message["content"], list) else len(message["content"] or "")
        for message in pack.examples[number].messages
        for part in (message["content"] if isinstance(message["content"], list) else [{}])
    )
    return min(256, 8 + characters // 3)


class Batches:
    """All batches of a pack, pass after pass; what cannot be reached by the grammar is left out and counted."""

    def __init__(
        self,
        pack: Pack,
        runner: Runner,
        tokenizer: Tokenizer,
        *,
        tokens: int,
        seed: int,
        vocabulary: int,
        most: int = 96,
    ) -> None:
        self._pack, self._runner = pack, runner
        self._tokens, self._seed, self._most, self._vocabulary = tokens, seed, most, vocabulary
        self._rows = [item_ids(items.texts, tokenizer) for items in runner.items]
        self.unreachable = 0
        self.seen = 0

    def from_step(self, step: int) -> Iterator[Batch]:
        """Batches from a step on, without end: a step is one batch."""
        number, passed = 0, 0
        while True:
            for group in planned(self._pack, self._tokens, self._seed + 1000 * passed, self._most):
                if number >= step:
                    batch = self.batch(group)
                    if batch is not None:
                        yield batch
                number += 1
            passed += 1

    def batch(self, numbers: Sequence[int]) -> Batch | None:
        """These examples as a batch; None when none of them can be reached."""
        runs: list[Run] = []
        for k in numbers:
            self.seen += 1
            try:
                runs.append(self._runner.run(self._pack.examples[k]))
            except Unreachable:
                self.unreachable += 1
        if not runs:
            return None
        tools = self._pack.examples[numbers[0]].tools
        return batch_of(runs, self._runner.items[tools], self._rows[tools], self._vocabulary)
