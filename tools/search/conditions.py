"""Conditions on candidates of a search: colour, relation, room, presence, time, region, gaze; each with its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scenes.types import CHANGES, Room, SceneObject
from tools.search.graph_index import GraphIndex, Rows

When = Literal["now", "ever", "moved", "changed"]
"""There now; ever seen; not where it was when the visit began; otherwise than then in any way."""
DISPLACED = ("moved", "vanished")
"""Changes of place."""
Point = tuple[float, float, float]

MOVED_AWAY = "moved away"
"""The reason of a candidate that fits but is no longer at its place."""
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


RowTest = Callable[[Rows], NDArray[np.bool_]]
"""Which of some rows pass."""


class Conditions:
    """Conditions on candidates: for each a test of rows, and the words for a match and for a failure."""

    def __init__(self, index: GraphIndex) -> None:
        self.index = index
        self.row_tests: list[RowTest] = []
        self.words: list[str] = []
        self.failures: list[str] = []

    def add(self, row_test: RowTest, condition: str, failure: str) -> None:
        """``failure`` may hold ``{color}``, which is the candidate's own."""
        self.row_tests.append(row_test)
        self.words.append(condition)
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
            return
        changed = self.index.changed_in(*(DISPLACED if when == "moved" else CHANGES))
        self.add(lambda rows: changed[rows], when, f"not {when}")

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
            lambda rows: off_gaze_deg(self.index, rows, gaze) <= gaze.within_deg,
            "where the wearer looks",
            "not where the wearer looks",
        )

    def split(self, rows: Rows) -> tuple[Rows, tuple[Rejected, ...]]:
        """Rows that pass every test, and the others with the first test that each failed."""
        if not self.row_tests:
            return rows, ()
        failed = np.full(len(rows), -1, np.int64)
        for number in range(len(self.row_tests) - 1, -1, -1):
            failed[~self.row_tests[number](rows)] = number
        kept = [np.flatnonzero(failed == number)[:REASONS_KEPT] for number in range(len(self.failures))]
        rejected = [self._rejected(int(rows[k]), int(failed[k])) for k in np.sort(np.concatenate(kept)).tolist()]
        return rows[failed < 0], tuple(rejected)

    def _rejected(self, row: int, test: int) -> Rejected:
        obj = self.index.objects[row]
        return Rejected(object=obj, reason=self.failures[test].replace("{color}", obj.color or "unknown colour"))


def off_gaze_deg(index: GraphIndex, rows: Rows, gaze: GazeRay) -> NDArray[np.float64]:
    """(len(rows),) angle between the gaze and the way to each object's centre."""
    way = index.centers[rows] - gaze.origin
    ray = np.array(gaze.direction) / np.linalg.norm(gaze.direction)
    cosine = (way @ ray) / np.linalg.norm(way, axis=1).clip(1e-9)
    return np.degrees(np.arccos(cosine.clip(-1.0, 1.0)))
