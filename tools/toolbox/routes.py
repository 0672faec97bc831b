"""A walk over the floor in words: legs and turns, from the corners of a path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from scenes.types import Room
from tools.geometry.directions import Point, Pose, direction_to, direction_words, length_words

MAX_LEGS = 3
"""What a person keeps in mind, and what one short answer can hold."""


def path_length(path: Sequence[Point]) -> float:
    """Length of a path along its corners in the floor plane, metres."""
    return sum(math.dist((a[0], a[2]), (b[0], b[2])) for a, b in pairwise(path))


def room_center(room: Room, y: float) -> Point:
    """Mean of a room's floor corners, at height ``y``."""
    n = max(len(room.floor_polygon), 1)
    return (sum(x for x, _ in room.floor_polygon) / n, y, sum(z for _, z in room.floor_polygon) / n)


def route_words(pose: Pose, path: Sequence[Point]) -> str:
    """A path in words: ``walk 2 m ahead to the left, then turn right and walk 3.1 m``.

    The first leg is said from the wearer's heading, each later one from the leg before it.
    """
    eye = pose.origin
    corners = [(x, eye[1], z) for x, _, z in path]
    first = direction_to(pose, None, corners[1]) if len(corners) > 1 else None
    if first is None or path_length(corners) < 0.5:
        return "you are already there"
    legs = [f"walk {length_words(math.dist(corners[0], corners[1]))} {direction_words(first)}"]
    for before, here, after in zip(corners, corners[1:], corners[2:], strict=False):
        legs.append(f"{_turn_words(before, here, after)} and walk {length_words(math.dist(here, after))}")
    said = legs[:MAX_LEGS] + (["go on from there"] if len(legs) > MAX_LEGS else [])
    return ", then ".join(said)


def _turn_words(before: Point, here: Point, after: Point) -> str:
    """``turn left``, ``turn slightly right`` or ``turn around`` at a corner."""
    ax, az, bx, bz = here[0] - before[0], here[2] - before[2], after[0] - here[0], after[2] - here[2]
    # Positive to the right, as azimuth is: the level right of (ax, az) is (-az, ax).
    turn = math.degrees(math.atan2(bz * ax - bx * az, ax * bx + az * bz))
    if abs(turn) > 150:
        return "turn around"
    side = "right" if turn > 0 else "left"
    return f"turn slightly {side}" if abs(turn) < 35 else f"turn {side}"
