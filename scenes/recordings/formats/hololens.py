"""HoloLens recordings in the layout of deep-video-mvs (Düzçeker et al., CVPR 2021): ``images depth K.txt poses.txt``.

- ``poses.txt``: row i is the camera-to-world matrix of the i-th image by name, OpenCV axes, world Y up
  (the headset levels its world; checked on a real walk: the cameras' down is the world's -Y).
- Depth is millimetres in a PNG of the image's name, 0 = none, registered to colour.
- ``K.txt`` counts pixel centres from 0 (OpenCV), so 0.5 is added to cx and cy.
- The files hold no times: number in the file name / 30.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.folder import read_matrix
from scenes.recordings.reading.images import check_size, image_size, read_depth, read_rgb
from scenes.recordings.reading.indexed import ASSUMED_HZ, FrameSource, IndexedRecording
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera

FORMAT = "hololens"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout, whole or with a file missing."""
    return path.is_dir() and (
        (path / "images").is_dir() and ((path / "K.txt").exists() or (path / "poses.txt").exists())
    )


def open_hololens(path: Path) -> IndexedRecording:
    """A recording in this layout. Raises RecordingError."""
    images = sorted(p for p in (path / "images").iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise RecordingError(f"{path / 'images'}: expected .jpg or .png images, got none")
    rows = read_matrix(path / "poses.txt", columns=16)
    if len(rows) != len(images):
        raise RecordingError(f"{path / 'poses.txt'}: expected a row for each of {len(images)} images, got {len(rows)}")
    camera = _camera(path / "K.txt", image_size(images[0]))
    numbers = _numbers(images)
    notes = [f"no times in the files: frame number / {ASSUMED_HZ:g}"]
    sources: list[FrameSource] = []
    for index, (image, number) in enumerate(zip(images, numbers, strict=True)):
        check_size(image, camera, "colour")
        depth = path / "depth" / f"{image.stem}.png"
        has_depth = depth.exists()
        if has_depth:
            check_size(depth, camera, "depth")
        else:
            notes.append(f"frame {number}: no {depth.name} in depth, colour only")
        sources.append(
            FrameSource(
                id=number,
                time_s=number / ASSUMED_HZ,
                camera=camera,
                read_rgb=partial(read_rgb, image, camera),
                world_from_camera=checked_pose(rows[index].reshape(4, 4), f"{path / 'poses.txt'} row {index + 1}"),
                depth_camera=camera if has_depth else None,
                read_depth=partial(read_depth, depth, camera) if has_depth else None,
            )
        )
    return IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="format", confidence=1.0),
        sources=tuple(sources),
        notes=tuple(notes),
    )


def _numbers(images: Sequence[Path]) -> list[int]:
    """The number in each file name, or the position where names are not numbers."""
    if all(image.stem.isdecimal() for image in images):
        return [int(image.stem) for image in images]
    return list(range(len(images)))


def _camera(path: Path, size: tuple[int, int]) -> Camera:
    k = read_matrix(path, columns=3)
    if k.shape != (3, 3) or not np.isfinite(k).all():
        raise RecordingError(f"{path}: expected a finite 3x3 matrix, got shape {k.shape}")
    cx, cy = float(k[0, 2]) + 0.5, float(k[1, 2]) + 0.5
    if k[0, 0] <= 0 or k[1, 1] <= 0 or not (0 < cx < size[0] and 0 < cy < size[1]):
        raise RecordingError(
            f"{path}: expected intrinsics of {size[0]}x{size[1]} images, got fx {k[0, 0]:.1f}, fy {k[1, 1]:.1f}, "
            f"centre ({cx:.1f}, {cy:.1f}); the calibration belongs to another resolution"
        )
    return Camera(width=size[0], height=size[1], fx=float(k[0, 0]), fy=float(k[1, 1]), cx=cx, cy=cy)
