"""Families about one thing that the wearer names: where it is, how far, how big, what colour, since when unseen.

Each is one row of ``OBJECT_QUESTIONS``: the tool that answers it, and the gold answer. Follow-ups about "it" use
the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from scenes.questions.asker import Asker, Draft, Drafts, metres
from scenes.questions.gold import Kind, edges_m
from scenes.records import Direction, ToolStep, TypedValue
from scenes.types import SceneObject

PASSED_BY_M = 1.5
"""A thing this near to the walked way can be reached by it."""
SAMPLED = 16
"""How many things are looked at before one is asked about where answers are to be evenly spread."""
FOLLOWED_UP = 0.4
"""Share of questions for a place that go on with a question about "it"."""
FOLLOW_UP_ROWS = {"it_distance": "distance", "it_size": "size", "it_color": "color", "it_where": "where_is"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """What is true of a thing."""

    value: TypedValue | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectQuestion:
    """How one kind of question about a thing is answered."""

    tool: str
    argument: str
    """The tool's parameter that takes the thing."""
    fixed: Mapping[str, str]
    """Its other arguments."""
    gold: Callable[[Asker, SceneObject], Gold | None]
    """None where the question cannot be asked of this thing."""

    def trace(self, name: str) -> tuple[ToolStep, ...]:
        """The one call that answers it."""
        return (ToolStep(name=self.tool, arguments={**self.fixed, self.argument: name}),)


def gold_place(a: Asker, obj: SceneObject) -> Gold:
    """Azimuth, and the whole direction."""
    where = a.direction(obj)
    value = TypedValue(kind="direction", value=round(where.azimuth_deg, 2), unit="deg")
    return Gold(value=value, direction=where)


def distance(a: Asker, obj: SceneObject) -> Gold:
    """From the eye to the thing's centre."""
    return Gold(value=metres(math.dist(obj.box.center, a.pose[:3, 3].tolist())))


def size(a: Asker, obj: SceneObject) -> Gold:
    """Longer and shorter horizontal edge, and height."""
    wide, deep, tall = edges_m(obj.box)
    return Gold(value=TypedValue(kind="text", value=f"{wide:.3f} x {deep:.3f} x {tall:.3f}", unit="m"))


def color(a: Asker, obj: SceneObject) -> Gold | None:
    """Its colour term, of a thing that has one."""
    return Gold(value=TypedValue(kind="color", value=obj.color)) if obj.color else None


def label(a: Asker, obj: SceneObject) -> Gold:
    """What it is."""
    return Gold(value=TypedValue(kind="label", value=obj.label))


def _age(a: Asker, obj: SceneObject) -> Gold:
    return Gold(value=TypedValue(kind="duration_s", value=round(a.time_s - obj.last_seen_s, 1), unit="s"))


def _room(a: Asker, obj: SceneObject) -> Gold | None:
    if obj.room not in a.graph.rooms:
        return None
    return Gold(value=TypedValue(kind="room", value=a.graph.rooms[obj.room].label))


def _way(a: Asker, obj: SceneObject) -> Gold | None:
    """The thing itself, where the wearer has walked by it."""
    x, _, z = obj.box.center
    walked = a.visit.walk.world_from_camera[: a.frame + 1, :3, 3]
    near = float(torch.hypot(walked[:, 0] - x, walked[:, 2] - z).min()) <= PASSED_BY_M
    return Gold() if near else None


def _looks(a: Asker, obj: SceneObject) -> Gold:
    return color(a, obj) or Gold()


def _edge(index: int) -> Callable[[Asker, SceneObject], Gold]:
    return lambda a, obj: Gold(value=metres(edges_m(obj.box)[index]))


def _row(
    tool: str, gold: Callable[[Asker, SceneObject], Gold | None], argument: str = "object", **fixed: str
) -> ObjectQuestion:
    return ObjectQuestion(tool=tool, argument=argument, fixed=fixed, gold=gold)


OBJECT_QUESTIONS: dict[str, ObjectQuestion] = {
    "where_is": _row("where_is", gold_place),
    "direction": _row("where_is", gold_place),
    "last_seen": _row("describe", _age),
    "room_of": _row("describe", _room),
    "color": _row("describe", color),
    "describe": _row("describe", _looks),
    "distance": _row("measure", distance, "a", kind="distance"),
    "size": _row("measure", size, "a", kind="size"),
    "height": _row("measure", _edge(2), "a", kind="height"),
    "width": _row("measure", _edge(0), "a", kind="width"),
    "length": _row("measure", _edge(0), "a", kind="length"),
    "route": _row("route_to", _way, "target"),
    "gaze_what": _row("describe", label),
    "gaze_color": _row("describe", color),
    "gaze_distance": _row("measure", distance, "a", kind="distance"),
    "gaze_size": _row("measure", size, "a", kind="size"),
}


def ask_about(family: str, evenly: Callable[[SceneObject], object] | None = None) -> Callable[[Asker], Drafts]:
    """A question of one row about a thing with an unmistakable name.

    ``evenly`` gives the answer where some answers are much more common than others: they are asked for equally often.
    """

    def ask(a: Asker) -> Drafts:
        tries = [found for _ in range(SAMPLED if evenly else 1) if (found := a.named())]
        found = a.balanced(tries, lambda n: evenly(n[0]) if evenly else 0)
        if not found:
            return ()
        obj, kind = found
        # The colour in the question would be the answer.
        if family == "color" and kind.color:
            return ()
        first = draft_about(a, family, OBJECT_QUESTIONS[family], obj, kind.text, the=a.the(kind))
        if first and family == "where_is" and a.rng.random() < FOLLOWED_UP:
            return (*first, *_about_it(a, obj, kind))
        return first

    return ask


def room_of(a: Asker) -> Drafts:
    """In which room a thing is."""
    tries = [found for _ in range(SAMPLED) if (found := a.named()) and found[0].room == a.room_in_turn]
    if not tries:
        return ()
    obj, kind = tries[0]
    return draft_about(a, "room_of", OBJECT_QUESTIONS["room_of"], obj, kind.text, the=a.the(kind))


def draft_about(
    a: Asker,
    family: str,
    row: ObjectQuestion,
    obj: SceneObject,
    name: str,
    gaze_px: tuple[float, float] | None = None,
    **slots: str,
) -> Drafts:
    """A question about a thing that is called ``name`` in the tool call, or none where it cannot be asked."""
    gold = row.gold(a, obj)
    if gold is None:
        return ()
    return (
        Draft(
            family=family,
            text=a.say(family, **slots),
            value=gold.value,
            direction=gold.direction,
            objects=(obj.id,),
            trace=row.trace(name),
            gaze_px=gaze_px,
        ),
    )


def _about_it(a: Asker, obj: SceneObject, kind: Kind) -> Drafts:
    """A second turn about the same thing."""
    choice = a.rng.choice(tuple(FOLLOW_UP_ROWS))
    return draft_about(a, choice, OBJECT_QUESTIONS[FOLLOW_UP_ROWS[choice]], obj, kind.text)
