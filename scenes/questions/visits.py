"""A visit to a world and what it has shown so far: who was visible when, and the graph that follows from that.

Visibility is ray-cast against the meshes at a low resolution, so occlusion counts. ``known`` at frame t reads only what
frames up to t have shown; truncating the visit after t gives the same graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scenes.render import HEAD_CAMERA, camera_rays
from scenes.types import SceneGraph
from scenes.worlds.walk import Walk, make_walk
from scenes.worlds.world import World

CAMERA = HEAD_CAMERA.resized(128, 96)
"""Small enough to look through a whole visit, fine enough for a mug at three metres."""
MIN_PIXELS = 6
"""Of ``CAMERA``: 30 by 25 pixels of the full image, which a person would notice."""


@dataclass(frozen=True, eq=False)
class Visit:
    """One walk through one world, looked at on every ``step``-th frame; what was looked up is kept."""

    world: World
    number: int
    walk: Walk
    step: int = 4

    @cached_property
    def instance_ids(self) -> Mapping[int, NDArray[np.int32]]:
        """Frame number -> (96, 128) instance numbers, for the frames that were looked at."""
        renderer = self.world.renderer()
        rays = camera_rays(CAMERA)
        out = {}
        for k in range(0, len(self.walk), self.step):
            pose = self.walk.world_from_camera[k].numpy().astype(np.float64)
            directions = (rays @ pose[:3, :3].T.astype(np.float32)).reshape(-1, 3)
            hits = renderer.cast(pose[:3, 3], directions)
            out[k] = renderer.numbers(hits).reshape(CAMERA.height, CAMERA.width)
        return out

    @cached_property
    def pixels(self) -> Mapping[int, Mapping[str, int]]:
        """Frame number -> object id -> visible pixels of ``CAMERA``."""
        out = {}
        for k, ids in self.instance_ids.items():
            numbers, counts = np.unique(ids[ids > 0], return_counts=True)
            out[k] = {f"w{n}": int(c) for n, c in zip(numbers, counts, strict=True) if c >= MIN_PIXELS}
        return out

    @cached_property
    def truth(self) -> SceneGraph:
        """The true graph of the whole world."""
        return self.world.scene_graph()

    @cached_property
    def _known(self) -> dict[int, SceneGraph]:
        return {}

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that were looked at: questions are asked at these."""
        return tuple(range(0, len(self.walk), self.step))

    def time_of(self, frame: int) -> float:
        """Capture time, seconds."""
        return float(self.walk.times_s[frame])

    def best_frames(self, object_id: str, until: int, count: int = 3) -> tuple[int, ...]:
        """Frames up to ``until`` that show an object largest, best first."""
        shown = [(self.pixels[k].get(object_id, 0), k) for k in self.frames if k <= until]
        return tuple(k for n, k in sorted(shown, key=lambda x: (-x[0], x[1])) if n)[:count]

    def known(self, until: int) -> SceneGraph:
        """The true graph, restricted to what frames 0..``until`` have shown; rooms that were entered or seen into."""
        if until not in self._known:
            self._known[until] = self._known_until(until)
        return self._known[until]

    def _known_until(self, until: int) -> SceneGraph:
        full = self.truth
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for k in self.frames:
            if k > until:
                break
            for object_id in self.pixels[k]:
                first.setdefault(object_id, self.time_of(k))
                last[object_id] = self.time_of(k)
        objects = {
            i: replace(
                full.objects[i],
                first_seen_s=first[i],
                last_seen_s=last[i],
                evidence_frames=self.best_frames(i, until),
            )
            for i in first
        }
        entered = {*self.walk.rooms[: until + 1], *(o.room for o in objects.values())}
        return replace(
            full,
            time_s=self.time_of(until),
            objects=objects,
            relations=tuple(r for r in full.relations if r.subject in objects and r.object in objects),
            rooms={i: r for i, r in full.rooms.items() if i in entered},
        )

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


def make_visit(world: World, number: int = 0, step: int = 4) -> Visit:
    """The ``number``-th visit to a world, looked at on every ``step``-th frame of its walk."""
    return Visit(world=world, number=number, walk=make_walk(world, visit=number), step=step)
