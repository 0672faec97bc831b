"""What changed: the event log, and which new thing is an old one at another place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenes.types import Box3D
from tools.association import one_to_one
from tools.colors import signature_similarity
from tools.map_objects import MapObject

SIMILAR_COLOR = 0.85
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
