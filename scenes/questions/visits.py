"""A visit to a world and what it has shown so far: who was visible when, and the graph that follows from that.

Visibility is ray-cast against the meshes at a low resolution, so occlusion counts. ``known`` at frame t reads only what
frames up to t, and earlier visits, have shown; truncating the visit after t gives the same graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scenes.questions.wearer_knowledge import MIN_PIXELS, Glimpse, KnownThing, WearerKnowledge, after_glimpse
from scenes.rendering.render import HEAD_CAMERA, Renderer, camera_rays
from scenes.types import Change, Relation, SceneGraph
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.visit_series import iter_visits
from scenes.worlds.dynamics.walk import Walk
from scenes.worlds.world import World

CAMERA = HEAD_CAMERA.resized(128, 96)
"""Small enough to look through a whole visit, fine enough for a mug at three metres."""


@dataclass(frozen=True, eq=False)
class Visit:
    """One walk through one world, looked at on every ``step``-th frame; what was looked up is kept."""

    world: World
    """What holds when the visit starts."""
    number: int
    walk: Walk
    step: int = 4
    timeline: Timeline | None = None
    """How the world changes on the way, and what changed since the visit before; None: not at all."""
    before: Visit | None = None
    """The visit before, which is remembered."""

    def world_at(self, frame: int) -> World:
        """What is true at a frame."""
        return self.world if self.timeline is None else self.timeline.at(self.time_of(frame))

    @cached_property
    def glimpses(self) -> Mapping[int, Glimpse]:
        """Frame number -> what it shows, for the frames that were looked at."""
        out: dict[int, Glimpse] = {}
        current: tuple[World, Renderer] | None = None
        rays = camera_rays(CAMERA)
        for k in range(0, len(self.walk), self.step):
            world = self.world_at(k)
            if current is None or current[0] is not world:
                current = (world, world.renderer())
            pose = self.walk.world_from_camera[k].numpy().astype(np.float64)
            directions = (rays @ pose[:3, :3].T.astype(np.float32)).reshape(-1, 3)
            hits = current[1].cast(pose[:3, 3], directions)
            out[k] = Glimpse(
                eye=pose[:3, 3],
                rays=directions,
                depth_m=hits.depth_m,
                ids=current[1].numbers(hits).reshape(CAMERA.height, CAMERA.width),
            )
        return out

    @cached_property
    def instance_ids(self) -> Mapping[int, NDArray[np.int32]]:
        """Frame number -> (96, 128) instance numbers, for the frames that were looked at."""
        return {k: g.ids for k, g in self.glimpses.items()}

    @cached_property
    def pixels(self) -> Mapping[int, Mapping[str, int]]:
        """Frame number -> object id -> visible pixels of ``CAMERA``."""
        return {k: g.pixels() for k, g in self.glimpses.items()}

    @cached_property
    def truth(self) -> SceneGraph:
        """The true graph of the whole world when the visit starts."""
        return self.world.scene_graph()

    @cached_property
    def _known(self) -> dict[int, SceneGraph]:
        return {}

    @cached_property
    def _relations(self) -> dict[tuple[int, ...], tuple[Relation, ...]]:
        return {}

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that were looked at: questions are asked at these."""
        return tuple(range(0, len(self.walk), self.step))

    def time_of(self, frame: int) -> float:
        """Capture time, seconds."""
        return float(self.walk.times_s[frame])

    def best_frames(self, object_id: str, until: int, count: int = 3) -> tuple[int, ...]:
        """Frames up to ``until`` that show an object largest where it was last seen, best first."""
        known = self.knowledge(until).things.get(object_id)
        shown = [
            (self.pixels[k].get(object_id, 0), k)
            for k in self.frames
            if k <= until and known is not None and known.at(self.world_at(k))
        ]
        return tuple(k for n, k in sorted(shown, key=lambda x: (-x[0], x[1])) if n)[:count]

    @cached_property
    def _earlier_glimpses(self) -> tuple[Glimpse, ...]:
        """The glimpses of the visits before, the newest first."""
        if self.before is None:
            return ()
        return (*reversed(list(self.before.glimpses.values())), *self.before._earlier_glimpses)

    @cached_property
    def _knowledge_after(self) -> Mapping[int, WearerKnowledge]:
        """Frame number -> what is known after it."""
        knowledge = self.before.knowledge(self.before.frames[-1]).at_next_visit() if self.before else WearerKnowledge()
        out: dict[int, WearerKnowledge] = {}
        earlier = self._earlier_glimpses
        for k, glimpse in self.glimpses.items():
            knowledge = after_glimpse(knowledge, glimpse, self.world_at(k), self.time_of(k), self.pixels[k], earlier)
            out[k] = knowledge
        return out

    def knowledge(self, until: int) -> WearerKnowledge:
        """What frames 0..``until`` and earlier visits have shown of each thing."""
        return self._knowledge_after[max(k for k in self.frames if k <= until)]

    def known(self, until: int) -> SceneGraph:
        """Things where they were last seen, rooms that were entered or seen into; ``present`` is False for things
        whose place was seen empty since."""
        if until not in self._known:
            self._known[until] = self._known_until(until)
        return self._known[until]

    def _known_until(self, until: int) -> SceneGraph:
        things = self.knowledge(until).things
        objects = {
            i: replace(
                t.thing.to_scene_object(t.last_s),
                first_seen_s=t.first_s,
                evidence_frames=self.best_frames(i, until),
                present=not t.gone,
            )
            for i, t in things.items()
        }
        earlier = self.before.known(self.before.frames[-1]).rooms if self.before else {}
        entered = {*self.walk.rooms[: until + 1], *(o.room for o in objects.values()), *earlier}
        return SceneGraph(
            map_id=self.world.map_id,
            time_s=self.time_of(until),
            objects=objects,
            relations=self._known_relations(things),
            rooms={i: r for i, r in self.world.rooms.items() if i in entered},
            changes=None if self.before is None else tuple(_change(i, t) for i, t in things.items() if t.change),
        )

    def _known_relations(self, known: Mapping[str, KnownThing]) -> tuple[Relation, ...]:
        """Relations among things that are there, at the places where they were last seen."""
        if self.timeline is None and self.before is None:
            relations = self.truth.relations
        else:
            things = {i: t.thing for i, t in known.items() if not t.gone}
            key = tuple(id(thing) for thing in things.values())
            if key not in self._relations:
                self._relations[key] = self.world.relations(things)
            relations = self._relations[key]
        return tuple(r for r in relations if r.subject in known and r.object in known)

    def gaze_at(self, object_id: str, frame: int, rng: np.random.Generator) -> tuple[float, float] | None:
        """A pixel of ``HEAD_CAMERA`` well inside the visible part of an object, or None where too little shows."""
        mask = self.instance_ids[frame] == int(object_id[1:])
        inner = mask.copy()
        inner[1:] &= mask[:-1]
        inner[:-1] &= mask[1:]
        inner[:, 1:] &= mask[:, :-1]
        inner[:, :-1] &= mask[:, 1:]
        rows, columns = np.nonzero(inner)
        if len(rows) < 3:
            return None
        k = int(rng.integers(len(rows)))
        scale = HEAD_CAMERA.width / CAMERA.width
        return (float(columns[k]) + 0.5) * scale, (float(rows[k]) + 0.5) * scale


def _change(object_id: str, known: KnownThing) -> Change:
    return Change(
        time_s=known.noticed_s,
        kind=known.change,
        object_id=object_id,
        since_s=known.since_s,
        from_box=None if known.earlier is None else known.earlier.box,
        to_box=None if known.gone else known.thing.box,
    )


def make_visits(world: World, count: int, step: int = 4) -> Iterator[Visit]:
    """The first visits to a world, each remembering those before; see ``scenes.worlds.dynamics.visit_series``."""
    before: Visit | None = None
    for number, (timeline, walk) in enumerate(iter_visits(world, count)):
        visit = Visit(
            world=timeline.moments[0][1],
            number=number,
            walk=walk,
            step=step,
            timeline=timeline if number else None,
            before=before,
        )
        yield visit
        before = visit


def make_visit(world: World, number: int = 0, step: int = 4) -> Visit:
    """The ``number``-th visit to a world, looked at on every ``step``-th frame of its walk."""
    *_, last = make_visits(world, number + 1, step)
    return last


__all__ = ("CAMERA", "MIN_PIXELS", "Visit", "make_visit", "make_visits")
