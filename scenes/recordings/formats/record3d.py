"""Record3D ``.r3d`` files (a zip; also unpacked): ``metadata`` and ``rgbd/N.jpg N.depth N.conf``.

- ``metadata`` is JSON: ``w h``, ``K`` (column-major 3x3 for the colour size) or ``perFrameIntrinsicCoeffs``
  (``fx fy cx cy`` each), ``poses`` (``qx qy qz qw x y z``, camera-to-world), ``fps`` or ``frameTimestamps``, and in
  newer files the depth's size ``dw dh``.
- ARKit's axes: world Y up, camera x right, y up, z backward. Principal points are measured from the image's corner.
- Depth is LZFSE-compressed float32 metres, NaN = none; confidence is LZFSE-compressed bytes 0, 1, 2, of which low (0)
  is dropped. Both cover the colour image at a lower resolution.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import quaternion_to_matrix, rigid
from scenes.recordings.formats.nerfstudio import OPENGL_FROM_OPENCV
from scenes.recordings.reading.archive import Archive
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.confidence import without_low_confidence
from scenes.recordings.reading.folder import number
from scenes.recordings.reading.images import read_rgb
from scenes.recordings.reading.indexed import ASSUMED_HZ, FrameSource, IndexedRecording, in_time_order
from scenes.recordings.reading.lzfse import LzfseError, decompress
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera

FORMAT = "record3d"
MAX_DEPTH_PIXELS = 4096 * 4096


def looks_like(path: Path) -> bool:
    """Whether a path is such a file, or a folder into which one was unpacked."""
    if path.is_dir():
        return (path / "metadata").is_file() and (path / "rgbd").is_dir()
    return path.suffix == ".r3d" and path.is_file()


def open_record3d(path: Path) -> IndexedRecording:
    """A Record3D capture. Raises RecordingError."""
    archive = Archive(path)
    table = _metadata(archive)
    where = f"{path} metadata"
    poses = table.get("poses")
    if not isinstance(poses, list):
        raise RecordingError(f"{where}: expected a list in 'poses', got {type(poses).__name__}")
    cameras = _cameras(table, len(poses), where)
    notes: list[str] = []
    times = _times(table, len(poses), notes, where)
    names = archive.names()
    sources: list[FrameSource] = []
    skipped: list[str] = []
    for index, row in enumerate(poses):
        if f"rgbd/{index}.jpg" not in names:
            skipped.append(f"frame {index}: no rgbd/{index}.jpg")
            continue
        depth_camera = None
        if f"rgbd/{index}.depth" in names:
            depth_camera = _depth_camera(table, cameras[index], archive, index, where)
        else:
            notes.append(f"frame {index}: no rgbd/{index}.depth, colour only")
        confident = f"rgbd/{index}.conf" in names
        reader = partial(_read_depth, archive, index, depth_camera, confident) if depth_camera else None
        sources.append(
            FrameSource(
                id=index,
                time_s=times[index],
                camera=cameras[index],
                read_rgb=partial(_read_colour, archive, index, cameras[index]),
                world_from_camera=_pose(row, f"{where} poses {index}") @ OPENGL_FROM_OPENCV + 0.0,
                depth_camera=depth_camera,
                read_depth=reader,
            )
        )
    return IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="format", confidence=1.0),
        sources=in_time_order(sources, notes),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )


def _metadata(archive: Archive) -> Mapping[str, Any]:
    where = f"{archive.path} metadata"
    try:
        table = json.loads(archive.read("metadata"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise RecordingError(f"{where}: expected JSON, got a syntax error: {error}") from error
    if not isinstance(table, dict):
        raise RecordingError(f"{where}: expected a JSON object, got {type(table).__name__}")
    return table


def _cameras(table: Mapping[str, Any], count: int, where: str) -> list[Camera]:
    """The camera of each frame."""
    width, height = int(number(table, "w", where)), int(number(table, "h", where))
    rows = table.get("perFrameIntrinsicCoeffs")
    if rows:
        numbers = _rows(rows, count, 4, f"{where} perFrameIntrinsicCoeffs")
        return [_camera(width, height, row.tolist(), where) for row in numbers]
    k = _rows([table.get("K")], 1, 9, f"{where} K")[0].reshape(3, 3).T
    return [_camera(width, height, [k[0, 0], k[1, 1], k[0, 2], k[1, 2]], where)] * count


def _rows(value: object, count: int, columns: int, where: str) -> np.ndarray:
    try:
        rows = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RecordingError(f"{where}: expected {count} rows of {columns} numbers, got {str(value)[:60]}") from error
    if rows.shape != (count, columns) or not np.isfinite(rows).all():
        raise RecordingError(f"{where}: expected {count} rows of {columns} finite numbers, got shape {rows.shape}")
    return rows


def _camera(width: int, height: int, coefficients: list[float], where: str) -> Camera:
    fx, fy, cx, cy = (float(x) for x in coefficients)
    if not (0 < cx < width and 0 < cy < height and fx > 0 and fy > 0):
        raise RecordingError(
            f"{where}: expected intrinsics of {width}x{height}, got fx {fx:g}, fy {fy:g}, centre ({cx:g}, {cy:g}); "
            "they belong to another resolution"
        )
    return Camera(width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)


def _times(table: Mapping[str, Any], count: int, notes: list[str], where: str) -> list[float]:
    stamps = table.get("frameTimestamps")
    if stamps:
        return [float(row[0]) for row in _rows([[s] for s in stamps], count, 1, f"{where} frameTimestamps")]
    rate = number(table, "fps", where) if "fps" in table else ASSUMED_HZ
    if rate <= 0:
        raise RecordingError(f"{where}: expected a positive 'fps', got {rate}")
    notes.append(f"no times in the file: frame number / {rate:g}")
    return [index / rate for index in range(count)]


def _pose(row: object, where: str) -> Tensor:
    values = _rows([row], 1, 7, where)[0]
    if abs(float(np.linalg.norm(values[:4])) - 1) > 0.01:
        raise RecordingError(f"{where}: expected a unit quaternion, got {values[:4].tolist()}")
    rotation = quaternion_to_matrix(torch.from_numpy(values[:4].copy()))
    return checked_pose(rigid(rotation, torch.from_numpy(values[4:].copy())).numpy(), where)


def _depth_camera(table: Mapping[str, Any], camera: Camera, archive: Archive, index: int, where: str) -> Camera:
    """The colour camera at the depth's resolution; files without ``dw dh`` tell it by the number of values."""
    if "dw" in table and "dh" in table:
        width, height = int(number(table, "dw", where)), int(number(table, "dh", where))
    else:
        count = len(_unpacked(archive, f"rgbd/{index}.depth", 4 * MAX_DEPTH_PIXELS)) // 4
        width = round(math.sqrt(count * camera.width / camera.height))
        height = count // max(width, 1)
        if width * height != count or count == 0:
            raise RecordingError(
                f"{archive.path} rgbd/{index}.depth: expected depth of the proportions {camera.width}x{camera.height}, "
                f"got {count} values"
            )
    if not 0 < width * height <= MAX_DEPTH_PIXELS:
        raise RecordingError(f"{where}: expected a depth size in 'dw' and 'dh', got {width}x{height}")
    return camera.resized(width, height)


def _unpacked(archive: Archive, name: str, max_bytes: int) -> bytes:
    try:
        return decompress(archive.read(name), max_bytes)
    except LzfseError as error:
        raise RecordingError(f"{archive.path} {name}: expected LZFSE data, got: {error}") from error


def _read_colour(archive: Archive, index: int, camera: Camera) -> Tensor:
    name = f"rgbd/{index}.jpg"
    return read_rgb(archive.read(name), camera, f"{archive.path} {name}")


def _read_depth(archive: Archive, index: int, camera: Camera, confident: bool) -> Tensor:
    name, size = f"rgbd/{index}.depth", camera.width * camera.height
    data = _unpacked(archive, name, 4 * size)
    if len(data) != 4 * size:
        raise RecordingError(
            f"{archive.path} {name}: expected depth of {camera.width}x{camera.height}, got {len(data) // 4} values"
        )
    values = np.frombuffer(data, dtype="<f4").reshape(camera.height, camera.width)
    metres = torch.from_numpy(np.where(np.isfinite(values) & (values > 0), values, np.float32(0)))
    if not confident:
        return metres
    name = f"rgbd/{index}.conf"
    levels = np.frombuffer(_unpacked(archive, name, size), dtype=np.uint8)
    if levels.size != size:
        raise RecordingError(f"{archive.path} {name}: expected {size} values, got {levels.size}")
    return without_low_confidence(metres, levels.reshape(camera.height, camera.width), f"{archive.path} {name}")
