"""Opening and closing the fronts of placed furniture; what lies in a drawer goes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scenes.worlds.layout.furniture_layout import FurnitureLayout
from scenes.worlds.layout.placing import BODY_RADIUS_M, Hull, Placed, hull_of, turn
from scenes.worlds.things.catalogue import CATEGORY
from scenes.worlds.things.fronts import opened, slide_m
from scenes.worlds.things.shapes import Shape

STOW_TRIES = 6
STOW_PROBABILITY = 0.7
"""Probability that something is put behind a front that was just opened."""
EMPTY_PATH: NDArray[np.float64] = np.zeros((0, 2))


def turn_front(
    layout: FurnitureLayout,
    *,
    fixed: frozenset[int],
    closed_rooms: frozenset[str],
    way: NDArray[np.float64] = EMPTY_PATH,
) -> int:
    """Close a front that is open, or open one and perhaps put something into it.

    Args:
        layout: state and random choices.
        fixed: numbers of things that must stay as they are.
        closed_rooms: rooms in which nothing changes.
        way: (N, 2) floor points (x, z) that somebody will still walk over.

    Returns the number of the thing whose front changed, 0 where none can.
    """
    rng = layout.rng
    hosts = [p for p in layout.placed if p.shape.fronts and p.number not in fixed and p.room not in closed_rooms]
    for i in rng.permutation(len(hosts)):
        host = hosts[i]
        if host.shape.open_front:
            set_front(layout, host, "")
            return host.number
        names = [f.name for f in host.shape.fronts]
        for k in rng.permutation(len(names)):
            if can_open(layout, host, names[k], way):
                set_front(layout, host, names[k])
                if rng.random() < STOW_PROBABILITY:
                    _stow(layout, host.number, names[k], fixed, closed_rooms)
                return host.number
    return 0


def can_open(layout: FurnitureLayout, host: Placed, name: str, way: NDArray[np.float64] = EMPTY_PATH) -> bool:
    """Whether a front of a thing has room to open and leaves people room to pass."""
    hull, room = hull_of(opened(host.shape, name), host.position, host.yaw), layout.room(host.room)
    f = room.floor
    if not (f.contains(hull.low[0], hull.low[2]) and f.contains(hull.high[0], hull.high[2])):
        return False
    others = [p for p in layout.placed if p.number != host.number and p.support != host.number]
    if any(hull.overlaps(p.hull) for p in others if p.category != "rug"):
        return False
    if any(hull.overlaps(r) for r in layout.reserved):
        return False
    return _clear_of(hull, way) and layout.passable(room, hull)


def _clear_of(hull: Hull, way: NDArray[np.float64]) -> bool:
    """Whether a walker's body passes a hull on all of the way."""
    low, high = np.array([hull.low[0], hull.low[2]]), np.array([hull.high[0], hull.high[2]])
    outside = np.maximum(np.maximum(low - way, way - high), 0.0)
    return bool((np.hypot(outside[:, 0], outside[:, 1]) > BODY_RADIUS_M).all())


def set_front(layout: FurnitureLayout, host: Placed, name: str) -> None:
    """Open a front (by its name) or close the open one (``""``) of a placed thing."""
    before = host.shape
    closed = before.closed or before
    shape = opened(closed, name) if name else closed
    sign, front = (1, name) if name else (-1, before.open_front)
    travel = sign * slide_m(closed, front)
    layout.placed = [_after_turning(p, host, shape, front, travel) for p in layout.placed]


def _after_turning(p: Placed, host: Placed, shape: Shape, front: str, travel: float) -> Placed:
    if p.number == host.number:
        return replace(p, shape=shape)
    if p.support != host.number or p.behind != front:
        return p
    dx, dz = turn(host.yaw, 0.0, travel)
    return replace(p, position=(p.position[0] + dx, p.position[1], p.position[2] + dz))


def _stow(
    layout: FurnitureLayout, host_number: int, name: str, fixed: frozenset[int], closed_rooms: frozenset[str]
) -> None:
    """Put one loose thing behind an open front, if one of a few tries fits."""
    host = next(p for p in layout.placed if p.number == host_number)
    loose = [p for p in loose_things(layout.placed, fixed) if p.room not in closed_rooms]
    order = layout.rng.permutation(len(loose))[:STOW_TRIES]
    for thing in (loose[i] for i in order):
        layout.placed.remove(thing)
        if layout.put_again(thing, host, name):
            return
        layout.placed.append(thing)


def loose_things(placed: Sequence[Placed], fixed: frozenset[int]) -> list[Placed]:
    """Small things that somebody could take: they carry nothing, and no closed front hides them."""
    carriers = {p.support for p in placed}
    front = {p.number: p.shape.open_front for p in placed}
    return [
        p
        for p in placed
        if p.support
        and p.category in CATEGORY
        and p.number not in carriers
        and p.number not in fixed
        and (not p.behind or front[p.support] == p.behind)
    ]
