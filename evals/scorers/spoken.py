"""Reads what a sentence states: numbers with their units, times, counts, colours, directions, yes and no.

Plain English as assistants speak it, whatever system said it. Reading is literal: what is not understood is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from scenes.questions.lexicon import ROOMS
from scenes.vocabulary import BASIC_COLORS

_SMALL = {
    **{w: i for i, w in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))},
    **{w: i + 10 for i, w in enumerate(("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"))},
    **{"seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "half a": 0.5, "a couple of": 2},
}
_NUMBER = r"(?<![\w.])(\d+(?:\.\d+)?|" + "|".join(sorted(_SMALL, key=len, reverse=True)) + r")"
_METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0, "km": 1000.0, "ft": 0.3048, "in": 0.0254}
_LENGTH_UNITS = (
    ("mm", r"mm|millimet(?:er|re)s?"),
    ("cm", r"cm|centimet(?:er|re)s?"),
    ("km", r"km|kilomet(?:er|re)s?"),
    ("m", r"m|met(?:er|re)s?"),
    ("ft", r"ft|feet|foot"),
    ("in", r"inch(?:es)?"),
)
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TIME_UNITS = (
    ("s", r"s|secs?|seconds?"),
    ("min", r"mins?|minutes?"),
    ("h", r"h|hours?"),
    ("d", r"days?"),
)
_LENGTH = re.compile(
    _NUMBER + r"[\s-]*(?:" + "|".join(f"(?P<{n}>{p})" for n, p in _LENGTH_UNITS) + r")(?![a-z])", re.IGNORECASE
)
_TIME = re.compile(
    _NUMBER + r"[\s-]*(?:" + "|".join(f"(?P<{n}>{p})" for n, p in _TIME_UNITS) + r")(?![a-z])", re.IGNORECASE
)
_NOW = re.compile(r"\b(just now|in view|right now|at the moment)\b", re.IGNORECASE)
_COUNT = re.compile(_NUMBER + r"(?![\w.]*\d|\s*(?:more|others?|o'?clock|%|percent|degrees?)\b)", re.IGNORECASE)
_ROOM_NUMBER = re.compile(rf"\b({'|'.join(sorted({r.split()[-1] for r in ROOMS}))}) \d+\b", re.IGNORECASE)
_NEGATIVE = re.compile(r"\b(no|not|none|nothing|never|cannot|isn't|aren't|doesn't|don't|can't|won't)\b", re.IGNORECASE)
_YES = re.compile(
    r"\b(yes|yeah|yep|ok|okay|correct|right you are|there (?:is|are)|there's|i(?:'ve| have) seen)\b", re.I
)
_RELATIONS = (
    ("on", r"on(?:to)?(?: top of)?|upon"),
    ("in", r"in(?:to|side)?"),
    ("next to", r"next to|beside|by|near(?: to)?"),
    ("under", r"under(?:neath)?|beneath|below"),
    ("above", r"above|over"),
)
_CLOCK = re.compile(r"\b(\d{1,2})\s*o'?clock\b", re.IGNORECASE)
_SIDES: tuple[tuple[re.Pattern[str], float, float], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), low, high)
    for pattern, low, high in (
        (
            r"behind (?:you|me)?,?\s*(?:and )?(?:to|on) (?:the|your|my) {side}|{side},? (?:and )?behind (?:you|me)",
            120,
            165,
        ),
        (r"(?:ahead|in front(?: of you)?),?\s*(?:and )?(?:slightly )?(?:to|on) (?:the|your) {side}", 15, 60),
        (r"(?:slightly|a little|a bit) (?:to (?:the|your) )?{side}", 5, 45),
        (r"(?:to|on|at) (?:your|the) {side}", 60, 120),
    )
    for pattern, low, high in ((pattern.replace("{side}", "SIDE"), low, high),)
)
_AHEAD = re.compile(r"\b(straight ahead|right ahead|directly ahead|in front of you|dead ahead)\b", re.IGNORECASE)
_BEHIND = re.compile(r"\bbehind you\b", re.IGNORECASE)
_ABOVE = re.compile(r"\b(above|over) you\b|\boverhead\b", re.IGNORECASE)
_BELOW = re.compile(r"\b(below|under|beneath) you\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A stated length in metres or time in seconds."""

    value: float
    step: float
    """One unit of the last digit that was said, in the same unit: 0.1 for "2.4 m", 0.01 for "45 cm"."""


@dataclass(frozen=True, slots=True)
class Side:
    """A stated direction: azimuth from ``low`` to ``high`` degrees, positive to the right; or straight up or down."""

    low: float
    high: float
    vertical: int = 0
    """1 above, -1 below, 0 neither."""

    def off_by(self, azimuth_deg: float, elevation_deg: float) -> float:
        """Degrees by which a true direction lies outside what was said; 0 inside."""
        if self.vertical:
            return max(0.0, 65.0 - self.vertical * elevation_deg)
        if abs(elevation_deg) >= 80.0:  # nearly over one's head no side is wrong
            return 0.0
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        turn = abs((azimuth_deg - middle + 180.0) % 360.0 - 180.0)
        return max(0.0, turn - half)


def _quantities(pattern: re.Pattern[str], units: dict[str, float], text: str) -> list[Quantity]:
    out = []
    for match in pattern.finditer(text):
        unit = next(name for name in units if match.group(name) is not None)
        said = match.group(1).lower()
        number = float(_SMALL[said]) if said in _SMALL else float(said)
        digits = len(said.partition(".")[2]) if said not in _SMALL else 0
        out.append(Quantity(number * units[unit], units[unit] * 10.0**-digits))
    return out


@lru_cache(maxsize=4096)
def lengths(text: str) -> tuple[Quantity, ...]:
    """Lengths in the order they are said; "touches" is a length of zero."""
    found = _quantities(_LENGTH, _METRES, text)
    if not found and re.search(r"\btouch(?:es|ing)?\b", text, re.IGNORECASE):
        return (Quantity(0.0, 0.01),)
    return tuple(found)


@lru_cache(maxsize=4096)
def durations(text: str) -> tuple[Quantity, ...]:
    """Times in the order they are said; "just now" and "in view" are zero."""
    found = _quantities(_TIME, _SECONDS, text)
    if not found and _NOW.search(text):
        return (Quantity(0.0, 1.5),)
    return tuple(found)


@lru_cache(maxsize=4096)
def counts(text: str) -> tuple[int, ...]:
    """Whole numbers that count things, different ones in order; without any, a negative sentence counts zero.

    The number of a room ("bedroom 2") counts nothing.
    """
    rest = _ROOM_NUMBER.sub(" ", _CLOCK.sub(" ", _TIME.sub(" ", _LENGTH.sub(" ", text))))
    found = [float(_SMALL.get(m.lower(), -1)) if not m[0].isdigit() else float(m) for m in _COUNT.findall(rest)]
    whole = [int(n) for n in found if n == int(n)]
    if not whole and (_NEGATIVE.search(rest)):
        return (0,)
    return tuple(dict.fromkeys(whole))


@lru_cache(maxsize=4096)
def yes_or_no(text: str) -> bool | None:
    """Yes or no; None where a sentence says neither, or says both.

    "There is", "I have seen" and "OK" are a yes, but for "I have seen no": that is a no.
    """
    no = bool(_NEGATIVE.search(text))
    if no:
        return None if re.search(r"\b(yes|yeah|yep)\b", text, re.IGNORECASE) else False
    return True if _YES.search(text) else None


@lru_cache(maxsize=4096)
def relations(text: str, *, loosely: bool = False) -> frozenset[str]:
    """Relations to a thing that a text names: ``next to the bowl`` -> ``next to``; "to the left" and such are none.

    ``loosely``: also without an article after it, as people ask.
    """
    article = "" if loosely else r" (?:the|my|your|a|an)\b(?! (?:left|right|moment))"
    return frozenset(
        name for name, pattern in _RELATIONS if re.search(rf"\b(?:{pattern})\b{article}", text, re.IGNORECASE)
    )


@lru_cache(maxsize=4096)
def colors(text: str) -> tuple[str, ...]:
    """Basic colour terms, different ones in order."""
    words = (("gray" if w == "grey" else w) for w in re.findall(r"[a-z]+", text.lower()))
    return tuple(dict.fromkeys(w for w in words if w in BASIC_COLORS))


@lru_cache(maxsize=4096)
def sides(text: str) -> tuple[Side, ...]:
    """Directions from the wearer, different ones; each part of the sentence counts once, the longest reading first."""
    rest, out = text, []
    for match in _CLOCK.finditer(rest):
        azimuth = (int(match.group(1)) % 12) * 30.0
        out.append(Side(azimuth - 15.0, azimuth + 15.0))
    rest = _CLOCK.sub(" ", rest)
    for pattern, low, high in _SIDES:
        for side in ("left", "right"):
            one = _side_pattern(pattern.pattern, side)
            if one.search(rest):
                out.append(Side(low, high) if side == "right" else Side(-high, -low))
                rest = one.sub(" ", rest)
    if _AHEAD.search(rest):
        out.append(Side(-15.0, 15.0))
    if _BEHIND.search(rest):
        out.append(Side(165.0, 195.0))
    if _ABOVE.search(rest):
        out.append(Side(-180.0, 180.0, 1))
    if _BELOW.search(rest):
        out.append(Side(-180.0, 180.0, -1))
    return tuple(dict.fromkeys(out))


@lru_cache(maxsize=32)
def _side_pattern(pattern: str, side: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("SIDE", side), re.IGNORECASE)


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """Words and numbers in lower case: ``it's`` stays one word, ``2.4`` one number."""
    return tuple(re.findall(r"\d+(?:\.\d+)?|[a-z]+(?:['’-][a-z]+)*", text.lower()))


def singular(word: str) -> str:
    """A rough singular, the same for singular and plural of a word: enough to compare, not to speak."""
    if len(word) > 4 and word.endswith("ves"):
        return word[:-3] + "f"
    if len(word) > 4 and word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def mentions(text: str, name: str) -> bool:
    """Whether a name is said, its words in a row, singular or plural."""
    words, wanted = [singular(w) for w in tokens(text)], [singular(w) for w in tokens(name)]
    n = len(wanted)
    return n > 0 and any(words[k : k + n] == wanted for k in range(len(words) - n + 1))
