"""Groups of conversations -> tensors of one training step.

Several conversations stand behind ONE copy of their system prompt and tools. Token i may look at token j when j is
not later, both are in the same group, and j is in the shared prefix or in i's own conversation; positions restart
behind the prefix for each conversation. So every conversation sees exactly what it would see alone, and the prefix,
which is most of the tokens, is paid once. Only what the assistant wrote carries full weight in the loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from agent.model.protocol import IMAGE, SYSTEM_PROMPT, Span, render, render_system
from finetune.language.data import Chat, Group, Mixture
from finetune.language.tokenizer import IMAGE_EDGE, IMAGE_GLOBAL

MIN_ROOM_TOKENS = 48
"""Tokens left in a row below which no further conversation is tried."""


def image_text(image_tokens: int) -> str:
    """What stands for one image in the token sequence (the form of Idefics3 without splitting)."""
    return IMAGE_EDGE + IMAGE_GLOBAL + IMAGE * image_tokens + IMAGE_EDGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Token ids with the loss weight of each as a target."""

    ids: list[int]
    weights: list[float]


class Encoder:
    """Spans -> ids and weights, for one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, image_tokens: int, context_weight: float = 0.0) -> None:
        self.tokenizer = tokenizer
        self.pad_id = int(tokenizer.convert_tokens_to_ids("<|endoftext|>"))  # type: ignore[arg-type]
        self.image_id = int(tokenizer.convert_tokens_to_ids(IMAGE))  # type: ignore[arg-type]
        self._image_text = image_text(image_tokens)
        self._context_weight = context_weight

    def ids(self, text: str) -> list[int]:
        """Text, images expanded, to ids."""
        return self.tokenizer.encode(text.replace(IMAGE, self._image_text), add_special_tokens=False)

    def prefix(self, group: Group) -> Encoded:
        """The shared system turn; never a target."""
        ids = self.ids(render_system(group.system if group.system is not None else SYSTEM_PROMPT, group.tools))
        return Encoded(ids=ids, weights=[0.0] * len(ids))

    def chat(self, chat: Chat) -> Encoded:
        """One conversation behind a prefix."""
        spans = render(chat.messages)[1:]
        ids: list[int] = []
        weights: list[float] = []
        for span in spans:
            piece = self.ids(span.text)
            ids += piece
            weights += [self._weight(span, token) for token in piece]
        return Encoded(ids=ids, weights=weights)

    def _weight(self, span: Span, token: int) -> float:
        if span.written:
            return 1.0
        return 0.0 if token == self.image_id else self._context_weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step. B rows of T tokens."""

    ids: Tensor
    """(B, T) int64."""
    positions: Tensor
    """(B, T) int64: position within prefix + own conversation."""
    groups: Tensor
    """(B, T) int64: group number, -1 for padding."""
    segments: Tensor
    """(B, T) int64: 0 in the shared prefix, 1.. in conversations."""
    targets: Tensor
    """(B, T) int64: the next token of the same conversation; 0 where the weight is 0."""
    weights: Tensor
    """(B, T) float32: loss weight of ``targets``."""
    images: Tensor
    """(N, 3, H, W) uint8 in the order of their tokens; N may be 0."""

    @property
    def size(self) -> int:
        """Tokens, padding included."""
        return self.ids.numel()

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(**{name: getattr(self, name).to(device) for name in self.__slots__})


class _PackedRow:
    """One row while it is filled."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.groups: list[int] = []
        self.segments: list[int] = []
        self.targets: list[int] = []
        self.weights: list[float] = []
        self.images: list[Tensor] = []
        self.group = -1

    @property
    def room(self) -> int:
        return self.length - len(self.ids)

    def add_prefix(self, prefix: Encoded) -> None:
        self.group += 1
        self._extend(prefix.ids, 0, 0)
        self.targets += [0] * len(prefix.ids)
        self.weights += [0.0] * len(prefix.ids)

    def add_chat(self, chat: Encoded, offset: int, segment: int, images: tuple[Tensor, ...]) -> None:
        self._extend(chat.ids, offset, segment)
        self.targets += [*chat.ids[1:], 0]
        self.weights += [*chat.weights[1:], 0.0]
        self.images += images

    def _extend(self, ids: list[int], offset: int, segment: int) -> None:
        self.ids += ids
        self.positions += range(offset, offset + len(ids))
        self.groups += [self.group] * len(ids)
        self.segments += [segment] * len(ids)


def _pack_row(encoder: Encoder, groups: Iterator[Group], length: int) -> _PackedRow:
    row = _PackedRow(length)
    groups_too_long = 0
    while row.room >= MIN_ROOM_TOKENS and groups_too_long < 3:
        group = next(groups, None)
        if group is None:
            break
        prefix = encoder.prefix(group)
        chats = [(chat, encoder.chat(chat)) for chat in group.chats]
        room = row.room - len(prefix.ids)
        taken: list[tuple[Chat, Encoded]] = []
        for chat, encoded in chats:
            if len(encoded.ids) <= room:
                taken.append((chat, encoded))
                room -= len(encoded.ids)
        if not taken:
            groups_too_long += 1
            continue
        row.add_prefix(prefix)
        for segment, (chat, encoded) in enumerate(taken, start=1):
            row.add_chat(encoded, len(prefix.ids), segment, chat.images)
    return row


def make_batch(
    mixture: Mixture, encoder: Encoder, *, seed: int, step: int, rows: range, length: int, image_size: int = 128
) -> Batch:
    """The rows of one step for one process: ``rows`` are global row numbers, so any number of processes agrees."""
    streams = [mixture.groups(f"{seed}/{step}/{row}") for row in rows]
    return batch_of(streams, encoder, length=length, image_size=image_size)


def batch_of(streams: Sequence[Iterator[Group]], encoder: Encoder, *, length: int, image_size: int = 128) -> Batch:
    """One row per stream of groups, each filled until it is full or the stream ends."""
    filled = [_pack_row(encoder, stream, length) for stream in streams]
    images = [image for row in filled for image in row.images]
    stacked = torch.stack(images).permute(0, 3, 1, 2) if images else torch.zeros(0, 3, image_size, image_size)

    def table(name: str, pad: int | float, dtype: torch.dtype) -> Tensor:
        return torch.tensor([getattr(r, name) + [pad] * (length - len(getattr(r, name))) for r in filled], dtype=dtype)

    return Batch(
        ids=table("ids", encoder.pad_id, torch.int64),
        positions=table("positions", 0, torch.int64),
        groups=table("groups", -1, torch.int64),
        segments=table("segments", 0, torch.int64),
        targets=table("targets", 0, torch.int64),
        weights=table("weights", 0.0, torch.float32),
        images=stacked.to(torch.uint8),
    )


def attention_mask(groups: Tensor, segments: Tensor) -> Tensor:
    """(B, T) group and segment numbers -> (B, 1, T, T) bool, True where the row token may look at the column token."""
    length = groups.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=groups.device).tril()
    same_group = groups[:, :, None] == groups[:, None, :]
    visible = (segments[:, None, :] == 0) | (segments[:, :, None] == segments[:, None, :])
    return (causal & same_group & visible)[:, None]
