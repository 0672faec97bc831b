"""Words of a caption as the Penn Treebank tokeniser makes them, in lower case and without punctuation.

A small port of the rules that matter for captions: contractions, possessives, brackets, quotes and final periods.
It agrees with Stanford's tokeniser 3.4.1 on the golden file; rare marks of that tokeniser are not here.
"""

from __future__ import annotations

import re

_DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
"""What the official script drops. Its brackets are in upper case while the text is in lower: they stay as words."""
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_SPLIT_WORDS = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "gimme": "gim me",
    "lemme": "lem me",
}
_TOKEN = re.compile(
    r"""
    (?:[a-z]\.){2,}                         # u.s.
    | \d+(?:[.,:/]\d+)+                     # 3.5, 1,234, 10:30, 1/2
    | n't\b
    | [\w$£€%&@°]+(?:[-/][\w]+)*        # words, hyphens and slashes inside
    | '(?:s|m|d|ll|re|ve)\b                 # clitics
    | \.{2,} | -{2,} | [?!]+ | ``|''|"      # runs of marks
    | \S
    """,
    re.VERBOSE,
)
_NEGATION = re.compile(r"(?<=[a-z])(?=n't\b)")


def tokenised(text: str) -> str:
    """Tokens separated by single blanks."""
    plain = text.replace("\n", " ").lower().replace("’", "'")
    plain = " ".join(_SPLIT_WORDS.get(word, word) for word in plain.split())
    plain = _NEGATION.sub(" ", plain)
    tokens = [_BRACKETS.get(t, t) for t in _TOKEN.findall(plain)]
    tokens = ["''" if t == '"' else t for t in tokens]
    return " ".join(t for t in tokens if t not in _DROPPED)
