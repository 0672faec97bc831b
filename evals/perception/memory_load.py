"""How fast a large memory answers, and how it grows with time."""

from __future__ import annotations

import itertools
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from evals.perception.memory_words import MAP_LABELS
from scenes.errors import InputError
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import Box3D, Frame, Relation, Room, SceneGraph, SceneObject
from scenes.vocabulary import COLOR_WORDS
from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.writing import iter_recorded
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import make_walk
from scenes.worlds.world import make_world
from tools.memory.map_memory import MapMemory
from tools.memory.text_encoder import TextEncoder
from tools.scene_graph.builder import SceneGraphBuilder
from tools.search.graph_index import index_of
from tools.search.name_matching import parse_query
from tools.search.queries import GazeRay, Region, search
from tools.segmentation.choose import EMBEDDED, open_segmenter

FRAMES_PER_S = 5.0
HOUR_FRAMES = 18_000
SAVE_EVERY = 300
"""Frames between saves: a minute."""
KINDS = 300
"""Different labels in the large graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimes:
    """Times of one kind of call."""

    median_ms: float
    p95_ms: float
    first_ms: float
    """The first call, which also fills caches."""
    calls: int


def timed(calls: Sequence[Callable[[], object]], repeats: int = 5) -> CallTimes:
    """Run each call once to warm up, then all of them ``repeats`` times in turn."""
    first = 0.0
    spent: list[float] = []
    for turn in range(repeats + 1):
        for number, call in enumerate(calls):
            start = time.perf_counter()
            call()
            ms = 1e3 * (time.perf_counter() - start)
            if turn:
                spent.append(ms)
            elif number == 0:
                first = ms
    return CallTimes(
        median_ms=float(np.median(spent)), p95_ms=float(np.percentile(spent, 95)), first_ms=first, calls=len(spent)
    )


# ---- a large graph


def large_graph(count: int, seed: int = 0) -> SceneGraph:
    """A building: ``count`` objects of 300 kinds in rooms of 50, each standing on another."""
    rng = random.Random(seed)
    kinds = [f"{a} {n}" if a else n for a, n in itertools.product(("", *COLOR_WORDS[:9]), MAP_LABELS)][:KINDS]
    rooms = [
        Room(id=f"r{k}", label=f"room {k}", floor_polygon=((0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (0.0, 5.0)))
        for k in range(max(count // 50, 1))
    ]
    objects = {}
    for k in range(count):
        x, y, z = rng.uniform(-100, 100), rng.uniform(0, 2), rng.uniform(-100, 100)
        objects[f"o{k}"] = SceneObject(
            id=f"o{k}",
            label=rng.choice(kinds),
            box=Box3D(center=(x, y, z), size=(rng.uniform(0.1, 2), rng.uniform(0.1, 2), rng.uniform(0.1, 2))),
            color=rng.choice(COLOR_WORDS),
            label_source="vlm",
            room=rng.choice(rooms).id,
            first_seen_s=rng.uniform(0, 1800),
            last_seen_s=rng.uniform(1800, 3600),
            present=rng.random() > 0.05,
        )
    relations = [Relation(subject=f"o{k}", predicate="on", object=f"o{rng.randrange(count)}") for k in range(count)]
    relations += [
        Relation(subject=f"o{k}", predicate="next to", object=f"o{rng.randrange(count)}") for k in range(0, count, 3)
    ]
    return SceneGraph(
        map_id="large", time_s=3600.0, objects=objects, relations=tuple(relations), rooms={r.id: r for r in rooms}
    )


def structured_speed(count: int) -> tuple[CallTimes, float]:
    """Structured queries of every form over ``count`` objects; and the seconds that building the index took."""
    graph = large_graph(count)
    start = time.perf_counter()
    index = index_of(graph)
    forms: tuple[tuple[str, dict[str, object]], ...] = (
        ("mug", {}),
        ("red mug", {"wearer": (0.0, 1.6, 0.0)}),
        ("nearest sofa", {"wearer": (0.0, 1.6, 0.0)}),
        ("tallest lamp", {}),
        ("largest bookshelf", {}),
        ("mug in the room 7", {}),
        ("backpack", {"room": "room 12"}),
        ("things on o77", {}),
        ("mug next to o40", {}),
        ("laptop", {"when": "moved"}),
        ("phone", {"when": "ever", "seen_s": (1000.0, 1900.0)}),
        ("towel", {"region": Region(center=(10.0, 1.0, 10.0), radius_m=20.0)}),
        ("plant", {"gaze": GazeRay(origin=(0.0, 1.6, 0.0), direction=(1.0, 0.0, 0.0))}),
        ("piano", {}),
        ("matress", {}),
        ("green washing machine", {}),
    )
    calls = [lambda t=text, o=options: search(graph, parse_query(t), **o) for text, options in forms]
    for call in calls:
        call()
    built = time.perf_counter() - start
    if index_of(graph) is not index:
        raise RuntimeError("expected one index per graph, got a second one: the timed queries would build it anew")
    return timed(calls), built


# ---- many notes


def sentences(count: int, seed: int = 0) -> list[str]:
    """Notes as people write them: few words are common, many are rare (Zipf)."""
    rng = np.random.default_rng(seed)
    common = "the a I put my in on and it is for to with of was left need at new old".split()  # noqa: SIM905
    rare = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u") for c in ("rk", "lt", "nd", "sh")]
    vocabulary = [*common, *(w for n in MAP_LABELS for w in n.split()), *COLOR_WORDS, *rare]
    weights = 1.0 / np.arange(1, len(vocabulary) + 1)
    rows = rng.choice(len(vocabulary), (count, 10), p=weights / weights.sum())
    return [" ".join(vocabulary[k] for k in row) for row in rows.tolist()]


def text_speed(count: int, folder: Path, encoder: TextEncoder | None, distinct: int = 2000) -> CallTimes:
    """Text queries over ``count`` notes. Vectors are those of ``distinct`` notes, repeated: a scan costs the same."""
    notes = sentences(count)
    with MapMemory(folder / "notes.sqlite", encoder=encoder) as memory, memory.bulk() as db:
        db.executemany(
            "INSERT INTO texts (id, kind, text, time_s, object_id) VALUES (?, 'note', ?, ?, '')",
            [(k + 1, text, float(k)) for k, text in enumerate(notes)],
        )
        if encoder is not None:
            packed = [v.astype("<f2").tobytes() for v in encoder.encode(notes[:distinct])]
            db.executemany("INSERT INTO vectors VALUES (?, ?)", [(k + 1, packed[k % distinct]) for k in range(count)])
    asked = [
        "where did I put my laptop",
        "the red mug",
        "what was left on the sofa",
        "is the washing machine new",
        "need a towel for the bathtub",
        "marsh",
        "something to drink from",
        "couch",
        "notes about the teddy bear",
        "how old is the fridge",
    ]
    with MapMemory(folder / "notes.sqlite", encoder=encoder) as memory:
        return timed([lambda q=q: memory.search(q) for q in asked])


# ---- an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkGrowth:
    """How a memory file and the process grow during a long walk."""

    frames: int
    first_lap_mb: float
    """Size of the file after the first lap, when the place is mapped."""
    file_mb: float
    rss_growth_mb: float
    """Peak memory of the process at the end minus that after the second lap."""
    objects: tuple[int, int]
    """Number of objects after the first lap and at the end."""
    keyframes: int


def walk_for(frames: int, folder: Path, seed: int = 100, lap: int = 60) -> WalkGrowth:
    """Walk ``frames`` frames in laps through a generated world, saving every minute, every frame a keyframe."""
    world = make_world(seed)
    walk = make_walk(world)
    recorded = iter_recorded(Timeline.unchanging(world), walk, SENSOR["headset"], HEAD_CAMERA)
    once = [frame for frame, _ in itertools.islice(recorded, lap)]
    builder = SceneGraphBuilder(world.map_id, None, open_segmenter(EMBEDDED))
    first_mb, objects, rss_mb = 0.0, 0, 0.0
    path = folder / "hour.sqlite"
    with MapMemory(path) as memory:
        for number in range(frames):
            frame = replace(once[_there_and_back(number, lap)], id=number, time_s=number / FRAMES_PER_S)
            builder.observe(frame)
            keep_keyframe(memory, frame)
            last = number == frames - 1
            if number % SAVE_EVERY == SAVE_EVERY - 1 or number == lap - 1 or last:
                memory.save_graph(builder)
            if number == lap - 1:
                first_mb, objects = memory.used_bytes / 1e6, len(builder.objects)
            if number == 2 * lap:
                rss_mb = _peak_mb()
        return WalkGrowth(
            frames=frames,
            first_lap_mb=first_mb,
            file_mb=memory.used_bytes / 1e6,
            rss_growth_mb=_peak_mb() - rss_mb,
            objects=(objects, len(builder.objects)),
            keyframes=len(memory.frames()),
        )


def keyframes_for(frames: int, folder: Path) -> tuple[int, float]:
    """The most that an hour of pictures can cost: every frame a keyframe at a new place. (keyframes, MB) at the end."""
    rng = np.random.default_rng(0)
    picture = (
        torch.from_numpy(rng.integers(0, 255, (15, 20, 3), np.uint8)).repeat_interleave(8, 0).repeat_interleave(8, 1)
    )
    with MapMemory(folder / "pictures.sqlite") as memory:
        for number in range(frames):
            pose = torch.eye(4, dtype=torch.float64)
            pose[:3, 3] = torch.from_numpy(rng.uniform(-20, 20, 3))
            memory.add_frame(number, number / FRAMES_PER_S, pose, picture)
            if number % SAVE_EVERY == SAVE_EVERY - 1:
                memory.retain(memory.retention, number / FRAMES_PER_S)
        memory.retain(memory.retention, frames / FRAMES_PER_S)
        return len(memory.frames()), memory.used_bytes / 1e6


def keep_keyframe(memory: MapMemory, frame: Frame) -> None:
    """Keep a frame with a picture of 160 pixels' width, as a session does."""
    if frame.world_from_camera is None:
        raise InputError(f"frame {frame.id}: expected a pose, got a frame without; use a recording with poses")
    step = max(1, frame.rgb.shape[1] // 160)
    memory.add_frame(frame.id, frame.time_s, frame.world_from_camera, frame.rgb[::step, ::step].contiguous())


def _there_and_back(number: int, lap: int) -> int:
    """0, 1, ... lap - 1, lap - 2, ... 0, 1, ...: a walk without jumps."""
    k = number % max(2 * lap - 2, 1)
    return k if k < lap else 2 * lap - 2 - k


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
