"""Relations that follow from true boxes: next to, above, below, under.

Support (on, in) is known from placement and is not derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from scenes.types import Box3D, Relation
from scenes.worlds.boxes import footprint_gap_m

NEXT_TO_M = 0.35
"""Largest gap between two footprints that people still call next to each other (indoors, small things less)."""


class Thing(Protocol):
    """What a relation needs to know."""

    @property
    def id(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def box(self) -> Box3D: ...
    @property
    def room(self) -> str: ...
    @property
    def support(self) -> str: ...


def vertical(box: Box3D) -> tuple[float, float]:
    """Lowest and highest y of a yaw-aligned box."""
    return box.center[1] - box.size[1] / 2, box.center[1] + box.size[1] / 2


def _next_to_limit(a: Box3D, b: Box3D) -> float:
    """Small things must be closer than large ones: half the smaller footprint diagonal, 10 to 35 cm."""
    smaller = min((x.size[0] ** 2 + x.size[2] ** 2) ** 0.5 for x in (a, b))
    return min(NEXT_TO_M, max(0.1, 0.5 * smaller))


def geometric_relations(objects: Mapping[str, Thing], time_s: float) -> list[Relation]:
    """All derived relations of things in one room."""
    things = [o for o in objects.values() if o.category not in ("rug", "window")]
    out: list[Relation] = []

    def add(subject: Thing, predicate: str, object: Thing) -> None:
        out.append(Relation(subject=subject.id, predicate=predicate, object=object.id, time_s=time_s))

    for i, a in enumerate(things):
        for b in things[i + 1 :]:
            if a.room != b.room or a.support == b.id or b.support == a.id:
                continue
            gap = footprint_gap_m(a.box, b.box)
            (a_low, a_high), (b_low, b_high) = vertical(a.box), vertical(b.box)
            if a.support == b.support and abs(a_low - b_low) < 0.05 and 0 < gap < _next_to_limit(a.box, b.box):
                add(a, "next to", b)
                add(b, "next to", a)
            elif gap == 0 and not (a.support or b.support):
                if a_low >= b_high - 0.01:
                    add(a, "above", b)
                    add(b, "below", a)
                elif b_low >= a_high - 0.01:
                    add(b, "above", a)
                    add(a, "below", b)
    return out
