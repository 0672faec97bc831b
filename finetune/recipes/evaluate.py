"""Held-out scores: how often a model would write exactly the right thing.

``exact_scores`` runs packed rows once, teacher-forced. A message counts when every token of it is the model's first
choice, that is, when greedy decoding from the same history would write it letter by letter, without any help from the
grammar. A turn counts when all its messages do: right tools, right arguments, right status, citations, words and
numbers. Names of crops are scored in the same way.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from agent.model.protocol import UNCLEAR
from finetune.language.collate import Batch, Encoder, attention_mask, batch_of
from finetune.language.data import Chat, Group
from finetune.vision.crop_chats import naming_chat
from finetune.vision.crops import CropFile, LabelledCrop

NAMING_ROW = 1024
"""Tokens of a row of twenty crops."""


@dataclass(slots=True)
class Tally:
    """Counts of one family."""

    turns: int = 0
    right_turns: int = 0
    calls: int = 0
    right_calls: int = 0

    def as_record(self) -> dict[str, float | int]:
        """Shares with their counts; ``se`` is the binomial standard error of the turn rate."""
        rate = self.right_turns / self.turns if self.turns else math.nan
        return {
            "turns": self.turns,
            "turn_exact": round(rate, 4),
            "se": round(math.sqrt(rate * (1 - rate) / self.turns), 4) if self.turns else math.nan,
            "messages": self.calls,
            "message_exact": round(self.right_calls / self.calls, 4) if self.calls else math.nan,
        }


@dataclass(slots=True)
class Scores:
    """Tallies by family."""

    families: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def record(self) -> dict[str, Any]:
        """``{"all": ..., "by_family": {...}}``; the worst family first."""
        total = Tally()
        for tally in self.families.values():
            total.turns += tally.turns
            total.right_turns += tally.right_turns
            total.calls += tally.calls
            total.right_calls += tally.right_calls
        rows = sorted(self.families.items(), key=lambda item: item[1].right_turns / max(item[1].turns, 1))
        return {"all": total.as_record(), "by_family": {name: tally.as_record() for name, tally in rows}}


@torch.inference_mode()
def first_choices(model: Any, encoder: Encoder, batch: Batch) -> Tensor:
    """(B, T) the model's first choice for the token after each position."""
    embeds = model.model.text_model.embed_tokens(batch.ids)
    if len(batch.images):
        pixels = batch.images.float() / 127.5 - 1.0
        seen = model.model.connector(model.model.vision_model(pixel_values=pixels).last_hidden_state)
        spots = (batch.ids == encoder.image_id)[..., None].expand_as(embeds)
        embeds = embeds.masked_scatter(spots, seen.to(embeds.dtype))
    hidden = model.model.text_model(
        inputs_embeds=embeds,
        attention_mask=attention_mask(batch.groups, batch.segments),
        position_ids=batch.positions,
        use_cache=False,
    ).last_hidden_state
    return model.lm_head(hidden).argmax(-1)


def exact_scores(model: nn.Module, encoder: Encoder, groups: Iterable[Group], *, length: int = 1536) -> Scores:
    """Exact-match scores of all chats of ``groups``; a chat that does not fit ``length`` is an error, not a skip.

    Raises:
        ValueError: a chat is longer than a row.
    """
    scores = Scores()
    for group in groups:
        prefix = len(encoder.prefix(group).ids)
        for chats in _rows(encoder, group, length - prefix):
            one = Group(chats=tuple(chats), tools=group.tools, system=group.system)
            batch = batch_of([iter([one])], encoder, length=length)
            chosen = first_choices(model, encoder, batch)[0]
            for segment, chat in enumerate(chats, start=1):
                where = (batch.segments[0] == segment) & (batch.groups[0] == 0) & (batch.weights[0] > 0)
                _count(scores, chat, encoder, (chosen == batch.targets[0])[where].tolist())
    return scores


def _rows(encoder: Encoder, group: Group, room: int) -> Iterator[list[Chat]]:
    """Chats of a group in as few rows as they come."""
    row: list[Chat] = []
    used = 0
    for chat in group.chats:
        size = len(encoder.chat(chat).ids)
        if size > room:
            raise ValueError(f"expected chats of at most {room} tokens, got {size}; give a longer row")
        if used + size > room:
            yield row
            row, used = [], 0
        row.append(chat)
        used += size
    if row:
        yield row


def _count(scores: Scores, chat: Chat, encoder: Encoder, right: Sequence[bool]) -> None:
    """Split a chat's token verdicts into messages, and messages into turns."""
    cursor, turn = 0, -1
    good: list[bool] = []
    families: list[str] = []
    for message in chat.messages:
        if message["role"] == "user":
            turn += 1
            good.append(True)
            families.append(chat.families[turn] if turn < len(chat.families) else chat.family)
        elif message["role"] == "assistant":
            written = encoder.chat(Chat(messages=(message,)))
            size = sum(weight >= 1.0 for weight in written.weights)
            exact = all(right[cursor : cursor + size])
            cursor += size
            scores.families[families[turn]].calls += 1
            scores.families[families[turn]].right_calls += exact
            good[turn] = good[turn] and exact
    for family, exact in zip(families, good, strict=True):
        scores.families[family].turns += 1
        scores.families[family].right_turns += exact


def naming_scores(model: nn.Module, encoder: Encoder, crops: CropFile, count: int, system: str) -> dict[str, Any]:
    """Share of the first ``count`` held-out crops whose name, and whose colour, is the model's first choice."""
    named = unclear = right_name = right_color = colored = right_unclear = 0
    for start in range(0, count, 20):
        labelled = [crops[i] for i in range(start, min(start + 20, count, len(crops)))]
        group = Group(chats=tuple(naming_chat(crop) for crop in labelled), system=system)
        batch = batch_of([iter([group])], encoder, length=NAMING_ROW)
        right = first_choices(model, encoder, batch)[0] == batch.targets[0]
        for segment, crop in enumerate(labelled, start=1):
            where = (batch.segments[0] == segment) & (batch.groups[0] == 0) & (batch.weights[0] > 0)
            name_ok, color_ok = _name_verdict(encoder, crop, right[where].tolist())
            if crop.name:
                named += 1
                right_name += name_ok
                colored += bool(crop.color)
                right_color += color_ok and bool(crop.color)
            else:
                unclear += 1
                right_unclear += name_ok
    return {
        "crops": named + unclear,
        "name": round(right_name / max(named, 1), 4),
        "color_given_true_name": round(right_color / max(colored, 1), 4),
        "unclear": round(right_unclear / max(unclear, 1), 4),
    }


def _name_verdict(encoder: Encoder, crop: LabelledCrop, right: list[bool]) -> tuple[bool, bool]:
    size = len(encoder.ids(crop.name or UNCLEAR))
    # Behind the name comes one comma, then the colour.
    return all(right[:size]), all(right[size + 1 :][: len(encoder.ids(" " + crop.color))]) if crop.color else True
