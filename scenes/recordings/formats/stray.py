"""Stray Scanner (docs.strayrobots.io): ``rgb.mp4 odometry.csv camera_matrix.csv depth/ confidence/``.

- ``odometry.csv`` has a header and rows ``timestamp, frame, x, y, z, qx, qy, qz, qw``, in newer versions followed by
  ``fx, fy, cx, cy``: camera-to-world with OpenCV axes in ARKit's world (Y up).
- ``camera_matrix.csv`` and the per-frame intrinsics are for the size of the video; depth (256x192, millimetres,
  0 = none) covers the same view, so its intrinsics are those, scaled. Low confidence (0) is dropped.
- Principal points are measured from the image's corner, as Apple's are; nothing is added.
- Colour is read from ``rgb.mp4`` by OpenCV, where it is installed, or from extracted frames ``rgb/000000.jpg``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import quaternion_to_matrix, rigid
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.confidence import read_confident_depth
from scenes.recordings.reading.folder import read_text
from scenes.recordings.reading.images import depth_camera_of_view, image_size, read_rgb
from scenes.recordings.reading.indexed import FrameSource, IndexedRecording, in_time_order
from scenes.recordings.reading.poses import checked_pose
from scenes.recordings.reading.video import Video
from scenes.types import Camera

FORMAT = "stray"
POSE_FIELDS = ("timestamp", "frame", "x", "y", "z", "qx", "qy", "qz", "qw")
CAMERA_FIELDS = ("fx", "fy", "cx", "cy")


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout, whole or with a part missing."""
    return (path / "odometry.csv").exists()


def open_stray(path: Path) -> IndexedRecording:
    """A Stray Scanner capture. Raises RecordingError."""
    rows = _odometry(path / "odometry.csv")
    colour = _Colour(path)
    shared = None if CAMERA_FIELDS[0] in rows[0] else _camera_matrix(path / "camera_matrix.csv")
    cameras: dict[Camera, Camera] = {}
    sources: list[FrameSource] = []
    skipped: list[str] = []
    notes: list[str] = []
    for line, row in enumerate(rows, start=2):
        where = f"{path / 'odometry.csv'}:{line}"
        number = int(row["frame"])
        reader = colour.reader(number)
        if reader is None:
            skipped.append(f"frame {number}: no image")
            continue
        camera = _camera(shared or [row[name] for name in CAMERA_FIELDS], colour.size, where)
        camera = cameras.setdefault(camera, camera)
        depth = path / "depth" / f"{number:06d}.png"
        depth_camera = depth_camera_of_view(depth, camera) if depth.is_file() else None
        if depth_camera is None:
            notes.append(f"frame {number}: no depth/{depth.name}, colour only")
        confidence = path / "confidence" / depth.name
        sources.append(
            FrameSource(
                id=number,
                time_s=row["timestamp"],
                camera=camera,
                read_rgb=partial(reader, camera),
                world_from_camera=_pose(row, where),
                depth_camera=depth_camera,
                read_depth=None
                if depth_camera is None
                else partial(read_confident_depth, depth, confidence if confidence.is_file() else None, depth_camera),
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


class _Colour:
    """The images of a capture, extracted or in the video."""

    def __init__(self, path: Path) -> None:
        folder = path / "rgb"
        self._files = {int(p.stem): p for p in folder.iterdir() if p.stem.isdecimal()} if folder.is_dir() else {}
        self._video: Video | None = None
        if self._files:
            self.size = image_size(next(iter(self._files.values())))
        elif (path / "rgb.mp4").is_file():
            self._video = Video(path / "rgb.mp4")
            self.size = self._video.size
        else:
            raise RecordingError(f"{path}: expected rgb.mp4 or rgb/000000.jpg and so on, got neither")

    def reader(self, number: int) -> Callable[[Camera], Tensor] | None:
        """How to read an image; None where it is missing."""
        if self._video is not None:
            return partial(_read_video_frame, self._video, number)
        file = self._files.get(number)
        return None if file is None else partial(read_rgb, file)


def _read_video_frame(video: Video, number: int, camera: Camera) -> Tensor:
    pixels = video.frame(number)
    if tuple(pixels.shape[:2]) != (camera.height, camera.width):
        raise RecordingError(
            f"{video.path} frame {number}: expected {camera.width}x{camera.height}, got {tuple(pixels.shape[:2])[::-1]}"
        )
    return pixels


def _odometry(path: Path) -> list[Mapping[str, float]]:
    """Rows of numbers by column name."""
    reader = csv.reader(read_text(path).splitlines())
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in POSE_FIELDS if name not in header]
    if missing:
        raise RecordingError(f"{path}:1: expected the columns {', '.join(POSE_FIELDS)}, got no {missing[0]}")
    rows: list[Mapping[str, float]] = []
    for line, cells in enumerate(reader, start=2):
        try:
            row = {name: float(cell) for name, cell in zip(header, cells, strict=True)}
        except ValueError as error:
            raise RecordingError(f"{path}:{line}: expected {len(header)} numbers, got {cells!r}"[:200]) from error
        if not np.isfinite(list(row.values())).all():
            raise RecordingError(f"{path}:{line}: expected finite numbers, got NaN or infinity")
        rows.append(row)
    if not rows:
        raise RecordingError(f"{path}: expected a pose for each frame, got none")
    return rows


def _pose(row: Mapping[str, float], where: str) -> Tensor:
    quaternion = torch.tensor([row[name] for name in ("qx", "qy", "qz", "qw")], dtype=torch.float64)
    if abs(float(quaternion.norm()) - 1) > 0.01:
        raise RecordingError(f"{where}: expected a unit quaternion, got {quaternion.tolist()}")
    position = torch.tensor([row[name] for name in ("x", "y", "z")], dtype=torch.float64)
    return checked_pose(rigid(quaternion_to_matrix(quaternion), position).numpy(), where)


def _camera_matrix(path: Path) -> list[float]:
    try:
        k = np.array([[float(x) for x in row] for row in csv.reader(read_text(path).splitlines()) if row])
    except ValueError as error:
        raise RecordingError(f"{path}: expected a 3x3 matrix of numbers, got: {error}") from error
    if k.shape != (3, 3) or not np.isfinite(k).all():
        raise RecordingError(f"{path}: expected a finite 3x3 matrix, got shape {k.shape}")
    return [float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])]


def _camera(coefficients: list[float], size: tuple[int, int], where: str) -> Camera:
    fx, fy, cx, cy = coefficients
    # A principal point more than a quarter of the image off its middle is that of another resolution.
    centred = abs(cx / size[0] - 0.5) < 0.25 and abs(cy / size[1] - 0.5) < 0.25
    if not centred or fx <= 0 or fy <= 0:
        raise RecordingError(
            f"{where}: expected intrinsics of {size[0]}x{size[1]} images, got fx {fx:g}, fy {fy:g}, "
            f"centre ({cx:g}, {cy:g}); they belong to another resolution"
        )
    return Camera(width=size[0], height=size[1], fx=fx, fy=fy, cx=cx, cy=cy)
