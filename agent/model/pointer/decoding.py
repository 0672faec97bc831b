"""The greedy loop: run the grammar, ask the network only where there is a choice, keep what attention has computed.

Forced choices wait and go through the decoder together with the next one. States of the tools' items are kept per set
of tools; a dialogue's states are computed once per reply.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from agent.model.pointer.choices import Choice, Of, Step, Vocabulary
from agent.model.pointer.grammar import CallGrammar
from agent.model.pointer.items import ItemSet, items_of
from agent.model.pointer.network import PointerNetwork, item_ids, padded, source_tensors
from agent.model.pointer.reading import Source, read
from agent.model.pointer.spans import SpanPlanner
from agent.model.protocol import Message, ToolCall, ToolSchema

KEPT_TOOL_SETS = 8
"""Sets of tools whose items' states are kept."""
BATCH = 64
"""Items that are read side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A call, and what it cost."""

    call: ToolCall
    choices: tuple[tuple[str, float], ...]
    """What was chosen at each step, as text, and its probability; 1.0 where it was forced."""
    reading_ms: float
    writing_ms: float
    reused: int
    """Items whose states were kept from before."""


class PointerWriter:
    """Writes calls with one network; not for concurrent use."""

    def __init__(self, network: PointerNetwork, tokenizer: Tokenizer) -> None:
        self.network, self.tokenizer = network, tokenizer
        self.vocabulary = Vocabulary(network.config.words)
        self._planner = SpanPlanner(tokenizer)
        self._kept: OrderedDict[tuple[str, ...], Tensor] = OrderedDict()

    @torch.inference_mode()
    def write(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema], *, pictures: Tensor | None = None
    ) -> Written:
        """One call to one of ``tools`` that follows the messages. ``pictures``: (P, V) tokens of a vision tower.

        Raises:
            SchemaError: a schema that cannot be enforced.
        """
        start = time.perf_counter()
        source, items = read(messages, self.tokenizer), items_of(tools)
        memory, reused = self._memory(source, items, pictures)
        read_at = time.perf_counter()
        grammar = CallGrammar(tools, items, source, self.vocabulary, self._planner)
        call, choices = self._choose(grammar, source, items, memory)
        done = time.perf_counter()
        return Written(
            call=call,
            choices=tuple(choices),
            reading_ms=(read_at - start) * 1e3,
            writing_ms=(done - read_at) * 1e3,
            reused=reused,
        )

    def _memory(self, source: Source, items: ItemSet, pictures: Tensor | None) -> tuple[Tensor, int]:
        key = tuple(items.texts)
        reused = len(key) if key in self._kept else 0
        if not reused:
            self._kept[key] = self._read_items(items)
            if len(self._kept) > KEPT_TOOL_SETS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        parts = [self.network.read(*source_tensors([source]))[0], self._kept[key]]
        if pictures is not None:
            parts.append(self.network.read_pictures(pictures))
        return torch.cat(parts).unsqueeze(0), reused

    def _read_items(self, items: ItemSet) -> Tensor:
        rows = item_ids(items.texts, self.tokenizer)
        out = []
        for at in range(0, len(rows), BATCH):
            ids, mask = padded(rows[at : at + BATCH])
            out.append(self.network.read_items(ids, mask, torch.tensor(items.kinds[at : at + BATCH])))
        return torch.cat(out)

    def _choose(
        self, grammar: CallGrammar, source: Source, items: ItemSet, memory: Tensor
    ) -> tuple[ToolCall, list[tuple[str, float]]]:
        words, pieces = len(self.vocabulary.words), len(source)
        cache = EncoderDecoderCache(
            DynamicCache(config=self.network.decoder.config), DynamicCache(config=self.network.decoder.config)
        )
        waiting: list[tuple[int, int]] = [(-1, -1)]
        chosen: list[tuple[str, float]] = []
        writing = grammar.call()
        step: Step = next(writing)
        while True:
            choice, probability = step.forced, 1.0
            if choice is None:
                scores = self._scores(waiting, memory, cache)
                waiting = []
                choice, probability = _best(step, scores, words, pieces)
            chosen.append((self._said(choice, source, items), probability))
            place = choice.number + (pieces if choice.of is Of.ITEM else 0)
            waiting.append((choice.number, -1) if choice.of is Of.WORD else (-1, place))
            try:
                step = writing.send(choice)
            except StopIteration as end:
                return end.value, chosen

    def _scores(self, waiting: Sequence[tuple[int, int]], memory: Tensor, cache: Any) -> Tensor:
        """Scores after the last of the waiting choices; (W + M,)."""
        words = torch.tensor([[word for word, _ in waiting]])
        places = torch.tensor([[place for _, place in waiting]])
        states = self.network.decoder(
            inputs_embeds=self.network.fed(memory, words, places),
            encoder_hidden_states=memory,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return self.network.scores(states[:, -1:], memory)[0, 0]

    def _said(self, choice: Choice, source: Source, items: ItemSet) -> str:
        if choice.of is Of.WORD:
            return self.vocabulary.words[choice.number]
        return items.texts[choice.number] if choice.of is Of.ITEM else source.text(choice.number, choice.number)


def allowed_places(step: Step, words: int, pieces: int) -> list[int]:
    """Positions in the row of scores of all that a step allows."""
    return [
        *step.words,
        *(words + token for token in step.tokens),
        *(words + pieces + item for item in step.items),
    ]


def _best(step: Step, scores: Tensor, words: int, pieces: int) -> tuple[Choice, float]:
    """The best allowed choice and its probability among the allowed ones."""
    places = allowed_places(step, words, pieces)
    probabilities = torch.softmax(scores[torch.tensor(places)].float(), dim=0)
    best = int(probabilities.argmax())
    index, probability = places[best], float(probabilities[best])
    if index < words:
        return Choice(Of.WORD, index), probability
    if index < words + pieces:
        return Choice(Of.TOKEN, index - words), probability
    return Choice(Of.ITEM, index - words - pieces), probability
