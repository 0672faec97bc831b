"""Does a name in a tool argument fit the name of an object? Lexical, deterministic, fast.

``parse_query`` splits an argument such as ``the red mugs on the table`` into category words, colour, rank and relation;
``name_tier`` says how well the category words fit one name. This reads arguments only: what the wearer's question means
is the model's business.

Plurals are folded here and not by ``inflect``: that takes seconds to import and 0.2 ms a word, and it makes "abacu" of
"abacus" and "shelvess" of "shelves".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scenes.vocabulary import (
    ARTICLES,
    COLOR_OF_WORD,
    DEMONSTRATIVES,
    POSSESSIVES,
    QUANTIFIERS,
    RANK_OF_WORD,
    RELATION_OF_WORDS,
    ColorWord,
    RankWord,
    RelationWord,
)

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""Optional text encoder: (query, names) -> cosine similarities, so that "couch" can find "sofa"."""

SIMILARITY_MIN = 0.65
"""Of a name: all-MiniLM-L6-v2 gives 0.7 and more to synonyms (couch, sofa), up to 0.6 to things of one kind (piano,
guitar), which are not what was asked for."""
DESCRIBED_MIN = 0.43
"""Of a description ("something to drink from"): lower, because a description shares no kind with its thing."""
SIMILARITY_SLACK = 0.05
"""Names that are this much less similar than the best one are found with it."""

ANYTHING = frozenset({"object", "thing", "item", "anything", "something", "everything", "stuff"})
_SKIPPED = frozenset({*ARTICLES, *QUANTIFIERS, *DEMONSTRATIVES, "all", "of"})
# Longest first, so that "on top of" is not read as "on".
_RELATION_SPLIT = re.compile(r"\s(" + "|".join(sorted(RELATION_OF_WORDS, key=len, reverse=True)) + r")\s")
_WORD = re.compile(r"[^\s,.;:!?\"()]+")

_IRREGULAR = {
    "knives": "knife",
    "shelves": "shelf",
    "bookshelves": "bookshelf",
    "leaves": "leaf",
    "loaves": "loaf",
    "scarves": "scarf",
    "people": "person",
    "mice": "mouse",
    "men": "man",
    "women": "woman",
    "feet": "foot",
    "children": "child",
    "dice": "die",
}
_IRREGULAR_SINGULAR = {
    "buses": "bus",
    "cookies": "cookie",
    "halves": "half",
    "movies": "movie",
    "potatoes": "potato",
    "teeth": "tooth",
    "tomatoes": "tomato",
    "wolves": "wolf",
}
"""Plurals that are understood but not said: ``plural`` writes these nouns by the regular rules, as the shipped model
was trained to read them."""
_SAME = frozenset({"scissors", "headphones", "stairs", "trousers", "jeans", "shorts", "blinds", "keys"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NameQuery:
    """A parsed tool argument."""

    text: str
    core: str = ""
    """The text without its relation: ``red mug`` of ``red mug on the table``."""
    words: tuple[str, ...] = ()
    """Folded category words, head last; empty = anything."""
    possessive: bool = False
    color: ColorWord | Literal[""] = ""
    rank: RankWord | Literal[""] = ""
    relation: RelationWord | Literal[""] = ""
    reference: str = ""
    """Text of the object or room that ``relation`` points to."""

    @property
    def described(self) -> bool:
        """Whether it says what a thing is for or like, not what it is called: ``something to drink from``."""
        return bool(self.words) and not ANYTHING.isdisjoint(fold(self.core))


@lru_cache(maxsize=8192)
def singular(word: str) -> str:
    """Fold an English plural: ``boxes`` -> ``box``, ``shelves`` -> ``shelf``; other words come back unchanged."""
    irregular = _IRREGULAR.get(word) or _IRREGULAR_SINGULAR.get(word)
    if irregular:
        return irregular
    if word in _SAME or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


def plural(noun: str) -> str:
    """English plural of a noun phrase's head: ``coffee table`` -> ``coffee tables``."""
    head = noun.rsplit(" ", 1)[-1]
    start = noun[: len(noun) - len(head)]
    for many, one in _IRREGULAR.items():
        if one == head:
            return start + many
    if head in _SAME or singular(head) != head:
        return noun
    if head.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if head.endswith("y") and head[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


@lru_cache(maxsize=65536)
def fold(name: str) -> tuple[str, ...]:
    """A name as comparable words: lower case, no articles, singular."""
    words = (w.strip("'’") for w in _WORD.findall(name.lower().replace("-", " ")))
    return tuple(singular(w) for w in words if w and w not in _SKIPPED)


def parse_query(text: str) -> NameQuery:
    """Split an argument into category words, colour, rank and relation."""
    core, reference = text.strip().lower(), ""
    relation: RelationWord | Literal[""] = ""
    split = _RELATION_SPLIT.search(" " + core)
    if split:
        relation, reference = RELATION_OF_WORDS[split[1]], core[split.end() - 1 :].strip()
        core = core[: max(split.start() - 1, 0)].strip() if split.start() else ""
    words: list[str] = []
    color: ColorWord | Literal[""] = ""
    rank: RankWord | Literal[""] = ""
    possessive = False
    for word in fold(core):
        if word in POSSESSIVES:
            possessive = True
        elif word in COLOR_OF_WORD:
            color = COLOR_OF_WORD[word]
        elif word in RANK_OF_WORD:
            rank = RANK_OF_WORD[word]
        elif word not in ANYTHING:
            words.append(word)
    if not words and color and not rank and core.split()[-1:] == ["orange"]:
        words, color = ["orange"], ""  # the fruit
    return NameQuery(
        text=text.strip(),
        core=core,
        words=tuple(words),
        possessive=possessive,
        color=color,
        rank=rank,
        relation=relation,
        reference=reference,
    )


@lru_cache(maxsize=65536)
def bare_words(name: str) -> tuple[str, ...]:
    """A name's comparable words without "my" and the like."""
    return tuple(w for w in fold(name) if w not in POSSESSIVES)


EXACT, HEAD, FUZZY = 3, 2, 1
"""Tiers of ``name_tier``, best first; 0 is no match."""


def name_tier(words: tuple[str, ...], name: str) -> int:
    """How well query words fit a name: the same words, its head with some of the others, or a small misspelling."""
    have = bare_words(name)
    if not words or not have:
        return 0
    if words == have:
        return EXACT
    if words[-1] == have[-1] and set(words) <= set(have):
        return HEAD
    if "".join(words) == "".join(have):  # "tea pot", "teapot"
        return EXACT
    same_length = len(words) == len(have)
    if same_length and all(a == b or _one_edit(a, b) for a, b in zip(words, have, strict=True)):
        return FUZZY
    return 0


@lru_cache(maxsize=65536)
def _one_edit(a: str, b: str) -> bool:
    """One insertion, deletion, substitution or swap of neighbours apart, in words of five letters and more."""
    from rapidfuzz.distance import OSA  # lazy: 30 ms, and most names fit without it

    return min(len(a), len(b)) >= 5 and OSA.distance(a, b, score_cutoff=1) <= 1
