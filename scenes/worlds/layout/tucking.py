"""Small things on the floor under tables, desks and benches.

They come after everything else and have random choices of their own, so that a world is otherwise the same with and
without them.
"""

from __future__ import annotations

import numpy as np

from scenes.worlds.layout.furniture_layout import FurnitureLayout
from scenes.worlds.things.catalogue import CATEGORY

TUCKED = ("box", "shoe", "backpack", "basket", "ball", "bin")
"""What people keep under furniture."""
TUCKED_PROBABILITY = 0.6
"""Probability that something lies under a thing with room beneath; half of it for a second thing."""


def tuck(layout: FurnitureLayout) -> None:
    """Put things under what has free floor beneath, with the layout's generator."""
    rng = layout.rng
    for host, surface in [(p, p.shape.beneath) for p in layout.placed if p.shape.beneath is not None]:
        room = layout.room(host.room)
        for chance in (TUCKED_PROBABILITY, TUCKED_PROBABILITY / 2):
            if rng.random() >= chance:
                break
            category = CATEGORY[TUCKED[rng.integers(len(TUCKED))]]
            color, seed, shape = layout.choose(category.name)
            place = layout.place_on(category, shape, host, surface, room)
            if place is not None:
                position, yaw = place
                layout.add(category.name, color, seed, shape, position, yaw, room.id, tucked=True)


def tucking_generator(seed: int) -> np.random.Generator:
    """The random choices of a world's tucked things."""
    return np.random.default_rng((13, seed))
