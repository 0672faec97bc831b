"""Writers of the question families about where things are, which there are, how many, and what has changed.

A writer returns the argument name of the thing that the conversation is now about (for "how far is it?"), or ``""``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from finetune.language.trace_answers import (
    tell_count,
    tell_existence,
    tell_list,
    tell_main,
    tell_place,
    tell_room,
    tell_seen,
)
from finetune.language.trace_slots import category_for, definite, has_owner, name_for, relation_for, room_for, slots_for
from finetune.language.trace_writer import Writer
from scenes.questions.phrasing import say
from scenes.vocabulary import RANK_OF_WORD
from tools.search.name_matching import plural
from tools.toolbox.phrases import is_plural, with_article


def where_is(w: Writer) -> str:
    name = name_for(w)
    w.ask("where_is", slots_for(w, name))
    result = w.call("where_is", object=name)
    tell_place(w, result)
    if result.miss is not None and result.miss.reason == "ambiguous" and w.rng.random() < 0.8:
        _choose(w, result.miss.choices)
        return ""
    return name if result.facts and result.reason in (None, "moved") else ""


def _choose(w: Writer, choices: Sequence[str]) -> None:
    """The wearer says which of several things is meant."""
    w.later()
    name = w.rng.choice(choices)
    w.ask("choose", {"choice": name if has_owner(name) else f"the {name}"})
    tell_place(w, w.call("where_is", object=name))


def last_seen(w: Writer) -> str:
    name = name_for(w)
    w.ask("last_seen", slots_for(w, name))
    result = w.call("describe", object=name)
    tell_seen(w, result)
    return "" if result.miss else name


def room_of(w: Writer) -> str:
    name = name_for(w)
    w.ask("room_of", slots_for(w, name))
    result = w.call("describe", object=name)
    tell_room(w, result)
    return "" if result.miss else name


def direction(w: Writer) -> str:
    name = name_for(w)
    w.ask("direction", slots_for(w, name))
    tell_place(w, w.call("where_is", object=name))
    return name


def route(w: Writer) -> str:
    name = room_for(w) if w.rng.random() < 0.15 else name_for(w)
    w.ask("route", slots_for(w, name))
    result = w.call("route_to", target=name)
    tell_main(w, result)
    return name if any(f.object_ids for f in result.facts) else ""


def fits(kind: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        first, second = name_for(w, absent=0.06), name_for(w, absent=0.06)
        w.ask(kind, {"the": definite(w, first), "the2": definite(w, second)})
        tell_main(w, w.call("measure", kind=kind, a=first, b=second))
        return ""

    return write


def exist(w: Writer) -> str:
    name = category_for(w, absent=0.35)
    many = name if is_plural(name) else plural(name)
    family, slots = "exist", {"a": with_article(name), "many": many, "bare": name}
    question = say(w.rng, family, w.split, slots)
    w.ask_text(family, question)
    tell_existence(w, w.call("find_objects", query=many if many in question else name))
    return ""


def exist_relation(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    name = category_for(w, absent=0.2)
    many = name if is_plural(name) else plural(name)
    question = say(w.rng, "exist_relation", w.split, {"a": with_article(name), "many": many, "rel": spoken, "ref": ref})
    w.ask_text("exist_relation", question)
    query = many if many in question else name
    tell_existence(w, w.call("find_objects", query=query, relation=relation, reference=reference))
    return ""


def count(w: Writer) -> str:
    many = plural(category_for(w))
    w.ask("count", {"many": many})
    tell_count(w, w.call("find_objects", query=many))
    return ""


def count_relation(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    many = plural(category_for(w))
    w.ask("count_relation", {"many": many, "rel": spoken, "ref": ref})
    tell_count(w, w.call("find_objects", query=many, relation=relation, reference=reference))
    return ""


def count_room(w: Writer) -> str:
    many, room = plural(category_for(w)), room_for(w)
    w.ask("count_room", {"many": many, "room": f"the {room}"})
    tell_count(w, w.call("find_objects", query=many, room=room))
    return ""


def list_room(w: Writer) -> str:
    room = room_for(w)
    w.ask("list_room", {"room": f"the {room}"})
    tell_list(w, w.call("find_objects", query="objects", room=room))
    return ""


def list_relation(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    w.ask("list_relation", {"rel": spoken, "ref": ref})
    tell_list(w, w.call("find_objects", query="objects", relation=relation, reference=reference))
    return ""


def count_things(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    w.ask("count_things", {"rel": spoken, "ref": ref})
    tell_count(w, w.call("find_objects", query="objects", relation=relation, reference=reference))
    return ""


def superlative(w: Writer) -> str:
    name, rank = category_for(w), w.rng.choice(list(RANK_OF_WORD))
    w.ask("superlative", {"bare": name, "rank": rank})
    tell_main(w, w.call("find_objects", query=f"{rank} {name}"))
    return ""


def changes(family: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        w.ask(family)
        tell_list(w, w.call("find_objects", query="objects", when="moved"))
        return ""

    return write
