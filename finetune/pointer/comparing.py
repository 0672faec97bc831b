"""Two things at once, comparisons, and distances against a limit.

What cannot be told from the tools' lines is not asked here: of two sizes the sentence gives both and judges none.
"""

from __future__ import annotations

from collections.abc import Callable

from finetune.language.trace_answers import number_of, sentence, tell_miss
from finetune.language.trace_slots import category_for, definite, name_for
from finetune.language.trace_writer import Writer
from finetune.pointer.telling import ask, end_unfound, end_with_both, slots_of_two, two_names, usable, yes_no
from tools.search.name_matching import plural
from tools.toolbox.facts import Fact, ToolResult
from tools.toolbox.phrases import is_plural

SPOKEN_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
ALIKE = 0.04
"""Measures that differ by a smaller share are given without a judgement."""


def both_places(w: Writer) -> None:
    """Where two things are."""
    first, second = two_names(w)
    ask(w, "both_places", slots_of_two(w, first, second))
    facts = _both(w, lambda name: w.call("where_is", object=name), first, second)
    if facts:
        end_with_both(w, *facts)


def sizes(w: Writer) -> None:
    """How large two things are."""
    first, second = two_names(w)
    ask(w, "sizes", slots_of_two(w, first, second))
    facts = _both(w, lambda name: w.call("measure", kind="size", a=name), first, second)
    if facts:
        end_with_both(w, *facts)


def _both(w: Writer, call: Callable[[str], ToolResult], first: str, second: str) -> tuple[Fact, Fact] | None:
    """The facts about two things; None where one was not found, which then ended the turn."""
    facts = []
    for name in (first, second):
        result = call(name)
        if not usable(result):
            end_unfound(w, result)
            return None
        facts.append(result.main)
    return facts[0], facts[1]


def place_and_color(w: Writer) -> None:
    """Where a thing is, and its colour."""
    name = name_for(w, absent=0.06, claimed=0.03, colored=0.0)
    ask(w, "place_and_color", {"the": definite(w, name)})
    place = w.call("where_is", object=name)
    if not usable(place):
        end_unfound(w, place)
        return
    looks = w.call("describe", object=name).main
    if looks.value is None or looks.value.kind != "color":
        w.answer(sentence(place.main.short), place.main.id)
    else:
        end_with_both(w, looks, place.main)


def measured_two(kind: str, family: str, word: str, larger: bool) -> Callable[[Writer], None]:
    """Which of two has more or less of a measure: that one first, with yes or no where it was asked so."""

    def write(w: Writer) -> None:
        first, second = two_names(w)
        asked = f" {ask(w, family, slots_of_two(w, first, second)).lower()}"
        facts = _both(w, lambda name: w.call("measure", kind=kind, a=name), first, second)
        if facts is None:
            return
        values = [float(fact.value.value) for fact in facts if fact.value is not None]
        if len(values) != 2 or abs(values[0] - values[1]) < ALIKE * max(values):
            end_with_both(w, *facts)
            return
        best = max((0, 1), key=lambda k: values[k] if larger else -values[k])
        both = f"{facts[best].short}, {facts[1 - best].short}"
        judged = " than " in asked and " or " not in asked
        text = yes_no(best == 0, both) if judged else sentence(f"{word}: {both}")
        w.answer(text, facts[best].id, facts[1 - best].id)

    return write


def more_than_one(w: Writer) -> None:
    """Whether there are several of a kind, or only one."""
    name = category_for(w, absent=0.12)
    many = name if is_plural(name) else plural(name)
    asked = ask(w, "more_than_one", {"bare": name, "many": many})
    result = w.call("find_objects", query=many if many in asked else name)
    if tell_miss(w, result):
        return
    if result.reason == "moved":
        end_unfound(w, result)
        return
    only = any(word in asked.lower() for word in ("only", "just"))
    w.answer(yes_no((number_of(result.main) > 1) != only, f"I have seen {result.main.text}"), result.main.id)


def threshold(family: str, more: bool) -> Callable[[Writer], None]:
    """Whether a thing is further away, or nearer, than a spoken distance."""

    def write(w: Writer) -> None:
        name = name_for(w, absent=0.06, claimed=0.03)
        limit, said = _spoken_distance(w)
        ask(w, family, {"the": definite(w, name), "n": said})
        result = w.call("measure", kind="distance", a=name)
        if not usable(result) or result.main.value is None:
            end_unfound(w, result)
            return
        metres = float(result.main.value.value)
        w.answer(yes_no((metres > limit) == more, result.main.text), result.main.id)

    return write


def _spoken_distance(w: Writer) -> tuple[float, str]:
    """A distance in metres, and how it is said."""
    whole = w.rng.randint(1, 8)
    unit = w.rng.choice(("metres", "meters", "m", "metres"))
    if w.rng.random() < 0.2:
        return whole + 0.5, f"{whole + 0.5} {unit}"
    unit = unit[:-1] if whole == 1 and unit != "m" else unit
    return float(whole), f"{w.rng.choice((SPOKEN_NUMBERS[whole - 1], str(whole)))} {unit}"
