"""Families about several things: existence, counts, lists, superlatives, pairs; and the wearer's own place.

A function returns no draft where the moment does not allow its question. Several drafts are turns of one dialog.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scenes.questions.asker import Asker, Draft, Drafts, bool_value, count_value, many, metres, one, step
from scenes.questions.gold import Kind, edges_m, gap_m, members, related, room_at
from scenes.questions.lexicon import NOUNS
from scenes.questions.one_thing import place
from scenes.records import ToolStep, TypedValue
from scenes.types import SceneObject

SPOKEN = {
    "on": ("on", "on top of"),
    "in": ("in", "inside"),
    "next to": ("next to", "beside"),
    "under": ("under", "underneath", "beneath"),
}
RANKS = ("nearest", "farthest", "largest", "smallest", "highest", "lowest", "tallest")
CLEARLY_AHEAD = 0.03
"""Relative lead of the first over the second, or the question has no one answer."""
CLEAR_FIT_M = 0.02


def exist(a: Asker) -> Drafts:
    """Existence of a kind: known, or never seen."""
    kind = Kind(name=a.rng.choice(NOUNS)) if a.rng.random() < 0.4 else a.kind()
    if not kind:
        return ()
    found = members(a.graph, kind)
    if not found and members(a.memory, kind):
        return ()  # it has left: see scenes.questions.changes_asked
    text = a.say("exist", a=one(kind.text), many=many(kind.text), bare=kind.text)
    said = many(kind.text) if many(kind.text) in text else kind.text
    return (
        Draft(
            family="exist",
            text=text,
            status="answered" if found else "abstained",
            reason=None if found else "never_seen",
            value=bool_value(True) if found else None,
            objects=_ids(found),
            trace=step("find_objects", query=said),
        ),
    )


def related_kind(family: str, plain: float, likely: float) -> Callable[[Asker], Drafts]:
    """Two constraints at once: is there, or how many are there, of a kind in relation to a thing.

    ``plain`` is the share of coloured kinds, ``likely`` how often the kind is one that really stands there. A "no" is
    about a kind that is known elsewhere.
    """

    def ask(a: Asker) -> Drafts:
        placed = _reference(a)
        if not placed or not (kind := a.kind(plain)):
            return ()
        predicate, reference, ref_kind = placed
        inside = related(a.graph, predicate, reference.id)
        if inside and a.rng.random() < likely:
            kind = Kind(name=a.rng.choice(inside).label)
        hits = [o for o in members(a.graph, kind) if o in inside and o.id != reference.id]
        spoken = a.rng.choice(SPOKEN[predicate])
        text = a.say(family, a=one(kind.text), many=many(kind.text), rel=spoken, ref=a.the(ref_kind))
        said = many(kind.text) if many(kind.text) in text else kind.text
        trace = step("find_objects", query=said, relation=predicate, reference=ref_kind.text)
        value = bool_value(bool(hits)) if family == "exist_relation" else count_value(len(hits))
        return (Draft(family=family, text=text, value=value, objects=_ids(hits), trace=trace),)

    return ask


def count(a: Asker) -> Drafts:
    """How many of a kind."""
    if not (kind := a.kind()):
        return ()
    found, said = members(a.graph, kind), many(kind.text)
    return (_counted("count", a.say("count", many=said), found, step("find_objects", query=said)),)


def count_room(a: Asker) -> Drafts:
    """How many of a kind in a room."""
    if not a.graph.rooms or not (kind := a.kind(0.2)):
        return ()
    room = a.rng.choice(list(a.graph.rooms.values()))
    hits = [o for o in members(a.graph, kind) if o.room == room.id]
    if not hits and any(o.room == room.id for o in members(a.memory, kind)):
        return ()  # they have left
    text = a.say("count_room", many=many(kind.text), room=f"the {room.label}")
    return (_counted("count_room", text, hits, step("find_objects", query=many(kind.text), room=room.label)),)


def things(family: str) -> Callable[[Asker], Drafts]:
    """What, or how many things, are on, in, under or next to a thing."""

    def ask(a: Asker) -> Drafts:
        if not (placed := _reference(a)):
            return ()
        predicate, reference, kind = placed
        hits = related(a.graph, predicate, reference.id)
        text = a.say(family, rel=a.rng.choice(SPOKEN[predicate]), ref=a.the(kind))
        trace = step("find_objects", query="objects", relation=predicate, reference=kind.text)
        return (
            _listed(family, text, hits, trace) if family == "list_relation" else _counted(family, text, hits, trace),
        )

    return ask


def list_room(a: Asker) -> Drafts:
    """What is in a room."""
    if not a.graph.rooms:
        return ()
    room = a.rng.choice(list(a.graph.rooms.values()))
    hits = [o for o in a.graph.objects.values() if o.room == room.id]
    text = a.say("list_room", room=f"the {room.label}")
    return (_listed("list_room", text, hits, step("find_objects", query="objects", room=room.label)),)


def superlative(a: Asker) -> Drafts:
    """Nearest, largest, highest and their opposites, where the first is clearly ahead of the second."""
    if not (kind := a.kind(0.2)):
        return ()
    rank = a.rng.choice(RANKS)
    eye = tuple(a.pose[:3, 3].tolist())
    scores: dict[str, Callable[[SceneObject], float]] = {
        "nearest": lambda o: math.dist(o.box.center, eye),
        "farthest": lambda o: -math.dist(o.box.center, eye),
        "largest": lambda o: -math.prod(o.box.size),
        "smallest": lambda o: math.prod(o.box.size),
        "highest": lambda o: -o.box.center[1],
        "lowest": lambda o: o.box.center[1],
        "tallest": lambda o: -o.box.size[1],
    }
    ordered = sorted(members(a.graph, kind), key=scores[rank])
    if len(ordered) < 2:
        return ()
    first, second = (scores[rank](o) for o in ordered[:2])
    if abs(first - second) < CLEARLY_AHEAD * max(abs(first), abs(second)):
        return ()
    gold = place(a, ordered[0])
    return (
        Draft(
            family="superlative",
            text=a.say("superlative", rank=rank, bare=kind.text),
            value=gold.value,
            direction=gold.direction,
            objects=(ordered[0].id,),
            trace=step("find_objects", query=f"{rank} {kind.text}"),
        ),
    )


def distance_two(a: Asker) -> Drafts:
    """Between the nearest points of two things."""
    if not (pair := _pair(a)):
        return ()
    return (_paired(a, "distance_two", "distance", pair, metres(gap_m(pair[0][0].box, pair[1][0].box))),)


def fits(family: str) -> Callable[[Asker], Drafts]:
    """Whether one thing fits on or in another, by its box; clear cases only."""

    def ask(a: Asker) -> Drafts:
        if not (pair := _pair(a)):
            return ()
        small, large = edges_m(pair[0][0].box), edges_m(pair[1][0].box)
        if family == "fit_on":
            small, large = small[:2], large[:2]
        spare = [p - q for p, q in zip(sorted(large), sorted(small), strict=True)]
        if min(map(abs, spare)) < CLEAR_FIT_M:
            return ()
        return (_paired(a, family, family, pair, bool_value(min(spare) > 0)),)

    return ask


def where_am_i(a: Asker) -> Drafts:
    """The wearer's room."""
    eye = a.pose[:3, 3].tolist()
    room = room_at(a.graph, eye[0], eye[2])
    if not room:
        return ()
    value = TypedValue(kind="room", value=a.graph.rooms[room].label)
    return (Draft(family="where_am_i", text=a.say("where_am_i"), value=value, trace=step("where_am_i")),)


Named = tuple[SceneObject, Kind]


def _pair(a: Asker) -> tuple[Named, Named] | None:
    """Two different things with unmistakable names."""
    x, y = a.named(), a.named()
    return None if not x or not y or x[0].id == y[0].id else (x, y)


def _paired(a: Asker, family: str, measured: str, pair: tuple[Named, Named], value: TypedValue) -> Draft:
    (x, x_kind), (y, y_kind) = pair
    text = a.say(family, the=a.the(x_kind), the2=a.the(y_kind))
    trace = step("measure", kind=measured, a=x_kind.text, b=y_kind.text)
    return Draft(family=family, text=text, value=value, objects=(x.id, y.id), trace=trace)


def _reference(a: Asker) -> tuple[str, SceneObject, Kind] | None:
    """A predicate and an unmistakable thing, mostly one to which something stands in that relation."""
    for _ in range(12):
        if not (found := a.named()):
            return None
        obj, kind = found
        predicates = [p for p in SPOKEN if related(a.graph, p, obj.id)]
        if predicates or a.rng.random() < 0.08:
            return a.rng.choice(predicates or ["on"]), obj, kind
    return None


def _counted(family: str, text: str, hits: Sequence[SceneObject], trace: tuple[ToolStep, ...]) -> Draft:
    return Draft(family=family, text=text, value=count_value(len(hits)), objects=_ids(hits), trace=trace)


def _listed(family: str, text: str, hits: Sequence[SceneObject], trace: tuple[ToolStep, ...]) -> Draft:
    return Draft(family=family, text=text, value=listing(hits), objects=_ids(hits), trace=trace)


def listing(objects: Sequence[SceneObject]) -> TypedValue:
    """The names of things, in the order of the alphabet."""
    return TypedValue(kind="text", value=", ".join(sorted(o.label for o in objects)))


def _ids(objects: Sequence[SceneObject]) -> tuple[str, ...]:
    return tuple(o.id for o in objects)
