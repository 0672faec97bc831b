"""The memory at size: speed, acknowledged writes after a kill, complete forgetting, and bounded growth.

    sightline eval run memory [--objects N] [--notes N] [--kills N] [--frames N]

Everything runs on this machine's own files; with the extra ``search`` installed, by words and by meaning.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from evals.perception.memory_load import (
    HOUR_FRAMES,
    CallTimes,
    WalkGrowth,
    keyframes_for,
    structured_speed,
    text_speed,
    walk_for,
)
from evals.perception.memory_trials import KillTrial, killed_writer
from evals.perception.memory_words import ABSENT_QUERIES, MAP_LABELS, SYNONYM_QUERIES
from evals.perception.report import Report, Row
from scenes.types import Box3D, SceneGraph, SceneObject
from tools.memory.map_memory import MapMemory
from tools.memory.text_encoder import TextEncoder, installed_encoder
from tools.search.name_matching import parse_query
from tools.search.queries import search

MAX_STRUCTURED_MS, MAX_TEXT_MS = 5.0, 20.0
FORGOTTEN_WORDS = "grandmothers porcelain"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the suite."""
    parser.add_argument("--objects", type=int, default=100_000, help="objects of the large graph")
    parser.add_argument("--notes", type=int, default=100_000, help="notes of the large memory")
    parser.add_argument("--kills", type=int, default=200, help="writers that are killed")
    parser.add_argument("--frames", type=int, default=1200, help="frames walked in laps; an hour is 18000")
    parser.add_argument("--pictures", type=int, default=HOUR_FRAMES, help="keyframes of the hour of pictures")


def run(args: argparse.Namespace) -> Report:
    """All measurements, one after another."""
    encoder = installed_encoder()
    with tempfile.TemporaryDirectory(prefix="sightline-memory-") as name:
        folder = Path(name)
        structured, built_s = structured_speed(args.objects)
        spoken = text_speed(args.notes, folder, encoder)
        left = forgotten_bytes(folder)
        kept, pictures_mb = keyframes_for(args.pictures, folder)
        trials = kill_trials(args.kills, folder)
        growth = walk_for(args.frames, folder)
    rows = [*_speed_rows(args, structured, built_s, spoken, encoder), *_word_rows(encoder)]
    rows.append(
        Row(what="forgotten words and pictures left in the files", value=left, unit="", target=0, better="lower")
    )
    rows += [*_trial_rows(trials), *_growth_rows(growth), *_picture_rows(args.pictures, kept, pictures_mb)]
    return Report(
        suite="memory",
        rows=tuple(rows),
        settings={k: getattr(args, k) for k in ("objects", "notes", "kills", "frames", "pictures")}
        | {"encoder": encoder is not None},
        items=(asdict(structured), asdict(spoken), asdict(growth), *(asdict(t) for t in trials)),
    )


def _speed_rows(
    args: argparse.Namespace, structured: CallTimes, built_s: float, spoken: CallTimes, encoder: TextEncoder | None
) -> list[Row]:
    by = "FTS5 and embedding" if encoder is not None else "FTS5 only: the extra `search` is not installed"
    return [
        Row(
            what=f"structured query over {args.objects} objects, median",
            value=structured.median_ms,
            unit="ms",
            target=MAX_STRUCTURED_MS,
            better="lower",
            count=structured.calls,
            note=f"p95 {structured.p95_ms:.1f} ms; the index of a graph takes {built_s:.1f} s once",
        ),
        Row(
            what=f"text query over {args.notes} notes, median",
            value=spoken.median_ms,
            unit="ms",
            target=MAX_TEXT_MS,
            better="lower",
            count=spoken.calls,
            note=f"{by}; p95 {spoken.p95_ms:.1f} ms, the first {spoken.first_ms:.0f} ms",
        ),
    ]


def words_found(encoder: TextEncoder) -> tuple[list[str], list[str]]:
    """(queries whose thing was not found, queries for absent things that found something)."""
    things = {
        f"o{k}": SceneObject(id=f"o{k}", label=name, box=Box3D(center=(float(k), 0.5, 0.0), size=(0.3, 0.3, 0.3)))
        for k, name in enumerate(MAP_LABELS)
    }
    graph = SceneGraph(map_id="words", time_s=0.0, objects=things)

    def labels(query: str) -> list[str]:
        return [o.label for o in search(graph, parse_query(query), similarity=encoder.similarity).matches]

    missed = [query for query, name in SYNONYM_QUERIES if name not in labels(query)]
    invented = [f"{query}: {', '.join(found)}" for query in ABSENT_QUERIES if (found := labels(query))]
    return missed, invented


def _word_rows(encoder: TextEncoder | None) -> list[Row]:
    if encoder is None:
        why = "the extra `search` is not installed"
        return [Row(what="things found by other words", value=None, note=why)]
    missed, invented = words_found(encoder)
    return [
        Row(
            what="things found by other words",
            value=1 - len(missed) / len(SYNONYM_QUERIES),
            count=len(SYNONYM_QUERIES),
            note=f"missed: {', '.join(missed)}" if missed else "",
        ),
        Row(
            what="absent things refused",
            value=1 - len(invented) / len(ABSENT_QUERIES),
            count=len(ABSENT_QUERIES),
            note=f"taken for another: {'; '.join(invented)}" if invented else "",
        ),
    ]


def forgotten_bytes(folder: Path) -> int:
    """How often a forgotten note's words occur in the bytes of all files, while the memory is still open."""
    place = folder / "forget"
    place.mkdir()
    with MapMemory(place / "m.sqlite") as memory:
        for k in range(50):
            memory.add_note(f"note {k} of an ordinary day", float(k))
        secret = memory.add_note(f"{FORGOTTEN_WORDS} is in the cupboard", 50.0)
        memory.forget_text(secret)
        data = b"".join(p.read_bytes() for p in place.iterdir())
    return sum(data.count(word.encode()) for word in (*FORGOTTEN_WORDS.split(), "cupboard"))


def kill_trials(count: int, folder: Path, seed: int = 0) -> list[KillTrial]:
    """Independent writers, each killed at a random moment."""
    rng = random.Random(seed)
    return [killed_writer(folder / f"killed-{k}.sqlite", rng) for k in range(count)]


def _trial_rows(trials: Sequence[KillTrial]) -> list[Row]:
    writes = sum(t.acknowledged for t in trials)
    return [
        Row(
            what="acknowledged writes lost to kill -9",
            value=sum(t.lost for t in trials),
            target=0,
            better="lower",
            count=writes,
        ),
        Row(
            what="files that open after kill -9",
            value=sum(t.opened for t in trials) / max(len(trials), 1),
            target=1.0,
            count=len(trials),
        ),
    ]


def _growth_rows(growth: WalkGrowth) -> list[Row]:
    per_hour = HOUR_FRAMES / max(growth.frames, 1)
    more = growth.file_mb - growth.first_lap_mb
    return [
        Row(
            what="file after walking in one home",
            value=growth.file_mb,
            unit="MB",
            count=growth.frames,
            note=f"{growth.first_lap_mb:.1f} MB after one lap; {growth.keyframes} keyframes; an hour at this rate adds "
            f"{more * per_hour:.0f} MB before limits",
        ),
        Row(
            what="objects added by seeing the same home again",
            value=growth.objects[1] - growth.objects[0],
            count=growth.frames,
            note=f"{growth.objects[0]} after one lap",
        ),
        Row(
            what="peak memory added after the second lap",
            value=growth.rss_growth_mb,
            unit="MB",
            count=growth.frames,
        ),
    ]


def _picture_rows(frames: int, kept: int, megabytes: float) -> list[Row]:
    return [
        Row(
            what="pictures of an hour, every frame a keyframe at a new place",
            value=megabytes,
            unit="MB",
            count=frames,
            note=f"{kept} keyframes kept by the default limits",
        )
    ]
