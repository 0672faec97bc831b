"""The question families of the training traces, each with its weight and its writer.

A writer asks one question of its family, calls the tools that answer it and tells the answer. It returns the argument
name of the thing that the conversation is now about (for "how far is it?"), or ``""``. Those that find things are in
``finetune.language.trace_finding``; here are looks, lengths, the gaze, memory and small talk.
"""

from __future__ import annotations

from collections.abc import Callable

from finetune.language.trace_answers import (
    GREETING,
    OUT_OF_SCOPE,
    THANKS,
    tell_color,
    tell_description,
    tell_gazed,
    tell_gazed_color,
    tell_main,
    tell_saved,
)
from finetune.language.trace_finding import (
    changes,
    count,
    count_relation,
    count_room,
    count_things,
    direction,
    exist,
    exist_relation,
    fits,
    last_seen,
    list_relation,
    list_room,
    room_of,
    route,
    superlative,
    where_is,
)
from finetune.language.trace_slots import definite, has_owner, name_for, note_for, slots_for, taught_name_for
from finetune.language.trace_writer import Writer


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
    ("where_is", 6.0, where_is),
    ("last_seen", 1.0, last_seen),
    ("room_of", 1.0, room_of),
    ("direction", 1.0, direction),
    ("route", 1.0, route),
    ("fit_on", 0.7, fits("fit_on")),
    ("fit_in", 0.7, fits("fit_in")),
    ("exist", 2.0, exist),
    ("exist_relation", 1.5, exist_relation),
    ("count", 1.5, count),
    ("count_relation", 1.0, count_relation),
    ("count_room", 1.0, count_room),
    ("count_things", 1.0, count_things),
    ("list_relation", 2.0, list_relation),
    ("list_room", 1.0, list_room),
    ("superlative", 1.5, superlative),
    ("moved", 0.3, changes("moved")),
    ("changed", 0.3, changes("changed")),
    ("missing", 0.2, changes("missing")),
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
