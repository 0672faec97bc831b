"""Small things on the floor under tables, desks and benches.

They come after everything else and have random choices of their own, so that a world is otherwise the same with and
without them.
"""

from __future__ import annotations

import numpy as np

from scenes.worlds.layout.furnish import Furnisher
from scenes.worlds.things.catalogue import CATEGORY

TUCKED = ("box", "shoe", "backpack", "basket", "ball", "bin")
"""What people keep under furniture."""
CHANCE = 0.6
"""That something lies under a thing with room beneath; a second one half as often."""


def tuck(furnisher: Furnisher) -> None:
    """Put things under what has free floor beneath, with the furnisher's generator."""
    rng = furnisher.rng
    for host in [p for p in furnisher.placed if p.shape.beneath is not None]:
        surface, room = host.shape.beneath, furnisher.room(host.room)
        assert surface is not None
        for chance in (CHANCE, CHANCE / 2):
            if rng.random() >= chance:
                break
            category = CATEGORY[TUCKED[rng.integers(len(TUCKED))]]
            color, seed, shape = furnisher.choose(category.name)
            place = furnisher.place_on(category, shape, host, surface, room)
            if place is not None:
                position, yaw = place
                furnisher.add(category.name, color, seed, shape, position, yaw, room.id, tucked=True)


def tucking_generator(seed: int) -> np.random.Generator:
    """The random choices of a world's tucked things."""
    return np.random.default_rng((13, seed))
