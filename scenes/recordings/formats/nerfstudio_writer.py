"""Frames from any reader to nerfstudio's layout, without loss: reading the folder back gives equal frames."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.recordings.formats.nerfstudio import EXTENSION_VERSION, FILE, zup_opengl
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.new_folder import new_folder
from scenes.recordings.reading.png import write_png
from scenes.types import Camera, Frame

DEPTH_UNITS_M = (0.001, 0.0002, 0.00025, 0.0001)
"""Steps tried for 16-bit depth: nerfstudio's millimetre, then those of TUM and of RealSense and laser scanners."""


def write_nerfstudio(
    folder: Path | str,
    frames: Iterable[Frame],
    *,
    gravity: Gravity | None = None,
    skipped: Sequence[str] = (),
    notes: Sequence[str] = (),
    overwrite: bool = False,
) -> Path:
    """Write frames one by one as ``transforms.json`` with ``images/`` and ``depth/``; memory holds one frame.

    The folder appears only when all is written. Depth is a 16-bit PNG in millimetres where that loses nothing, in
    another step (``depth_unit_m``) where that one loses nothing, else a ``.npy``. ``gravity`` is how the vertical of
    the frames' world is known (default: promised). Raises RecordingError for no frames, a repeated frame id, a
    folder that exists (``overwrite`` replaces a recording), or a disk that fails.
    """
    folder = Path(folder)
    with new_folder(folder, marker=FILE, overwrite=overwrite) as temporary:
        entries = [write_frame(temporary, frame) for frame in frames]
        write_index(temporary, entries, gravity=gravity, skipped=skipped, notes=notes)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEntry:
    """What ``transforms.json`` says of one frame whose images are written."""

    frame_id: int
    posed: bool
    fields: dict[str, Any]
    intrinsics: dict[str, float]


def write_frame(folder: Path, frame: Frame) -> FrameEntry:
    """Write the images of a frame; frames can be written in any order and by several processes.

    Raises OSError where the disk fails.
    """
    name = f"frame_{frame.id:06d}"
    entry: dict[str, Any] = {"file_path": f"images/{name}.png", "frame_id": frame.id, "timestamp": frame.time_s}
    (folder / "images").mkdir(exist_ok=True)
    write_png(folder / entry["file_path"], frame.rgb.numpy())
    if frame.world_from_camera is not None:
        entry["transform_matrix"] = zup_opengl(frame.world_from_camera).tolist()
    if frame.depth_m is not None and frame.depth_camera is not None:
        (folder / "depth").mkdir(exist_ok=True)
        entry |= _write_depth(folder, name, frame.depth_m)
        if frame.depth_camera != frame.camera:
            entry["depth_camera"] = _intrinsics(frame.depth_camera)
    if not torch.equal(frame.camera_from_depth, torch.eye(4, dtype=torch.float64)):
        entry["camera_from_depth"] = frame.camera_from_depth.tolist()
    if frame.depth_time_s is not None:
        entry["depth_timestamp"] = frame.depth_time_s
    posed = frame.world_from_camera is not None
    return FrameEntry(frame_id=frame.id, posed=posed, fields=entry, intrinsics=_intrinsics(frame.camera))


def write_index(
    folder: Path,
    entries: Sequence[FrameEntry],
    *,
    gravity: Gravity | None = None,
    skipped: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write ``transforms.json`` for frames that ``write_frame`` has written. Arguments and errors as above."""
    table = _table(folder, entries)
    gravity = gravity or Gravity(source="format", confidence=1.0)
    table["sightline"] = {
        "version": EXTENSION_VERSION,
        "gravity": {"source": gravity.source, "confidence": gravity.confidence},
        "skipped": list(skipped),
        "notes": list(notes),
    }
    with (folder / FILE).open("w", encoding="utf-8") as file:
        json.dump(table, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())


def _table(folder: Path, entries: Sequence[FrameEntry]) -> dict[str, Any]:
    if not entries:
        raise RecordingError("expected at least one frame to write, got none")
    shared = entries[0].intrinsics
    lists: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    seen: set[int] = set()
    for position, entry in enumerate(entries):
        if entry.frame_id in seen:
            raise RecordingError(f"{folder.name}: expected each frame id once, got {entry.frame_id} twice")
        seen.add(entry.frame_id)
        # Intrinsics that change are stated at the frame, where they win over those of the file.
        own = {key: value for key, value in entry.intrinsics.items() if shared[key] != value}
        place = {} if entry.posed else {"position": position}
        lists[entry.posed].append(entry.fields | own | place)
    table = {"camera_model": "PINHOLE", **shared, "frames": lists[True]}
    return table | ({"frames_without_pose": lists[False]} if lists[False] else {})


def _write_depth(folder: Path, name: str, depth_m: Tensor) -> dict[str, Any]:
    metres = depth_m.numpy().astype(np.float64)
    for unit_m in DEPTH_UNITS_M:
        steps = np.rint(metres / unit_m)
        if steps.max(initial=0) <= 65535 and np.array_equal((steps * unit_m).astype(np.float32), depth_m.numpy()):
            path = f"depth/{name}.png"
            write_png(folder / path, steps.astype(np.uint16))
            return {"depth_file_path": path} | ({} if unit_m == DEPTH_UNITS_M[0] else {"depth_unit_m": unit_m})
    path = f"depth/{name}.npy"
    # Float64 millimetres come back as the same float32 metres; float32 millimetres would not.
    np.save(folder / path, metres * 1000.0)
    return {"depth_file_path": path}


def _intrinsics(camera: Camera) -> dict[str, float]:
    return {
        "w": camera.width, "h": camera.height, "fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx, "cy": camera.cy
    }  # fmt: skip
