"""What a wearer who forgets nothing knows of each thing: where it was last seen, and whether that place is empty now.

A place is seen empty on negative evidence alone: had the thing still been there, the frames since would have shown it
in many pixels, and they show what lies behind instead. Frames that show only a little of the place leave a doubt, and
questions are not asked while there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from scenes.rendering.mesh import Floats
from scenes.rendering.render import Renderer
from scenes.rendering.shading import Instance
from scenes.worlds.world import World, WorldObject

MIN_PIXELS = 6
"""Of the 128x96 images: 30 by 25 pixels of the full image, which a person would notice."""
CLEAR_PIXELS = 3 * MIN_PIXELS
"""A thing that would have shown in so many pixels, over all frames since, has left."""
DOUBT_PIXELS = MIN_PIXELS
"""A thing that would have shown in so many may have left; in fewer nobody would have noticed it anyway."""
BEHIND_M = 0.002
"""What is seen lies at least so far behind the place of the thing; a phone that has left a table is 8 mm thick."""
MOVED_M = 0.25
"""A thing that is further from where it was has moved; the same in ``tools``."""
SAME_PLACE_M = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glimpse:
    """One frame at low resolution."""

    eye: NDArray[np.float64]
    """(3,) world."""
    rays: Floats
    """(N, 3) world, z = 1 in the camera."""
    depth_m: Floats
    """(N,) z-depth; inf where nothing was hit."""
    ids: NDArray[np.int32]
    """(H, W) instance numbers."""

    def pixels(self) -> dict[str, int]:
        """Object id -> visible pixels, of those that a person would notice."""
        numbers, counts = np.unique(self.ids[self.ids > 0], return_counts=True)
        return {f"w{n}": int(c) for n, c in zip(numbers, counts, strict=True) if c >= MIN_PIXELS}

    def _reaches(self, thing: WorldObject) -> bool:
        """Whether the ball around a thing's box touches the cone around the view."""
        middle = self.rays[len(self.rays) // 2 + self.ids.shape[1] // 2].astype(np.float64)
        corner = self.rays[0].astype(np.float64)
        axis = middle / np.linalg.norm(middle)
        opening = np.arccos(np.clip(axis @ corner / np.linalg.norm(corner), -1.0, 1.0))
        away = np.array(thing.box.center) - self.eye
        distance, radius = float(np.linalg.norm(away)), float(np.linalg.norm(thing.box.size)) / 2
        if distance <= radius:
            return True
        angle = np.arccos(np.clip(axis @ away / distance, -1.0, 1.0))
        return bool(angle <= opening + 0.03 + np.arcsin(radius / distance))

    def would_show(self, thing: WorldObject) -> int:
        """Pixels that would show a thing if it were (still) at its place, for all that this frame shows."""
        if not self._reaches(thing):
            return 0
        alone = Renderer([Instance(number=thing.number, mesh=thing.mesh)], [(0.0, 2.0, 0.0)])
        near = alone.cast(self.eye, self.rays).depth_m
        return int((near + BEHIND_M < self.depth_m).sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownThing:
    """What is known of one thing."""

    thing: WorldObject
    """As it was when last seen."""
    first_s: float
    last_s: float
    missed_px: int = 0
    """Pixels that would have shown it since, over all frames, and showed what is behind its place."""
    earlier: WorldObject | None = None
    """As it was known when this visit started, None where it was not known or had left."""
    seen_now: bool = False
    """Whether this visit has shown it."""
    since_s: float = 0.0
    """When it was last seen as it was when the visit started."""
    noticed_s: float = 0.0
    """When it was last seen to be otherwise than before: found elsewhere, opened, or its place found empty."""
    empty_before_px: int = 0
    """For a thing that this visit has shown first: pixels of the visits before that would have shown it at its place,
    had it been there, and showed what is behind."""

    @property
    def gone(self) -> bool:
        """Whether its place has been seen empty since."""
        return self.missed_px >= CLEAR_PIXELS

    @property
    def doubt(self) -> bool:
        """Whether it may have left."""
        return DOUBT_PIXELS <= self.missed_px < CLEAR_PIXELS

    @property
    def change(self) -> str:
        """How it is otherwise than when the visit began, of ``scenes.types.CHANGES``; ``""`` where it is not, or
        where that is not known."""
        if self.earlier is None:
            return "appeared" if self.seen_now and not self.gone and self.empty_before_px >= CLEAR_PIXELS else ""
        if self.gone:
            return "vanished"
        if self.travelled_m > MOVED_M:
            return "moved"
        if self.thing.open_front == self.earlier.open_front:
            return ""
        return "opened" if self.thing.open_front else "closed"

    @property
    def change_doubt(self) -> bool:
        """Whether nobody could tell if it has changed: too little shows it, or it was pushed a little."""
        if self.earlier is None:
            new = DOUBT_PIXELS <= self.empty_before_px < CLEAR_PIXELS
            return self.seen_now and (self.doubt or self.gone or new)
        return self.doubt or (not self.gone and SAME_PLACE_M < self.travelled_m <= MOVED_M)

    def at(self, world: World) -> bool:
        """Whether a world has the thing where it was last seen, its doors open or closed."""
        other = world.objects.get(self.thing.id)
        return other is not None and other.position == self.thing.position

    @property
    def travelled_m(self) -> float:
        """How far it is from where it was when the visit started; 0 where that is not known."""
        if self.earlier is None:
            return 0.0
        return float(np.linalg.norm(np.subtract(self.thing.position, self.earlier.position)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WearerKnowledge:
    """What is known at one time, by object id."""

    things: Mapping[str, KnownThing] = field(default_factory=dict)

    def at_next_visit(self) -> WearerKnowledge:
        """The same when the next visit begins: changes are told against this state."""
        return WearerKnowledge(
            things={
                i: replace(t, earlier=None if t.gone else t.thing, seen_now=False, empty_before_px=0)
                for i, t in self.things.items()
            }
        )


def after_glimpse(
    knowledge: WearerKnowledge,
    glimpse: Glimpse,
    world: World,
    time_s: float,
    pixels: Mapping[str, int],
    earlier: Sequence[Glimpse] = (),
) -> WearerKnowledge:
    """What is known after one more frame.

    Args:
        knowledge: what was known before.
        glimpse: the frame.
        world: what is true at its time: gives the things that it shows.
        time_s: its time.
        pixels: what it shows, see ``Glimpse.pixels``.
        earlier: the glimpses of the visits before.
    """
    things = dict(knowledge.things)
    for object_id in pixels:
        things[object_id] = _seen(things.get(object_id), world.objects[object_id], time_s, earlier)
    for object_id, known in things.items():
        # A thing that is still there hides what is behind it: its place cannot show as empty.
        if object_id in pixels or known.gone or known.at(world):
            continue
        if count := glimpse.would_show(known.thing):
            since_s = known.since_s if known.change else known.last_s
            things[object_id] = replace(known, missed_px=known.missed_px + count, since_s=since_s, noticed_s=time_s)
    return WearerKnowledge(things=things)


def _seen(old: KnownThing | None, thing: WorldObject, time_s: float, earlier: Sequence[Glimpse]) -> KnownThing:
    """What is known of a thing that a frame shows; ``old`` is what was known of it before."""
    if old is None:
        return KnownThing(
            thing=thing,
            first_s=time_s,
            last_s=time_s,
            seen_now=True,
            since_s=time_s,
            noticed_s=time_s,
            empty_before_px=_empty_before(thing, earlier),
        )
    first_this_visit = old.earlier is None and not old.seen_now
    unchanged = (old.thing.position, old.thing.open_front) == (thing.position, thing.open_front)
    return KnownThing(
        thing=thing,
        first_s=old.first_s,
        last_s=time_s,
        earlier=old.earlier,
        seen_now=True,
        since_s=old.since_s if old.change else old.last_s,
        noticed_s=old.noticed_s if unchanged and not old.gone else time_s,
        empty_before_px=_empty_before(thing, earlier) if first_this_visit else old.empty_before_px,
    )


def _empty_before(thing: WorldObject, earlier: Sequence[Glimpse]) -> int:
    """Pixels of earlier glimpses that would have shown a thing where it is now; counted no further than is needed.

    What lies in a drawer or behind a door is not counted: its place could not be seen while that was closed.
    """
    count = 0
    for glimpse in earlier if not thing.behind else ():
        count += glimpse.would_show(thing)
        if count >= CLEAR_PIXELS:
            break
    return count
