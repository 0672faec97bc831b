"""Structured search over a scene graph: filter, rank, and say why each candidate matched or failed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from scenes.types import Room, SceneGraph, SceneObject
from tools.box_measures import width_depth_height
from tools.matching import EXACT, SIMILARITY_MIN, Query, Similarity, name_tier, parse_query

When = Literal["now", "ever", "moved"]
Point = tuple[float, float, float]

MOVED_AWAY = "moved away"
"""The reason of a candidate that fits but is no longer at its place."""
TAUGHT = EXACT + 1
"""Tier of a name that the wearer taught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A candidate of the right kind that failed one condition."""

    object: SceneObject
    reason: str
    """In words, e.g. ``blue, not red``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The result of a search."""

    query: Query
    matches: tuple[SceneObject, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    reference: SceneObject | Room | None = None
    unknown_reference: str = ""
    """Set where the query refers to a thing or room that is not in the graph."""


def taught_name(obj: SceneObject) -> str:
    """The name that the wearer gave to an object, or ``""``."""
    if obj.label_source == "user":
        return obj.label
    return next((a for a in obj.aliases if a.startswith("my ")), "")


def names_of(obj: SceneObject) -> tuple[str, ...]:
    """All names, best first."""
    return tuple(n for n in (obj.label, *obj.aliases) if n)


def match_tier(obj: SceneObject, query: Query) -> int:
    """How well an object's names fit the query's words; 0 = not at all, ``TAUGHT`` is the best."""
    if not query.words:
        return EXACT
    best = max((name_tier(query.words, n) for n in names_of(obj)), default=0)
    if best < EXACT and query.color:  # a name may itself hold a colour word: "orange juice", "white board"
        best = max(best, *(name_tier((query.color, *query.words), n) for n in (*names_of(obj), "")))
    taught = taught_name(obj)
    if best and taught and query.possessive == taught.startswith("my ") and name_tier(query.words, taught) == EXACT:
        return TAUGHT
    return best


def has_color(obj: SceneObject, color: str) -> bool:
    """Whether an object has a colour, by its attribute or in its name."""
    return obj.color == color or any(color in n.split() for n in names_of(obj))


def best_named(graph: SceneGraph, query: Query, similarity: Similarity | None) -> list[SceneObject]:
    """Objects whose names fit best: only the best tier that occurs; else by text similarity, with an encoder."""
    tiers = [(match_tier(o, query), o) for o in graph.objects.values()]
    top = max((t for t, _ in tiers), default=0)
    if top:
        # A taught name that was asked for by its owner is alone; otherwise exact and head matches count alike, so
        # that "mug" finds both the "mug" and the "coffee mug".
        floor = top if top in (TAUGHT, 1) else 2
        return [o for t, o in tiers if t >= floor]
    if similarity is None or not query.words:
        return []
    named = [o for o in graph.objects.values() if o.label]
    scores = similarity(" ".join(query.words), [o.label for o in named]) if named else ()
    best = max(scores, default=0.0)
    return [o for s, o in zip(scores, named, strict=True) if s >= max(SIMILARITY_MIN, best - 0.05)]


def search(
    graph: SceneGraph,
    query: Query,
    *,
    room: str = "",
    when: When = "now",
    wearer: Point | None = None,
    similarity: Similarity | None = None,
) -> Selection:
    """Objects that fit a query.

    ``wearer`` is the eye position (for nearest and farthest); ``when`` keeps what is there now, all that was ever seen,
    or only what is no longer at its place. Matches come nearest first where the wearer is localised.
    """
    tests: list[Callable[[SceneObject], str]] = []
    reference: SceneObject | Room | None = None
    if query.color:
        tests.append(lambda o: "" if has_color(o, query.color) else f"{o.color or 'unknown colour'}, not {query.color}")
    if query.reference:
        reference = find_reference(graph, query, similarity)
        if reference is None:
            return Selection(query=query, unknown_reference=query.reference)
        tests.append(_relation_test(graph, query, reference))
    if room:
        place = find_room(graph, room)
        if place is None:
            return Selection(query=query, unknown_reference=room)
        reference = reference or place
        tests.append(lambda o: "" if o.room == place.id else f"not in the {place.label}")
    if when != "ever":
        tests.append(lambda o: "" if o.present == (when == "now") else (MOVED_AWAY if when == "now" else "not moved"))
    matches, rejected = [], []
    for obj in best_named(graph, query, similarity):
        if isinstance(reference, SceneObject) and obj.id == reference.id:
            continue
        failed = next((why for test in tests if (why := test(obj))), "")
        if failed:
            rejected.append(Rejected(object=obj, reason=failed))
        else:
            matches.append(obj)
    return Selection(
        query=query,
        matches=tuple(_ranked(matches, query.rank, wearer)),
        rejected=tuple(rejected),
        reference=reference,
    )


def find_reference(graph: SceneGraph, query: Query, similarity: Similarity | None) -> SceneObject | Room | None:
    """The thing or room that a relation points to. Of several, the one that something stands in that relation to."""
    if query.relation == "in" and (room := find_room(graph, query.reference)):
        return room
    if query.reference in graph.objects:
        return graph.objects[query.reference]
    inner = replace(parse_query(query.reference), relation="", reference="")
    found = [o for o in best_named(graph, inner, similarity) if not inner.color or has_color(o, inner.color)]
    return max(found, key=lambda o: len(graph.related(query.relation, o.id)), default=None)


def find_room(graph: SceneGraph, text: str) -> Room | None:
    """The room with this id or label."""
    if text in graph.rooms:
        return graph.rooms[text]
    words = parse_query(text).words
    return next((r for r in graph.rooms.values() if words and name_tier(words, r.label) >= 2), None)


def stands_in(graph: SceneGraph, subject: SceneObject, predicate: str, reference: SceneObject | Room) -> bool:
    """Whether ``subject predicate reference`` holds, by stored relations; ``next to`` holds both ways."""
    if isinstance(reference, Room):
        return subject.room == reference.id
    wanted = {predicate, "below"} if predicate == "under" else {predicate}
    for r in graph.relations:
        if r.subject == subject.id and r.object == reference.id and r.predicate in wanted:
            return True
        if predicate == "next to" and (r.object, r.subject, r.predicate) == (subject.id, reference.id, "next to"):
            return True
    return False


def support_of(graph: SceneGraph, obj: SceneObject) -> tuple[str, SceneObject] | None:
    """The most certain (predicate, thing) that holds an object: on, in, attached to, else under."""
    order = ("on", "in", "attached to", "under")
    held = [r for r in graph.relations if r.subject == obj.id and r.predicate in order and r.object in graph.objects]
    best = min(held, key=lambda r: (order.index(r.predicate), -r.confidence), default=None)
    return (best.predicate, graph.objects[best.object]) if best else None


def _relation_test(graph: SceneGraph, query: Query, reference: SceneObject | Room) -> Callable[[SceneObject], str]:
    words = f"not {query.relation} the {reference.label or reference.id}"
    return lambda o: "" if stands_in(graph, o, query.relation, reference) else words


def _ranked(objects: list[SceneObject], rank: str, wearer: Point | None) -> list[SceneObject]:
    """Nearest first (or by id without a pose); with a superlative, only the first of its order."""

    def distance(o: SceneObject) -> float:
        return math.dist(o.box.center, wearer) if wearer else 0.0

    keys: dict[str, Callable[[SceneObject], float]] = {
        "nearest": distance,
        "farthest": lambda o: -distance(o),
        "largest": lambda o: -o.box.volume,
        "smallest": lambda o: o.box.volume,
        "tallest": lambda o: -width_depth_height(o.box)[2],
        "highest": lambda o: -o.box.center[1],
        "lowest": lambda o: o.box.center[1],
    }
    ordered = sorted(objects, key=lambda o: (keys.get(rank, distance)(o), o.id))
    return ordered[:1] if rank else ordered
