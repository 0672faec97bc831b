"""Relations between things from their boxes and surfaces. They hold wherever the wearer stands.

- on: the subject's underside touches the object's surface from above; support by contact.
- in: the subject's centre is inside the object's box, and the object surrounds it.
- under: the subject stands below the object's surface, inside its footprint (a box under a table).
- above, below: one over the other without contact.
- attached to: hangs on the object's side, carried by nothing else.
- next to: beside each other on one level, with a gap that is small for their size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D, Relation
from scenes.vocabulary import RelationWord
from tools.geometry.upright_boxes import contains, footprint, to_box_frame

CONTACT_M = 0.06
"""Gap that still counts as contact: a voxel and a half."""
OVER_SHARE = 0.4
"""Share of the subject's footprint that must lie over the object."""
INSIDE_SHARE = 0.7
NEAR_M, NEAR_SMALL_M = 0.35, 0.1
"""Largest gap of "next to" for large and for small things; between, half the smaller one's footprint diagonal."""
LEVEL_M = 0.12
"""Most that the feet of things side by side differ: true feet do not, measured ones by a voxel or two."""
RUG_M, RUG_M2 = 0.03, 0.5
"""A thing as thin as this lies on the floor like a rug: one stands on or off it, not next to it."""
HANGS_FROM_M = 0.3
"""What is attached to a thing's side begins this far above its foot."""
MIN_CONFIDENCE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """An object as relations see it."""

    id: str
    box: Box3D
    points: NDArray[np.float32]
    """(N, 3) surface points."""
    room: str = ""
    """Id of its room; things in two rooms are not side by side, however thin the wall."""

    @property
    def bottom(self) -> float:
        """Lowest y of the box."""
        return self.box.center[1] - self.box.size[1] / 2

    @property
    def top(self) -> float:
        """Highest y of the box."""
        return self.box.center[1] + self.box.size[1] / 2


_Judged = tuple[RelationWord, float]
"""A relation and its confidence."""


def relations(bodies: Sequence[Body], time_s: float) -> tuple[Relation, ...]:
    """All relations between the bodies, each with a confidence; at most one per pair, and one support per thing."""
    out: list[Relation] = []
    if len(bodies) < 2:
        return ()
    centre = np.array([b.box.center for b in bodies])
    reach = np.array([float(np.hypot(b.box.size[0], b.box.size[2])) / 2 for b in bodies])
    gap = np.linalg.norm(centre[:, None, [0, 2]] - centre[None, :, [0, 2]], axis=-1) - reach[:, None] - reach[None]
    pairs = [(bodies[int(i)], bodies[int(j)]) for i, j in zip(*np.nonzero(np.triu(gap < NEAR_M, 1)), strict=True)]
    for a, b in pairs:
        out += _support(a, b, time_s)
    out = _one_support_each(out)
    related = {frozenset((r.subject, r.object)) for r in out}
    support = {r.subject: r.object for r in out}
    for a, b in pairs:
        if frozenset((a.id, b.id)) not in related:
            out += _beside(a, b, time_s, support)
    return tuple(out)


def _support(a: Body, b: Body, time_s: float) -> list[Relation]:
    """What carries what: in or on."""
    for subject, other in ((a, b), (b, a)):
        found: tuple[_Judged, ...] = (("in", _inside(subject, other)), ("on", _on(subject, other)))
        for predicate, confidence in found:
            if confidence >= MIN_CONFIDENCE:
                return [_relation(subject, predicate, other, confidence, time_s)]
    return []


def _beside(a: Body, b: Body, time_s: float, support: Mapping[str, str]) -> list[Relation]:
    """Under, attached to, above and below, or next to."""
    for subject, other in ((a, b), (b, a)):
        found: tuple[_Judged, ...] = (("under", _under(subject, other)), ("attached to", _attached(subject, other)))
        for predicate, confidence in found:
            if confidence >= MIN_CONFIDENCE and not (predicate == "attached to" and subject.id in support):
                return [_relation(subject, predicate, other, confidence, time_s)]
    for subject, other in ((a, b), (b, a)):
        confidence = _above(subject, other)
        if confidence >= MIN_CONFIDENCE:
            return [
                _relation(subject, "above", other, confidence, time_s),
                _relation(other, "below", subject, confidence, time_s),
            ]
    # Things at one level stand side by side; a chair and the vase on the table by it do not.
    confidence = _next_to(a, b) if support.get(a.id) == support.get(b.id) else 0.0
    if confidence < MIN_CONFIDENCE:
        return []
    return [_relation(a, "next to", b, confidence, time_s), _relation(b, "next to", a, confidence, time_s)]


def _relation(subject: Body, predicate: RelationWord, other: Body, confidence: float, time_s: float) -> Relation:
    return Relation(
        subject=subject.id, predicate=predicate, object=other.id, confidence=round(confidence, 3), time_s=time_s
    )


def _over_share(a: Body, b: Body) -> float:
    """Share of a grid over a's footprint that lies in b's footprint."""
    grid = (np.stack(np.meshgrid(*[np.linspace(-0.45, 0.45, 7)] * 2), -1).reshape(-1, 2)).astype(np.float64)
    corners = footprint(a.box)
    xz = corners.mean(0) + grid[:, :1] * (corners[1] - corners[0]) + grid[:, 1:] * (corners[3] - corners[0])
    p = np.stack([xz[:, 0], np.full(len(xz), b.box.center[1]), xz[:, 1]], -1)
    return float(contains(b.box, p, margin_m=0.02).mean())


def _points_near(a: Body, b: Body) -> NDArray[np.float32]:
    """b's surface within a's footprint, grown by a voxel."""
    local = to_box_frame(a.box, b.points)
    limit = np.array(a.box.size) / 2 + 0.04
    return b.points[(np.abs(local[:, 0]) <= limit[0]) & (np.abs(local[:, 2]) <= limit[2])]


def _on(a: Body, b: Body) -> float:
    """Confidence that a stands on b."""
    share = _over_share(a, b)
    if share < OVER_SHARE or a.bottom < b.bottom + 0.02:
        return 0.0
    # The surface that a stands on is hidden by a itself, so look just around it too.
    below = _points_near(a, b)
    heights = below[:, 1][below[:, 1] < a.bottom + CONTACT_M] if len(below) else below[:, 1]
    support = float(np.percentile(heights, 95)) if len(heights) else b.top
    gap = a.bottom - support
    if not -CONTACT_M <= gap <= CONTACT_M:
        return 0.0
    return min(1.0, share) * (1.0 - 0.5 * abs(gap) / CONTACT_M)


def _inside(a: Body, b: Body) -> float:
    """Confidence that b surrounds a: a lies in b's box, and b has surface above and beside it, or on all four sides."""
    if a.box.volume * 1.5 > b.box.volume:
        return 0.0
    grid = np.stack(np.meshgrid(*[np.linspace(-0.45, 0.45, 4)] * 3), -1).reshape(-1, 3) * np.array(a.box.size)
    share = float(contains(b.box, _from_box_frame(a.box, grid), margin_m=0.01).mean())
    if share < INSIDE_SHARE:
        return 0.0
    near = _points_near(a, b)
    covered = bool((near[:, 1] > a.top - 0.02).sum() >= 3)
    local = to_box_frame(a.box, b.points)
    # The surface that a stands on is no side of it.
    level = (local[:, 1] > -0.25 * a.box.size[1]) & (local[:, 1] <= 0.5 * a.box.size[1])
    half = np.array(a.box.size) / 2
    sides = [
        (level & (sign * local[:, axis] > half[axis] - 0.02) & (np.abs(local[:, 2 - axis]) <= half[2 - axis])).sum()
        >= 2
        for axis in (0, 2)
        for sign in (1, -1)
    ]
    # Three sides without a top are the back and arms of a sofa: what lies there is on it.
    return share if all(sides) or (covered and any(sides)) else 0.0


def _from_box_frame(box: Box3D, local: NDArray[np.float64]) -> NDArray[np.float64]:
    corners = footprint(box)
    x = (corners[1] - corners[0]) / max(box.size[0], 1e-9)
    z = (corners[3] - corners[0]) / max(box.size[2], 1e-9)
    xz = local[:, :1] * x + local[:, 2:] * z
    return np.stack([xz[:, 0] + box.center[0], local[:, 1] + box.center[1], xz[:, 1] + box.center[2]], -1)


def _under(a: Body, b: Body) -> float:
    """Confidence that a is under b: b's surface passes over it."""
    share = _over_share(a, b)
    if share < OVER_SHARE or a.top > b.top or a.bottom > b.bottom + 0.25:
        return 0.0
    over = _points_near(a, b)
    roof = (over[:, 1] > a.top - 0.02).mean() if len(over) else 0.0
    return share * float(roof) if roof > 0.5 else 0.0


def _above(a: Body, b: Body) -> float:
    share = max(_over_share(a, b), _over_share(b, a) if a.box.size[0] * a.box.size[2] > 0 else 0.0)
    gap = a.bottom - b.top
    return share if share >= OVER_SHARE and CONTACT_M < gap < 1.5 else 0.0


def _attached(a: Body, b: Body) -> float:
    """Confidence that a hangs on the side of the larger b: it touches it, high above its foot; nothing carries it."""
    if a.box.volume * 4 > b.box.volume or a.bottom < b.bottom + HANGS_FROM_M or a.top > b.top + CONTACT_M:
        return 0.0
    gap = footprint_gap(a.box, b.box)
    # Inside the footprint it would stand on something or lie in it.
    if gap > CONTACT_M or _over_share(a, b) > OVER_SHARE:
        return 0.0
    return 0.8 * (1.0 - 0.5 * gap / CONTACT_M)


def _next_to(a: Body, b: Body) -> float:
    """Confidence that a and b are side by side: their feet are level, and the gap is small for the smaller one."""
    level = abs(a.bottom - b.bottom)
    smaller = min(float(np.hypot(x.box.size[0], x.box.size[2])) for x in (a, b))
    limit = min(NEAR_M, max(NEAR_SMALL_M, 0.5 * smaller))
    gap = footprint_gap(a.box, b.box)
    if gap > limit or level > LEVEL_M or (a.room and b.room and a.room != b.room):
        return 0.0
    if any(x.box.size[1] < RUG_M and x.box.size[0] * x.box.size[2] > RUG_M2 for x in (a, b)):
        return 0.0
    return (1.0 - 0.4 * gap / limit) * (1.0 - 0.4 * level / LEVEL_M)


def footprint_gap(a: Box3D, b: Box3D) -> float:
    """Distance between two footprints, 0 when they overlap; sampled on a's and b's outlines."""
    return min(_outline_distance(a, b), _outline_distance(b, a))


def _outline_distance(a: Box3D, b: Box3D) -> float:
    corners = footprint(a)
    t = np.linspace(0, 1, 9)[:, None]
    outline = np.concatenate([corners[k] + t * (corners[(k + 1) % 4] - corners[k]) for k in range(4)])
    p = np.stack([outline[:, 0], np.full(len(outline), b.center[1]), outline[:, 1]], -1)
    outside = np.maximum(np.abs(to_box_frame(b, p)) - np.array(b.size) / 2, 0.0)
    return float(np.hypot(outside[:, 0], outside[:, 2]).min())


def _one_support_each(found: Sequence[Relation]) -> list[Relation]:
    """A thing rests on one other: of several supports the surest stays."""
    support: dict[str, Relation] = {}
    for r in found:
        if r.predicate == "on" and (r.subject not in support or r.confidence > support[r.subject].confidence):
            support[r.subject] = r
    return [r for r in found if r.predicate != "on" or support[r.subject] is r]
