"""The phrasing grammar: enough different wordings, and test wording that training never sees."""

from __future__ import annotations

import random
import string

import pytest

from scenes.questions.lexicon import NOUNS, invented_word
from scenes.questions.patterns import FOLLOW_UPS, PATTERNS
from scenes.questions.phrasing import SPLITS, expansions, patterns_of, phrase, phrasings, say, split_of
from scenes.vocabulary import COLOR_WORDS

ALL = (*PATTERNS, *FOLLOW_UPS)


def slots_of(family: str) -> set[str]:
    text = " ".join(patterns_of(family))
    return {name for _, name, _, _ in string.Formatter().parse(text.replace("[", "(").replace("]", ")")) if name}


@pytest.mark.parametrize("family", ALL)
def test_every_family_has_wordings_in_every_split(family: str) -> None:
    groups = patterns_of(family)
    assert len(set(groups)) == len(groups)
    assert {split_of(i) for i in range(len(groups))} == set(SPLITS)


@pytest.mark.parametrize("family", PATTERNS)
def test_every_family_is_asked_in_at_least_thirty_ways(family: str) -> None:
    rng, slots = random.Random(0), {s: f"<{s}>" for s in slots_of(family)}
    asked = {say(rng, family, "train", slots, noise=0.0).lower().rstrip("?.") for _ in range(3000)}
    assert len(asked) >= 30


def test_the_stated_number_of_phrasings_is_what_can_be_said() -> None:
    assert sum(phrasings(family) >= 30 for family in PATTERNS) >= 22
    # Each text bare or after one of 12 openings, and bare or before one of 9 endings.
    texts = {e for p in patterns_of("greeting") for e in expansions(p)}
    assert phrasings("greeting") == len(texts) * 13 * 10


@pytest.mark.parametrize("family", ALL)
def test_test_wording_is_never_trained_on(family: str) -> None:
    texts = {
        split: {e for i, p in enumerate(patterns_of(family)) if split_of(i) == split for e in expansions(p)}
        for split in SPLITS
    }
    assert not texts["train"] & texts["test"]
    assert not texts["train"] & texts["val"]


def test_a_phrase_comes_from_the_asked_split() -> None:
    rng = random.Random(1)
    for split in SPLITS:
        assert {split_of(phrase(rng, "where_is", split).group) for _ in range(50)} == {split}


def test_slots_survive_typos_and_mishearing() -> None:
    rng = random.Random(2)
    for _ in range(300):
        assert "zorvil blicket" in say(rng, "where_is", "train", {"the": "zorvil blicket"}, noise=1.0)


def test_the_lexicon_is_large_and_clean() -> None:
    assert len(NOUNS) >= 400
    for name in (*NOUNS, *COLOR_WORDS):
        assert name == " ".join(name.lower().split())


def test_invented_words_are_mostly_new_and_sayable() -> None:
    rng = random.Random(3)
    words = [invented_word(rng) for _ in range(500)]
    assert len(set(words)) > 480
    assert all(4 <= len(w) <= 16 and set(w) & set("aeiouy") for w in words)
