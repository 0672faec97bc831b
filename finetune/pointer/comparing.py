"""Two things at once, comparisons, and distances against a limit.

What cannot be told from the tools' lines is not asked here: of two sizes the sentence gives both and judges none.
"""

from __future__ import annotations

from collections.abc import Callable

from finetune.language.trace_slots import category_for, definite, name_for
from finetune.language.trace_writer import (
    Writer,
    miss,
    sentence,
)
from finetune.pointer.telling import (
    TooLong,
    ask,
    end_unfound,
    end_with_both,
    slots_of_two,
    told,
    two_names,
    usable,
)
from tools.search.matching import plural
from tools.toolbox.phrases import is_plural


def both_places(w: Writer) -> None:
    first, second = two_names(w)
    ask(w, "both_places", slots_of_two(w, first, second))
    found = w.call("where_is", object=first)
    if not usable(found):
        end_unfound(w, found)
        return
    end_with_both(w, found, w.call("where_is", object=second))


def place_and_color(w: Writer) -> None:
    name = name_for(w, never=0.06, loose=0.03, colored=0.0)
    ask(w, "place_and_color", {"the": definite(w, name)})
    place = w.call("where_is", object=name)
    if not usable(place):
        end_unfound(w, place)
        return
    looks = w.call("describe", object=name)
    fact = looks.facts[0]
    if fact.value is None or fact.value.kind != "color":
        w.answer(sentence(told(place.facts[0].text)), place.facts[0].id)
        return
    color = fact.text.split(",", 1)[0]
    text = sentence(f"{color}, and it is {_behind_verb(told(place.facts[0].text))}")
    if len(text) > 175:
        raise TooLong(text)
    w.answer(text, fact.id)


def _behind_verb(text: str) -> str:
    for verb in (" is ", " are "):
        if verb in text:
            return text.split(verb, 1)[1]
    return text


def measured_two(kind: str, family: str, word: str, larger: bool) -> Callable[[Writer], None]:
    """Which of two has more or less of a measure; the sentence names it and gives both."""

    def write(w: Writer) -> None:
        first, second = two_names(w)
        asked = ask(w, family, slots_of_two(w, first, second))
        results = []
        for name in (first, second):
            results.append(w.call("measure", kind=kind, a=name))
            if not usable(results[-1]):
                end_unfound(w, results[-1])
                return
        facts = [result.facts[0] for result in results]
        values = [float(fact.value.value) for fact in facts if fact.value is not None]
        if len(values) != 2 or abs(values[0] - values[1]) < 0.04 * max(values):
            w.answer(sentence(f"{facts[0].text}, and {facts[1].text}"), facts[0].id, facts[1].id)
            return
        best = max((0, 1), key=lambda k: values[k] if larger else -values[k])
        verb = " are " if " are " in facts[best].text else " is "
        name = facts[best].text.split(verb, 1)[0]
        text = f"{name}{verb}{word}: {facts[0].text}, {facts[1].text}"
        opened = f" {asked.lower()}"
        if " than " in opened and " or " not in opened:
            text = f"{'yes' if best == 0 else 'no'}, {text}"
        w.answer(sentence(text), facts[0].id, facts[1].id)

    return write


def sizes(w: Writer) -> None:
    first, second = two_names(w)
    ask(w, "sizes", slots_of_two(w, first, second))
    found = w.call("measure", kind="size", a=first)
    if not usable(found):
        end_unfound(w, found)
        return
    end_with_both(w, found, w.call("measure", kind="size", a=second))


def more_than_one(w: Writer) -> None:
    name = category_for(w, never=0.12)
    many = name if is_plural(name) else plural(name)
    asked = ask(w, "more_than_one", {"bare": name, "many": many})
    result = w.call("find_objects", query=many if many in asked else name)
    if miss(w, result):
        return
    count = result.facts[0]
    if result.reason == "moved":
        end_unfound(w, result)
        return
    number = int(count.value.value) if count.value is not None and count.value.kind == "count" else 0
    only = any(word in asked.lower() for word in ("only", "just"))
    yes = (number > 1) != only
    w.answer(f"{'Yes' if yes else 'No'}, I have seen {count.text}.", count.id)


SPOKEN_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


def threshold(family: str, more: bool) -> Callable[[Writer], None]:
    """Whether a thing is further away, or nearer, than a spoken distance."""

    def write(w: Writer) -> None:
        name = name_for(w, never=0.06, loose=0.03)
        unit = w.rng.choice(("metres", "meters", "m", "metres"))
        limit = w.rng.randint(1, 8)
        half = w.rng.random() < 0.2
        spoken = str(limit + 0.5) if half else w.rng.choice((SPOKEN_NUMBERS[limit - 1], str(limit)))
        if limit == 1 and not half and unit != "m":
            unit = unit[:-1]
        ask(w, family, {"the": definite(w, name), "n": f"{spoken} {unit}"})
        result = w.call("measure", kind="distance", a=name)
        if not usable(result):
            end_unfound(w, result)
            return
        fact = result.facts[0]
        metres = float(fact.value.value) if fact.value is not None else 0.0
        w.answer(f"{'Yes' if (metres > limit + 0.5 * half) == more else 'No'}, {fact.text}.", fact.id)

    return write
