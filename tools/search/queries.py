"""Structured search over a scene graph: filter, rank, and say why each candidate matched or failed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from scenes.records import Reason
from scenes.types import Room, SceneGraph, SceneObject
from tools.search.conditions import (
    MOVED_AWAY,
    Conditions,
    GazeRay,
    Point,
    Region,
    Rejected,
    When,
    off_gaze_deg,
)
from tools.search.graph_index import GraphIndex, Rows, index_of, names_of, taught_name
from tools.search.name_matching import (
    DESCRIBED_MIN,
    EXACT,
    FUZZY,
    SIMILARITY_MIN,
    SIMILARITY_SLACK,
    NameQuery,
    Similarity,
    name_tier,
    parse_query,
)

TAUGHT = EXACT + 1
"""Tier of a name that the wearer taught."""
STALE_S = 12 * 3600.0
"""A place that was last observed longer ago is reported as past, not as present: a person's day has gone by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The result of a search."""

    query: NameQuery
    matches: tuple[SceneObject, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    reference: SceneObject | Room | None = None
    unknown_reference: str = ""
    """Set where the query refers to a thing or room that is not in the graph."""
    conditions: tuple[str, ...] = ()
    """What every match fulfils beside its name, in words."""
    cosines: dict[str, float] = field(default_factory=dict)
    """Where names were matched by meaning: how similar each label is."""

    def why(self, obj: SceneObject) -> str:
        """Why an object matched, in words: ``called "sofa", which is like "couch" (0.86); red; in the kitchen``."""
        tier = match_tier(obj, self.query)
        if not self.query.words:
            named = "any thing"
        elif tier == TAUGHT:
            named = f'the wearer calls it "{taught_name(obj)}"'
        elif tier >= FUZZY:
            named = f'called "{obj.label}"' + (", a different spelling" if tier == FUZZY else "")
        else:
            named = f'called "{obj.label}", which is like "{self.query.core}" ({self.cosines.get(obj.label, 0.0):.2f})'
        return "; ".join((named, *self.conditions))


def abstention(selection: Selection, time_s: float, *, one: bool = True) -> Reason | None:
    """Why a question about ``selection`` gets no plain answer at ``time_s``; None when it gets one.

    ``one``: the question is about a single thing, so that several matches are ambiguous.
    """
    if not selection.matches:
        return "moved" if any(r.reason == MOVED_AWAY for r in selection.rejected) else "never_seen"
    present = [o for o in selection.matches if o.present] or list(selection.matches)
    if one and len(present) > 1:
        return "ambiguous"
    if not present[0].present:
        return "moved"
    return "not_reobserved" if all(time_s - o.last_seen_s > STALE_S for o in present) else None


def match_tier(obj: SceneObject, query: NameQuery) -> int:
    """How well an object's names fit the query's words; 0 = not at all, ``TAUGHT`` is the best."""
    if not query.words:
        return EXACT
    best = max((name_tier(words, n) for words in _spellings(query) for n in names_of(obj)), default=0)
    return TAUGHT if best and _owned(obj, query) else best


def _spellings(query: NameQuery) -> tuple[tuple[str, ...], ...]:
    """The words of a query, and with its colour: a name may itself hold one, as "orange juice" does."""
    return (query.words, (query.color, *query.words)) if query.color else (query.words,)


def _owned(obj: SceneObject, query: NameQuery) -> bool:
    """Whether the wearer asks by the name that they taught."""
    taught = taught_name(obj)
    possessive = query.possessive == taught.startswith("my ")
    return bool(taught) and possessive and name_tier(query.words, taught) == EXACT


def has_color(obj: SceneObject, color: str) -> bool:
    """Whether an object has a colour, by its attribute or in its name."""
    return obj.color == color or any(color in n.split() for n in names_of(obj))


def best_named(graph: SceneGraph, query: NameQuery, similarity: Similarity | None) -> list[SceneObject]:
    """Objects whose names fit best: only the best tier that occurs; else by text similarity, with an encoder."""
    index = index_of(graph)
    return [index.objects[row] for row in _named(index, query, similarity)[0].tolist()]


def _named(index: GraphIndex, query: NameQuery, similarity: Similarity | None) -> tuple[Rows, dict[str, float]]:
    """Rows of the objects whose names fit best, in the graph's order; and cosines of labels matched by meaning."""
    if not query.words:
        return np.arange(len(index.objects)), {}
    fitting = index.fitting(*_spellings(query))
    if len(fitting):
        taught = fitting[index.taught[fitting]].tolist()
        owned = np.array([row for row in taught if _owned(index.objects[row], query)], np.int64)
        # A taught name that was asked for by its owner is alone; otherwise exact and head matches count alike, so
        # that "mug" finds both the "mug" and the "coffee mug".
        return (owned if len(owned) else fitting), {}
    if similarity is None or not index.labels:
        return np.zeros(0, np.int64), {}
    words = query.core if query.described else " ".join(query.words)
    labels = list(index.labels)
    cosines = dict(zip(labels, similarity(words, labels), strict=True))
    floor = max(DESCRIBED_MIN if query.described else SIMILARITY_MIN, max(cosines.values()) - SIMILARITY_SLACK)
    kept = {label: c for label, c in cosines.items() if c >= floor}
    return np.array(sorted(row for label in kept for row in index.labels[label]), np.int64), kept


def search(
    graph: SceneGraph,
    query: NameQuery,
    *,
    room: str = "",
    when: When = "now",
    wearer: Point | None = None,
    similarity: Similarity | None = None,
    seen_s: tuple[float, float] | None = None,
    region: Region | None = None,
    gaze: GazeRay | None = None,
) -> Selection:
    """Objects that fit a query.

    ``wearer`` is the eye position (for nearest and farthest); ``when`` keeps what is there now, all that was ever seen,
    only what is not where it was when the visit began, or what is otherwise than then in any way; ``seen_s`` what was
    seen in a span of time; ``region`` and ``gaze`` what is there. Matches come nearest first where the wearer is
    localised, and nearest to the gaze where one is given.
    """
    reference = find_reference(graph, query, similarity) if query.reference else None
    place = find_room(graph, room) if room else None
    if query.reference and reference is None:
        return Selection(query=query, unknown_reference=query.reference)
    if room and place is None:
        return Selection(query=query, unknown_reference=room)
    index = index_of(graph)
    conditions = Conditions(index)
    if query.color:
        conditions.color(query.color)
    if reference is not None:
        conditions.relation(query.relation, reference)
    if place is not None:
        conditions.room(place)
    if when != "ever":
        conditions.presence(when)
    if seen_s is not None:
        conditions.seen(*seen_s)
    if region is not None:
        conditions.region(region)
    if gaze is not None:
        conditions.gaze(gaze)
    rows, cosines = _named(index, query, similarity)
    if isinstance(reference, SceneObject):
        rows = rows[rows != index.row_of[reference.id]]
    passed, rejected = conditions.split(rows)
    order = _ranked(index, passed, query.rank, wearer, gaze)
    return Selection(
        query=query,
        matches=tuple(index.objects[row] for row in order.tolist()),
        rejected=rejected,
        reference=reference or place,
        conditions=tuple(conditions.words),
        cosines=cosines,
    )


def _ranked(index: GraphIndex, rows: Rows, rank: str, wearer: Point | None, gaze: GazeRay | None) -> Rows:
    """Nearest first (or by id without a pose); with a superlative, only the first of its order."""
    if gaze is not None and not rank:
        key = off_gaze_deg(index, rows, gaze)
    elif rank in ("largest", "smallest"):
        key = index.sizes[rows].prod(1) * (-1 if rank == "largest" else 1)
    elif rank == "tallest":
        key = -index.heights[rows]
    elif rank in ("highest", "lowest"):
        key = index.centers[rows, 1] * (-1 if rank == "highest" else 1)
    else:
        away = np.zeros(len(rows)) if wearer is None else np.linalg.norm(index.centers[rows] - wearer, axis=1)
        key = -away if rank == "farthest" else away
    ordered = rows[np.lexsort((index.order[rows], key))]
    return ordered[:1] if rank else ordered


def find_reference(graph: SceneGraph, query: NameQuery, similarity: Similarity | None) -> SceneObject | Room | None:
    """The thing or room that a relation points to. Of several, the one that something stands in that relation to."""
    if query.relation == "in" and (room := find_room(graph, query.reference)):
        return room
    if query.reference in graph.objects:
        return graph.objects[query.reference]
    inner = replace(parse_query(query.reference), relation="", reference="")
    found = [o for o in best_named(graph, inner, similarity) if not inner.color or has_color(o, inner.color)]
    return max(found, key=lambda o: len(index_of(graph).related(query.relation, o.id)), default=None)


def find_room(graph: SceneGraph, text: str) -> Room | None:
    """The room with this id or label."""
    if text in graph.rooms:
        return graph.rooms[text]
    return index_of(graph).room_called(parse_query(text).words)


def support_of(graph: SceneGraph, obj: SceneObject) -> tuple[str, SceneObject] | None:
    """The most certain (predicate, thing) that holds an object: on, in, attached to, else under."""
    return index_of(graph).supports.get(obj.id)
