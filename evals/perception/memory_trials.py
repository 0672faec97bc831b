"""``kill -9`` at any moment: what a memory acknowledged is there afterwards, and the file opens."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from tools.memory.map_memory import MapMemory
from tools.memory.memory_file import MapMemoryError
from tools.scene_graph.builder import SceneGraphBuilder

MAX_DELAY_S = 0.25
"""A writer is killed at a random time up to this after its first acknowledged write."""
FORGET_EVERY, GRAPH_EVERY = 5, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class KillTrial:
    """One writer, killed."""

    opened: bool
    acknowledged: int
    """Writes that had returned when it died."""
    lost: int
    """Of those, how many are not in the file."""


def killed_writer(path: Path, rng: random.Random) -> KillTrial:
    """Fork a writer that acknowledges each write over a pipe, kill it, and count what the file lacks."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # only ever ends by SIGKILL or by an error, which the missing acknowledgement shows
        os.close(reader)
        try:
            _write_until_killed(path, writer)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read(4)  # the first acknowledgement
        time.sleep(rng.uniform(0.0, MAX_DELAY_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += pipe.read()
    count = len(told) // 4
    try:
        with MapMemory(path) as memory:
            return KillTrial(opened=True, acknowledged=count, lost=_missing(memory, count))
    except MapMemoryError:
        return KillTrial(opened=False, acknowledged=count, lost=count)


def _write_until_killed(path: Path, acknowledge: int) -> None:
    """Write k = 0, 1, 2, ...: a note and a keyframe each, often the graph, sometimes forgetting an older note."""
    builder = SceneGraphBuilder("trial")
    pose = torch.eye(4, dtype=torch.float64)
    picture = torch.zeros(30, 40, 3, dtype=torch.uint8)
    with MapMemory(path) as memory:
        for k in range(1_000_000):
            memory.add_note(f"note number {k}", float(k))
            memory.add_frame(k, float(k), pose, picture)
            if k % GRAPH_EVERY == 0:
                builder.table.next_object = k + 1
                memory.save_graph(builder)
            if k % FORGET_EVERY == FORGET_EVERY - 1:
                memory.forget_span(k - 1.5, k - 0.5)  # note and keyframe k - 1
            os.write(acknowledge, k.to_bytes(4, "little"))


def _missing(memory: MapMemory, count: int) -> int:
    """How many of the first ``count`` acknowledged steps are not in the file as they were acknowledged."""
    gone = {k - 1 for k in range(FORGET_EVERY - 1, count, FORGET_EVERY)}
    notes = {int(t.time_s) for t in memory.texts(("note",), limit=1_000_000)}
    frames = {k.frame_id for k in memory.frames()}
    # The step after the last acknowledged one may be there or not, and may have forgotten the last one.
    last_forgotten = {count - 1} if count % FORGET_EVERY == FORGET_EVERY - 1 else set()
    expected = set(range(count)) - gone - last_forgotten
    lost = len(expected - (notes & frames)) + len(gone & (notes | frames))
    saved = memory.load_graph("trial").table.next_object - 1 if count else 0
    return lost + (saved < (count - 1) // GRAPH_EVERY * GRAPH_EVERY if count else 0)
