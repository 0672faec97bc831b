"""The whole policy from tool results to gold answers: one function for each kind of thing to say.

Every function ends a turn of a ``Writer``. They read what a result means (roles, values, short forms, misses) and never
how it is worded.
"""

from __future__ import annotations

from finetune.language.trace_writer import Writer
from scenes.questions.lexicon import object_name
from scenes.vocabulary import COLOR_WORDS
from tools.toolbox.facts import Fact, ToolResult
from tools.toolbox.phrases import with_article

GREETING = "Hello! I remember where things are. What are you looking for?"
THANKS = "You are welcome. What else are you looking for?"
OUT_OF_SCOPE = "I can only help with the things around you."


def sentence(text: str) -> str:
    """A span as a sentence: capital and full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def number_of(fact: Fact) -> int:
    """How many things a count says. Raises ValueError where the fact is not a count."""
    if fact.value is None or fact.value.kind != "count":
        raise ValueError(f"expected a fact with a count, got {fact}")
    return int(fact.value.value)


def tell_miss(w: Writer, result: ToolResult) -> bool:
    """End the turn where a tool found nothing or several things; False when it found what was asked."""
    missed = result.miss
    if missed is None:
        return False
    if missed.reason == "ambiguous":
        cite = (f.id for f in result.facts)
        w.answer(f"Which one: {missed.clause}?", *cite, status="clarify", reason="ambiguous")
    elif missed.reason == "never_seen":
        w.answer(f"I have not seen {missed.clause}.", status="abstained", reason="never_seen")
    elif missed.reason == "not_localised":
        w.answer(f"I do not know where you are: {missed.clause}.", status="abstained", reason="not_localised")
    else:
        w.answer(sentence(missed.clause), status="abstained", reason=missed.reason)
    return True


def tell_moved_away(w: Writer, result: ToolResult) -> bool:
    """End the turn where all that fits has moved away; False where something fits and is there."""
    fact = result.find("moved_away")
    if result.reason != "moved" or fact is None:
        return False
    w.answer(sentence(fact.short), fact.id, status="abstained", reason="moved")
    return True


def tell_place(w: Writer, result: ToolResult) -> None:
    """The answer to where_is."""
    if tell_miss(w, result):
        return
    fact = result.main
    if result.reason in ("moved", "not_reobserved"):
        w.answer(sentence(fact.short), fact.id, status="abstained", reason=result.reason)
    elif result.reason == "not_localised":
        w.answer(f"I do not know where you are, but {fact.short}.", fact.id, status="abstained", reason="not_localised")
    else:
        w.answer(sentence(fact.short), fact.id)


def tell_main(w: Writer, result: ToolResult) -> None:
    """The answer that is the short form of the fact that answers the call."""
    if not tell_miss(w, result) and not tell_moved_away(w, result):
        w.answer(sentence(result.main.short), result.main.id)


def tell_existence(w: Writer, result: ToolResult) -> None:
    """Yes with the place or the count, no with the kind, or never seen."""
    if tell_miss(w, result) or tell_moved_away(w, result):
        return
    count, place = result.main, result.find("place")
    if number_of(count) == 0:
        w.answer(f"No, I have seen {count.text}.", count.id)
    elif number_of(count) == 1 and place is not None:
        w.answer(f"Yes, {place.text}.", place.id)
    else:
        w.answer(f"Yes, I have seen {count.text}.", count.id)


def tell_count(w: Writer, result: ToolResult) -> None:
    """The counted fact."""
    if not tell_miss(w, result) and not tell_moved_away(w, result):
        w.answer(f"I have seen {result.main.text}.", result.main.id)


def tell_list(w: Writer, result: ToolResult) -> None:
    """The fact that lists names, or the count where there is nothing to list."""
    if tell_miss(w, result):
        return
    names = result.find("names")
    if names is None:
        w.answer(f"I have seen {result.main.text}.", result.main.id)
    else:
        w.answer(sentence(names.text), names.id)


def tell_changes(w: Writer, result: ToolResult, group: str = "") -> None:
    """What has changed, all of it or one group of ``tools.toolbox.change_facts.CHANGE_GROUPS``."""
    fact_of = result.artifact.get("kinds", {})
    if not group or group not in fact_of:
        tell_list(w, result)
        return
    fact = next(f for f in result.facts if f.id == fact_of[group])
    if fact.role == "count":  # of an empty group there is only the count, which is zero
        w.answer(f"Nothing {'has moved' if group == 'moved' else f'is {group}'}.", fact.id)
    else:
        w.answer(sentence(fact.text), fact.id)


def tell_moved(w: Writer, result: ToolResult) -> None:
    """Whether one thing has moved, and from where to where."""
    if tell_miss(w, result):
        return
    count, change = result.main, result.find("change")
    if change is not None:
        w.answer(f"Yes, {change.short}.", count.id, change.id)
    else:
        w.answer(f"No, I have seen {count.text}.", count.id)


def tell_description(w: Writer, result: ToolResult) -> None:
    """All that one line says of how a thing looks."""
    if not tell_miss(w, result):
        w.answer(sentence(result.main.text), result.main.id)


def tell_described_color(w: Writer, result: ToolResult) -> bool:
    """The colour that a description by name gives; False where the graph has none."""
    fact = result.main
    if fact.value is None or fact.value.kind != "color":
        return False
    w.answer(sentence(fact.short), fact.id)
    return True


def tell_seen(w: Writer, result: ToolResult) -> None:
    """When a described thing was last seen."""
    if tell_miss(w, result):
        return
    seen = result.find("seen")
    if seen is None:
        raise ValueError(f"expected a description that says when the thing was seen, got {result.text!r}")
    w.answer(sentence(seen.text), seen.id)


def tell_room(w: Writer, result: ToolResult) -> None:
    """The room of a described thing."""
    if tell_miss(w, result):
        return
    room = result.find("room")
    if room is None:
        w.answer("I do not know the rooms here.", status="abstained", reason="unsupported")
    else:
        w.answer(sentence(room.text), room.id)


def tell_color(w: Writer, name: str) -> None:
    """Colour from the graph; where it has none, from a closer look."""
    result = w.call("describe", object=name)
    if tell_miss(w, result) or tell_described_color(w, result):
        return
    w.scene.looks = lambda object_id, question: w.rng.choice((*COLOR_WORDS, ""))
    tell_main(w, w.call("look", target=name, question="what color is it?"))


def tell_gazed_name(w: Writer, result: ToolResult) -> bool:
    """The name of what the wearer looks at; False where it has none."""
    named = result.find("name")
    if named is None:
        return False
    w.answer(sentence(named.short), named.id)
    return True


def tell_gazed(w: Writer) -> None:
    """The name of what the wearer looks at; an unnamed thing is looked at closely."""
    result = w.call("describe", object="gaze")
    if tell_miss(w, result) or tell_gazed_name(w, result):
        return
    name = with_article(object_name(w.rng))
    w.scene.looks = lambda object_id, question: w.rng.choice((name, name, ""))
    tell_main(w, w.call("look", target="gaze", question="what is this?"))


def tell_saved(w: Writer, result: ToolResult) -> bool:
    """Confirm what was saved, forgotten or noted; False when there was nothing to do it to."""
    if tell_miss(w, result):
        return False
    w.answer(f"OK, {result.main.text}.", result.main.id)
    return True


def tell_known_gazed_color(w: Writer, result: ToolResult) -> bool:
    """The colour that the graph has for what the wearer looks at; False where it has none."""
    color = result.find("color")
    if color is None:
        return False
    w.answer(sentence(color.text), color.id)
    return True


def tell_gazed_color(w: Writer) -> None:
    """The colour of what the wearer looks at; where the graph has none, from a closer look."""
    result = w.call("describe", object="gaze")
    if tell_miss(w, result) or tell_known_gazed_color(w, result):
        return
    w.scene.looks = lambda object_id, question: w.rng.choice((*COLOR_WORDS, ""))
    tell_main(w, w.call("look", target="gaze", question="what color is this?"))
