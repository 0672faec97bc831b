"""Families about the gaze, memory and abstention: what is this, this is my bag, a thing that was never there."""

from __future__ import annotations

from collections.abc import Callable

from scenes.questions.about_one_object import OBJECT_QUESTIONS, draft_about, gold_place
from scenes.questions.asker import Asker, Draft, Drafts, step
from scenes.questions.gold import Kind, members
from scenes.questions.lexicon import NOUNS, invented_word
from scenes.records import TypedValue
from scenes.types import SceneObject
from scenes.vocabulary import GAZE

NOTES = (
    "needs washing",
    "is broken",
    "is for the guests",
    "was a gift",
    "leaks",
    "must go back",
    "needs new batteries",
)
ABSENT = ("where_is", "color", "distance", "height", "describe", "last_seen", "room_of", "route")
"""Families whose wording is used to ask for a thing that is not known."""


def gazed(family: str) -> Callable[[Asker], Drafts]:
    """Questions about what the wearer looks at."""

    def ask(a: Asker) -> Drafts:
        if not (seen := _looked_at(a)):
            return ()
        obj, uv = seen
        return draft_about(a, family, OBJECT_QUESTIONS[family], obj, GAZE, uv)

    return ask


def teach(a: Asker) -> Drafts:
    """A name is taught by looking, used, and sometimes forgotten again."""
    if not (seen := _looked_at(a, evenly=True)):
        return ()
    obj, uv = seen
    name = "my " + (obj.label if a.rng.random() < 0.5 else invented_word(a.rng))
    ids, label = (obj.id,), TypedValue(kind="label", value=name)
    first = Draft(
        family="teach",
        text=a.say("teach", name=name),
        value=label,
        objects=ids,
        trace=step("remember", name=name, target=GAZE),
        gaze_px=uv,
    )
    there = gold_place(a, obj)
    second = Draft(
        family="taught_where",
        text=a.say("where_is", the=name),
        value=there.value,
        direction=there.direction,
        objects=ids,
        trace=step("where_is", object=name),
    )
    if a.rng.random() < 0.5:
        return (first, second)
    done = TypedValue(kind="bool", value=True)
    return (
        first,
        second,
        Draft(family="forget", text=a.say("forget", the=name), value=done, trace=step("forget", target=name)),
    )


def note(a: Asker) -> Drafts:
    """A note is left on a thing and read back."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    words = a.rng.choice(NOTES)
    value, the = TypedValue(kind="text", value=words), a.the(kind)
    return (
        Draft(
            family="annotate",
            text=a.say("annotate", the=the, note=words),
            value=value,
            objects=(obj.id,),
            trace=step("annotate", target=kind.text, text=words),
        ),
        Draft(
            family="recall",
            text=a.say("recall", the=the),
            value=value,
            objects=(obj.id,),
            trace=step("recall", query=kind.text),
        ),
    )


def never_present(a: Asker) -> Drafts:
    """A thing that this world does not have and never had."""
    now = a.visit.world_at(a.frame).scene_graph() if a.visit.timeline else a.visit.truth
    for _ in range(20):
        kind = Kind(name=a.rng.choice(NOUNS))
        if not members(now, kind) and not members(a.remembered, kind):
            return (_unknown(a, "never_present", kind),)
    return ()


def not_yet_seen(a: Asker) -> Drafts:
    """A thing that this world has, but no frame so far has shown."""
    world = a.visit.world_at(a.frame)
    names = [
        o.category
        for o in world.objects.values()
        if o.id not in a.remembered.objects and not members(a.remembered, Kind(name=o.category))
    ]
    return (_unknown(a, "not_yet_seen", Kind(name=a.rng.choice(names))),) if names else ()


def ambiguous(a: Asker) -> Drafts:
    """A name that fits two or three things; sometimes the wearer then says which."""
    for _ in range(12):
        kind = a.kind(0.0)
        if kind is None:
            return ()
        found = members(a.graph, kind)
        if 2 <= len(found) <= 3:
            break
    else:
        return ()
    first = Draft(
        family="ambiguous",
        text=a.say("where_is", the=f"the {kind.text}"),
        status="clarify",
        reason="ambiguous",
        objects=tuple(o.id for o in found),
        trace=step("where_is", object=kind.text),
    )
    chosen = a.rng.choice(found)
    exact = Kind(name=kind.name, color=chosen.color)
    if not chosen.color or not a.may_say(exact) or len(members(a.graph, exact)) != 1:
        return (first,)
    there = gold_place(a, chosen)
    return (
        first,
        Draft(
            family="choose",
            text=a.say("choose", choice=f"the {exact.text}"),
            value=there.value,
            direction=there.direction,
            objects=(chosen.id,),
            trace=step("where_is", object=exact.text),
        ),
    )


def talk(family: str) -> Callable[[Asker], Drafts]:
    """Small talk, and what no glasses can do."""

    def ask(a: Asker) -> Drafts:
        text = a.say(family)
        if family == "unsupported":
            return (Draft(family=family, text=text, status="abstained", reason="unsupported"),)
        return (Draft(family=family, text=text, status="clarify"),)

    return ask


def _unknown(a: Asker, family: str, kind: Kind) -> Draft:
    words = a.rng.choice(ABSENT)
    text = a.say(words, the=f"the {kind.text}")
    trace = OBJECT_QUESTIONS[words].trace(kind.text)
    return Draft(family=family, text=text, status="abstained", reason="never_seen", trace=trace)


def _looked_at(a: Asker, *, evenly: bool = False) -> tuple[SceneObject, tuple[float, float]] | None:
    """An object that shows well in the asked frame, and a pixel on it.

    ``evenly``: as often one at the left or the right as one straight ahead, where most things are.
    """
    shown = [i for i in a.visit.pixels[a.frame] if i in a.graph.objects and a.graph.objects[i].label != "window"]
    a.rng.shuffle(shown)
    if evenly and (first := a.balanced(shown, lambda i: round(a.direction(a.graph.objects[i]).azimuth_deg / 45))):
        shown = [first]
    rng = a.numpy_rng()
    for object_id in shown:
        uv = a.visit.gaze_at(object_id, a.frame, rng)
        if uv is not None:
            return a.graph.objects[object_id], uv
    return None
