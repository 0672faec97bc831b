"""Families about several things: existence, counts, lists, superlatives, pairs; and the wearer's own place.

A function returns no draft where the moment does not allow its question. Several drafts are turns of one dialog.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scenes.questions.about_one_object import gold_place
from scenes.questions.asker import (
    Asker,
    Draft,
    Drafts,
    bool_value,
    count_value,
    metres,
    plural_noun,
    step,
    with_article,
)
from scenes.questions.gold import Kind, edges_m, gap_m, members, related, room_at
from scenes.questions.lexicon import NOUNS
from scenes.records import ToolStep, TypedValue
from scenes.types import Room, SceneObject
from scenes.vocabulary import RANKS, SPOKEN_RELATIONS, RankWord, RelationWord

ASKED_RELATIONS: tuple[RelationWord, ...] = ("on", "in", "next to", "under")
"""Relations that questions are about: people seldom ask what hangs above or below a thing."""
CLEARLY_AHEAD = 0.03
"""Relative lead of the first over the second, or the question has no one answer."""
CLEAR_FIT_M = 0.02
SAMPLED = 16
"""How many candidates are looked at before one is asked about, so that no answer is much more common than others."""


def exist(a: Asker) -> Drafts:
    """Existence of a kind: known, or never seen."""
    kind = a.kind() if a.rng.random() < 0.5 else _unknown_kind(a)
    if not kind:
        return ()
    found = members(a.graph, kind)
    if not found and members(a.remembered, kind):
        return ()  # it has left: see scenes.questions.about_changes
    text = a.say("exist", a=with_article(kind.text), many=plural_noun(kind.text), bare=kind.text)
    said = plural_noun(kind.text) if plural_noun(kind.text) in text else kind.text
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


def exist_relation(a: Asker) -> Drafts:
    """Two constraints at once: is there a kind in relation to a thing? A "no" is about a kind known elsewhere."""
    if not (asked := a.yes_or_no(_kinds_placed(a, 0.5), lambda k: bool(k.hits))):
        return ()
    text, trace = _asked_placed(a, "exist_relation", asked)
    value, ids = bool_value(bool(asked.hits)), _ids(asked.hits)
    return (Draft(family="exist_relation", text=text, value=value, objects=ids, trace=trace),)


def count_relation(a: Asker) -> Drafts:
    """How many of a kind stand in a relation to a thing."""
    candidates = [k for _ in range(SAMPLED) for k in _kinds_placed(a, 0.3)]
    if not (asked := a.balanced(candidates, lambda k: len(k.hits))):
        return ()
    text, trace = _asked_placed(a, "count_relation", asked)
    return (_counted("count_relation", text, asked.hits, trace),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KindPlaced:
    """A kind in relation to a thing, and what fits."""

    kind: Kind
    predicate: RelationWord
    reference: Kind
    hits: tuple[SceneObject, ...]


def _kinds_placed(a: Asker, colored: float) -> list[_KindPlaced]:
    """Kinds that stand at one thing, and as many again that are known. ``colored`` is the share with a colour."""
    if not (placed := _reference(a)):
        return []
    predicate, reference, ref_kind = placed
    inside = related(a.graph, predicate, reference.id)
    kinds = {Kind(name=o.label) for o in inside} | {k for _ in range(max(4, len(inside))) if (k := a.kind(colored))}
    for o in inside:
        exact = Kind(name=o.label, color=o.color)
        if o.color and a.may_say(exact) and a.rng.random() < colored:
            kinds.add(exact)
    return [
        _KindPlaced(
            kind=kind,
            predicate=predicate,
            reference=ref_kind,
            hits=tuple(o for o in members(a.graph, kind) if o in inside and o.id != reference.id),
        )
        for kind in sorted(kinds, key=lambda k: k.text)
        # Nobody asks how many pillows are next to the only pillow.
        if any(o.id != reference.id for o in members(a.graph, kind))
    ]


def _asked_placed(a: Asker, family: str, asked: _KindPlaced) -> tuple[str, tuple[ToolStep, ...]]:
    kind, spoken = asked.kind, a.rng.choice(SPOKEN_RELATIONS[asked.predicate])
    text = a.say(family, a=with_article(kind.text), many=plural_noun(kind.text), rel=spoken, ref=a.the(asked.reference))
    said = plural_noun(kind.text) if plural_noun(kind.text) in text else kind.text
    return text, step("find_objects", query=said, relation=asked.predicate, reference=asked.reference.text)


def count(a: Asker) -> Drafts:
    """How many of a kind."""
    plain = [Kind(name=label) for label in sorted({o.label for o in a.known})]
    colored = [kind for _ in range(SAMPLED) if (kind := a.kind(1.0))]
    if not (kind := a.balanced([*plain, *colored], lambda k: len(members(a.graph, k)))):
        return ()
    found, said = members(a.graph, kind), plural_noun(kind.text)
    return (_counted("count", a.say("count", many=said), found, step("find_objects", query=said)),)


def count_room(a: Asker) -> Drafts:
    """How many of a kind in a room."""
    rooms = list(a.graph.rooms.values())
    pairs = [(kind, a.rng.choice(rooms)) for _ in range(SAMPLED) if rooms and (kind := a.kind(0.2))]

    def hits(pair: tuple[Kind, Room]) -> list[SceneObject]:
        return [o for o in members(a.graph, pair[0]) if o.room == pair[1].id]

    # Of things that have left, it is not said that there are none.
    known = [p for p in pairs if hits(p) or all(o.room != p[1].id for o in members(a.remembered, p[0]))]
    if not (pair := a.balanced(known, lambda p: len(hits(p)))):
        return ()
    kind, room = pair
    text = a.say("count_room", many=plural_noun(kind.text), room=f"the {room.label}")
    trace = step("find_objects", query=plural_noun(kind.text), room=room.label)
    return (_counted("count_room", text, hits(pair), trace),)


def count_things(a: Asker) -> Drafts:
    """How many things are on, in, under or next to a thing."""
    found = [placed for _ in range(SAMPLED) if (placed := _reference(a))]
    if not (placed := a.balanced(found, lambda p: len(related(a.graph, p[0], p[1].id)))):
        return ()
    hits, text, trace = _all_placed(a, "count_things", placed)
    return (_counted("count_things", text, hits, trace),)


def list_relation(a: Asker) -> Drafts:
    """What is on, in, under or next to a thing."""
    if not (placed := _reference(a)):
        return ()
    hits, text, trace = _all_placed(a, "list_relation", placed)
    return (_listed("list_relation", text, hits, trace),)


def _all_placed(
    a: Asker, family: str, placed: tuple[RelationWord, SceneObject, Kind]
) -> tuple[tuple[SceneObject, ...], str, tuple[ToolStep, ...]]:
    predicate, reference, kind = placed
    text = a.say(family, rel=a.rng.choice(SPOKEN_RELATIONS[predicate]), ref=a.the(kind))
    trace = step("find_objects", query="objects", relation=predicate, reference=kind.text)
    return related(a.graph, predicate, reference.id), text, trace


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
    scores: dict[RankWord, Callable[[SceneObject], float]] = {
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
    gold = gold_place(a, ordered[0])
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

    def spare_m(pair: tuple[Named, Named]) -> list[float]:
        small, large = (edges_m(thing.box)[: 2 if family == "fit_on" else 3] for thing, _ in pair)
        return [p - q for p, q in zip(sorted(large), sorted(small), strict=True)]

    def ask(a: Asker) -> Drafts:
        pairs = [pair for _ in range(SAMPLED) if (pair := _pair(a))]
        clear = [p for p in pairs if min(map(abs, spare_m(p))) >= CLEAR_FIT_M]
        if not (pair := a.yes_or_no(clear, lambda p: min(spare_m(p)) > 0)):
            return ()
        return (_paired(a, family, family, pair, bool_value(min(spare_m(pair)) > 0)),)

    return ask


def where_am_i(a: Asker) -> Drafts:
    """The wearer's room."""
    eye = a.pose[:3, 3].tolist()
    room = room_at(a.graph, eye[0], eye[2])
    if not room or room != a.room_in_turn:
        return ()
    value = TypedValue(kind="room", value=a.graph.rooms[room].label)
    return (Draft(family="where_am_i", text=a.say("where_am_i"), value=value, trace=step("where_am_i")),)


def _unknown_kind(a: Asker) -> Kind | None:
    """Something that was never seen."""
    kinds = (Kind(name=a.rng.choice(NOUNS)) for _ in range(SAMPLED))
    return next((k for k in kinds if not members(a.remembered, k)), None)


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


def _reference(a: Asker) -> tuple[RelationWord, SceneObject, Kind] | None:
    """A predicate and an unmistakable thing, mostly one to which something stands in that relation."""
    for _ in range(12):
        if not (found := a.named()):
            return None
        obj, kind = found
        predicates: list[RelationWord] = [p for p in ASKED_RELATIONS if related(a.graph, p, obj.id)]
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
