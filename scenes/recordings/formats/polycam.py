"""Polycam's raw export: ``keyframes/`` with ``cameras images depth confidence`` and, after its own optimisation,
``corrected_cameras corrected_images``. (Its nerfstudio export is read as nerfstudio.)

- A camera file holds ``t_00 .. t_23`` (camera-to-world, rows of a 3x4 matrix, ARKit axes: world Y up, camera x right,
  y up, z backward), ``fx fy cx cy width height`` and is named by its time in microseconds.
- Depth is millimetres, 0 = none, covering the colour image at a lower resolution; confidence 0 is dropped.
- Corrected poses are used where there are any: they are bundle-adjusted, the others are as tracked.
- Frame ids count the cameras in order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from scenes.recordings.formats.nerfstudio import OPENGL_FROM_OPENCV
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.confidence import read_confident_depth
from scenes.recordings.reading.folder import number, read_json
from scenes.recordings.reading.images import check_size, depth_camera_of_view, read_rgb
from scenes.recordings.reading.indexed import FrameSource, IndexedRecording
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera

FORMAT = "polycam"


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout."""
    return (path / "keyframes").is_dir()


def open_polycam(path: Path) -> IndexedRecording:
    """A raw Polycam export. Raises RecordingError."""
    root = path / "keyframes"
    prefix = "corrected_" if (root / "corrected_cameras").is_dir() else ""
    cameras = sorted((root / f"{prefix}cameras").glob("*.json"), key=_micros)
    sources: list[FrameSource] = []
    skipped: list[str] = []
    notes: list[str] = [] if prefix else ["no corrected cameras: poses are as tracked"]
    for identity, file in enumerate(cameras):
        image = root / f"{prefix}images" / f"{file.stem}.jpg"
        if not image.is_file():
            skipped.append(f"frame {identity}: no {prefix}images/{image.name}")
            continue
        table = read_json(file)
        camera = _camera(table, str(file))
        check_size(image, camera, "colour")
        depth = root / "depth" / f"{file.stem}.png"
        depth_camera = depth_camera_of_view(depth, camera) if depth.is_file() else None
        if depth_camera is None:
            notes.append(f"frame {identity}: no depth/{file.stem}.png, colour only")
        sources.append(
            FrameSource(
                id=identity,
                time_s=_micros(file) / 1e6,
                camera=camera,
                read_rgb=partial(read_rgb, image, camera),
                world_from_camera=_pose(table, str(file)),
                depth_camera=depth_camera,
                read_depth=_depth_reader(root, file.stem, depth_camera) if depth_camera else None,
            )
        )
    return IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="format", confidence=1.0),
        sources=tuple(sources),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )


def _micros(file: Path) -> int:
    if not file.stem.isdecimal():
        raise RecordingError(f"{file}: expected a name that is a time in microseconds, got {file.stem!r}")
    return int(file.stem)


def _camera(table: Mapping[str, Any], where: str) -> Camera:
    width, height = int(number(table, "width", where)), int(number(table, "height", where))
    fx, fy, cx, cy = (number(table, key, where) for key in ("fx", "fy", "cx", "cy"))
    if not (0 < cx < width and 0 < cy < height and fx > 0 and fy > 0):
        raise RecordingError(f"{where}: expected intrinsics of {width}x{height}, got centre ({cx:g}, {cy:g})")
    return Camera(width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)


def _pose(table: Mapping[str, Any], where: str) -> Tensor:
    rows = [[number(table, f"t_{i}{j}", where) for j in range(4)] for i in range(3)]
    return checked_pose(rows, where) @ OPENGL_FROM_OPENCV + 0.0


def _depth_reader(root: Path, stem: str, depth_camera: Camera) -> partial[Tensor]:
    confidence = root / "confidence" / f"{stem}.png"
    return partial(
        read_confident_depth,
        root / "depth" / f"{stem}.png",
        confidence if confidence.is_file() else None,
        depth_camera,
    )
