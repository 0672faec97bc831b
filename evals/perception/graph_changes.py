"""Two visits to a generated world with changes and a restart between them: does every thing keep its identity?

The first visit is mapped, saved and loaded again from its memory file. The second one enters by another room, after
things have moved, vanished and appeared, and while one more moves. Poses are true, so only identity is in question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evals.scorers.graph_scores import match
from scenes.boxes import iou
from scenes.rendering.render import HEAD_CAMERA, RenderedFrame
from scenes.types import Box3D, SceneGraph
from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.writing import iter_recorded
from scenes.worlds.dynamics.timeline import between_visits, during_visit
from scenes.worlds.dynamics.visit_series import BETWEEN_VISITS_S
from scenes.worlds.dynamics.walk import WalkSettings, make_walk
from scenes.worlds.world import World, make_world
from tools.mapping.posed_depth import PosedDepth
from tools.memory.map_memory import MapMemory
from tools.scene_graph.builder import SceneGraphBuilder
from tools.segmentation.base import Segmenter

MIN_IMAGE_SHARE, MIN_FRAMES = 0.005, 3
"""A thing counts as seen after the change when it fills this share of the image in so many frames."""
MIN_EMPTY_VIEWS = 5
"""Frames showing the empty place after which a vanished thing should have been noticed."""
MAX_VIEW_DISTANCE_M = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeScore:
    """Counts of one world."""

    seed: int
    moved: int
    """Things that moved, were known before, and were seen again at the new place."""
    moved_kept: int
    vanished: int
    """Things that left their place, were known before, and whose place was looked at."""
    vanished_noticed: int
    unchanged: int
    falsely_vanished: int
    seen_twice: int
    same_id: int


def run_visits(seed: int, make: Callable[[], Segmenter], file: Path, *, sensor: str = "headset") -> ChangeScore:
    """Map both visits and compare. ``file`` is where the memory is kept between them."""
    world, settings = make_world(seed), WalkSettings(fps=SENSOR[sensor].fps)
    first = make_walk(world, settings=settings)
    timeline = during_visit(world, first, 0)
    builder = SceneGraphBuilder(world.map_id, None, make())
    for frame, _ in iter_recorded(timeline, first, SENSOR[sensor], HEAD_CAMERA):
        builder.observe(frame)
    before = timeline.moments[-1][1]
    known = match_to_truth(builder.snapshot(), before)
    with MapMemory(file) as memory:
        memory.save_graph(builder)
    with MapMemory(file) as memory:
        builder = memory.load_graph(world.map_id, None, make())
    changed, events = between_visits(before, 1, time_s=BETWEEN_VISITS_S)
    second = make_walk(changed, visit=1, start_s=BETWEEN_VISITS_S, settings=settings)
    timeline = during_visit(changed, second, 1, events)
    after = timeline.moments[-1][1]
    seen: Counter[str] = Counter()
    empty_views: Counter[str] = Counter()
    left = {e.object_id: e.before for e in timeline.events if e.kind in ("moved", "vanished") and e.before is not None}
    times = {e.object_id: e.time_s for e in timeline.events}
    for frame, exact in iter_recorded(timeline, second, SENSOR[sensor], HEAD_CAMERA, visit=1):
        builder.observe(frame)
        for number, pixels in exact.pixel_counts().items():
            seen[f"w{number}"] += pixels >= MIN_IMAGE_SHARE * exact.instance_ids.size and frame.time_s >= times.get(
                f"w{number}", 0.0
            )
        empty_views.update(k for k, box in left.items() if frame.time_s >= times[k] and shows_place(exact, box))
    graph = builder.snapshot()
    return _compare(seed, known, graph, before, after, seen, empty_views)


def match_to_truth(graph: SceneGraph, world: World) -> dict[str, str]:
    """True id -> predicted id, for the things of a world that the graph holds as present."""
    true = world.scene_graph()
    return match([o for o in graph.objects.values() if o.present], list(true.objects.values()))


def _compare(
    seed: int,
    known: Mapping[str, str],
    graph: SceneGraph,
    before: World,
    after: World,
    seen: Mapping[str, int],
    empty_views: Mapping[str, int],
) -> ChangeScore:
    now = match_to_truth(graph, after)
    # By the place, not the box: an open drawer or door changes a thing's box, and the thing has not left.
    moved = [k for k in known if k in after.objects and after.objects[k].position != before.objects[k].position]
    gone = [k for k in known if k not in after.objects] + moved
    same = [k for k in known if k in after.objects and after.objects[k].position == before.objects[k].position]
    again = [k for k in moved if seen.get(k, 0) >= MIN_FRAMES]
    looked = [k for k in gone if empty_views.get(k, 0) >= MIN_EMPTY_VIEWS]
    twice = [k for k in same if seen.get(k, 0) >= MIN_FRAMES and k in now]
    return ChangeScore(
        seed=seed,
        moved=len(again),
        moved_kept=sum(now.get(k) == known[k] for k in again),
        vanished=len(looked),
        vanished_noticed=sum(_noticed_gone(graph, known[k], before.objects[k].box) for k in looked),
        unchanged=len(same),
        falsely_vanished=sum(known[k] in graph.objects and not graph.objects[known[k]].present for k in same),
        seen_twice=len(twice),
        same_id=sum(now[k] == known[k] for k in twice),
    )


def _noticed_gone(graph: SceneGraph, object_id: str, place: Box3D) -> bool:
    """Whether the graph no longer claims a thing at its old place."""
    thing = graph.objects.get(object_id)
    return thing is None or not thing.present or float(iou(thing.box, place)) < 0.1


def shows_place(exact: RenderedFrame, box: Box3D) -> bool:
    """Whether a frame sees through the middle of where a thing was: in view, in range, nothing in front."""
    frame, seen = exact.frame, PosedDepth.of(exact.frame)
    pose: NDArray[np.float64] = seen.world_from_camera.numpy()
    p = (np.array(box.center) - pose[:3, 3]) @ pose[:3, :3]
    if not 0.3 < p[2] < MAX_VIEW_DISTANCE_M:
        return False
    u, v = p[0] / p[2] * frame.camera.fx + frame.camera.cx, p[1] / p[2] * frame.camera.fy + frame.camera.cy
    if not frame.camera.contains(float(u), float(v)):
        return False
    return float(seen.depth_m[int(v), int(u)]) > p[2]
