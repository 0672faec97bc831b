"""Relations of more than two things: what stands between what, and which things form a row or a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from scenes.types import Relation
from tools.scene_graph.relations import Body

ASIDE_SHARE = 0.5
"""What stands between two things is off the line between them by at most this share of the line, or its own size."""
MIDDLE = (0.2, 0.8)
LONGEST_M = 4.0
ALIKE = 1.6
"""Things of a row or cluster differ in size by less than this factor."""
STRAIGHT_SHARE = 0.35
"""Things in a row are off its line by less than this share of their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """``subject`` stands between ``first`` and ``second``."""

    subject: str
    first: str
    second: str
    confidence: float
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Three or more alike things side by side."""

    kind: Literal["row", "cluster"]
    members: tuple[str, ...]
    """In order along a row; in order of their ids in a cluster."""
    confidence: float
    time_s: float


def between(subject: Body, bodies: Sequence[Body], time_s: float) -> list[Between]:
    """The pairs of things that a thing stands between, surest first."""
    here = _foot(subject)
    others = [b for b in bodies if b.id != subject.id and _level(subject, b)]
    out: list[Between] = []
    for i, a in enumerate(others):
        for b in others[i + 1 :]:
            start, line = _foot(a), _foot(b) - _foot(a)
            length = float(np.linalg.norm(line))
            if not 0.05 < length < LONGEST_M:
                continue
            along = float((here - start) @ line) / length**2
            aside = float(np.linalg.norm(here - start - along * line))
            limit = max(min(ASIDE_SHARE * length / 2, 0.5), _width(subject) / 2)
            if MIDDLE[0] <= along <= MIDDLE[1] and aside <= limit:
                confidence = (1.0 - 0.5 * aside / limit) * (1.0 - abs(along - 0.5))
                out.append(
                    Between(subject=subject.id, first=a.id, second=b.id, confidence=round(confidence, 3), time_s=time_s)
                )
    return sorted(out, key=lambda r: -r.confidence)


def arrangements(bodies: Sequence[Body], found: Sequence[Relation], time_s: float) -> list[Arrangement]:
    """Rows and clusters among things that ``next to`` relations join and that are alike in size."""
    number = {b.id: k for k, b in enumerate(bodies)}
    links = [
        (number[r.subject], number[r.object])
        for r in found
        if r.predicate == "next to" and r.subject in number and r.object in number
    ]
    links = [(i, j) for i, j in links if _alike(bodies[i], bodies[j])]
    if not links:
        return []
    rows, columns = zip(*links, strict=True)
    n = len(bodies)
    _, label = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n)), directed=False)
    out: list[Arrangement] = []
    for group in range(int(label.max()) + 1):
        members = [bodies[int(k)] for k in np.flatnonzero(label == group)]
        if len(members) >= 3:
            out.append(_arranged(members, time_s))
    return out


def _arranged(members: list[Body], time_s: float) -> Arrangement:
    feet = np.array([_foot(b) for b in members])
    centre = feet.mean(0)
    _, _, axes = np.linalg.svd(feet - centre)
    off = float(np.abs((feet - centre) @ axes[1]).max())
    limit = STRAIGHT_SHARE * float(np.mean([_width(b) for b in members]))
    if off <= limit:
        order = np.argsort((feet - centre) @ axes[0])
        names = tuple(members[int(k)].id for k in order)
        return Arrangement(kind="row", members=names, confidence=round(1.0 - 0.5 * off / limit, 3), time_s=time_s)
    return Arrangement(kind="cluster", members=tuple(sorted(b.id for b in members)), confidence=0.7, time_s=time_s)


def _foot(body: Body) -> NDArray[np.float64]:
    return np.array([body.box.center[0], body.box.center[2]])


def _width(body: Body) -> float:
    return max(body.box.size[0], body.box.size[2])


def _level(a: Body, b: Body) -> bool:
    """Whether two things share some height."""
    return min(a.top, b.top) > max(a.bottom, b.bottom)


def _alike(a: Body, b: Body) -> bool:
    low, high = np.sort(a.box.size), np.sort(b.box.size)
    return bool((np.maximum(low, high) <= ALIKE * np.minimum(low, high) + 0.05).all())
