"""Change over time: small things move, vanish and appear, between visits or during one, with an event log.

A change makes a new ``World``; the old one stays what it was. Objects keep their ids for life, and an id is never
used again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from scenes.types import Box3D
from scenes.worlds.catalogue import CATEGORIES, CATEGORY
from scenes.worlds.furnish import Furnisher
from scenes.worlds.placing import Placed
from scenes.worlds.walk import Walk
from scenes.worlds.world import World, with_things

EventKind = Literal["moved", "vanished", "appeared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that changed."""

    time_s: float
    kind: EventKind
    object_id: str
    before: Box3D | None
    """None for a thing that appeared."""
    after: Box3D | None
    """None for a thing that vanished."""
    room_before: str = ""
    room_after: str = ""
    support_before: str = ""
    support_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """A world from start to end: what held from each time on, and what happened."""

    moments: tuple[tuple[float, World], ...]
    """(from this time, world), in order; the first holds from the beginning."""
    events: tuple[Event, ...] = ()

    def at(self, time_s: float) -> World:
        """The world at a time."""
        current = self.moments[0][1]
        for start_s, world in self.moments:
            if start_s <= time_s:
                current = world
        return current


def change_world(
    world: World,
    rng: Generator,
    *,
    time_s: float,
    moved: int = 0,
    vanished: int = 0,
    appeared: int = 0,
    fixed: frozenset[str] = frozenset(),
    closed: frozenset[str] = frozenset(),
) -> tuple[World, tuple[Event, ...]]:
    """The world after some small things changed, and the events in order of their objects.

    Args:
        world: what was true before.
        rng: chooses things and places.
        time_s: when it happens.
        moved: how many things go to another support.
        vanished: how many are taken away.
        appeared: how many are new.
        fixed: ids that must stay as they are, e.g. because somebody looks at them.
        closed: rooms to which nothing is brought.

    Fewer things change where a world has too few that can.
    """
    carriers = {o.support for o in world.objects.values()}
    known = [p for p in world.placed if p.support and p.category in CATEGORY]
    loose = [p for p in known if f"w{p.number}" not in carriers and f"w{p.number}" not in fixed]
    order = rng.permutation(len(loose))
    leaving = [loose[i] for i in order[:vanished]]
    moving = [loose[i] for i in order[vanished : vanished + moved]]
    gone = {p.number for p in (*leaving, *moving)}
    furnisher = Furnisher(
        plan=world.plan,
        rng=rng,
        placed=[p for p in world.placed if p.number not in gone],
        next_number=world.next_number,
    )
    furnisher.reserve_openings()
    for thing in moving:
        if not _put_elsewhere(furnisher, thing, closed):
            furnisher.placed.append(thing)
    for _ in range(appeared):
        _add_somewhere(furnisher, closed)
    after = with_things(world, furnisher.placed, furnisher.next_number)
    return after, _events(world, after, time_s)


def _hosts(furnisher: Furnisher, category: str, closed: frozenset[str], other_than: int = 0) -> list[Placed]:
    weights = CATEGORY[category].hosts
    hosts = [p for p in furnisher.placed if weights.get(p.category, 0) > 0 and p.shape.surfaces]
    return [p for p in hosts if p.number != other_than and p.room not in closed]


def _put_elsewhere(furnisher: Furnisher, thing: Placed, closed: frozenset[str]) -> bool:
    """Put a thing on another support, the same object at a new place."""
    hosts = _hosts(furnisher, thing.category, closed, thing.support)
    return any(furnisher.put_again(thing, hosts[i]) for i in furnisher.rng.permutation(len(hosts)))


def _add_somewhere(furnisher: Furnisher, closed: frozenset[str]) -> None:
    """One new thing, somewhere it fits; nothing where no try fits."""
    small = [c for c in CATEGORIES if c.place == "top"]
    for _ in range(20):
        category = small[furnisher.rng.integers(len(small))]
        hosts = _hosts(furnisher, category.name, closed)
        if hosts and furnisher.put_new(category, hosts[furnisher.rng.integers(len(hosts))]) is not None:
            return


def _events(before: World, after: World, time_s: float) -> tuple[Event, ...]:
    """What differs between two worlds."""
    events: list[Event] = []
    for id in sorted({*before.objects, *after.objects}, key=lambda w: int(w[1:])):
        old, new = before.objects.get(id), after.objects.get(id)
        if old is not None and new is not None and old.box == new.box:
            continue
        kind: EventKind = "appeared" if old is None else "vanished" if new is None else "moved"
        event = Event(
            time_s=time_s, kind=kind, object_id=id, before=old.box if old else None, after=new.box if new else None
        )
        if old is not None:
            event = replace(event, room_before=old.room, support_before=old.support)
        if new is not None:
            event = replace(event, room_after=new.room, support_after=new.support)
        events.append(event)
    return tuple(events)


def between_visits(world: World, visit: int, *, time_s: float) -> tuple[World, tuple[Event, ...]]:
    """What a few hours change: the world that visit number ``visit`` finds. Same arguments, same change."""
    rng = np.random.default_rng((6, world.seed, visit))
    return change_world(
        world,
        rng,
        time_s=time_s,
        moved=int(rng.integers(2, 5)),
        vanished=int(rng.integers(1, 3)),
        appeared=int(rng.integers(1, 3)),
    )


def during_visit(world: World, walk: Walk, visit: int, before: tuple[Event, ...] = ()) -> Timeline:
    """A visit in the middle of which one thing moves, from and to rooms where the wearer is not.

    Args:
        world: what holds when the visit starts.
        walk: the visit.
        visit: its number, for the random choice.
        before: events from between the visits, kept in the timeline.
    """
    rng = np.random.default_rng((7, world.seed, visit))
    index = int(rng.integers(len(walk) // 3, 2 * len(walk) // 3))
    # Nothing moves before the wearer's eyes, nor to where they look: both ends lie in other rooms.
    here = {walk.rooms[i] for i in range(max(0, index - 10), min(len(walk), index + 10))}
    fixed = frozenset(o.id for o in world.objects.values() if o.room in here)
    time_s = float(walk.times_s[index])
    after, events = change_world(world, rng, time_s=time_s, moved=1, fixed=fixed, closed=frozenset(here))
    if not events:
        return Timeline(moments=((float(walk.times_s[0]), world),), events=before)
    return Timeline(moments=((float(walk.times_s[0]), world), (time_s, after)), events=(*before, *events))
