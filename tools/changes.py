"""What changed: the event log, and which new thing is an old one at another place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from scenes.types import Box3D, SceneGraph
from tools.association import one_to_one
from tools.colors import signature_similarity
from tools.map_objects import MapObject
from tools.upright_boxes import contains

SIMILAR_COLOR = 0.85
UNDER_M = 0.06
"""What carries a thing is at most this far from its foot."""
SIZE_SLACK_M = 0.05
SIZE_RATIO = 1.5
"""Two sightings of one thing from different sides differ in size by less than this factor plus the slack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened to a thing between two times."""

    time_s: float
    """When it was noticed."""
    kind: str
    """``moved`` or ``vanished``."""
    object_id: str
    since_s: float
    """When the thing was last seen as before: the change lies between ``since_s`` and ``time_s``."""
    from_box: Box3D | None = None
    to_box: Box3D | None = None


def clock_text(time_s: float) -> str:
    """Capture time as hours and minutes, in UTC where it counts from 1970 and from the visit's start otherwise."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M")


def event_text(event: Event, graph: SceneGraph, clock: Callable[[float], str] = clock_text) -> str:
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


def place_text(box: Box3D | None, but: str, graph: SceneGraph) -> str:
    """Where a box is, in words: the named thing that carries it, else its room; ``""`` when neither is known."""
    if box is None:
        return ""
    foot = np.array([[box.center[0], box.center[1] - box.size[1] / 2, box.center[2]]])
    under = [
        o
        for o in graph.objects.values()
        if o.id != but and o.label and contains(o.box, foot, margin_m=UNDER_M).all() and o.box.volume > box.volume
    ]
    if under:
        # Of several, such as a table on a rug, the thing whose top is nearest carries it.
        top = min(under, key=lambda o: abs(o.box.center[1] + o.box.size[1] / 2 - float(foot[0, 1])))
        return f"the {top.label}"
    rooms = {o.room for o in graph.objects.values() if o.room and np.allclose(o.box.center, box.center)}
    room = graph.rooms.get(next(iter(rooms), ""))
    return f"the {room.label}" if room is not None and room.label else ""


def match_moved(things: Sequence[MapObject]) -> list[tuple[MapObject, MapObject]]:
    """(vanished, new) pairs that are one thing: it looks alike, has its size, and appeared after the other left."""
    old = [t for t in things if not t.present and t.shown]
    new = [t for t in things if t.present and t.shown and not t.taught]
    if not old or not new:
        return []
    score = np.array([[_likeness(a, b) for b in new] for a in old])
    return [(old[r], new[c]) for r, c in one_to_one(score, SIMILAR_COLOR)]


def _likeness(old: MapObject, new: MapObject) -> float:
    """Colour similarity of two things whose sizes and times allow that they are one; else 0."""
    assert old.box is not None
    assert new.box is not None
    if new.first_seen_s < old.last_seen_s:
        return 0.0
    a, b = np.sort(old.box.size), np.sort(new.box.size)
    low, high = np.minimum(a, b), np.maximum(a, b)
    if (high > SIZE_RATIO * low + SIZE_SLACK_M).any():
        return 0.0
    return signature_similarity(old.signature, new.signature)
