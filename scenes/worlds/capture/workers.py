"""Renders and writes the frames of a visit, in this process or in several.

The files are the same bytes for any number of processes: each frame depends on nothing but its position.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from scenes.recordings.formats.nerfstudio_writer import FrameEntry, write_frame
from scenes.recordings.reading.base import RecordingError
from scenes.recordings.reading.png import write_png
from scenes.rendering.render import RenderedFrame
from scenes.types import Camera
from scenes.worlds.capture.recorded import Recorder
from scenes.worlds.capture.sensors import DepthSensor, Sensor
from scenes.worlds.capture.truth import FOLDER, NOTHING, FrameTruth
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import Walk

MAX_WORKERS = 64
FRAMES_PER_WORKER = 40
"""A process takes seconds to start: fewer frames are made as fast by fewer processes."""
Written = tuple[FrameEntry, FrameTruth]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitJob:
    """All that a process needs to write frames of a visit."""

    timeline: Timeline
    walk: Walk
    sensor: Sensor
    camera: Camera
    visit: int
    folder: Path


def usable_workers(frames: int) -> int:
    """How many processes are worth starting on this machine."""
    return max(1, min(os.cpu_count() or 1, 8, frames // FRAMES_PER_WORKER))


@contextmanager
def written_frames(job: VisitJob, workers: int) -> Iterator[Iterator[Written]]:
    """What was written, in the order of the walk; with one worker nothing is started.

    Raises ValueError for a number of workers that is out of range, and RecordingError where a process dies.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"expected 1 to {MAX_WORKERS} workers, got {workers}")
    truth = job.folder / FOLDER
    (truth / "instances").mkdir(parents=True)
    if job.sensor.depth != DepthSensor():
        (truth / "depth").mkdir()
    indices = range(len(job.walk))
    if workers == 1:
        writer = _FrameWriter(job, threads=0)
        yield (writer.write(i) for i in indices)
        return
    # Started afresh, not forked: the threads of Open3D and of torch do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(job,))
    try:
        yield pool.map(_write, indices, chunksize=4)
    except BrokenProcessPool as error:
        raise RecordingError(f"{job.folder.name}: a rendering process died, perhaps for want of memory") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _FrameWriter:
    """Renders one frame after the other, and writes it with its ground truth."""

    def __init__(self, job: VisitJob, threads: int) -> None:
        self._job = job
        self._recorder = Recorder(job.timeline, job.walk, job.sensor, job.camera, visit=job.visit, threads=threads)

    def write(self, index: int) -> Written:
        """Write one frame."""
        frame, exact = self._recorder.frame(index)
        truth, name = self._job.folder / FOLDER, f"frame_{frame.id:06d}.png"
        ids = np.where(exact.instance_ids < 0, NOTHING, exact.instance_ids).astype(np.uint16)
        write_png(truth / "instances" / name, ids)
        if self._job.sensor.depth != DepthSensor():
            _write_exact_depth(truth / "depth" / name, exact)
        pixels = {f"w{number}": count for number, count in exact.pixel_counts().items()}
        room = self._job.walk.rooms[index]
        row = FrameTruth(frame_id=frame.id, time_s=frame.time_s, room=room, pixels=pixels)
        return write_frame(self._job.folder, frame), row


def _write_exact_depth(path: Path, exact: RenderedFrame) -> None:
    """Perfect depth beside an imperfect recording, in millimetres."""
    millimetres = np.clip(np.rint(exact.depth_m.numpy() * 1000.0), 0, 65535).astype(np.uint16)
    write_png(path, millimetres)


_writer: _FrameWriter | None = None
"""The writer of a started process."""


def _start(job: VisitJob) -> None:
    global _writer
    # An interrupt reaches the whole group of processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _writer = _FrameWriter(job, threads=1)


def _write(index: int) -> Written:
    if _writer is None:
        raise RuntimeError("expected a process that was started with _start")
    return _writer.write(index)
