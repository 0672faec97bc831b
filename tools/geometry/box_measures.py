"""Plain-number geometry of oriented boxes for facts: width, depth, height, and the gap between two boxes.

The batched tensor versions (IoU) live in ``scenes``; a question touches one or two boxes, where floats are faster.
"""

from __future__ import annotations

import math

from scenes.types import Box3D

Point = tuple[float, float, float]


def box_axes(box: Box3D) -> tuple[Point, Point, Point]:
    """The box's own axes as unit vectors in the world."""
    x, y, z, w = box.quaternion_xyzw
    n = math.sqrt(x * x + y * y + z * z + w * w) or 1.0
    x, y, z, w = x / n, y / n, z / n, w / n
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)),
        (2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)),
        (2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)),
    )


def width_depth_height(box: Box3D) -> tuple[float, float, float]:
    """Metres: the longer and the shorter horizontal edge, and the edge nearest to the vertical."""
    axes = box_axes(box)
    vertical = max(range(3), key=lambda k: abs(axes[k][1]))
    flat = sorted((box.size[k] for k in range(3) if k != vertical), reverse=True)
    return flat[0], flat[1], box.size[vertical]


def nearest_point(box: Box3D, p_world: Point) -> Point:
    """The point of a box (surface or inside) that is nearest to a world point."""
    offset = tuple(p - c for p, c in zip(p_world, box.center, strict=True))
    out = list(box.center)
    for axis, edge in zip(box_axes(box), box.size, strict=True):
        along = offset[0] * axis[0] + offset[1] * axis[1] + offset[2] * axis[2]
        along = min(max(along, -edge / 2), edge / 2)
        for k in range(3):
            out[k] += along * axis[k]
    return (out[0], out[1], out[2])


def box_gap(a: Box3D, b: Box3D, iterations: int = 200) -> float:
    """Distance of the nearest points of two boxes in metres; 0 where they touch or overlap.

    Alternating projection onto two convex sets (Cheney and Goldstein, 1959); stops at 0.01 mm.
    """
    p: Point = a.center
    gap = math.inf
    for _ in range(iterations):
        q = nearest_point(b, p)
        p = nearest_point(a, q)
        new = math.dist(p, q)
        if gap - new < 1e-5:
            return new if new > 1e-4 else 0.0
        gap = new
    return gap
