"""Project Aria glasses: the folder that an export of a digital-twin sequence gives, rectified to pinhole cameras.

``calib_poses.json`` with cameras (FISHEYE624) and device poses, and beside it ``camera-rgb_<ns>.png``,
``camera-rgb_<ns>_depth.png`` (z-depth in millimetres, 0 = none) and the like for the two SLAM cameras.

- World: Y up (the digital twin's own frame); ``T_device_camera`` maps camera to device points.
- The sensors are mounted on their side, so the rectified image is turned by 90 degrees to be upright.
- Aria counts pixel centres from 0, so 0.5 is added to the principal point.
- Colour, depth and poses carry their own times, fractions of a millisecond apart: the nearest within 10 ms is taken.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import rigid
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.folder import read_json
from scenes.recordings.reading.images import check_size, read_depth, read_rgb
from scenes.recordings.reading.indexed import FrameSource, IndexedRecording
from scenes.recordings.reading.lens import Rectifier, fisheye_from_aria
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera, Frame

FORMAT = "aria"
FILE = "calib_poses.json"
SAME_TIME_NS = 10_000_000
CAMERAS = ("camera-rgb", "camera-slam-left", "camera-slam-right")
SENSOR_FROM_UPRIGHT = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
"""Upright x (right) is the sensor's -y, upright y (down) is its x."""


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout."""
    return path.is_dir() and (path / FILE).exists()


def open_aria(path: Path, camera_name: str = "camera-rgb") -> IndexedRecording:
    """One camera of an Aria export as upright pinhole frames. Raises RecordingError."""
    return _opened(path, camera_name)[0]


def _opened(path: Path, camera_name: str) -> tuple[IndexedRecording, Camera, Rectifier]:
    """The recording, the sensor and the rectifier."""
    table = read_json(path / FILE)
    where = f"{path / FILE} cameras {camera_name}"
    cameras = table.get("cameras")
    if not isinstance(cameras, dict) or not isinstance(cameras.get(camera_name), dict):
        raise RecordingError(f"{where}: expected a calibration of this camera, got none")
    sensor, rectifier = _optics(cameras[camera_name], where)
    device_from_sensor = checked_pose(cameras[camera_name].get("T_device_camera"), f"{where} T_device_camera")
    device_from_camera = device_from_sensor @ rigid(SENSOR_FROM_UPRIGHT, torch.zeros(3, dtype=torch.float64))
    poses = _poses(table, path)
    colour = _files(path, re.compile(re.escape(camera_name) + r"_(\d+)\.png$"))
    depth = _files(path, re.compile(re.escape(camera_name) + r"_(\d+)_depth\.png$"))
    sources: list[FrameSource] = []
    skipped: list[str] = []
    notes: list[str] = []
    for number, (time_ns, image) in enumerate(sorted(colour.items())):
        pose_ns = _nearest(poses, time_ns)
        if pose_ns is None:
            skipped.append(f"{image.name}: no pose within {SAME_TIME_NS / 1e6:g} ms")
            continue
        check_size(image, sensor, "colour")
        depth_ns = _nearest(depth, time_ns)
        if depth_ns is None:
            notes.append(f"frame {number}: no depth within {SAME_TIME_NS / 1e6:g} ms, colour only")
        else:
            check_size(depth[depth_ns], sensor, "depth")
        sources.append(
            FrameSource(
                id=number,
                time_s=time_ns / 1e9,
                camera=rectifier.target,
                read_rgb=partial(_read_colour, image, sensor, rectifier),
                world_from_camera=poses[pose_ns] @ device_from_camera,
                depth_camera=None if depth_ns is None else rectifier.target,
                read_depth=None if depth_ns is None else partial(_read_depth, depth[depth_ns], sensor, rectifier),
                depth_time_s=None if depth_ns is None else depth_ns / 1e9,
            )
        )
    recording = IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="format", confidence=1.0),
        sources=tuple(sources),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )
    return recording, sensor, rectifier


def aria_instances(path: Path, camera_name: str = "camera-rgb") -> Iterator[tuple[Frame, Tensor]]:
    """Frames of one camera with their instance masks, (H, W) int64 of the rectified image, 0 = nothing.

    Masks lie in ``<camera>_<ns>_seg.npz`` with the time of the depth image. Raises RecordingError.
    """
    recording, sensor, rectifier = _opened(path, camera_name)
    masks = _files(path, re.compile(re.escape(camera_name) + r"_(\d+)_seg\.npz$"))
    for frame in recording:
        stamp = _nearest(masks, round(frame.time_s * 1e9))
        if stamp is not None:
            yield frame, rectifier.nearest(_read_mask(masks[stamp], sensor))


def _read_mask(path: Path, sensor: Camera) -> Tensor:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            ids = arrays["seg"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RecordingError(f"{path}: expected an array 'seg', got: {error}") from error
    if ids.shape != (sensor.height, sensor.width):
        raise RecordingError(f"{path}: expected a mask of {sensor.width}x{sensor.height}, got {ids.shape}")
    return torch.from_numpy(ids.astype(np.int64))


def _optics(stated: Mapping[str, Any], where: str) -> tuple[Camera, Rectifier]:
    """The sensor (its lens aside) and the rectifier to an upright pinhole of the same focal length and size."""
    params, size = _numbers(stated, "params", 15, where), _numbers(stated, "size", 2, where)
    if not str(stated.get("model")).endswith("FISHEYE624"):
        raise RecordingError(f"{where}: expected the model FISHEYE624, got {stated.get('model')!r}")
    focal, cx, cy = params[0], params[1] + 0.5, params[2] + 0.5
    try:
        sensor = Camera(width=int(size[0]), height=int(size[1]), fx=focal, fy=focal, cx=cx, cy=cy)
    except ValueError as error:
        raise RecordingError(f"{where}: {error}") from error
    width, height = sensor.height, sensor.width
    upright = Camera(width=width, height=height, fx=focal, fy=focal, cx=width / 2, cy=height / 2)
    return sensor, Rectifier(sensor, fisheye_from_aria(params), upright, SENSOR_FROM_UPRIGHT)


def _numbers(stated: Mapping[str, Any], key: str, count: int, where: str) -> list[float]:
    value = stated.get(key)
    if isinstance(value, list) and len(value) == count and all(isinstance(x, int | float) for x in value):
        return [float(x) for x in value]
    raise RecordingError(f"{where}: expected {count} numbers in {key!r}, got {str(value)[:60]}")


def _poses(table: Mapping[str, Any], path: Path) -> dict[int, Tensor]:
    rows = table.get("world_from_device")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise RecordingError(f"{path / FILE}: expected a list of poses in 'world_from_device', got {str(rows)[:60]}")
    poses: dict[int, Tensor] = {}
    for index, row in enumerate(rows):
        where = f"{path / FILE} world_from_device {index}"
        if not isinstance(row.get("t_ns"), int):
            raise RecordingError(f"{where}: expected an integer 't_ns', got {row.get('t_ns')!r}")
        poses[row["t_ns"]] = checked_pose(row.get("T"), where)
    return poses


def _files(path: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    return {int(match[1]): item for item in path.iterdir() if (match := pattern.match(item.name))}


def _nearest(stamps: Mapping[int, object], time_ns: int) -> int | None:
    best = min(stamps, key=lambda stamp: abs(stamp - time_ns), default=None)
    return best if best is not None and abs(best - time_ns) <= SAME_TIME_NS else None


def _read_colour(path: Path, sensor: Camera, rectifier: Rectifier) -> Tensor:
    return rectifier.colour(read_rgb(path, sensor))


def _read_depth(path: Path, sensor: Camera, rectifier: Rectifier) -> Tensor:
    return rectifier.nearest(read_depth(path, sensor))
