"""Scores of a predicted scene graph against the true one: objects, relations, identity.

    sightline eval run scene-graph --worlds 100:103 [--sensor headset]

maps each generated world with the geometric segmenter and prints one row a world. An object counts when it fills at
least 2% of the image in at least five frames; a prediction is false only if it overlaps no true object at all, seen
well or not. Matching is one-to-one, largest total overlap first.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from evals.report import Report, Row
from scenes.boxes import iou
from scenes.render import HEAD_CAMERA
from scenes.types import SceneGraph, SceneObject
from scenes.worlds.changes import Timeline
from scenes.worlds.sensors import SENSOR
from scenes.worlds.walk import make_walk
from scenes.worlds.world import make_world
from scenes.worlds.writing import iter_recorded
from tools.association import one_to_one
from tools.scene_graph import SceneGraphBuilder

AT_IOU = 0.25
VISIBLE_SHARE = 0.02
VISIBLE_FRAMES = 5
SCORED_PREDICATES = ("on", "in", "next to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """True positives, false positives, false negatives."""

    tp: int
    fp: int
    fn: int

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn); 1 when there was nothing to find and nothing was claimed."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else 1.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphScore:
    """One predicted graph against one true graph."""

    objects: Counts
    named: Counts
    """As ``objects``, where a match counts only under the same label."""
    relations: Counts
    """Relations between matched objects, ``SCORED_PREDICATES`` only."""
    mean_iou: float
    """Of the matched pairs."""


def overlaps(predicted: Sequence[SceneObject], true: Sequence[SceneObject]) -> NDArray[np.float64]:
    """(true, predicted) box IoU; pairs whose bounding spheres are apart are 0 without asking."""
    out = np.zeros((len(true), len(predicted)))
    for i, a in enumerate(true):
        for j, b in enumerate(predicted):
            gap = np.linalg.norm(np.subtract(a.box.center, b.box.center))
            if gap < (np.linalg.norm(a.box.size) + np.linalg.norm(b.box.size)) / 2:
                out[i, j] = float(iou(a.box, b.box))
    return out


def match(predicted: Sequence[SceneObject], true: Sequence[SceneObject], at_iou: float = AT_IOU) -> dict[str, str]:
    """True id -> predicted id, one-to-one."""
    return {true[i].id: predicted[j].id for i, j in one_to_one(overlaps(predicted, true), at_iou)}


def score(predicted: SceneGraph, true: SceneGraph, eligible: set[str], at_iou: float = AT_IOU) -> GraphScore:
    """Compare two graphs. ``eligible`` are the ids of the true objects that had to be found."""
    claimed = [o for o in predicted.objects.values() if o.present]
    required = [o for o in true.objects.values() if o.id in eligible]
    table = overlaps(claimed, list(true.objects.values()))
    false = int((table.max(0, initial=0.0) < at_iou).sum()) if claimed else 0
    pairs = match(claimed, required, at_iou)
    ious = [float(iou(true.objects[t].box, predicted.objects[p].box)) for t, p in pairs.items()]
    named = sum(true.objects[t].label == predicted.objects[p].label for t, p in pairs.items())
    missed = len(required) - len(pairs)
    return GraphScore(
        objects=Counts(tp=len(pairs), fp=false, fn=missed),
        named=Counts(tp=named, fp=false + len(pairs) - named, fn=len(required) - named),
        relations=_relations(predicted, true, pairs),
        mean_iou=float(np.mean(ious)) if ious else 0.0,
    )


def _relations(predicted: SceneGraph, true: SceneGraph, pairs: Mapping[str, str]) -> Counts:
    back = {p: t for t, p in pairs.items()}
    wanted = {
        (r.subject, r.predicate, r.object)
        for r in true.relations
        if r.predicate in SCORED_PREDICATES and r.subject in pairs and r.object in pairs
    }
    said = {
        (back[r.subject], r.predicate, back[r.object])
        for r in predicted.relations
        if r.predicate in SCORED_PREDICATES and r.subject in back and r.object in back
    }
    return Counts(tp=len(wanted & said), fp=len(said - wanted), fn=len(wanted - said))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRun:
    """One generated world, mapped and scored."""

    seed: int
    frames: int
    score: GraphScore
    frame_ms_median: float
    frame_ms_p99: float
    objects: int


def run_world(seed: int, sensor: str = "headset", every: int = 1) -> WorldRun:
    """Walk through a world, observing every n-th frame, and score the graph at the end."""
    world = make_world(seed)
    walk = make_walk(world)
    builder = SceneGraphBuilder(world.map_id)
    seen: Counter[int] = Counter()
    spent: list[float] = []
    timeline = Timeline(moments=((0.0, world),))
    for index, (frame, exact) in enumerate(iter_recorded(timeline, walk, SENSOR[sensor], HEAD_CAMERA)):
        least = VISIBLE_SHARE * exact.instance_ids.size
        seen.update(n for n, count in exact.pixel_counts().items() if count >= least)
        if index % every == 0:
            start = time.perf_counter()
            builder.observe(frame)
            spent.append(1e3 * (time.perf_counter() - start))
    eligible = {f"w{n}" for n, count in seen.items() if count >= VISIBLE_FRAMES}
    predicted = builder.snapshot()
    return WorldRun(
        seed=seed,
        frames=len(walk),
        score=score(predicted, world.scene_graph(), eligible),
        frame_ms_median=float(np.median(spent)),
        frame_ms_p99=float(np.percentile(spent, 99)),
        objects=len(predicted.objects),
    )


def table(runs: Sequence[WorldRun]) -> str:
    """One row a world, and the sums."""
    lines = ["world  objects F1  tp/fp/fn      mean IoU  relations F1  ms/frame median p99"]
    objects, related = Counts(tp=0, fp=0, fn=0), Counts(tp=0, fp=0, fn=0)
    for run in runs:
        o, r = run.score.objects, run.score.relations
        objects, related = objects + o, related + r
        lines.append(
            f"{run.seed:5d}  {o.f1:10.3f}  {o.tp:3d}/{o.fp:3d}/{o.fn:3d}  {run.score.mean_iou:9.2f}  {r.f1:12.3f}"
            f"  {run.frame_ms_median:15.0f} {run.frame_ms_p99:4.0f}"
        )
    lines.append(
        f"  all  {objects.f1:10.3f}  {objects.tp:3d}/{objects.fp:3d}/{objects.fn:3d}             {related.f1:12.3f}"
    )
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--worlds", default="100:102", metavar="A:B", help="seeds A to B-1")
    parser.add_argument("--sensor", default="headset", choices=sorted(SENSOR))
    parser.add_argument("--every", type=int, default=1, help="use every n-th frame")


def run(args: argparse.Namespace) -> Report:
    """Map worlds one after another and add up."""
    low, _, high = args.worlds.partition(":")
    runs = [run_world(seed, args.sensor, args.every) for seed in range(int(low), int(high or int(low) + 1))]
    objects = sum((r.score.objects for r in runs), Counts(tp=0, fp=0, fn=0))
    related = sum((r.score.relations for r in runs), Counts(tp=0, fp=0, fn=0))
    print(table(runs))
    return Report(
        suite="scene-graph",
        settings={"worlds": args.worlds, "sensor": args.sensor, "every": args.every},
        rows=(
            Row(
                what="objects F1 at IoU 0.25, class-agnostic",
                value=objects.f1,
                target=0.85,
                count=objects.tp + objects.fn,
            ),
            Row(
                what="relations F1 between matched objects",
                value=related.f1,
                target=0.90,
                count=related.tp + related.fn,
            ),
        ),
        items=tuple(asdict(r) for r in runs),
    )
