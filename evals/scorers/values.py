"""Is the answer right: its status, its typed value, and what its sentence says.

The sentence is what the wearer hears, so it is judged by itself, whatever the typed value beside it says; a typed value
of the asked kind must be right too. Tolerances are those of speech: the rounding of the words, or a tenth.
"""

from __future__ import annotations

import re
from collections import Counter

from evals.items import Gold, Item
from evals.scorers import spoken
from evals.scorers.score import UNSCORED, Score, passed
from scenes.questions.lexicon import ROOMS
from scenes.records import GroundedAnswer, TypedValue

LENGTH_SHARE, LENGTH_FLOOR_M = 0.1, 0.03
"""A length is right within a tenth, or 3 cm: what a person accepts, and no finer than lengths are spoken."""
SIDE_DEG = 10.0
"""A direction is right within this many degrees of what was said: nobody hears the border of a sector."""
AGE_SHARE, AGE_FLOOR_S = 0.1, 2.0
MRA_THRESHOLDS = tuple(0.5 + 0.05 * k for k in range(10))
"""Of VSI-Bench (Yang et al., 2024): mean over t of [relative error < 1 - t]."""
NEGATIVE = frozenset({"no", "not", "none", "nothing", "never"})
_SIZE = re.compile(r"\d+(?:\.\d+)?")


def judge_status(item: Item, answer: GroundedAnswer) -> Score:
    """Answered, abstained or asked back as it should, and for the right reason."""
    gold = item.gold
    said = _status(answer.status, answer.reason)
    if gold.no_tool:
        ok = not answer.tool_calls and not answer.anchors and answer.status in ("clarify", "abstained")
        return passed(ok, answer=said, expected="a reply without a tool call")
    ok = answer.status == gold.status and (gold.reason is None or answer.reason == gold.reason)
    return passed(ok, answer=said, expected=_status(gold.status, gold.reason))


def _status(status: str, reason: str | None) -> str:
    return status if reason is None else f"{status}, {reason.replace('_', ' ')}"


def judge_typed(item: Item, answer: GroundedAnswer) -> Score:
    """The machine-readable value. Unscored where none is asked for; F1 for lists, 0 or 1 for all else."""
    gold, given = item.gold.value, answer.value
    if gold is None or item.gold.status != "answered":
        return UNSCORED
    if given is None:
        return Score(value=0.0, explanation=f"expected {gold.kind} {gold.value}, got no value")
    value, expected = typed_share(item.gold, gold, given), f"{gold.kind} {gold.value}"
    return Score(
        value=value,
        answer=f"{given.kind} {given.value}",
        explanation="" if value == 1.0 else f"expected {expected}, got {given.kind} {given.value}",
        metadata={"same_kind": _comparable(gold, given)},
    )


def typed_share(gold_answer: Gold, gold: TypedValue, given: TypedValue) -> float:
    """How much of a typed value is right, 0..1."""
    if gold.kind == "bool":
        return float(bool(given.value) == bool(gold.value))
    if gold.kind == "direction":
        return float(_side_right(gold_answer, str(given.value))) if given.kind == "direction" else 0.0
    if gold.kind in ("length_m", "duration_s", "count"):
        if given.kind != gold.kind or isinstance(given.value, str):
            return 0.0
        return float(_number_right(gold.kind, float(given.value), float(gold.value)))
    if gold.kind == "text" and is_size(gold):
        return float(_sizes_right(_SIZE.findall(str(given.value)), gold)) if is_size(given) else 0.0
    if gold_answer.lists:
        return list_f1(_names(given), _names(gold))
    same = _folded(str(given.value)) == _folded(str(gold.value))
    return float(same)


def _comparable(gold: TypedValue, given: TypedValue) -> bool:
    return gold.kind == given.kind or gold.kind == "bool" or (gold.kind == "text" and given.kind == "count")


def is_size(value: TypedValue) -> bool:
    """``1.200 x 0.600 x 0.750`` in metres."""
    return value.kind == "text" and value.unit == "m"


def _names(value: TypedValue) -> list[str]:
    """Names of a list; none for the count 0 that tools give of an empty one."""
    text = "" if value.kind == "count" and value.value == 0 else str(value.value)
    return [name for name in text.split(", ") if name]


def list_f1(given: list[str], gold: list[str]) -> float:
    """F1 of two lists of names, repeats counted; 1 where both are empty."""
    if not given and not gold:
        return 1.0
    shared = sum((Counter(given) & Counter(gold)).values())
    return 2 * shared / (len(given) + len(gold))


def _folded(text: str) -> tuple[str, ...]:
    words = ["your" if w == "my" else w for w in spoken.tokens(text)]
    return tuple(spoken.singular(w) for w in words if w not in ("the", "a", "an"))


def _number_right(kind: str, given: float, gold: float, step: float = 0.0) -> bool:
    """``step``: the unit of the last digit said; half of it is rounding."""
    if kind == "count":
        return given == gold
    share, floor = (LENGTH_SHARE, LENGTH_FLOOR_M) if kind == "length_m" else (AGE_SHARE, AGE_FLOOR_S)
    return abs(given - gold) <= max(share * gold, floor, step / 2) + 1e-9


def relative_accuracy(given: float, gold: float) -> float:
    """MRA of one number (see ``MRA_THRESHOLDS``), strict: a gold of 0 is met by 0 only."""
    if gold == 0:
        return float(given == 0)
    error = abs(given - gold) / abs(gold)
    return sum(error < 1 - t for t in MRA_THRESHOLDS) / len(MRA_THRESHOLDS)


def _sizes_right(said: list[str], gold: TypedValue) -> bool:
    wanted = sorted(float(x) for x in _SIZE.findall(str(gold.value)))
    given = sorted(float(x) for x in said)
    return len(given) == len(wanted) and all(
        _number_right("length_m", x, y) for x, y in zip(given, wanted, strict=True)
    )


def _side_right(gold: Gold, text: str) -> bool:
    """Whether a direction is said, only one, and the true one."""
    said, true = spoken.sides(text), gold.direction
    if true is None or len(said) != 1:
        return False
    return said[0].off_by(true.azimuth_deg, true.elevation_deg) <= SIDE_DEG


def judge_spoken(item: Item, answer: GroundedAnswer) -> Score:
    """What the sentence says, against the gold value. Unscored where no value is asked for."""
    gold = item.gold.value
    text = answer.answer
    if gold is None or item.gold.status != "answered":
        return UNSCORED
    if item.gold.accepted:
        return passed(any(_folded(text) == _folded(a) for a in item.gold.accepted), answer=text, expected="")
    expected = f"{gold.kind} {gold.value}"
    if gold.kind == "length_m":
        said = spoken.lengths(text)
        score = relative_accuracy(said[0].value, float(gold.value)) if said else 0.0
        ok = len({q.value for q in said}) == 1 and _number_right(
            "length_m", said[0].value, float(gold.value), said[0].step
        )
        return passed(ok, answer=text, expected=expected, relative_accuracy=score)
    return passed(_says(item, gold, text), answer=text, expected=expected)


def _says(item: Item, gold: TypedValue, text: str) -> bool:
    if gold.kind in ("count", "bool") and gold.value in (0, False) and not _same_place(item.text, text):
        return False
    if gold.kind == "count":
        return spoken.counts(text) == (int(gold.value),)
    if gold.kind == "bool":
        return spoken.yes_or_no(text) is bool(gold.value)
    if gold.kind == "color":
        asked = set(spoken.colors(item.text)) - {str(gold.value)}
        return tuple(c for c in spoken.colors(text) if c not in asked) == (str(gold.value),)
    if gold.kind == "direction":
        return _side_right(item.gold, text) and _distance_right(item.gold, text)
    if gold.kind == "duration_s":
        said = spoken.durations(text)
        return len(said) == 1 and _number_right("duration_s", said[0].value, float(gold.value), said[0].step)
    if gold.kind == "room":
        other = [r for r in ROOMS if spoken.mentions(text, r) and not spoken.mentions(str(gold.value), r)]
        return spoken.mentions(text, str(gold.value)) and all(spoken.mentions(item.text, r) for r in other)
    if gold.kind == "label":
        return spoken.mentions(text, re.sub(r"^my\b", "your", str(gold.value))) or spoken.mentions(
            text, str(gold.value)
        )
    if is_size(gold):
        return _sizes_right([str(q.value) for q in spoken.lengths(text)], gold)
    if item.gold.lists:
        return _lists(text, _names(gold))
    return spoken.mentions(text, str(gold.value))


def _same_place(question: str, text: str) -> bool:
    """Whether a "no" is about what was asked: "no bowl next to the table" says nothing of whether the bowl moved."""
    denied = re.search(r"\bno \w.*", text)  # "no bowl next to the table", not "does not fit on the table"
    told = spoken.relations(denied.group() if denied else "") - {"in"}  # a room may be told without being asked for
    return told <= spoken.relations(question, loosely=True)


def _distance_right(gold: Gold, text: str) -> bool:
    """Where a distance is said beside a direction, it must be right too."""
    said = spoken.lengths(text)
    if not said or gold.direction is None:
        return True
    return any(_number_right("length_m", q.value, gold.direction.distance_m, q.step) for q in said)


def _lists(text: str, names: list[str]) -> bool:
    """Whether a sentence lists these names: no more of each than there are, and with "and 4 more" all of them."""
    if not names:
        return spoken.yes_or_no(text) is False
    more = re.search(r"(\d+) (?:more|others?)\b", text)
    wanted = Counter(_folded(name) for name in names)
    told = told_names(text, set(wanted))
    total = sum(told.values()) + (int(more.group(1)) if more else 0)
    return total == len(names) and all(told[name] <= wanted[name] for name in told)


def told_names(text: str, names: set[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    """How many of each name a sentence lists: ``2 books, a mug`` -> book 2, mug 1. Names as ``_folded`` words."""
    words, told = [spoken.singular(w) for w in spoken.tokens(text)], Counter[tuple[str, ...]]()
    longest, k = max(map(len, names), default=0), 0
    while k < len(words):
        size = next((n for n in range(longest, 0, -1) if tuple(words[k : k + n]) in names), 0)
        if size:
            before = words[k - 1] if k else ""
            number = spoken.counts(before)
            told[tuple(words[k : k + size])] += number[0] if number and before not in NEGATIVE else 1
        k += size or 1
    return told


def judge_answer(item: Item, answer: GroundedAnswer, status: Score, typed: Score, said: Score) -> Score:
    """Right as a whole: status and reason, sentence, and a typed value of the asked kind where one is given."""
    parts = [status, said]
    if typed.metadata.get("same_kind"):
        parts.append(typed)
    wrong = [p.explanation for p in parts if p.right is False]
    if spoken.tokens(answer.answer) == spoken.tokens(item.text):
        wrong.append("the sentence is the question again")
    return Score(value=float(not wrong), answer=answer.answer, explanation="; ".join(wrong))
