"""What a wearer who forgets nothing knows of each thing: where it was last seen, and whether that place is empty now.

A place is seen empty on negative evidence alone: had the thing still been there, the frames since would have shown it
in many pixels, and they show what lies behind instead. Looks that show only a little of the place leave a doubt, and
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
"""A thing that would have shown in so many pixels, over all looks since, has left."""
DOUBT_PIXELS = MIN_PIXELS
"""A thing that would have shown in so many may have left; in fewer nobody would have noticed it anyway."""
BEHIND_M = 0.002
"""What is seen lies at least so far behind the place of the thing; a phone that has left a table is 8 mm thick."""
MOVED_M = 0.25
"""A thing that is further from where it was has moved; the same in ``tools``."""
SAME_PLACE_M = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
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
class Place:
    """What is remembered of one thing."""

    thing: WorldObject
    """As it was when last seen."""
    first_s: float
    last_s: float
    missed_px: int = 0
    """Pixels that would have shown it since, over all looks, and showed what is behind its place."""
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
        """Whether a world has the thing at the remembered place, its doors open or closed."""
        other = world.objects.get(self.thing.id)
        return other is not None and other.position == self.thing.position

    @property
    def travelled_m(self) -> float:
        """How far it is from where it was when the visit started; 0 where that is not known."""
        if self.earlier is None:
            return 0.0
        return float(np.linalg.norm(np.subtract(self.thing.position, self.earlier.position)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """What is remembered at one time, by object id."""

    places: Mapping[str, Place] = field(default_factory=dict)

    def resumed(self) -> Memory:
        """The same at the start of the next visit."""
        return Memory(
            places={
                i: replace(p, earlier=None if p.gone else p.thing, seen_now=False, empty_before_px=0)
                for i, p in self.places.items()
            }
        )


def look_on(
    memory: Memory,
    look: Look,
    world: World,
    time_s: float,
    pixels: Mapping[str, int],
    earlier: Sequence[Look] = (),
) -> Memory:
    """The memory after one more frame.

    Args:
        memory: what was remembered before.
        look: the frame.
        world: what is true at its time: gives the things that it shows.
        time_s: its time.
        pixels: what it shows, see ``Look.pixels``.
        earlier: the looks of the visits before.
    """
    places = dict(memory.places)
    for object_id in pixels:
        old, thing = places.get(object_id), world.objects[object_id]
        met = old is None or (old.earlier is None and not old.seen_now)
        same = old is not None and (old.thing.position, old.thing.open_front) == (thing.position, thing.open_front)
        places[object_id] = Place(
            thing=thing,
            first_s=old.first_s if old else time_s,
            last_s=time_s,
            earlier=old.earlier if old else None,
            seen_now=True,
            since_s=old.since_s if old and old.change else old.last_s if old else time_s,
            noticed_s=old.noticed_s if old and same and not old.gone else time_s,
            empty_before_px=_empty_before(thing, earlier) if met or old is None else old.empty_before_px,
        )
    for object_id, place in places.items():
        # A thing that is still there hides what is behind it: no need to look.
        if object_id in pixels or place.gone or place.at(world):
            continue
        if count := look.would_show(place.thing):
            since_s = place.since_s if place.change else place.last_s
            places[object_id] = replace(place, missed_px=place.missed_px + count, since_s=since_s, noticed_s=time_s)
    return Memory(places=places)


def _empty_before(thing: WorldObject, earlier: Sequence[Look]) -> int:
    """Pixels of earlier looks that would have shown a thing where it is now; counted no further than is needed.

    What lies behind a drawer or a door comes to light when that opens: its place was not there to be looked at.
    """
    count = 0
    for look in earlier if not thing.behind else ():
        count += look.would_show(thing)
        if count >= CLEAR_PIXELS:
            break
    return count
