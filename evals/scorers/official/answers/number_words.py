"""The number that a text names."""

from __future__ import annotations

import math
import re
import unicodedata

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
NUMBER_WORDS = {word: number for number, word in enumerate(_SMALL.split())}
"""zero .. twenty."""
_TENS = {word: 10 * k for k, word in enumerate(["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 3)}
_UNITS = {word: number for word, number in NUMBER_WORDS.items() if 1 <= number <= 9}

_FIGURE = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+"
_TENS_WORD = r"twenty|" + "|".join(_TENS)
_WORD = rf"\b(?:{_TENS_WORD})[ -](?:{'|'.join(_UNITS)})\b|\b(?:{'|'.join([*NUMBER_WORDS, *_TENS])})\b"
_NUMBER = re.compile(rf"(?<![\w.])([+-]?)(?:({_FIGURE})|({_WORD}))", re.IGNORECASE)


def numbers_in(text: str) -> list[float]:
    """Every number of a text in order: figures ("1,234", "3.5", ".5", "1e3") and words up to ninety-nine."""
    found = []
    for match in _NUMBER.finditer(unicodedata.normalize("NFKC", text)):
        sign, figure, word = match.groups()
        value = float(figure.replace(",", "")) if figure else float(_word_value(word.lower()))
        if math.isfinite(value):
            found.append(-value if sign == "-" else value)
    return found


def number_in(text: str) -> float | None:
    """The one number of a text; None where it names none, or different ones."""
    found = set(numbers_in(text))
    return found.pop() if len(found) == 1 else None


def _word_value(word: str) -> int:
    first, _, rest = word.replace("-", " ").partition(" ")
    whole = NUMBER_WORDS[first] if first in NUMBER_WORDS else _TENS[first]
    return whole + (_UNITS[rest] if rest else 0)
