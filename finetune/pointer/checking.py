"""Questions that want yes or no first, and which room."""

from __future__ import annotations

from finetune.language.trace_slots import definite, name_for, relation_for
from finetune.language.trace_writer import (
    Writer,
    miss,
    sentence,
    tell_changes,
    tell_moved,
    tell_place,
)
from finetune.pointer.telling import (
    ask,
    end_unfound,
    told,
    usable,
)
from scenes.questions.lexicon import COLORS, ROOMS
from scenes.types import SceneObject

SIDES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("behind", ("behind me", "at my back", "behind my back")),
    ("left", ("on my left", "to my left", "to the left of me", "left of me")),
    ("right", ("on my right", "to my right", "to the right of me", "right of me")),
    ("ahead", ("in front of me", "ahead of me", "straight ahead", "before me")),
)
"""A word of the tools' directions, and how a wearer says it."""


def side(w: Writer) -> None:
    name = name_for(w, never=0.06, loose=0.03)
    word, said = w.rng.choice(SIDES)
    ask(w, "side", {"the": definite(w, name), "side": w.rng.choice(said)})
    result = w.call("where_is", object=name)
    if not usable(result):
        end_unfound(w, result)
        return
    fact = result.facts[0]
    where = fact.text.split(" away, ", 1)[-1].split(", on ", 1)[0].split(", in ", 1)[0].split(";", 1)[0]
    yes = word in where or (word == "ahead" and "in front" in where)
    w.answer(f"{'Yes' if yes else 'No'}, {told(fact.text)}.", fact.id)


def turn(w: Writer) -> None:
    name = name_for(w, never=0.06, loose=0.03)
    ask(w, "turn", {"the": definite(w, name)})
    tell_place(w, w.call("where_is", object=name))


def is_color(w: Writer) -> None:
    name = name_for(w, never=0.05, loose=0.03, colored=0.0)
    obj = next((o for o in w.scene.graph.objects.values() if o.label == name), None)
    color = obj.color if obj is not None and obj.color and w.rng.random() < 0.5 else w.rng.choice(COLORS)
    ask(w, "is_color", {"the": definite(w, name), "color": color})
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = result.facts[0]
    if fact.value is None or fact.value.kind != "color":
        w.answer("I do not know its color.", status="abstained", reason="unsupported")
        return
    w.answer(f"{'Yes' if fact.value.value == color else 'No'}, {fact.text.split(',', 1)[0]}.", fact.id)


def _room_slot(w: Writer, obj: SceneObject | None) -> str:
    room = w.scene.graph.rooms.get(obj.room) if obj is not None else None
    if room is not None and room.label and w.rng.random() < 0.5:
        return room.label
    return w.rng.choice(ROOMS)


def is_in_room(w: Writer) -> None:
    name = name_for(w, never=0.05, loose=0.03)
    obj = next((o for o in w.scene.graph.objects.values() if o.label and o.label in name), None)
    asked = _room_slot(w, obj)
    ask(w, "is_in_room", {"the": definite(w, name), "room": f"the {asked}"})
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = next((f for f in result.facts if f.value is not None and f.value.kind == "room"), None)
    if fact is None or fact.value is None:
        w.answer("I do not know the rooms here.", status="abstained", reason="unsupported")
        return
    w.answer(f"{'Yes' if fact.value.value == asked else 'No'}, {fact.text}.", fact.id)


def is_on(w: Writer) -> None:
    relation, spoken, reference, ref = relation_for(w)
    name = name_for(w, never=0.05, loose=0.03, colored=0.1)
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
    if miss(w, result):
        return
    if result.reason == "moved":
        end_unfound(w, result)
        return
    count = result.facts[0]
    if len(result.facts) == 1:
        w.answer(f"No, I have seen {count.text}.", count.id)
    else:
        w.answer(f"Yes, I have seen {count.text}.", count.id)


def room_only(w: Writer) -> None:
    name = name_for(w, never=0.08)
    ask(w, "whereabouts_room", {"the": definite(w, name)})
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = next((f for f in result.facts if f.value is not None and f.value.kind == "room"), None)
    if fact is None:
        w.answer("I do not know the rooms here.", status="abstained", reason="unsupported")
    else:
        w.answer(sentence(fact.text), fact.id)


def moved_since(w: Writer) -> None:
    name = name_for(w, never=0.1, loose=0.03)
    w.ask("moved_since", {"the": definite(w, name)})
    result = w.call("find_objects", query=name, when="moved")
    if result.facts and result.reason is None:
        tell_moved(w, result)
    else:
        end_unfound(w, result)


def appeared(w: Writer) -> None:
    w.ask("appeared")
    tell_changes(w, w.call("find_objects", query="objects", when="moved"), "new")
