"""One question in a person's words: a phrasing group with its slots filled, politeness, typos, misheard words.

Seeded by the generator that is passed in. Knows nothing of worlds or answers.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from scenes.questions.patterns import FOLLOW_UPS, PATTERNS

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
_CHOICE = re.compile(r"\[([^\]]*)\]")

_OPENERS = ("hey", "hi", "ok", "so", "um", "please", "sorry", "well", "excuse me", "hey sightline", "tell me", "uh")
_CLOSERS = ("please", "thanks", "right now", "now", "again", "for me", "quickly", "do you know", "then")
_MISHEARD = (
    ("where is", "wear is"),
    ("where's", "wheres"),
    ("where's", "wears"),
    ("what's", "whats"),
    ("how far", "how fare"),
    ("how many", "how manny"),
    ("there", "their"),
    ("you", "u"),
    ("can't", "cant"),
    ("i'm", "im"),
    ("is this", "is dis"),
    ("color", "culler"),
    ("see", "sea"),
    ("find", "fined"),
    ("this is", "this iz"),
    ("have", "of"),
    ("which", "witch"),
    ("are there", "are their"),
    ("away", "a way"),
    ("here", "hear"),
)
PLAIN_SHARE = 0.25
"""Share of training questions in their family's first wording, which is the plainest: most people say just that."""
_FIXED = re.compile(r"(\{\w+\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A phrasing group's text with slots still open, and which group it came from."""

    text: str
    group: int


def split_of(group: int) -> Split:
    """Of every six groups, the fifth is for test and the sixth for val."""
    place = group % 6
    return "test" if place == 4 else "val" if place == 5 else "train"


def patterns_of(family: str) -> tuple[str, ...]:
    """The groups of a family or a follow-up; raises KeyError for another name."""
    return PATTERNS[family] if family in PATTERNS else FOLLOW_UPS[family]


def expansions(pattern: str) -> Iterator[str]:
    """All texts of a group, slots open."""
    parts = _CHOICE.split(pattern)
    for chosen in product(*(p.split("|") if i % 2 else [p] for i, p in enumerate(parts))):
        yield " ".join("".join(chosen).split())


def phrasings(family: str) -> int:
    """How many different wordings a family has: all texts of its groups, each with and without polite words around it.

    Typos, misheard words and the names in the slots are not counted.
    """
    texts = {text for pattern in patterns_of(family) for text in expansions(pattern)}
    return len(texts) * (1 + len(_OPENERS)) * (1 + len(_CLOSERS))


def phrase(rng: random.Random, family: str, split: Split) -> Phrase:
    """A group of the split with its alternatives chosen; the plainest wording is said more often than others."""
    groups = [i for i in range(len(patterns_of(family))) if split_of(i) == split]
    group = 0 if split == "train" and rng.random() < PLAIN_SHARE else rng.choice(groups)
    text = _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), patterns_of(family)[group])
    return Phrase(text=" ".join(text.split()), group=group)


def say(rng: random.Random, family: str, split: Split, slots: Mapping[str, str], noise: float = 0.3) -> str:
    """A question. ``slots`` gives the text of each ``{slot}``; slot texts are never changed.

    ``noise`` is the chance of a typo or a misheard word in the words around the slots.
    """
    text = phrase(rng, family, split).text
    if rng.random() < noise:
        text = _with_typo(rng, text)
    if rng.random() < 0.12:
        text = f"{rng.choice(_OPENERS)}{rng.choice((',', ''))} {text}"
    if rng.random() < 0.08:
        text = f"{text} {rng.choice(_CLOSERS)}" if not text.endswith("}") else f"{text}, {rng.choice(_CLOSERS)}"
    text = _FIXED.sub(lambda m: slots[m[1][1:-1]], text)
    style = rng.random()
    if style < 0.45:  # typed
        first = text.split(" ", 1)[0]
        closing = (
            "." if family in ("teach", "teach_named", "forget", "annotate", "thanks", "it_forget", "choose") else "?"
        )
        return (text if first in slots.values() else text[:1].upper() + text[1:]) + closing
    return text  # spoken: no case, no punctuation


def _with_typo(rng: random.Random, text: str) -> str:
    """A misheard word, or one letter dropped, doubled or swapped, outside the slots."""
    heard = [(a, b) for a, b in _MISHEARD if re.search(rf"\b{a}\b", text)]
    if heard and rng.random() < 0.5:
        a, b = rng.choice(heard)
        return re.sub(rf"\b{a}\b", b, text, count=1)
    parts = _FIXED.split(text)
    spots = [(i, k) for i, p in enumerate(parts) if i % 2 == 0 for k in range(len(p)) if p[k : k + 2].isalpha()]
    if not spots:
        return text
    i, k = rng.choice(spots)
    p = parts[i]
    swapped = p[:k] + p[k + 1 : k + 2] + p[k] + p[k + 2 :]
    parts[i] = rng.choice((swapped, p[:k] + p[k + 1 :], p[: k + 1] + p[k:]))
    return "".join(parts)
