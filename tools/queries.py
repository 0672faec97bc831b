"""Structured search over a scene graph: filter, rank, and say why each candidate matched or failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scenes.records import Reason
from scenes.types import Room, SceneGraph, SceneObject
from tools.graph_index import GraphIndex, Rows, index_of, names_of, taught_name
from tools.matching import (
    DESCRIBED_MIN,
    EXACT,
    FUZZY,
    SIMILARITY_MIN,
    SIMILARITY_SLACK,
    Query,
    Similarity,
    name_tier,
    parse_query,
)

When = Literal["now", "ever", "moved"]
Point = tuple[float, float, float]

MOVED_AWAY = "moved away"
"""The reason of a candidate that fits but is no longer at its place."""
TAUGHT = EXACT + 1
"""Tier of a name that the wearer taught."""
STALE_S = 12 * 3600.0
"""A place that was last observed longer ago is reported as past, not as present: a person's day has gone by."""
REASONS_KEPT = 64
"""Rejected candidates of one reason that a selection lists; what is beyond tells nobody more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A ball in the world."""

    center: Point
    radius_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeRay:
    """Where the wearer looks, when no single thing is meant."""

    origin: Point
    direction: Point
    """Any length."""
    within_deg: float = 15.0


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


def match_tier(obj: SceneObject, query: Query) -> int:
    """How well an object's names fit the query's words; 0 = not at all, ``TAUGHT`` is the best."""
    if not query.words:
        return EXACT
    best = max((name_tier(words, n) for words in _spellings(query) for n in names_of(obj)), default=0)
    return TAUGHT if best and _owned(obj, query) else best


def _spellings(query: Query) -> tuple[tuple[str, ...], ...]:
    """The words of a query, and with its colour: a name may itself hold one, as "orange juice" does."""
    return (query.words, (query.color, *query.words)) if query.color else (query.words,)


def _owned(obj: SceneObject, query: Query) -> bool:
    """Whether the wearer asks by the name that they taught."""
    taught = taught_name(obj)
    possessive = query.possessive == taught.startswith("my ")
    return bool(taught) and possessive and name_tier(query.words, taught) == EXACT


def has_color(obj: SceneObject, color: str) -> bool:
    """Whether an object has a colour, by its attribute or in its name."""
    return obj.color == color or any(color in n.split() for n in names_of(obj))


def best_named(graph: SceneGraph, query: Query, similarity: Similarity | None) -> list[SceneObject]:
    """Objects whose names fit best: only the best tier that occurs; else by text similarity, with an encoder."""
    index = index_of(graph)
    return [index.objects[row] for row in _named(index, query, similarity)[0].tolist()]


def _named(index: GraphIndex, query: Query, similarity: Similarity | None) -> tuple[Rows, dict[str, float]]:
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
    query: Query,
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
    or only what is no longer at its place; ``seen_s`` what was seen in a span of time; ``region`` and ``gaze`` what is
    there. Matches come nearest first where the wearer is localised, and nearest to the gaze where one is given.
    """
    index = index_of(graph)
    tests = _Tests(index)
    reference: SceneObject | Room | None = None
    if query.color:
        tests.color(query.color)
    if query.reference:
        reference = find_reference(graph, query, similarity)
        if reference is None:
            return Selection(query=query, unknown_reference=query.reference)
        tests.relation(query.relation, reference)
    if room:
        place = find_room(graph, room)
        if place is None:
            return Selection(query=query, unknown_reference=room)
        reference = reference or place
        tests.room(place)
    if when != "ever":
        tests.presence(when)
    if seen_s is not None:
        tests.seen(*seen_s)
    if region is not None:
        tests.region(region)
    if gaze is not None:
        tests.gaze(gaze)
    rows, cosines = _named(index, query, similarity)
    if isinstance(reference, SceneObject):
        rows = rows[rows != index.row_of[reference.id]]
    passed, rejected = tests.split(rows)
    order = _ranked(index, passed, query.rank, wearer, gaze)
    return Selection(
        query=query,
        matches=tuple(index.objects[row] for row in order.tolist()),
        rejected=rejected,
        reference=reference,
        conditions=tuple(tests.conditions),
        cosines=cosines,
    )


Verdict = Callable[[Rows], NDArray[np.bool_]]
"""Which of some rows pass."""


class _Tests:
    """Conditions on candidates: each a verdict on rows, what it says of a match, and what of a failure."""

    def __init__(self, index: GraphIndex) -> None:
        self.index = index
        self.verdicts: list[Verdict] = []
        self.conditions: list[str] = []
        self.failures: list[str] = []

    def add(self, verdict: Verdict, condition: str, failure: str) -> None:
        """``failure`` may hold ``{color}``, which is the candidate's own."""
        self.verdicts.append(verdict)
        self.conditions.append(condition)
        self.failures.append(failure)

    def color(self, color: str) -> None:
        colored = self.index.colored(color)
        self.add(lambda rows: colored[rows], color, f"{{color}}, not {color}")

    def relation(self, relation: str, reference: SceneObject | Room) -> None:
        name = reference.label or reference.id
        if isinstance(reference, Room):
            held = self.index.in_room(reference.id)
        else:
            held = self.index.standing(relation, reference.id)
        self.add(lambda rows: held[rows], f"{relation} the {name}", f"not {relation} the {name}")

    def room(self, room: Room) -> None:
        inside = self.index.in_room(room.id)
        self.add(lambda rows: inside[rows], f"in the {room.label}", f"not in the {room.label}")

    def presence(self, when: When) -> None:
        present = self.index.present
        if when == "now":
            self.add(lambda rows: present[rows], "at its place", MOVED_AWAY)
        else:
            self.add(lambda rows: ~present[rows], "moved", "not moved")

    def seen(self, start_s: float, end_s: float) -> None:
        first, last = self.index.seen_s.T
        words = f"seen between {start_s:g} s and {end_s:g} s"
        self.add(lambda rows: (first[rows] <= end_s) & (last[rows] >= start_s), words, f"not {words}")

    def region(self, region: Region) -> None:
        words = f"{region.radius_m:g} m of ({', '.join(f'{c:g}' for c in region.center)})"
        self.add(
            lambda rows: np.linalg.norm(self.index.centers[rows] - region.center, axis=1) <= region.radius_m,
            f"within {words}",
            f"not within {words}",
        )

    def gaze(self, gaze: GazeRay) -> None:
        self.add(
            lambda rows: _off_gaze_deg(self.index, rows, gaze) <= gaze.within_deg,
            "where the wearer looks",
            "not where the wearer looks",
        )

    def split(self, rows: Rows) -> tuple[Rows, tuple[Rejected, ...]]:
        """Rows that pass every test, and the others with the first test that each failed."""
        if not self.verdicts:
            return rows, ()
        failed = np.full(len(rows), -1, np.int64)
        for number in range(len(self.verdicts) - 1, -1, -1):
            failed[~self.verdicts[number](rows)] = number
        kept = [np.flatnonzero(failed == number)[:REASONS_KEPT] for number in range(len(self.failures))]
        rejected = [self._rejected(int(rows[k]), int(failed[k])) for k in np.sort(np.concatenate(kept)).tolist()]
        return rows[failed < 0], tuple(rejected)

    def _rejected(self, row: int, test: int) -> Rejected:
        obj = self.index.objects[row]
        return Rejected(object=obj, reason=self.failures[test].replace("{color}", obj.color or "unknown colour"))


def _off_gaze_deg(index: GraphIndex, rows: Rows, gaze: GazeRay) -> NDArray[np.float64]:
    """(len(rows),) angle between the gaze and the way to each object's centre."""
    way = index.centers[rows] - gaze.origin
    ray = np.array(gaze.direction) / np.linalg.norm(gaze.direction)
    cosine = (way @ ray) / np.linalg.norm(way, axis=1).clip(1e-9)
    return np.degrees(np.arccos(cosine.clip(-1.0, 1.0)))


def _ranked(index: GraphIndex, rows: Rows, rank: str, wearer: Point | None, gaze: GazeRay | None) -> Rows:
    """Nearest first (or by id without a pose); with a superlative, only the first of its order."""
    if gaze is not None and not rank:
        key = _off_gaze_deg(index, rows, gaze)
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


def find_reference(graph: SceneGraph, query: Query, similarity: Similarity | None) -> SceneObject | Room | None:
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
