"""What a training step sees: groups of conversations that share one system prompt, drawn from a weighted mixture.

A draw depends only on ``(seed, step, row)``. So a run that resumes at step N reads exactly the data that an
uninterrupted run would read, on any machine, and no data-loader state has to be saved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from agent.model.protocol import Message, ToolSchema, user_message
from finetune.language import words
from finetune.language.generic import generic_pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation without its system turn."""

    messages: tuple[Message, ...]
    images: tuple[Tensor, ...] = ()
    """(128, 128, 3) uint8, one for each image part of the messages, in order."""
    family: str = ""
    """What it teaches; scores are reported by it."""
    families: tuple[str, ...] = ()
    """The same for each user turn, where they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conversations behind one system prompt and one list of tools."""

    chats: tuple[Chat, ...]
    tools: tuple[ToolSchema, ...] = ()
    system: str | None = None
    """None: the protocol's own."""


class Source(Protocol):
    """Makes a group from a random generator and nothing else."""

    def __call__(self, rng: random.Random) -> Group: ...


@dataclass(frozen=True, slots=True)
class GenericSource:
    """Random tools, random requests; see ``finetune.language.generic``."""

    conversations: int = 6

    def __call__(self, rng: random.Random) -> Group:
        pack = generic_pack(rng, self.conversations)
        chats = tuple(Chat(messages=turn, family="generic") for turn in pack.conversations)
        return Group(chats=chats, tools=pack.tools)


@dataclass(frozen=True, slots=True)
class CopySource:
    """Reading without tools: repeat words, find a line by its id, answer from a line."""

    conversations: int = 8
    repeat: float = 0.6
    """Share of plain repetition, from which attention learns to copy before it can select."""

    def __call__(self, rng: random.Random) -> Group:
        chats = tuple(
            Chat(messages=_repeating(rng) if rng.random() < self.repeat else _reading(rng), family="reading")
            for _ in range(self.conversations)
        )
        return Group(chats=chats, system="Read and answer.")


def _repeating(rng: random.Random) -> tuple[Message, ...]:
    """Words, names or numbers, to be written again as they are."""
    makers = (
        lambda: words.thing_name(rng, invented=0.5),
        lambda: words.invented_word(rng),
        lambda: rng.choice(words.THINGS),
        lambda: f"{words.number(rng)} {rng.choice(words.UNITS)}",
    )
    maker = rng.choice(makers)
    separator = rng.choice((", ", " ", "; ", " and "))
    text = separator.join(maker() for _ in range(rng.randint(2, 9)))
    asked = f"{rng.choice(('repeat', 'say', 'copy', 'write'))}: {text}"
    return user_message(asked, images=0), {"role": "assistant", "content": text}


def _reading(rng: random.Random) -> tuple[Message, ...]:
    style = rng.randrange(3)
    names = [words.thing_name(rng, invented=0.5) for _ in range(rng.randint(2, 5))]
    values = [f"{words.number(rng)} {rng.choice(words.UNITS)}" for _ in names]
    keys = [f"{rng.choice('oftkx')}{number}" for number in rng.sample(range(1, 100), len(names))]
    chosen = rng.randrange(len(names))
    listing = "\n".join(f"{k} {n}: {v}" for k, n, v in zip(keys, names, values, strict=True))
    if style == 0:
        question, answer = f"{listing}\nhow much is {names[chosen]}?", values[chosen]
    elif style == 1:
        question, answer = f"{listing}\nwhich id is {names[chosen]}?", keys[chosen]
    else:
        question = f"{listing}\nsay {keys[chosen]}"
        answer = words.sentence(f"{words.with_the(names[chosen])} is {values[chosen]}")
    return user_message(question, images=0), {"role": "assistant", "content": answer}


@dataclass(frozen=True, slots=True)
class Mixture:
    """Sources with weights; weights are shares of groups, not of tokens."""

    sources: Sequence[tuple[Source, float]]

    def groups(self, key: str) -> Iterator[Group]:
        """An endless stream that depends only on ``key``."""
        rng = random.Random(key)
        sources = [source for source, _ in self.sources]
        weights = [weight for _, weight in self.sources]
        while True:
            yield rng.choices(sources, weights)[0](rng)
