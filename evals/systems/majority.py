"""Baseline: the most frequent answer of a family in the other scenes. Knows the family, and neither sees nor reads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from agent.conversation.turn import Outcome, Turn, to_grounded_answer
from evals.items import Gold, Item
from evals.systems.base import Asked
from scenes.records import ModelRef, Timings, TypedValue
from tools.geometry.directions import ago_words, direction_words, length_words

Key = tuple[object, ...]


class MajoritySystem:
    """Votes among ``items``, those of the asked scene left out."""

    model = None

    def __init__(self, items: Sequence[Item]) -> None:
        self._votes: dict[str, Counter[tuple[Key, str]]] = {}
        self._example: dict[Key, Gold] = {}
        for item in items:
            key = (item.family, *key_of(item.gold))
            self._example.setdefault(key, item.gold)
            self._votes.setdefault(item.family, Counter())[key, item.cluster] += 1

    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        """See ``System.answer``. Points at nothing and cites nothing."""
        item = asked.item
        votes: Counter[Key] = Counter()
        for (key, cluster), count in self._votes.get(item.family, Counter()).items():
            if cluster != item.cluster:
                votes[key] += count
        gold = self._example[max(votes, key=lambda k: (votes[k], repr(k)))] if votes else Gold(status="abstained")
        outcome = Outcome(status=gold.status, reason=gold.reason, text=spoken(gold) or "I do not know.")
        answer = to_grounded_answer(
            outcome,
            asked.question,
            (),
            asked.context,
            calls=(),
            timings=Timings(),
            model=ModelRef(base="majority", backend="none"),
        )
        value = typed(gold)
        return Turn(answer=answer.model_copy(update={"value": value}), messages=())


def key_of(gold: Gold) -> Key:
    """A gold answer as two answers would be compared: lengths in steps of 10 %, directions in sectors of 45 degrees."""
    value = gold.value
    if value is None:
        said: object = None
    elif value.kind == "length_m":
        said = round(math.log(max(float(value.value), 0.01)) / math.log(1.1))
    elif value.kind == "direction":
        said = round(float(value.value) / 45) % 8
    elif value.kind == "duration_s":
        said = round(float(value.value) / 5)
    else:
        said = value.value
    return (gold.status, gold.reason, said)


def typed(gold: Gold) -> TypedValue | None:
    """The value as an answer would give it: a direction in words."""
    if gold.value is None or gold.status != "answered":
        return None
    if gold.direction is not None and gold.value.kind == "direction":
        return TypedValue(kind="direction", value=direction_words(gold.direction))
    return gold.value


def spoken(gold: Gold) -> str:
    """The value in a sentence of its own."""
    value = gold.value
    if value is None:
        return {"answered": "Here it is.", "clarify": "Which one?"}.get(gold.status, "I have not seen it.")
    if value.kind == "bool":
        return "Yes." if value.value else "No."
    if value.kind == "direction" and gold.direction is not None:
        return f"It is {direction_words(gold.direction)}."
    if value.kind == "length_m":
        return f"It is {length_words(float(value.value))}."
    if value.kind == "duration_s":
        return f"I saw it {ago_words(float(value.value))}."
    if value.kind == "text" and value.unit == "m":
        return " x ".join(f"{part} m" for part in str(value.value).split(" x ")) + "."
    return f"{value.value or 'Nothing'}."
