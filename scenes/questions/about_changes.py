"""Families about change: what has moved, whether one thing has, and a thing that has moved away.

All of them compare what this visit has shown so far with what was known before it; nothing is asked while a place has
been seen too little of to tell.
"""

from __future__ import annotations

from collections.abc import Callable

from scenes.questions.about_several_objects import listing
from scenes.questions.asker import Asker, Draft, Drafts, bool_value, plural_noun, step, with_article
from scenes.questions.gold import Kind, members
from scenes.questions.wearer_knowledge import KnownThing
from scenes.types import CHANGES, SceneObject

ASKED: dict[str, tuple[str, ...]] = {
    "changed": CHANGES,
    "moved": ("moved", "vanished"),
    "missing": ("vanished",),
    "appeared": ("appeared",),
}
"""Kinds of change that a family asks for."""
LEFT = ("where_is", "distance", "exist")
"""Families whose wording is used to ask for a thing that has moved away."""


def changes(family: str) -> Callable[[Asker], Drafts]:
    """What has changed, or only what has moved, is missing or is new: a row of ``ASKED``.

    Nothing is asked while there is a thing of which nobody could tell whether it has changed.
    """

    def ask(a: Asker) -> Drafts:
        things = a.visit.knowledge(a.frame).things
        if a.visit.before is None or any(p.change_doubt for p in things.values()):
            return ()
        found = [o for i, o in a.remembered.objects.items() if things[i].change in ASKED[family]]
        # Early in a visit little has been seen: "nothing" would be the answer most of the time.
        if not found and a.rng.random() < 0.7:
            return ()
        trace = step("find_objects", query="objects", when="moved")
        ids = tuple(o.id for o in found)
        return (Draft(family=family, text=a.say(family), value=listing(found), objects=ids, trace=trace),)

    return ask


def moved_since(a: Asker) -> Drafts:
    """Whether one thing that was known before this visit has moved since."""
    if a.visit.before is None:
        return ()
    things = a.visit.knowledge(a.frame).things
    known = [(o, since) for i, o in a.remembered.objects.items() if (since := _since(things[i])) is not None]
    named = [(o, since, kind) for o, since in known if (kind := _only_name(a, o))]
    if not (asked := a.yes_or_no(named, lambda n: n[1])):
        return ()
    obj, since, kind = asked
    text = a.say("moved_since", the=a.the(kind))
    trace = step("find_objects", query=kind.text, when="moved")
    ids = (obj.id,) if since else ()
    return (Draft(family="moved_since", text=text, value=bool_value(since), objects=ids, trace=trace),)


def moved_away(a: Asker) -> Drafts:
    """A thing whose place has been seen empty, and that has not been seen elsewhere."""
    left = [o for o in a.remembered.objects.values() if not o.present]
    named = [(o, kind) for o in left if (kind := _only_name(a, o))]
    if not named:
        return ()
    (obj, kind), words = a.rng.choice(named), a.rng.choice(LEFT)
    text = a.say(words, the=a.the(kind), a=with_article(kind.text), many=plural_noun(kind.text), bare=kind.text)
    trace = {
        "where_is": step("where_is", object=kind.text),
        "distance": step("measure", kind="distance", a=kind.text),
        "exist": step("find_objects", query=plural_noun(kind.text) if plural_noun(kind.text) in text else kind.text),
    }[words]
    return (Draft(family="moved_away", text=text, status="abstained", reason="moved", objects=(obj.id,), trace=trace),)


def _only_name(a: Asker, obj: SceneObject) -> Kind | None:
    """A name that fits no other thing that is remembered, wherever it is."""
    kinds = [Kind(name=obj.label), *([Kind(name=obj.label, color=obj.color)] if obj.color else [])]
    return next((k for k in kinds if len(members(a.remembered, k)) == 1 and a.may_say(k)), None)


def _since(p: KnownThing) -> bool | None:
    """Whether a thing has moved since this visit began; None where it was not known then or it cannot be told."""
    if p.earlier is None or p.change_doubt or not (p.seen_now or p.gone):
        return None
    return p.change in ASKED["moved"]
