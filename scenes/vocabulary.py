"""The closed word lists of the project: colours, relations, ranks, and the words that point or only fill a phrase.

Each list is written here once; ``scenes.types``, the search, the tools and the generated questions read it. Names of
things and rooms are open lists and do not belong here (``scenes.questions.lexicon`` holds those that are generated).

The order of every tuple and mapping is part of its meaning: stored colour histograms are indexed by it, the tools'
JSON schemas are written in it, and seeded draws choose by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

ColorTerm = Literal["black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"]
"""One of the eleven basic colour terms of English (Berlin and Kay, 1969): what is measured, stored and painted."""
BASIC_COLORS: Final[tuple[ColorTerm, ...]] = get_args(ColorTerm)

ColorWord = Literal[
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "gray",
    "beige",
    "turquoise",
]
"""A colour that a person may name: the basic terms and two more that people use of furniture."""
COLOR_WORDS: Final[tuple[ColorWord, ...]] = get_args(ColorWord)
COLOR_OF_WORD: Final[Mapping[str, ColorWord]] = {
    **{word: word for word in COLOR_WORDS},
    **{"grey": "gray", "violet": "purple", "teal": "turquoise", "tan": "beige", "cream": "beige"},
}
"""Every colour word that is understood, and the colour that it is taken for."""

RelationWord = Literal["on", "in", "under", "next to", "above", "below", "attached to"]
"""A spatial relation that does not depend on where the wearer stands. Left, right, front and behind are computed when
asked."""
RELATIONS: Final[tuple[RelationWord, ...]] = get_args(RelationWord)
SPOKEN_RELATIONS: Final[Mapping[RelationWord, tuple[str, ...]]] = {
    "on": ("on", "on top of"),
    "in": ("in", "inside"),
    "next to": ("next to", "beside"),
    "under": ("under", "underneath", "beneath"),
    "above": ("above",),
    "below": ("below",),
    "attached to": ("attached to",),
}
"""How people say each relation, the plainest way first."""
RELATION_OF_WORDS: Final[Mapping[str, RelationWord]] = {
    **{words: relation for relation, ways in SPOKEN_RELATIONS.items() for words in ways},
    **{"inside of": "in", "close to": "next to", "near": "next to", "by": "next to"},
}
"""Every relation that is understood, in words. The last four are only heard, never said by generated questions: "near"
and "by" mean more than one relation."""

RankWord = Literal["nearest", "farthest", "largest", "smallest", "highest", "lowest", "tallest"]
"""A superlative that picks one of several things."""
RANKS: Final[tuple[RankWord, ...]] = get_args(RankWord)
RANK_OF_WORD: Final[Mapping[str, RankWord]] = {
    "nearest": "nearest",
    "closest": "nearest",
    "farthest": "farthest",
    "furthest": "farthest",
    "biggest": "largest",
    "largest": "largest",
    "smallest": "smallest",
    "tallest": "tallest",
    "highest": "highest",
    "lowest": "lowest",
}
"""Every superlative that is understood, and the rank that it asks for."""

GAZE: Final = "gaze"
"""The tool argument for the thing that the wearer looks at."""
DEMONSTRATIVES: Final = ("this", "that", "these", "those")
"""Words that point, usually where the wearer looks."""
ARTICLES: Final = ("the", "a", "an")
QUANTIFIERS: Final = ("any", "some")
"""Words before a noun that leave open which one, or how many."""
POSSESSIVES: Final = ("my", "your", "our")
