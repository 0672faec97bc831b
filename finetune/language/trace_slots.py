"""The names, kinds, relations and rooms that a training question asks about, drawn from a scene or invented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from finetune.language.synthetic import NOTES
from finetune.language.trace_writer import Writer
from scenes.questions.lexicon import NOUNS, OWNERS, ROOMS, invented_word, object_name
from scenes.types import SceneObject
from scenes.vocabulary import COLOR_WORDS, RelationWord
from tools.toolbox.phrases import with_article


def random_named_object(w: Writer) -> SceneObject:
    """Some object with a name. Raises ValueError where no object of the scene has one."""
    named = [o for o in w.scene.graph.objects.values() if o.label]
    if not named:
        raise ValueError("expected a scene with a named object, got one without")
    return w.rng.choice(named)


def name_for(w: Writer, absent: float = 0.14, claimed: float = 0.08, colored: float = 0.45) -> str:
    """A name as it goes into an argument: of a thing in the scene, or of one that was never there.

    ``absent`` is the share of names of things that are not in the scene, ``claimed`` that of things without an owner
    that are called "my", ``colored`` that of names with their colour.
    """
    rng = w.rng
    if rng.random() < absent:
        name = object_name(rng, invented=0.35)
        return f"my {name}" if rng.random() < 0.15 else name
    obj = random_named_object(w)
    name = obj.label
    if name.startswith("my ") and rng.random() < 0.2:
        name = name[3:]
    elif obj.label_source != "user" and rng.random() < claimed:
        name = f"my {name}"
    elif obj.color and obj.label_source != "user" and rng.random() < colored:
        name = f"{obj.color} {name}"
    elif colored and rng.random() < 0.05 and obj.label_source != "user":
        name = f"{rng.choice(COLOR_WORDS)} {name}"
    return name


def has_owner(name: str) -> bool:
    """Whether a name says whose thing it is, and so takes no article: ``my bag``, ``anna's hat``."""
    return name.startswith("my ") or "'s " in name


def definite(w: Writer, name: str) -> str:
    """A name as it is said: ``the red mug``, ``my bag``, ``anna's hat``, or bare in a hurry."""
    article = "" if has_owner(name) or w.rng.random() < 0.08 else w.rng.choice(("the ",) * 6 + ("that ", "this "))
    return article + name


def slots_for(w: Writer, name: str) -> dict[str, str]:
    """All ways a question may say a name."""
    bare = name.removeprefix("my ")
    return {"the": definite(w, name), "a": with_article(name) if not name.startswith("my ") else name, "bare": bare}


def category_for(w: Writer, absent: float = 0.15) -> str:
    """A kind of thing without owner, perhaps with a colour."""
    name = name_for(w, absent=absent, claimed=0.0)
    name = name.removeprefix("my ")
    return name.split("'s ", 1)[-1]


ASKED_RELATIONS: Final[tuple[RelationWord, ...]] = ("on", "in", "under", "next to")
"""The relations that questions ask about; random scenes hold few of the others."""
_SPOKEN: Final[Mapping[RelationWord, tuple[str, ...]]] = {
    "on": ("on", "on", "on top of"),
    "in": ("in", "in", "inside"),
    "under": ("under", "under", "underneath", "below"),
    "next to": ("next to", "next to", "beside", "near", "by"),
}
"""How a question says a relation; a repeated entry is drawn more often."""


def relation_for(w: Writer, absent: float = 0.06) -> tuple[str, str, str, str]:
    """(relation, as spoken, reference argument, reference as spoken), mostly one that holds."""
    rng, graph = w.rng, w.scene.graph
    true = [r for r in graph.relations if r.predicate in ASKED_RELATIONS and graph.objects[r.object].label]
    if true and rng.random() < 0.85:
        relation = rng.choice(true)
        predicate, name = relation.predicate, graph.objects[relation.object].label
    else:
        predicate, name = rng.choice(ASKED_RELATIONS), name_for(w, absent=0.4)
    if rng.random() < absent:
        name = object_name(rng)
    spoken = rng.choice(_SPOKEN[predicate])
    argument = "below" if spoken == "below" else predicate
    return argument, spoken, name, definite(w, name)


def room_for(w: Writer) -> str:
    rooms = [r.label for r in w.scene.graph.rooms.values() if r.label]
    return w.rng.choice(rooms) if rooms and w.rng.random() < 0.9 else w.rng.choice(ROOMS)


def taught_name_for(w: Writer) -> str:
    rng = w.rng
    name = object_name(rng, invented=0.4) if rng.random() < 0.6 else rng.choice(NOUNS)
    owner = rng.choices(("my ", f"{rng.choice(OWNERS)}'s ", ""), (6, 2, 3))[0]
    return owner + name


def note_for(w: Writer) -> str:
    if w.rng.random() < 0.6:
        return w.rng.choice(NOTES)
    return f"{w.rng.choice(('belongs to', 'goes with', 'needs a new', 'was in', 'has a'))} {invented_word(w.rng)}"
