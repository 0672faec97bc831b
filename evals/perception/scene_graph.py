"""The scene graph on generated worlds: objects, names, relations, rooms, change, and what a frame costs.

    sightline eval run scene-graph --worlds 100:104

walks through each world as a headset would have recorded it, and scores the graph at the end. An object had to be found
when it filled at least 2% of the image in at least five frames. With ``--changes`` each world is visited twice, with a
restart from the memory file between (``evals.perception.graph_changes``); ``--data`` adds gazes at things in real
recordings (``evals.perception.gaze_clicks``).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evals.perception.gaze_clicks import GazeClick, run_clicks
from evals.perception.graph_changes import ChangeScore, run_visits
from evals.perception.report import Report, Row
from evals.scorers.graph_scores import Counts, GraphScore, score
from scenes.rendering.render import HEAD_CAMERA
from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.writing import iter_recorded
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import WalkSettings, make_walk
from scenes.worlds.world import make_world
from tools.scene_graph.builder import SceneGraphBuilder
from tools.scene_graph.object_names import Namer
from tools.segmentation.base import Segmenter
from tools.segmentation.choose import CHOICES, EMBEDDED, open_segmenter

VISIBLE_SHARE = 0.02
VISIBLE_FRAMES = 5
NONE = Counts(tp=0, fp=0, fn=0)
MakeSegmenter = Callable[[], Segmenter]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRun:
    """One generated world, mapped and scored."""

    seed: int
    frames: int
    score: GraphScore
    frame_ms: tuple[float, ...]
    """What each frame cost beside its mapping."""
    objects: int


def run_world(
    seed: int, make: MakeSegmenter, *, sensor: str = "headset", every: int = 1, namer: Namer | None = None
) -> WorldRun:
    """Walk through a world, observing every n-th frame, and score the graph at the end."""
    world = make_world(seed)
    walk = make_walk(world, settings=WalkSettings(fps=SENSOR[sensor].fps))
    builder = SceneGraphBuilder(world.map_id, namer, make())
    seen: Counter[int] = Counter()
    spent: list[float] = []
    timeline = Timeline.unchanging(world)
    for index, (frame, exact) in enumerate(iter_recorded(timeline, walk, SENSOR[sensor], HEAD_CAMERA)):
        least = VISIBLE_SHARE * exact.instance_ids.size
        seen.update(n for n, count in exact.pixel_counts().items() if count >= least)
        if index % every == 0:
            start = time.perf_counter()
            builder.observe(frame)
            spent.append(1e3 * (time.perf_counter() - start))
    while builder.name_pending():
        pass
    eligible = {f"w{n}" for n, count in seen.items() if count >= VISIBLE_FRAMES}
    predicted = builder.snapshot()
    return WorldRun(
        seed=seed,
        frames=len(walk),
        score=score(predicted, world.scene_graph(), eligible),
        frame_ms=tuple(spent),
        objects=len(predicted.objects),
    )


def table(runs: Sequence[WorldRun]) -> str:
    """One line a world."""
    lines = ["world  objects F1  tp/fp/fn      mean IoU  named F1  relations F1  rooms F1  ms/frame median p99"]
    for run in runs:
        s, o = run.score, run.score.objects
        lines.append(
            f"{run.seed:5d}  {o.f1:10.3f}  {o.tp:3d}/{o.fp:3d}/{o.fn:3d}  {s.mean_iou:9.2f}  {s.named.f1:8.3f}"
            f"  {s.relations.f1:12.3f}  {s.rooms.f1:8.3f}"
            f"  {np.median(run.frame_ms):15.0f} {np.percentile(run.frame_ms, 99):4.0f}"
        )
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--worlds", default="100:104", metavar="A:B", help="seeds A to B-1")
    parser.add_argument("--sensor", default="headset", choices=sorted(SENSOR))
    parser.add_argument("--every", type=int, default=1, help="use every n-th frame")
    parser.add_argument("--segmenter", default=EMBEDDED, metavar="SPEC", help=CHOICES)
    parser.add_argument("--vlm", default="embedded", metavar="SPEC", help="who names things; none for nobody")
    parser.add_argument("--no-changes", action="store_true", help="leave out the second visits")
    parser.add_argument("--data", type=Path, metavar="PATH", help="folder of hololens and redkitchen: adds their gazes")


def run(args: argparse.Namespace) -> Report:
    """Map worlds one after another and add up."""
    low, _, high = args.worlds.partition(":")
    seeds = range(int(low), int(high or int(low) + 1))
    namer = _namer(args.vlm)

    def make() -> Segmenter:
        return open_segmenter(args.segmenter)

    runs = [run_world(s, make, sensor=args.sensor, every=args.every, namer=namer) for s in seeds]
    changes: list[ChangeScore] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in () if args.no_changes else seeds:
            changes.append(run_visits(seed, make, Path(folder) / f"{seed}.db", sensor=args.sensor))
    clicks = run_clicks(args.data, make) if args.data is not None else []
    if not args.json:
        print(table(runs))
    return Report(
        suite="scene-graph",
        settings={k: str(v) for k, v in vars(args).items() if k not in ("run", "out", "json", "verb", "suite")},
        rows=(*_graph_rows(runs), *_change_rows(changes), *_click_rows(clicks), *_cost_rows(runs)),
        items=(*(asdict(r) for r in runs), *(asdict(c) for c in changes), *(asdict(c) for c in clicks)),
    )


def _namer(spec: str) -> Namer | None:
    if spec == "none":
        return None
    from agent.model.namer import VlmNamer
    from agent.model.vlm import load_vlm

    return VlmNamer(load_vlm(spec, None))


def _f1_row(what: str, counts: Counts, target: float | None) -> Row:
    return Row(what=what, value=counts.f1, target=target, count=counts.tp + counts.fn)


def _graph_rows(runs: Sequence[WorldRun]) -> list[Row]:
    objects = sum((r.score.objects for r in runs), NONE)
    named = sum((r.score.named for r in runs), NONE)
    related = sum((r.score.relations for r in runs), NONE)
    rooms = sum((r.score.rooms for r in runs), NONE)
    triplets = sum((r.score.triplets for r in runs), NONE)
    recall = triplets.tp / max(triplets.tp + triplets.fn, 1)
    return [
        _f1_row("objects F1 at IoU 0.25, class-agnostic", objects, 0.85),
        _f1_row("objects F1 at IoU 0.25, with the right name", named, 0.75),
        _f1_row("relations F1 (on, in, next to, room) between matched objects", related + rooms, 0.90),
        _f1_row("  of these: on, in, next to", related, None),
        _f1_row("  of these: room", rooms, None),
        Row(what="triplet recall, names included", value=recall, count=triplets.tp + triplets.fn),
    ]


def _share(what: str, hits: int, total: int, target: float, *, lower: bool = False) -> Row:
    value = hits / total if total else None
    better = "lower" if lower else "higher"
    return Row(what=what, value=value, target=target, better=better, count=total, note="" if total else "no such case")


def _change_rows(changes: Sequence[ChangeScore]) -> list[Row]:
    if not changes:
        return []

    def total(name: str) -> int:
        return sum(getattr(c, name) for c in changes)

    return [
        _share("moved objects kept as one identity", total("moved_kept"), total("moved"), 0.85),
        _share("vanished objects noticed", total("vanished_noticed"), total("vanished"), 0.90),
        _share("false vanishings", total("falsely_vanished"), total("unchanged"), 0.02, lower=True),
        _share("same id after a restart, from another entrance", total("same_id"), total("seen_twice"), 0.95),
    ]


def _click_rows(clicks: Sequence[GazeClick]) -> list[Row]:
    if not clicks:
        return []
    good = sum(c.good for c in clicks)
    return [Row(what="gazes at real things: one stable object", value=good, target=18, count=len(clicks))]


def _cost_rows(runs: Sequence[WorldRun]) -> list[Row]:
    spent = np.concatenate([r.frame_ms for r in runs])
    return [
        Row(
            what="cost of a frame on top of mapping, median",
            value=float(np.median(spent)), unit="ms", target=40.0, better="lower", count=len(spent),
        ),
        Row(
            what="cost of a frame on top of mapping, p99",
            value=float(np.percentile(spent, 99)), unit="ms", target=120.0, better="lower", count=len(spent),
        ),
    ]  # fmt: skip
