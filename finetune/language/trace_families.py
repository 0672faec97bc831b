"""One writer per question family: what is asked, and which tools answer it.

A writer returns the argument name of the thing the conversation is now about (for "how far is it?"), or ``""``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from finetune.language.trace_answers import (
    GREETING,
    OUT_OF_SCOPE,
    THANKS,
    tell_color,
    tell_count,
    tell_description,
    tell_existence,
    tell_gazed,
    tell_gazed_color,
    tell_list,
    tell_main,
    tell_place,
    tell_room,
    tell_saved,
    tell_seen,
)
from finetune.language.trace_slots import (
    category_for,
    definite,
    has_owner,
    name_for,
    note_for,
    relation_for,
    room_for,
    slots_for,
    taught_name_for,
)
from finetune.language.trace_writer import Writer
from scenes.questions.phrasing import say
from scenes.vocabulary import RANK_OF_WORD
from tools.search.matching import plural
from tools.toolbox.phrases import is_plural, with_article


def _where_is(w: Writer) -> str:
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


def _last_seen(w: Writer) -> str:
    name = name_for(w)
    w.ask("last_seen", slots_for(w, name))
    result = w.call("describe", object=name)
    tell_seen(w, result)
    return "" if result.miss else name


def _room_of(w: Writer) -> str:
    name = name_for(w)
    w.ask("room_of", slots_for(w, name))
    result = w.call("describe", object=name)
    tell_room(w, result)
    return "" if result.miss else name


def _direction(w: Writer) -> str:
    name = name_for(w)
    w.ask("direction", slots_for(w, name))
    tell_place(w, w.call("where_is", object=name))
    return name


def _route(w: Writer) -> str:
    name = room_for(w) if w.rng.random() < 0.15 else name_for(w)
    w.ask("route", slots_for(w, name))
    result = w.call("route_to", target=name)
    tell_main(w, result)
    return name if any(f.object_ids for f in result.facts) else ""


def _fits(kind: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        first, second = name_for(w, absent=0.06), name_for(w, absent=0.06)
        w.ask(kind, {"the": definite(w, first), "the2": definite(w, second)})
        tell_main(w, w.call("measure", kind=kind, a=first, b=second))
        return ""

    return write


def _exist(w: Writer) -> str:
    name = category_for(w, absent=0.35)
    many = name if is_plural(name) else plural(name)
    family, slots = "exist", {"a": with_article(name), "many": many, "bare": name}
    question = say(w.rng, family, w.split, slots)
    w.ask_text(family, question)
    tell_existence(w, w.call("find_objects", query=many if many in question else name))
    return ""


def _exist_relation(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    name = category_for(w, absent=0.2)
    many = name if is_plural(name) else plural(name)
    question = say(w.rng, "exist_relation", w.split, {"a": with_article(name), "many": many, "rel": spoken, "ref": ref})
    w.ask_text("exist_relation", question)
    query = many if many in question else name
    tell_existence(w, w.call("find_objects", query=query, relation=relation, reference=reference))
    return ""


def _count(w: Writer) -> str:
    many = plural(category_for(w))
    w.ask("count", {"many": many})
    tell_count(w, w.call("find_objects", query=many))
    return ""


def _count_relation(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    many = plural(category_for(w))
    w.ask("count_relation", {"many": many, "rel": spoken, "ref": ref})
    tell_count(w, w.call("find_objects", query=many, relation=relation, reference=reference))
    return ""


def _count_room(w: Writer) -> str:
    many, room = plural(category_for(w)), room_for(w)
    w.ask("count_room", {"many": many, "room": f"the {room}"})
    tell_count(w, w.call("find_objects", query=many, room=room))
    return ""


def _list_room(w: Writer) -> str:
    room = room_for(w)
    w.ask("list_room", {"room": f"the {room}"})
    tell_list(w, w.call("find_objects", query="objects", room=room))
    return ""


def _list_relation(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    w.ask("list_relation", {"rel": spoken, "ref": ref})
    tell_list(w, w.call("find_objects", query="objects", relation=relation, reference=reference))
    return ""


def _count_things(w: Writer) -> str:
    relation, spoken, reference, ref = relation_for(w)
    w.ask("count_things", {"rel": spoken, "ref": ref})
    tell_count(w, w.call("find_objects", query="objects", relation=relation, reference=reference))
    return ""


def _superlative(w: Writer) -> str:
    name, rank = category_for(w), w.rng.choice(list(RANK_OF_WORD))
    w.ask("superlative", {"bare": name, "rank": rank})
    tell_main(w, w.call("find_objects", query=f"{rank} {name}"))
    return ""


def _changes(family: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        w.ask(family)
        tell_list(w, w.call("find_objects", query="objects", when="moved"))
        return ""

    return write


def _color(w: Writer) -> str:
    name = name_for(w, colored=0.0)
    w.ask("color", slots_for(w, name))
    tell_color(w, name)
    return name


def _describe(w: Writer) -> str:
    name = name_for(w)
    w.ask("describe", slots_for(w, name))
    tell_description(w, w.call("describe", object=name))
    return name


def _distance(w: Writer) -> str:
    name = name_for(w)
    w.ask("distance", slots_for(w, name))
    tell_main(w, w.call("measure", kind="distance", a=name))
    return name


def _distance_two(w: Writer) -> str:
    first, second = name_for(w, absent=0.08), name_for(w, absent=0.08)
    w.ask("distance_two", {"the": definite(w, first), "the2": definite(w, second)})
    tell_main(w, w.call("measure", kind="distance", a=first, b=second))
    return ""


def _sized(kind: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        name = name_for(w)
        w.ask(kind, slots_for(w, name))
        tell_main(w, w.call("measure", kind=kind, a=name))
        return name

    return write


def _where_am_i(w: Writer) -> str:
    w.ask("where_am_i")
    tell_main(w, w.call("where_am_i"))
    return ""


def _gaze_what(w: Writer) -> str:
    w.ask("gaze_what", gaze=True)
    tell_gazed(w)
    return ""


def _gaze_color(w: Writer) -> str:
    w.ask("gaze_color", gaze=True)
    tell_gazed_color(w)
    return ""


def _gaze_distance(w: Writer) -> str:
    w.ask("gaze_distance", gaze=True)
    tell_main(w, w.call("measure", kind="distance", a="gaze"))
    return ""


def _gaze_size(w: Writer) -> str:
    w.ask("gaze_size", gaze=True)
    tell_main(w, w.call("measure", kind="size", a="gaze"))
    return ""


def _teach(w: Writer) -> str:
    name = taught_name_for(w)
    spoken = name if has_owner(name) else w.rng.choice(("the ", "a ", "")) + name
    spoken = spoken.replace("a ", "an ", 1) if spoken.startswith("a ") and name[0] in "aeiou" else spoken
    w.ask("teach", {"name": spoken}, gaze=True)
    return name if tell_saved(w, w.call("remember", name=name, target="gaze")) else ""


def _teach_named(w: Writer) -> str:
    target = name_for(w, absent=0.06)
    name = taught_name_for(w)
    spoken = name if has_owner(name) else w.rng.choice(("the ", "")) + name
    w.ask("teach_named", {"the": definite(w, target), "name": spoken})
    return name if tell_saved(w, w.call("remember", name=name, target=target)) else ""


def _forget(w: Writer) -> str:
    name = name_for(w)
    w.ask("forget", slots_for(w, name))
    tell_saved(w, w.call("forget", target=name))
    return ""


def _annotate(w: Writer) -> str:
    name, note = name_for(w, absent=0.06), note_for(w)
    w.ask("annotate", {"note": note, **slots_for(w, name)})
    tell_saved(w, w.call("annotate", target=name, text=note))
    return ""


def _recall(w: Writer) -> str:
    rng, noted = w.rng, [n for n in w.scene.notes if n.object_id]
    name = name_for(w)
    if noted and rng.random() < 0.7:
        name = w.scene.graph.objects[rng.choice(noted).object_id or ""].label
    w.ask("recall", slots_for(w, name))
    tell_main(w, w.call("recall", query=name))
    return ""


def _depth(w: Writer) -> str:
    camera = w.scene.camera
    u, v = w.rng.randrange(0, 700), w.rng.randrange(0, 500)
    depth = w.rng.uniform(0.3, 6.0) if w.rng.random() < 0.9 else None
    w.scene.depths = lambda x, y: depth if camera is not None and camera.contains(x, y) else None
    w.ask("depth", {"u": str(u), "v": str(v)})
    tell_main(w, w.call("measure_depth", u=u, v=v))
    return ""


def _greeting(w: Writer) -> str:
    w.ask("greeting")
    w.answer(GREETING, status="clarify")
    return ""


def _thanks(w: Writer) -> str:
    w.ask("thanks")
    w.answer(THANKS, status="clarify")
    return ""


def _unsupported(w: Writer) -> str:
    w.ask("unsupported")
    w.answer(OUT_OF_SCOPE, status="abstained", reason="unsupported")
    return ""


FAMILIES: tuple[tuple[str, float, Callable[[Writer], str]], ...] = (
    ("where_is", 6.0, _where_is),
    ("last_seen", 1.0, _last_seen),
    ("room_of", 1.0, _room_of),
    ("direction", 1.0, _direction),
    ("route", 1.0, _route),
    ("fit_on", 0.7, _fits("fit_on")),
    ("fit_in", 0.7, _fits("fit_in")),
    ("exist", 2.0, _exist),
    ("exist_relation", 1.5, _exist_relation),
    ("count", 1.5, _count),
    ("count_relation", 1.0, _count_relation),
    ("count_room", 1.0, _count_room),
    ("count_things", 1.0, _count_things),
    ("list_relation", 2.0, _list_relation),
    ("list_room", 1.0, _list_room),
    ("superlative", 1.5, _superlative),
    ("moved", 0.3, _changes("moved")),
    ("changed", 0.3, _changes("changed")),
    ("missing", 0.2, _changes("missing")),
    ("color", 1.5, _color),
    ("describe", 1.5, _describe),
    ("distance", 2.5, _distance),
    ("distance_two", 2.0, _distance_two),
    ("size", 1.0, _sized("size")),
    ("height", 0.7, _sized("height")),
    ("width", 0.7, _sized("width")),
    ("length", 0.7, _sized("length")),
    ("where_am_i", 1.0, _where_am_i),
    ("gaze_what", 1.5, _gaze_what),
    ("gaze_color", 0.7, _gaze_color),
    ("gaze_distance", 1.0, _gaze_distance),
    ("gaze_size", 0.7, _gaze_size),
    ("teach", 3.0, _teach),
    ("teach_named", 1.0, _teach_named),
    ("forget", 1.2, _forget),
    ("annotate", 1.2, _annotate),
    ("recall", 1.2, _recall),
    ("depth", 0.5, _depth),
    ("greeting", 0.5, _greeting),
    ("thanks", 0.5, _thanks),
    ("unsupported", 1.0, _unsupported),
)
"""Family, weight, writer. A writer returns the argument name of the thing the conversation is now about, or ``""``."""
