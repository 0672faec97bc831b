"""What changed: the changes since some time by the event log, and which new object is an old one that has moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from scenes.types import Box3D, Change, SceneGraph
from tools.geometry.colors import signature_similarity
from tools.scene_graph.association import one_to_one
from tools.scene_graph.map_objects import MOVED_M, MapObject

MIN_LIKENESS = 0.75
"""Two sightings of one object are at least this alike: the mean of the likeness of colours and of detector labels."""
COLOR_ONLY_PENALTY = 0.05
"""Taken off the likeness of colours where there are no detector labels: much in a home is white or brown."""
SIZE_SLACK_M = 0.05
SIZE_RATIO = 1.5
"""Edges of one object, seen from different sides, differ by less than this factor plus the slack."""


def changes_since(events: Sequence[Change], graph: SceneGraph, start_s: float) -> tuple[Change, ...]:
    """What has changed since ``start_s``, one change for an object, by a log in the order of time.

    An object that moved twice has moved once, from its first place; one that is back at that place has not moved.
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
    return tuple(c for c in out.values() if not _is_back(c))


def _is_back(change: Change) -> bool:
    if change.from_box is None or change.to_box is None:
        return False
    return float(np.linalg.norm(np.subtract(change.from_box.center, change.to_box.center))) <= MOVED_M


def match_moved(objects: Iterable[MapObject]) -> list[tuple[MapObject, MapObject]]:
    """(vanished, new) pairs that are one object: alike in colour, label and size, and the new one was seen later."""
    confirmed = [(t, box) for t in objects if (box := t.confirmed_box) is not None]
    old = [(t, box) for t, box in confirmed if not t.present]
    new = [(t, box) for t, box in confirmed if t.present and not t.taught]
    if not old or not new:
        return []
    score = np.array([[_likeness(*a, *b) for b in new] for a in old])
    return [(old[r][0], new[c][0]) for r, c in one_to_one(score, MIN_LIKENESS)]


def _likeness(old: MapObject, old_box: Box3D, new: MapObject, new_box: Box3D) -> float:
    """0..1, how alike two objects are in colour and labels; 0 where sizes or times rule out that they are one."""
    if new.first_seen_s < old.last_seen_s:
        return 0.0
    a, b = np.sort(old_box.size), np.sort(new_box.size)
    low, high = np.minimum(a, b), np.maximum(a, b)
    if (high > SIZE_RATIO * low + SIZE_SLACK_M).any():
        return 0.0
    color = signature_similarity(old.signature, new.signature)
    label = old.detector_labels.likeness(new.detector_labels)
    return color - COLOR_ONLY_PENALTY if label is None else (color + label) / 2
