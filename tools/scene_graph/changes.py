"""What changed: the event log, and which new thing is an old one at another place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from scenes.types import Change, SceneGraph
from tools.geometry.colors import signature_similarity
from tools.scene_graph.association import one_to_one
from tools.scene_graph.map_objects import MOVED_M, MapObject
from tools.toolbox.phrases import place_text

SIMILAR = 0.75
"""Least likeness of two sightings of one thing: the mean of how alike colours are and what they are taken for."""
COLOR_ALONE = 0.05
"""What colour loses where nothing is known of the kinds."""
SIZE_SLACK_M = 0.05
SIZE_RATIO = 1.5
"""Two sightings of one thing from different sides differ in size by less than this factor plus the slack."""


def clock_text(time_s: float) -> str:
    """Capture time as hours and minutes, in UTC where it counts from 1970 and from the visit's start otherwise."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M")


def event_text(event: Change, graph: SceneGraph, clock: Callable[[float], str] = clock_text) -> str:
    """An event in words: ``the mug moved from the desk to the shelf between 10:02 and 10:07``."""
    thing = graph.objects.get(event.object_id)
    name = thing.label if thing is not None and thing.label else "a thing"
    subject = name if thing is None or thing.label_source == "user" or name == "a thing" else f"the {name}"
    when = f"between {clock(event.since_s)} and {clock(event.time_s)}"
    start = place_text(event.from_box, event.object_id, graph)
    if event.kind == "moved":
        goal = place_text(event.to_box, event.object_id, graph)
        return " ".join(x for x in (subject, "moved", start and f"from {start}", goal and f"to {goal}", when) if x)
    return " ".join(x for x in (subject, "left", start or "its place", when) if x)


def changes_since(events: Sequence[Change], graph: SceneGraph, start_s: float) -> tuple[Change, ...]:
    """What is otherwise than at ``start_s``, by a log in the order of time: one change a thing.

    A thing that moved twice has moved once, from where it was; one that was brought back has not moved.
    """
    out: dict[str, Change] = {}
    for event in events:
        thing = graph.objects.get(event.object_id)
        if event.time_s < start_s or thing is None:
            continue
        first = out.get(event.object_id, event)
        kind = "moved" if thing.present else "vanished"
        out[event.object_id] = replace(
            first, time_s=event.time_s, kind=kind, to_box=thing.box if thing.present else None
        )
    return tuple(c for c in out.values() if not _brought_back(c))


def _brought_back(change: Change) -> bool:
    if change.from_box is None or change.to_box is None:
        return False
    return float(np.linalg.norm(np.subtract(change.from_box.center, change.to_box.center))) <= MOVED_M


def match_moved(things: Sequence[MapObject]) -> list[tuple[MapObject, MapObject]]:
    """(vanished, new) pairs that are one thing: it looks alike, has its size, and appeared after the other left."""
    old = [t for t in things if not t.present and t.shown]
    new = [t for t in things if t.present and t.shown and not t.taught]
    if not old or not new:
        return []
    score = np.array([[_likeness(a, b) for b in new] for a in old])
    return [(old[r], new[c]) for r, c in one_to_one(score, SIMILAR)]


def _likeness(old: MapObject, new: MapObject) -> float:
    """How alike two things are in colour and kind, if their sizes and times allow that they are one; else 0."""
    assert old.box is not None
    assert new.box is not None
    if new.first_seen_s < old.last_seen_s:
        return 0.0
    a, b = np.sort(old.box.size), np.sort(new.box.size)
    low, high = np.minimum(a, b), np.maximum(a, b)
    if (high > SIZE_RATIO * low + SIZE_SLACK_M).any():
        return 0.0
    color, kind = signature_similarity(old.signature, new.signature), old.detected.likeness(new.detected)
    # Colours alone must agree better: much in a home is white or brown.
    return color - COLOR_ALONE if kind is None else (color + kind) / 2
