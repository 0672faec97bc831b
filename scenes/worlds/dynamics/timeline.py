"""Change over time: small things move, vanish and appear, drawers and doors open, with an event log.

A change makes a new ``World``; the old one stays what it was. Objects keep their ids for life, and an id is never
used again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scenes.types import Box3D
from scenes.worlds.dynamics.front_changes import EMPTY_PATH, loose_things, turn_front
from scenes.worlds.dynamics.walk import Walk
from scenes.worlds.layout.door_leaves import leaves_at_visit
from scenes.worlds.layout.furniture_layout import FurnitureLayout
from scenes.worlds.layout.placing import Placed
from scenes.worlds.things.catalogue import CATEGORIES, CATEGORY
from scenes.worlds.world import World, WorldObject, with_things

EventKind = Literal["moved", "vanished", "appeared", "opened", "closed"]
MIN_BETWEEN_CHANGES_S = 8.0
"""Least time between two changes during a visit."""


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
    front: str = ""
    """Name of the drawer or door that was opened or closed."""
    carried_by: str = ""
    """Id of the thing whose drawer took this one along, ``""`` where it moved by itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """A world from start to end: what held from each time on, and what happened."""

    moments: tuple[tuple[float, World], ...]
    """(from this time, world), in order; the first holds from the beginning."""
    events: tuple[Event, ...] = ()

    @classmethod
    def unchanging(cls, world: World) -> Timeline:
        """One world from start to end."""
        return cls(moments=((0.0, world),))

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
    fronts: int = 0,
    fixed: frozenset[str] = frozenset(),
    closed: frozenset[str] = frozenset(),
    way: NDArray[np.float64] = EMPTY_PATH,
) -> tuple[World, tuple[Event, ...]]:
    """The world after some small things changed, and the events in order of their objects.

    Args:
        world: what was true before.
        rng: chooses things and places.
        time_s: when it happens.
        moved: how many things go to another support.
        vanished: how many are taken away.
        appeared: how many are new.
        fronts: how many drawers and doors are opened, or closed where they stood open.
        fixed: ids that must stay as they are, e.g. because somebody looks at them.
        closed: rooms to which nothing is brought.
        way: (N, 2) floor points (x, z) that no open front may block.

    Fewer things change where a world has too few that can.
    """
    numbers = frozenset(int(i[1:]) for i in fixed)
    loose = loose_things(world.placed, numbers)
    order = rng.permutation(len(loose))
    leaving = [loose[i] for i in order[:vanished]]
    moving = [loose[i] for i in order[vanished : vanished + moved]]
    gone = {p.number for p in (*leaving, *moving)}
    layout = FurnitureLayout(
        plan=world.plan,
        rng=rng,
        placed=[p for p in world.placed if p.number not in gone],
        next_number=world.next_number,
    )
    layout.reserve_openings()
    layout.reserved += [leaf.hull(leaf.open_deg) for leaf in world.leaves]
    for thing in moving:
        if not _put_elsewhere(layout, thing, closed):
            layout.placed.append(thing)
    for _ in range(appeared):
        _add_somewhere(layout, closed)
    changed = numbers
    for _ in range(fronts):
        changed |= {turn_front(layout, fixed=changed, closed_rooms=closed, way=way)}
    after = with_things(world, layout.placed, layout.next_number)
    return after, _events(world, after, time_s)


def _hosts(layout: FurnitureLayout, category: str, closed: frozenset[str], other_than: int = 0) -> list[Placed]:
    weights = CATEGORY[category].hosts
    hosts = [p for p in layout.placed if weights.get(p.category, 0) > 0 and p.shape.surfaces]
    return [p for p in hosts if p.number != other_than and p.room not in closed]


def _put_elsewhere(layout: FurnitureLayout, thing: Placed, closed: frozenset[str]) -> bool:
    """Put a thing on another support, the same object at a new place."""
    hosts = _hosts(layout, thing.category, closed, thing.support)
    return any(layout.put_again(thing, hosts[i]) for i in layout.rng.permutation(len(hosts)))


def _add_somewhere(layout: FurnitureLayout, closed: frozenset[str]) -> None:
    """One new thing, somewhere it fits; nothing where no try fits."""
    small = [c for c in CATEGORIES if c.place == "top"]
    for _ in range(20):
        category = small[layout.rng.integers(len(small))]
        hosts = _hosts(layout, category.name, closed)
        if hosts and layout.put_new(category, hosts[layout.rng.integers(len(hosts))]) is not None:
            return


def _events(before: World, after: World, time_s: float) -> tuple[Event, ...]:
    """What differs between two worlds."""
    events: list[Event] = []
    for id in sorted({*before.objects, *after.objects}, key=lambda w: int(w[1:])):
        old, new = before.objects.get(id), after.objects.get(id)
        if old is not None and new is not None and (old.box, old.open_front) == (new.box, new.open_front):
            continue
        event = Event(
            time_s=time_s,
            kind=_kind(old, new),
            object_id=id,
            before=old.box if old else None,
            after=new.box if new else None,
        )
        if old is not None:
            event = replace(event, room_before=old.room, support_before=old.support, front=old.open_front)
        if new is not None:
            event = replace(event, room_after=new.room, support_after=new.support, front=new.open_front or event.front)
        if (
            old is not None
            and new is not None
            and old.behind
            and (old.support, old.behind) == (new.support, new.behind)
        ):
            event = replace(event, carried_by=new.support)
        events.append(event)
    return tuple(events)


def _kind(old: WorldObject | None, new: WorldObject | None) -> EventKind:
    if old is None:
        return "appeared"
    if new is None:
        return "vanished"
    if old.open_front == new.open_front:
        return "moved"
    return "opened" if new.open_front else "closed"


def between_visits(world: World, visit: int, *, time_s: float) -> tuple[World, tuple[Event, ...]]:
    """What a few hours change: the world that visit number ``visit`` finds. Same arguments, same change.

    Room doors may be opened and closed too.
    """
    before, leaves = world, leaves_at_visit(world.plan, world.leaves, world.seed, visit)
    world = with_things(replace(world, leaves=leaves), world.placed, world.next_number)
    rng = np.random.default_rng((6, world.seed, visit))
    after, _ = change_world(
        world,
        rng,
        time_s=time_s,
        moved=int(rng.integers(2, 5)),
        vanished=int(rng.integers(1, 3)),
        appeared=int(rng.integers(1, 3)),
        fronts=int(rng.integers(1, 4)),
    )
    return after, _events(before, after, time_s)


def during_visit(world: World, walk: Walk, visit: int, before: tuple[Event, ...] = ()) -> Timeline:
    """A visit during which up to three times something changes, in rooms where the wearer is not.

    Each time one thing moves, or a drawer or a door is opened or closed, or both.

    Args:
        world: what holds when the visit starts.
        walk: the visit.
        visit: its number, for the random choice.
        before: events from between the visits, kept in the timeline.
    """
    rng = np.random.default_rng((7, world.seed, visit))
    moments, events = [(float(walk.times_s[0]), world)], list(before)
    for index in sorted(rng.integers(len(walk) // 4, 7 * len(walk) // 8, size=3).tolist()):
        time_s = float(walk.times_s[index])
        if len(moments) > 1 and time_s - moments[-1][0] < MIN_BETWEEN_CHANGES_S:
            continue
        current = moments[-1][1]
        # Nothing moves before the wearer's eyes, nor to where they look: both ends lie in other rooms.
        here = {walk.rooms[i] for i in range(max(0, index - 10), min(len(walk), index + 10))}
        fixed = frozenset(o.id for o in current.objects.values() if o.room in here)
        way = walk.world_from_camera[index:, :3, 3].numpy()[:, [0, 2]]
        moved, fronts = ((1, 0), (0, 1), (1, 1))[int(rng.integers(3))]
        after, new = change_world(
            current,
            rng,
            time_s=time_s,
            moved=moved,
            fronts=fronts,
            fixed=fixed,
            closed=frozenset(here),
            way=way,
        )
        if new:
            moments.append((time_s, after))
            events += new
    return Timeline(moments=tuple(moments), events=tuple(events))
