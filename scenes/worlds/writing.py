"""A world as a recording on disk, with its ground truth beside it.

The folder is a nerfstudio recording that any reader of that layout opens; ``ground_truth/`` holds what only
training and evaluation may read. It appears whole or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scenes.recordings.nerfstudio import FILE
from scenes.recordings.nerfstudio_writer import write_nerfstudio
from scenes.recordings.new_folder import new_folder
from scenes.render import HEAD_CAMERA, RenderedFrame, Renderer
from scenes.types import Camera, Frame
from scenes.worlds.changes import Timeline, between_visits, during_visit
from scenes.worlds.sensors import SENSOR, DepthSensor, Sensor, exposure_gains, record
from scenes.worlds.truth import (
    EVENTS_FILE,
    FOLDER,
    FRAMES_FILE,
    NOTHING,
    WORLD_FILE,
    FramesTruth,
    FrameTruth,
    events_truth,
    world_truth,
)
from scenes.worlds.walk import Walk, WalkSettings, make_walk
from scenes.worlds.world import World, make_world

BETWEEN_VISITS_S = 3 * 3600.0
Progress = Callable[[int, int], None]


def iter_visit(world: World, walk: Walk, camera: Camera = HEAD_CAMERA) -> Iterator[RenderedFrame]:
    """Frames of a walk through an unchanging world, with exact ground truth; ids count from 0."""
    return iter_timeline(Timeline(moments=((0.0, world),)), walk, camera)


def iter_timeline(timeline: Timeline, walk: Walk, camera: Camera = HEAD_CAMERA) -> Iterator[RenderedFrame]:
    """Frames of a walk through a world that may change on the way."""
    stage = _Stage(timeline)
    for index, time_s in enumerate(walk.times_s):
        renderer = stage.renderer(float(time_s))
        yield renderer.render(camera, walk.world_from_camera[index], id=index, time_s=float(time_s))


class _Stage:
    """The renderer of what holds at a time; builds one only when the world has changed."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._built: dict[int, Renderer] = {}

    def renderer(self, time_s: float) -> Renderer:
        world = self._timeline.at(time_s)
        if id(world) not in self._built:
            self._built[id(world)] = world.renderer()
        return self._built[id(world)]


def iter_recorded(
    timeline: Timeline, walk: Walk, sensor: Sensor, camera: Camera = HEAD_CAMERA, *, visit: int = 0
) -> Iterator[tuple[Frame, RenderedFrame]]:
    """(as recorded, exact) frames of a visit. Same arguments, same noise."""
    seed = timeline.moments[0][1].seed
    rng = np.random.default_rng((8, seed, visit))
    gains = exposure_gains(len(walk), sensor.color, sensor.fps, rng)
    stage = _Stage(timeline)
    for index, time_s in enumerate(walk.times_s.tolist()):
        colour = stage.renderer(time_s).render(camera, walk.world_from_camera[index], id=index, time_s=time_s)
        depth = _depth_view(stage, walk, sensor, colour, index)
        yield (
            record(colour, depth, sensor, gain=float(gains[index]), turn_px_s=_turn_px_s(walk, index, camera), rng=rng),
            colour,
        )


def _depth_view(stage: _Stage, walk: Walk, sensor: Sensor, colour: RenderedFrame, index: int) -> RenderedFrame | None:
    """What the depth camera saw for this colour frame: late, from its own place, or nothing new."""
    depth = sensor.depth
    taken = index - (depth.delay if depth else 0)
    if depth is None or taken < 0 or taken % depth.every:
        return None
    if depth.camera is None and depth.delay == 0 and not any(depth.camera_from_depth):
        return colour
    offset = torch.eye(4, dtype=torch.float64)
    offset[:3, 3] = torch.tensor(depth.camera_from_depth, dtype=torch.float64)
    time_s = float(walk.times_s[taken])
    pose = walk.world_from_camera[taken] @ offset
    return stage.renderer(time_s).render(depth.camera or colour.frame.camera, pose, id=index, time_s=time_s)


def _turn_px_s(walk: Walk, index: int, camera: Camera) -> tuple[float, float]:
    """Image motion in the middle of the frame from the head's rotation, pixels per second."""
    a, b = max(index - 1, 0), min(index + 1, len(walk) - 1)
    if a == b:
        return 0.0, 0.0
    seconds = float(walk.times_s[b] - walk.times_s[a])
    ahead = walk.world_from_camera[a, :3, :3].T @ walk.world_from_camera[b, :3, 2]
    x, y, z = (float(v) for v in ahead)
    return -camera.fx * math.atan2(x, z) / seconds, -camera.fy * math.atan2(y, z) / seconds


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
) -> Path:
    """Render the world of a seed and one visit to it into a folder.

    Args:
        seed: see ``make_world``.
        out_dir: the recording; must be new or empty unless ``overwrite``.
        progress: called with (frames done, frames in all) after each frame.
        rooms: see ``make_world``.
        style: see ``make_world``.
        sensor: the headset, one of ``scenes.worlds.sensors.SENSORS``.
        fps: frames per second; by default those of the sensor.
        camera: colour camera, and depth camera where the sensor has none of its own.
        overwrite: replace an existing recording.

    Raises:
        RecordingError: the folder holds other files, or cannot be written.
        ValueError: as ``make_world``.
    """
    world = make_world(seed, rooms=rooms, style=style)
    walk = make_walk(world, settings=WalkSettings(fps=fps or sensor.fps))
    timeline = Timeline(moments=((0.0, world),))
    return write_visit(timeline, walk, out_dir, sensor=sensor, camera=camera, progress=progress, overwrite=overwrite)


def write_visits(
    seed: int,
    out_dir: Path | str,
    visits: int,
    *,
    progress: Progress | None = None,
    rooms: int | None = None,
    style: str | None = None,
    sensor: Sensor = SENSOR["exact"],
    camera: Camera = HEAD_CAMERA,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Several visits to one world, each by another way and after a change: ``visit_0``, ``visit_1``, ...

    Three hours pass between visits; during each one, one thing moves in a room where the wearer is not. Each folder
    has its events beside its truth. ``progress`` counts the frames of each visit anew. Arguments and errors as
    ``write_world``.
    """
    world = make_world(seed, rooms=rooms, style=style)
    paths: list[Path] = []
    for visit in range(visits):
        start_s = visit * BETWEEN_VISITS_S
        changed, events = between_visits(world, visit, time_s=start_s) if visit else (world, ())
        walk = make_walk(changed, visit=visit, start_s=start_s, settings=WalkSettings(fps=sensor.fps))
        timeline = during_visit(changed, walk, visit, events)
        path = write_visit(
            timeline,
            walk,
            Path(out_dir) / f"visit_{visit}",
            sensor=sensor,
            camera=camera,
            visit=visit,
            progress=progress,
            overwrite=overwrite,
        )
        paths.append(path)
        world = timeline.moments[-1][1]
    return tuple(paths)


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
) -> Path:
    """One walk as a recording with its ground truth; ``world.json`` is what holds at the end. Errors as above."""
    out_dir = Path(out_dir)
    with new_folder(out_dir, marker=FILE, overwrite=overwrite) as temporary:
        truth = temporary / FOLDER
        (truth / "instances").mkdir(parents=True)
        if sensor.depth != DepthSensor():
            (truth / "depth").mkdir()
        rows: list[FrameTruth] = []
        world = timeline.moments[-1][1]
        frames = _frames(iter_recorded(timeline, walk, sensor, camera, visit=visit), walk, truth, rows, progress)
        notes = (f"generated world, seed {world.seed}, generator version {world.version}, sensor {sensor.name}",)
        inner = write_nerfstudio(temporary / "recording", frames, notes=notes)
        for path in inner.iterdir():
            path.rename(temporary / path.name)
        inner.rmdir()
        for name, record_ in (
            (WORLD_FILE, world_truth(world)),
            (FRAMES_FILE, FramesTruth(frames=tuple(rows))),
            (EVENTS_FILE, events_truth(timeline.events)),
        ):
            (truth / name).write_text(record_.model_dump_json(indent=1), encoding="utf-8")
    return out_dir


def _frames(
    pairs: Iterator[tuple[Frame, RenderedFrame]],
    walk: Walk,
    truth: Path,
    rows: list[FrameTruth],
    progress: Progress | None,
) -> Iterator[Frame]:
    """Recorded frames, with their ground truth written and collected on the way."""
    for (frame, exact), room in zip(pairs, walk.rooms, strict=True):
        name = f"frame_{frame.id:06d}.png"
        ids = np.where(exact.instance_ids < 0, NOTHING, exact.instance_ids).astype(np.uint16)
        Image.fromarray(ids).save(truth / "instances" / name, compress_level=1)
        if (truth / "depth").is_dir():
            _write_exact_depth(truth / "depth" / name, exact)
        pixels = {f"w{number}": count for number, count in exact.pixel_counts().items()}
        rows.append(FrameTruth(frame_id=frame.id, time_s=frame.time_s, room=room, pixels=pixels))
        yield frame
        if progress is not None:
            progress(len(rows), len(walk))


def _write_exact_depth(path: Path, exact: RenderedFrame) -> None:
    """Perfect depth beside an imperfect recording, in millimetres."""
    assert exact.frame.depth_m is not None
    millimetres = np.clip(np.rint(exact.frame.depth_m.numpy() * 1000.0), 0, 65535).astype(np.uint16)
    Image.fromarray(millimetres).save(path, compress_level=1)
