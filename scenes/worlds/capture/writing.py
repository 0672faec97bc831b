"""A world as a recording on disk, with its ground truth beside it.

The folder is a nerfstudio recording that any reader of that layout opens; ``ground_truth/`` holds what only
training and evaluation may read. It appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scenes.recordings.formats.nerfstudio import FILE
from scenes.recordings.formats.nerfstudio_writer import FrameEntry, write_index
from scenes.recordings.reading.new_folder import new_folder
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import Camera
from scenes.worlds.capture.recorded import iter_recorded
from scenes.worlds.capture.sensors import SENSOR, Sensor
from scenes.worlds.capture.truth import (
    EVENTS_FILE,
    FOLDER,
    FRAMES_FILE,
    WORLD_FILE,
    FramesTruth,
    FrameTruth,
    events_truth,
    world_truth,
)
from scenes.worlds.capture.workers import VisitJob, usable_workers, written_frames
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.visit_series import iter_visits
from scenes.worlds.dynamics.walk import Walk, WalkSettings, make_walk
from scenes.worlds.world import World, make_world

__all__ = ("iter_recorded", "write_still_world", "write_visit", "write_visits", "write_world")
Progress = Callable[[int, int], None]


def write_world(
    seed: int,
    out_dir: Path | str,
    *,
    progress: Progress | None = None,
    rooms: int | None = None,
    style: str | None = None,
    sensor: Sensor = SENSOR["exact"],
    fps: float | None = None,
    camera: Camera = HEAD_CAMERA,
    overwrite: bool = False,
    workers: int | None = 1,
) -> Path:
    """Render the world of a seed and one visit to it into a folder.

    Args:
        seed: see ``make_world``.
        out_dir: the recording; must be new or empty unless ``overwrite``.
        progress: called with (frames done, frames in all) after each frame.
        rooms: see ``make_world``.
        style: see ``make_world``.
        sensor: the headset, one of ``scenes.worlds.capture.sensors.SENSORS``.
        fps: frames per second; by default those of the sensor.
        camera: colour camera, and depth camera where the sensor has none of its own.
        overwrite: replace an existing recording.
        workers: processes; the files are the same for any number. None: as many as are worth starting.

    Raises:
        RecordingError: the folder holds other files, or cannot be written.
        ValueError: as ``make_world``.
    """
    world = make_world(seed, rooms=rooms, style=style)
    return write_still_world(
        world, out_dir, progress=progress, sensor=sensor, fps=fps, camera=camera, overwrite=overwrite, workers=workers
    )


def write_still_world(
    world: World,
    out_dir: Path | str,
    *,
    progress: Progress | None = None,
    sensor: Sensor = SENSOR["exact"],
    fps: float | None = None,
    camera: Camera = HEAD_CAMERA,
    overwrite: bool = False,
    workers: int | None = 1,
) -> Path:
    """One visit to any world, generated or described, in which nothing changes. Arguments and errors as above."""
    walk = make_walk(world, settings=WalkSettings(fps=fps or sensor.fps))
    timeline = Timeline.unchanging(world)
    return write_visit(
        timeline,
        walk,
        out_dir,
        sensor=sensor,
        camera=camera,
        progress=progress,
        overwrite=overwrite,
        workers=workers,
    )


def write_visits(
    world: World,
    out_dir: Path | str,
    visits: int,
    *,
    progress: Progress | None = None,
    sensor: Sensor = SENSOR["exact"],
    camera: Camera = HEAD_CAMERA,
    overwrite: bool = False,
    workers: int | None = 1,
) -> tuple[Path, ...]:
    """Several visits to one world, each by another way and after a change: ``visit_0``, ``visit_1``, ...

    See ``scenes.worlds.dynamics.visit_series`` for what changes when. Each folder has its events beside its truth.
    ``progress`` counts the frames of each visit anew. Arguments and errors as ``write_world``.
    """
    return tuple(
        write_visit(
            timeline,
            walk,
            Path(out_dir) / f"visit_{visit}",
            sensor=sensor,
            camera=camera,
            visit=visit,
            progress=progress,
            overwrite=overwrite,
            workers=workers,
        )
        for visit, (timeline, walk) in enumerate(iter_visits(world, visits, fps=sensor.fps))
    )


def write_visit(
    timeline: Timeline,
    walk: Walk,
    out_dir: Path | str,
    *,
    sensor: Sensor = SENSOR["exact"],
    camera: Camera = HEAD_CAMERA,
    visit: int = 0,
    progress: Progress | None = None,
    overwrite: bool = False,
    workers: int | None = 1,
) -> Path:
    """One walk as a recording with its ground truth; ``world.json`` is what holds at the end. Errors as above."""
    out_dir = Path(out_dir)
    count = usable_workers(len(walk)) if workers is None else workers
    world = timeline.moments[-1][1]
    with new_folder(out_dir, marker=FILE, overwrite=overwrite) as temporary:
        job = VisitJob(timeline=timeline, walk=walk, sensor=sensor, camera=camera, visit=visit, folder=temporary)
        entries: list[FrameEntry] = []
        rows: list[FrameTruth] = []
        with written_frames(job, count) as written:
            for entry, row in written:
                entries.append(entry)
                rows.append(row)
                if progress is not None:
                    progress(len(rows), len(walk))
        note = f"generated world, seed {world.seed}, generator version {world.version}, sensor {sensor.name}"
        write_index(temporary, entries, notes=(note,))
        for name, record in (
            (WORLD_FILE, world_truth(world)),
            (FRAMES_FILE, FramesTruth(frames=tuple(rows))),
            (EVENTS_FILE, events_truth(timeline.events)),
        ):
            (temporary / FOLDER / name).write_text(record.model_dump_json(indent=1), encoding="utf-8")
    return out_dir
