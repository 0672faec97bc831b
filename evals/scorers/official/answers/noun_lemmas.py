"""Lemmas of English nouns by WordNet's rules (morphy): "children" -> "child", "glasses" -> "glass".

The rules take an ending off and keep what is a noun of WordNet 3.0; irregular forms come from its exception list. Both
lists, single words only, lie in ``evals/data/wordnet_nouns.txt.gz`` with WordNet's licence at their head.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

WORDS_FILE = "wordnet_nouns.txt.gz"
_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)
"""WordNet's detachment rules for nouns."""


def noun_lemma(word: str) -> str:
    """The shortest noun that ``word`` may be a form of; the word itself where there is none. Case counts."""
    lemmas = _morphy(word)
    return min(lemmas, key=len) if lemmas else word


def _morphy(word: str) -> list[str]:
    nouns, irregular = _lists()
    if word in irregular:
        return _known((word, *irregular[word]), nouns)
    forms = _detached((word,))
    found = _known((word, *forms), nouns)
    while forms and not found:
        forms = _detached(forms)
        found = _known(forms, nouns)
    return found


def _detached(forms: Iterable[str]) -> list[str]:
    return [f[: len(f) - len(old)] + new for f in forms for old, new in _ENDINGS if f.endswith(old)]


def _known(forms: Iterable[str], nouns: frozenset[str]) -> list[str]:
    return [form for form in dict.fromkeys(forms) if form in nouns]


@cache
def _lists() -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    """(nouns, irregular form -> lemmas)."""
    raw = files("evals").joinpath("data", WORDS_FILE).read_bytes()
    nouns, irregular = [], {}
    for line in gzip.decompress(raw).decode("utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        word, *lemmas = line.split(" ")
        if lemmas:
            irregular[word] = tuple(lemmas)
        else:
            nouns.append(word)
    return frozenset(nouns), irregular
