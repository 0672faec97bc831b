"""Numbers and names as texts: which stretches of a dialogue are numbers, and how pieces of a sentence join."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty"""
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
NUMBER_WORDS = {word: number for number, word in enumerate(_ONES.split())} | {
    word: 10 * number for number, word in enumerate(_TENS.split(), start=3)
}
"""0 to 20, then tens up to 100."""
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)|(?<!\w)[A-Za-z]+(?!\w)")
_NO_SPACE_BEFORE = frozenset(".,?!:;')%")
_NO_SPACE_AFTER = frozenset("('")
_CAPITALS = {"i": "I", "ok": "OK"}


def numbers_of(text: str) -> list[tuple[int, float]]:
    """Where numbers begin in a text, and what they are; digits and the words for 0 to 20, tens and 100."""
    found = []
    for match in _NUMBER.finditer(text):
        token = match[0].lower()
        if token in NUMBER_WORDS:
            found.append((match.start(), float(NUMBER_WORDS[token])))
        elif not token.isalpha():
            found.append((match.start(), float(token)))
    return found


def joined(pieces: Sequence[tuple[str, bool]]) -> str:
    """Pieces of a sentence, each with whether it is copied, as a sentence: spaces, and capitals where one begins.

    Copied pieces keep every letter, except that the first of a sentence becomes a capital.
    """
    out = ""
    for text, copied in pieces:
        shown = text if copied else _CAPITALS.get(text, text)
        glued = not out or (not copied and text in _NO_SPACE_BEFORE) or out[-1] in _NO_SPACE_AFTER
        if not out or out.rstrip()[-1] in ".?!":
            shown = shown[:1].upper() + shown[1:]
        out += shown if glued else f" {shown}"
    return out
