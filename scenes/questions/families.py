"""Question families over a known graph: one function each, from an asker to drafts with gold answers.

A function returns no draft where the moment does not allow its question. Several drafts are turns of one dialog.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from scenes.questions.asker import Asker, Draft, bool_value, count_value, many, metres, one, step
from scenes.questions.gold import Kind, edges_m, gap_m, members, related, room_at
from scenes.questions.lexicon import NOUNS
from scenes.records import ToolStep, TypedValue
from scenes.types import SceneObject

Drafts = Sequence[Draft]
PASSED_BY_M = 1.5
"""A thing this near to the walked way can be reached by it."""
SPOKEN = {"on": ("on", "on top of"), "in": ("in", "inside"), "next to": ("next to", "beside")}


def where_is(a: Asker) -> Drafts:
    """Place and direction, sometimes followed by a question about "it"."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    first = _place(a, "where_is", a.say("where_is", the=a.the(kind)), obj, kind)
    return (first, *_about_it(a, obj, kind)) if a.rng.random() < 0.4 else (first,)


def direction(a: Asker) -> Drafts:
    """Left, right, ahead or behind."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    return (_place(a, "direction", a.say("direction", the=a.the(kind)), obj, kind),)


def last_seen(a: Asker) -> Drafts:
    """How long ago."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    age = TypedValue(kind="duration_s", value=round(a.time_s - obj.last_seen_s, 1), unit="s")
    text = a.say("last_seen", the=a.the(kind))
    trace = step("describe", object=kind.text)
    return (Draft(family="last_seen", text=text, value=age, objects=(obj.id,), trace=trace),)


def room_of(a: Asker) -> Drafts:
    """Room membership."""
    found = a.named()
    if not found or found[0].room not in a.graph.rooms:
        return ()
    obj, kind = found
    value = TypedValue(kind="room", value=a.graph.rooms[obj.room].label)
    text = a.say("room_of", the=a.the(kind))
    return (
        Draft(family="room_of", text=text, value=value, objects=(obj.id,), trace=step("describe", object=kind.text)),
    )


def exist(a: Asker) -> Drafts:
    """Existence of a kind: known, or never seen."""
    kind = Kind(name=a.rng.choice(NOUNS)) if a.rng.random() < 0.4 else a.kind()
    if not kind:
        return ()
    found = members(a.graph, kind)
    text = a.say("exist", a=one(kind.text), many=many(kind.text), bare=kind.text)
    said = many(kind.text) if many(kind.text) in text else kind.text
    return (
        Draft(
            family="exist",
            text=text,
            status="answered" if found else "abstained",
            reason=None if found else "never_seen",
            value=bool_value(True) if found else None,
            objects=tuple(o.id for o in found),
            trace=step("find_objects", query=said),
        ),
    )


def exist_relation(a: Asker) -> Drafts:
    """Existence under two constraints at once; a no is about a kind that is known elsewhere."""
    placed = _reference(a)
    if not placed or not (kind := a.kind(0.5)):
        return ()
    predicate, reference, ref_kind = placed
    inside = related(a.graph, predicate, reference.id)
    if inside and a.rng.random() < 0.6:
        kind = Kind(name=a.rng.choice(inside).label)
    hits = [o for o in members(a.graph, kind) if o in inside and o.id != reference.id]
    text, trace = _related_question(a, "exist_relation", kind, predicate, ref_kind)
    ids = tuple(o.id for o in hits)
    return (Draft(family="exist_relation", text=text, value=bool_value(bool(hits)), objects=ids, trace=trace),)


def count(a: Asker) -> Drafts:
    """How many of a kind."""
    if not (kind := a.kind()):
        return ()
    found = members(a.graph, kind)
    said = many(kind.text)
    return (
        Draft(
            family="count",
            text=a.say("count", many=said),
            value=count_value(len(found)),
            objects=tuple(o.id for o in found),
            trace=step("find_objects", query=said),
        ),
    )


def count_relation(a: Asker) -> Drafts:
    """How many of a kind in relation to a thing."""
    placed = _reference(a)
    if not placed or not (kind := a.kind(0.3)):
        return ()
    predicate, reference, ref_kind = placed
    inside = related(a.graph, predicate, reference.id)
    if inside and a.rng.random() < 0.75:
        kind = Kind(name=a.rng.choice(inside).label)
    hits = [o for o in members(a.graph, kind) if o in inside and o.id != reference.id]
    text, trace = _related_question(a, "count_relation", kind, predicate, ref_kind)
    ids = tuple(o.id for o in hits)
    return (Draft(family="count_relation", text=text, value=count_value(len(hits)), objects=ids, trace=trace),)


def count_room(a: Asker) -> Drafts:
    """How many of a kind in a room."""
    if not a.graph.rooms or not (kind := a.kind(0.2)):
        return ()
    room = a.rng.choice(list(a.graph.rooms.values()))
    hits = [o for o in members(a.graph, kind) if o.room == room.id]
    trace = step("find_objects", query=many(kind.text), room=room.label)
    text = a.say("count_room", many=many(kind.text), room=f"the {room.label}")
    ids = tuple(o.id for o in hits)
    return (Draft(family="count_room", text=text, value=count_value(len(hits)), objects=ids, trace=trace),)


def things(family: str) -> Callable[[Asker], Drafts]:
    """What, or how many things, are on, in or next to a thing."""

    def ask(a: Asker) -> Drafts:
        if not (placed := _reference(a)):
            return ()
        predicate, reference, kind = placed
        hits = related(a.graph, predicate, reference.id)
        spoken = a.rng.choice(SPOKEN[predicate])
        trace = step("find_objects", query="objects", relation=predicate, reference=kind.text)
        value = _listing(hits) if family == "list_relation" else count_value(len(hits))
        text = a.say(family, rel=spoken, ref=a.the(kind))
        return (Draft(family=family, text=text, value=value, objects=tuple(o.id for o in hits), trace=trace),)

    return ask


def list_room(a: Asker) -> Drafts:
    """What is in a room."""
    if not a.graph.rooms:
        return ()
    room = a.rng.choice(list(a.graph.rooms.values()))
    hits = [o for o in a.graph.objects.values() if o.room == room.id]
    trace = step("find_objects", query="objects", room=room.label)
    text = a.say("list_room", room=f"the {room.label}")
    return (Draft(family="list_room", text=text, value=_listing(hits), objects=tuple(o.id for o in hits), trace=trace),)


def superlative(a: Asker) -> Drafts:
    """Nearest, largest, highest and their opposites, where the first is clearly ahead of the second."""
    if not (kind := a.kind(0.2)):
        return ()
    found = members(a.graph, kind)
    rank = a.rng.choice(("nearest", "farthest", "largest", "smallest", "highest", "lowest", "tallest"))
    eye = tuple(a.pose[:3, 3].tolist())
    scores = {
        "nearest": lambda o: math.dist(o.box.center, eye),
        "farthest": lambda o: -math.dist(o.box.center, eye),
        "largest": lambda o: -math.prod(o.box.size),
        "smallest": lambda o: math.prod(o.box.size),
        "highest": lambda o: -o.box.center[1],
        "lowest": lambda o: o.box.center[1],
        "tallest": lambda o: -o.box.size[1],
    }
    ordered = sorted(found, key=scores[rank])
    if len(ordered) < 2:
        return ()
    first, second = (scores[rank](o) for o in ordered[:2])
    if abs(first - second) < 0.03 * max(abs(first), abs(second)):
        return ()
    text = a.say("superlative", rank=rank, bare=kind.text)
    return (_place(a, "superlative", text, ordered[0], kind, step("find_objects", query=f"{rank} {kind.text}")),)


def color(a: Asker) -> Drafts:
    """Colour of a thing that has one."""
    found = a.named()
    if not found or not found[0].color or found[1].color:
        return ()
    obj, kind = found
    value = TypedValue(kind="color", value=obj.color)
    text = a.say("color", the=a.the(kind))
    return (Draft(family="color", text=text, value=value, objects=(obj.id,), trace=step("describe", object=kind.text)),)


def describe(a: Asker) -> Drafts:
    """What a thing looks like."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    value = TypedValue(kind="color", value=obj.color) if obj.color else None
    text = a.say("describe", the=a.the(kind))
    trace = step("describe", object=kind.text)
    return (Draft(family="describe", text=text, value=value, objects=(obj.id,), trace=trace),)


def distance(a: Asker) -> Drafts:
    """From the wearer to a thing's centre."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    return (_distance(a, "distance", a.say("distance", the=a.the(kind)), obj, kind.text),)


def distance_two(a: Asker) -> Drafts:
    """Between the nearest points of two things."""
    x, y = a.named(), a.named()
    if not x or not y or x[0].id == y[0].id:
        return ()
    text = a.say("distance_two", the=a.the(x[1]), the2=a.the(y[1]))
    return (
        Draft(
            family="distance_two",
            text=text,
            value=metres(gap_m(x[0].box, y[0].box)),
            objects=(x[0].id, y[0].id),
            trace=step("measure", kind="distance", a=x[1].text, b=y[1].text),
        ),
    )


def sized(kind_of_size: str) -> Callable[[Asker], Drafts]:
    """Size, height, width or length."""

    def ask(a: Asker) -> Drafts:
        if not (found := a.named()):
            return ()
        obj, kind = found
        text = a.say(kind_of_size, the=a.the(kind))
        return (_size(kind_of_size, text, obj, kind.text),)

    return ask


def fits(where: str) -> Callable[[Asker], Drafts]:
    """Whether one thing fits on or in another, by its box; clear cases only."""

    def ask(a: Asker) -> Drafts:
        x, y = a.named(), a.named()
        if not x or not y or x[0].id == y[0].id:
            return ()
        small, large = edges_m(x[0].box), edges_m(y[0].box)
        if where == "fit_on":
            small, large = small[:2], large[:2]
        spare = [p - q for p, q in zip(sorted(large), sorted(small), strict=True)]
        if min(map(abs, spare)) < 0.02:
            return ()
        text = a.say(where, the=a.the(x[1]), the2=a.the(y[1]))
        trace = step("measure", kind=where, a=x[1].text, b=y[1].text)
        ids = (x[0].id, y[0].id)
        return (Draft(family=where, text=text, value=bool_value(min(spare) > 0), objects=ids, trace=trace),)

    return ask


def where_am_i(a: Asker) -> Drafts:
    """The wearer's room."""
    eye = a.pose[:3, 3].tolist()
    room = room_at(a.graph, eye[0], eye[2])
    if not room:
        return ()
    value = TypedValue(kind="room", value=a.graph.rooms[room].label)
    return (Draft(family="where_am_i", text=a.say("where_am_i"), value=value, trace=step("where_am_i")),)


def route(a: Asker) -> Drafts:
    """The way to a thing that the wearer has walked by; the gold answer is the thing itself."""
    if not (found := a.named()):
        return ()
    obj, kind = found
    x, _, z = obj.box.center
    walked = a.visit.walk.world_from_camera[: a.frame + 1, :3, 3]
    if float(torch.hypot(walked[:, 0] - x, walked[:, 2] - z).min()) > PASSED_BY_M:
        return ()
    text = a.say("route", the=a.the(kind))
    return (Draft(family="route", text=text, objects=(obj.id,), trace=step("route_to", target=kind.text)),)


def _place(
    a: Asker, family: str, text: str, obj: SceneObject, kind: Kind, trace: tuple[ToolStep, ...] | None = None
) -> Draft:
    where = a.direction(obj)
    return Draft(
        family=family,
        text=text,
        value=TypedValue(kind="direction", value=round(where.azimuth_deg, 2), unit="deg"),
        direction=where,
        objects=(obj.id,),
        trace=trace or step("where_is", object=kind.text),
    )


def _distance(a: Asker, family: str, text: str, obj: SceneObject, name: str) -> Draft:
    value = metres(math.dist(obj.box.center, a.pose[:3, 3].tolist()))
    trace = step("measure", kind="distance", a=name)
    return Draft(family=family, text=text, value=value, objects=(obj.id,), trace=trace)


def _size(family: str, text: str, obj: SceneObject, name: str) -> Draft:
    wide, deep, tall = edges_m(obj.box)
    value = {
        "size": TypedValue(kind="text", value=f"{wide:.3f} x {deep:.3f} x {tall:.3f}", unit="m"),
        "height": metres(tall),
    }.get(family, metres(wide))
    trace = step("measure", kind=family, a=name)
    return Draft(family=family, text=text, value=value, objects=(obj.id,), trace=trace)


def _about_it(a: Asker, obj: SceneObject, kind: Kind) -> Drafts:
    """A second turn about the same thing."""
    choice = a.rng.choice(("it_distance", "it_size", "it_color", "it_where"))
    text = a.say(choice)
    if choice == "it_distance":
        return (_distance(a, choice, text, obj, kind.text),)
    if choice == "it_size":
        sized_draft = _size("size", text, obj, kind.text)
        return (Draft(family=choice, text=text, value=sized_draft.value, objects=(obj.id,), trace=sized_draft.trace),)
    if choice == "it_where":
        return (_place(a, choice, text, obj, kind),)
    if not obj.color:
        return ()
    value = TypedValue(kind="color", value=obj.color)
    return (Draft(family=choice, text=text, value=value, objects=(obj.id,), trace=step("describe", object=kind.text)),)


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


def _related_question(
    a: Asker, family: str, kind: Kind, predicate: str, reference: Kind
) -> tuple[str, tuple[ToolStep, ...]]:
    spoken = a.rng.choice(SPOKEN[predicate])
    text = a.say(family, a=one(kind.text), many=many(kind.text), rel=spoken, ref=a.the(reference))
    said = many(kind.text) if many(kind.text) in text else kind.text
    return text, step("find_objects", query=said, relation=predicate, reference=reference.text)


def _listing(objects: Sequence[SceneObject]) -> TypedValue:
    return TypedValue(kind="text", value=", ".join(sorted(o.label for o in objects)))
