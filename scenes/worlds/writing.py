"""A world as a recording on disk, with its ground truth beside it.

The folder is a nerfstudio recording that any reader of that layout opens; ``ground_truth/`` holds what only
training and evaluation may read. It appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scenes.recordings.nerfstudio import FILE
from scenes.recordings.nerfstudio_writer import write_nerfstudio
from scenes.recordings.new_folder import new_folder
from scenes.render import HEAD_CAMERA, RenderedFrame
from scenes.types import Camera, Frame
from scenes.worlds.truth import FOLDER, FRAMES_FILE, NOTHING, WORLD_FILE, FramesTruth, FrameTruth, world_truth
from scenes.worlds.walk import Walk, WalkSettings, make_walk
from scenes.worlds.world import World, make_world

DEPTH_STEP_M = 0.001
"""Recorded depth is quantised to a millimetre, as depth cameras and 16-bit files do."""
Progress = Callable[[int, int], None]


def iter_visit(world: World, walk: Walk, camera: Camera = HEAD_CAMERA) -> Iterator[RenderedFrame]:
    """Frames of a walk with exact ground truth; ids count from 0."""
    renderer = world.renderer()
    for index, time_s in enumerate(walk.times_s):
        yield renderer.render(camera, walk.world_from_camera[index], id=index, time_s=float(time_s))


def recorded(rendered: RenderedFrame) -> Frame:
    """The frame as a file holds it: depth in whole steps."""
    frame = rendered.frame
    assert frame.depth_m is not None
    steps = np.rint(frame.depth_m.numpy().astype(np.float64) / DEPTH_STEP_M)
    return replace(frame, depth_m=torch.from_numpy((steps * DEPTH_STEP_M).astype(np.float32)))


def write_world(
    seed: int,
    out_dir: Path | str,
    *,
    progress: Progress | None = None,
    rooms: int | None = None,
    style: str | None = None,
    fps: float = 5.0,
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
        fps: frames per second of the visit.
        camera: colour and depth camera.
        overwrite: replace an existing recording.

    Raises:
        RecordingError: the folder holds other files, or cannot be written.
        ValueError: as ``make_world``.
    """
    out_dir = Path(out_dir)
    with new_folder(out_dir, marker=FILE, overwrite=overwrite) as temporary:
        world = make_world(seed, rooms=rooms, style=style)
        walk = make_walk(world, settings=WalkSettings(fps=fps))
        truth = temporary / FOLDER
        (truth / "instances").mkdir(parents=True)
        rows: list[FrameTruth] = []
        frames = _frames(world, walk, camera, truth, rows, progress)
        notes = (f"generated world, seed {seed}, generator version {world.version}",)
        inner = write_nerfstudio(temporary / "recording", frames, notes=notes)
        for path in inner.iterdir():
            path.rename(temporary / path.name)
        inner.rmdir()
        (truth / WORLD_FILE).write_text(world_truth(world).model_dump_json(indent=1), encoding="utf-8")
        (truth / FRAMES_FILE).write_text(FramesTruth(frames=tuple(rows)).model_dump_json(), encoding="utf-8")
    return out_dir


def _frames(
    world: World, walk: Walk, camera: Camera, truth: Path, rows: list[FrameTruth], progress: Progress | None
) -> Iterator[Frame]:
    """Recorded frames, with their ground truth written and collected on the way."""
    for rendered, room in zip(iter_visit(world, walk, camera), walk.rooms, strict=True):
        frame = rendered.frame
        ids = np.where(rendered.instance_ids < 0, NOTHING, rendered.instance_ids).astype(np.uint16)
        Image.fromarray(ids).save(truth / "instances" / f"frame_{frame.id:06d}.png", compress_level=1)
        pixels = {f"w{number}": count for number, count in rendered.pixel_counts().items()}
        rows.append(FrameTruth(frame_id=frame.id, time_s=frame.time_s, room=room, pixels=pixels))
        yield recorded(rendered)
        if progress is not None:
            progress(len(rows), len(walk))
