"""Routes for generated questions: the shortest path over past positions of the wearer.

The live assistant finds its ways in the map (``tools.mapping.navigation``); here there is a walk and no map.

A place that somebody has walked through is free, whatever the map missed there. Shortcuts between two past positions
are taken only over a step's length, so a path never leads through furniture that was walked around. Doors that have
closed since are not known here.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence

from tools.geometry.box_measures import Point

SPACING_M = 0.25
"""Past positions are thinned to about this distance."""
STEP_M = 0.6
"""Two past positions this near can be walked between directly: less than one pace."""
REACH_M = 2.0
"""A thing can be this far from the walked way (on a table, behind a sofa) and still be reached by it."""
CORNER_M = 0.3
"""A path is said with straight legs that stay this near to it (Douglas and Peucker, 1973)."""


def walked_route(positions: Iterable[Point], start: Point, goal: Point) -> tuple[Point, ...]:
    """Corners of the shortest known walk from ``start`` to ``goal``, both included; empty where none is known.

    ``positions`` are past eye or floor positions in any order; heights are ignored.
    """
    places = _thinned([start, *positions])
    last = min(range(len(places)), key=lambda i: _floor_distance(places[i], goal))
    if _floor_distance(places[last], goal) > REACH_M:
        return ()
    path = _shortest(places, last)
    return _simplified([*path, goal]) if path else ()


def _shortest(places: Sequence[Point], last: int) -> list[Point]:
    """Dijkstra from place 0 to place ``last`` over steps of at most ``STEP_M``."""
    cells: dict[tuple[int, int], list[int]] = {}
    for i, p in enumerate(places):
        cells.setdefault(_cell(p), []).append(i)
    cost, came, queue = {0: 0.0}, {0: 0}, [(0.0, 0)]
    while queue:
        so_far, here = heapq.heappop(queue)
        if here == last:
            path = [here]
            while path[-1]:
                path.append(came[path[-1]])
            return [places[i] for i in reversed(path)]
        if so_far > cost[here]:
            continue
        row, column = _cell(places[here])
        for near in ((row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            for other in cells.get(near, ()):
                step = _floor_distance(places[here], places[other])
                if step <= STEP_M and so_far + step < cost.get(other, math.inf):
                    cost[other], came[other] = so_far + step, here
                    heapq.heappush(queue, (cost[other], other))
    return []


def _thinned(positions: Sequence[Point]) -> list[Point]:
    kept: dict[tuple[int, int], Point] = {}
    for p in positions:
        kept.setdefault((math.floor(p[0] / SPACING_M), math.floor(p[2] / SPACING_M)), p)
    first = positions[0]
    return [first, *(p for p in kept.values() if p is not first)]


def _simplified(path: Sequence[Point]) -> tuple[Point, ...]:
    if len(path) < 3:
        return tuple(path)
    off = [_off_line(p, path[0], path[-1]) for p in path]
    worst = max(range(len(path)), key=off.__getitem__)
    if off[worst] <= CORNER_M:
        return (path[0], path[-1])
    return _simplified(path[: worst + 1]) + _simplified(path[worst:])[1:]


def _off_line(p: Point, a: Point, b: Point) -> float:
    dx, dz = b[0] - a[0], b[2] - a[2]
    length2 = dx * dx + dz * dz
    share = 0.0 if length2 == 0 else min(max(((p[0] - a[0]) * dx + (p[2] - a[2]) * dz) / length2, 0.0), 1.0)
    return math.hypot(p[0] - a[0] - share * dx, p[2] - a[2] - share * dz)


def _cell(p: Point) -> tuple[int, int]:
    return math.floor(p[0] / STEP_M), math.floor(p[2] / STEP_M)


def _floor_distance(a: Point, b: Point) -> float:
    return math.hypot(a[0] - b[0], a[2] - b[2])
