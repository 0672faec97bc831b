"""Questions that want yes or no first, and which room."""

from __future__ import annotations

from finetune.language.trace_answers import number_of, tell_changes, tell_miss, tell_moved, tell_place, tell_room
from finetune.language.trace_slots import definite, name_for, relation_for
from finetune.language.trace_writer import Writer
from finetune.pointer.telling import ask, end_unfound, usable, yes_no
from scenes.questions.lexicon import ROOMS
from scenes.types import SceneObject
from scenes.vocabulary import COLOR_WORDS

SIDES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("behind",), ("behind me", "at my back", "behind my back")),
    (("left",), ("on my left", "to my left", "to the left of me", "left of me")),
    (("right",), ("on my right", "to my right", "to the right of me", "right of me")),
    (("ahead", "front"), ("in front of me", "ahead of me", "straight ahead", "before me")),
)
"""Words of a typed direction, and how a wearer says it."""


def side(w: Writer) -> None:
    """Whether a thing is on a side of the wearer."""
    name = name_for(w, absent=0.06, claimed=0.03)
    words, said = w.rng.choice(SIDES)
    ask(w, "side", {"the": definite(w, name), "side": w.rng.choice(said)})
    result = w.call("where_is", object=name)
    if not usable(result) or result.main.value is None:
        end_unfound(w, result)
        return
    direction = str(result.main.value.value)
    w.answer(yes_no(any(word in direction for word in words), result.main.short), result.main.id)


def turn(w: Writer) -> None:
    """Which way to turn."""
    name = name_for(w, absent=0.06, claimed=0.03)
    ask(w, "turn", {"the": definite(w, name)})
    tell_place(w, w.call("where_is", object=name))


def is_color(w: Writer) -> None:
    """Whether a thing has a colour."""
    name = name_for(w, absent=0.05, claimed=0.03, colored=0.0)
    obj = next((o for o in w.scene.graph.objects.values() if o.label == name), None)
    color = obj.color if obj is not None and obj.color and w.rng.random() < 0.5 else w.rng.choice(COLOR_WORDS)
    ask(w, "is_color", {"the": definite(w, name), "color": color})
    result = w.call("describe", object=name)
    if tell_miss(w, result):
        return
    fact = result.main
    if fact.value is None or fact.value.kind != "color":
        w.answer("I do not know its color.", status="abstained", reason="unsupported")
    else:
        w.answer(yes_no(fact.value.value == color, fact.short), fact.id)


def is_in_room(w: Writer) -> None:
    """Whether a thing is in a room."""
    name = name_for(w, absent=0.05, claimed=0.03)
    obj = next((o for o in w.scene.graph.objects.values() if o.label and o.label in name), None)
    asked = _asked_room(w, obj)
    ask(w, "is_in_room", {"the": definite(w, name), "room": f"the {asked}"})
    result = w.call("describe", object=name)
    room = result.find("room")
    if room is None or room.value is None:
        tell_room(w, result)
    else:
        w.answer(yes_no(room.value.value == asked, room.text), room.id)


def _asked_room(w: Writer, obj: SceneObject | None) -> str:
    """The room that a thing is in, or any."""
    room = w.scene.graph.rooms.get(obj.room) if obj is not None else None
    if room is not None and room.label and w.rng.random() < 0.5:
        return room.label
    return w.rng.choice(ROOMS)


def is_on(w: Writer) -> None:
    """Whether a thing stands in a relation to another."""
    relation, spoken, reference, ref = relation_for(w)
    name = name_for(w, absent=0.05, claimed=0.03, colored=0.1)
    held = [r for r in w.scene.graph.relations if w.scene.graph.objects[r.subject].label]
    if held and w.rng.random() < 0.6:
        true = w.rng.choice(held)
        name = w.scene.graph.objects[true.subject].label
        if w.rng.random() < 0.7 and w.scene.graph.objects[true.object].label:
            relation = spoken = true.predicate
            reference = w.scene.graph.objects[true.object].label
            ref = definite(w, reference)
    ask(w, "is_on", {"the": definite(w, name), "rel": spoken, "ref": ref})
    result = w.call("find_objects", query=name, relation=relation, reference=reference)
    if tell_miss(w, result):
        return
    if result.reason == "moved":
        end_unfound(w, result)
    else:
        w.answer(yes_no(number_of(result.main) > 0, f"I have seen {result.main.text}"), result.main.id)


def room_only(w: Writer) -> None:
    """Which room a thing is in."""
    name = name_for(w, absent=0.08)
    ask(w, "whereabouts_room", {"the": definite(w, name)})
    tell_room(w, w.call("describe", object=name))


def moved_since(w: Writer) -> None:
    """Whether a thing has moved."""
    name = name_for(w, absent=0.1, claimed=0.03)
    w.ask("moved_since", {"the": definite(w, name)})
    result = w.call("find_objects", query=name, when="moved")
    if usable(result):
        tell_moved(w, result)
    else:
        end_unfound(w, result)


def appeared(w: Writer) -> None:
    """What is new."""
    w.ask("appeared")
    tell_changes(w, w.call("find_objects", query="objects", when="moved"), "new")
