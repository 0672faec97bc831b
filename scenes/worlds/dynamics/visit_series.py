"""Several visits to one world, in order: what each finds, and how the wearer goes.

The first visit finds the world as it was made, and nothing changes during it. Before each later one some hours pass
in which things change, and during it more changes in rooms where the wearer is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenes.worlds.dynamics.timeline import Timeline, between_visits, during_visit
from scenes.worlds.dynamics.walk import Walk, WalkSettings, make_walk
from scenes.worlds.world import World

BETWEEN_VISITS_S = 3 * 3600.0


def iter_visits(world: World, count: int, *, fps: float = 5.0) -> Iterator[tuple[Timeline, Walk]]:
    """What holds when, and the way, of each visit; the same for the same world.

    ``count`` only ends the series: the first visits of a longer one are those of a shorter one.
    """
    for visit in range(count):
        start_s = visit * BETWEEN_VISITS_S
        changed, events = between_visits(world, visit, time_s=start_s) if visit else (world, ())
        walk = make_walk(changed, visit=visit, start_s=start_s, settings=WalkSettings(fps=fps))
        timeline = during_visit(changed, walk, visit, events) if visit else Timeline.unchanging(world)
        yield timeline, walk
        world = timeline.moments[-1][1]
