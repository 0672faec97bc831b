"""nerfstudio's ``transforms.json`` with images beside it: the layout that this project also writes.

- Poses are camera-to-world with OpenGL axes (x right, y up, z backward) in a world with Z up. Both changes of axes
  only swap and negate numbers, so a pose survives writing and reading bit by bit.
- Images with lens distortion (OPENCV, OPENCV_FISHEYE) are resampled to a pinhole when read.
- Pixel centres are at 0.5 as here; depth is a 16-bit PNG in millimetres, 0 = none, or a ``.npy`` of millimetres.
- Z up is the layout's convention, but structure from motion often leaves the vertical arbitrary, so a file that
  does not state its gravity is ``assumed`` level.
- What the layout has no place for is kept in fields that other programs ignore. Of a frame: ``frame_id``,
  ``timestamp``, ``depth_timestamp``, ``depth_unit_m``, ``depth_camera`` (intrinsics), ``camera_from_depth``. Of the
  file: ``sightline`` (version, gravity, skipped, notes), ``frames_without_pose`` (each with its ``position``).
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.folder import inside, number, read_json
from scenes.recordings.reading.images import check_size, depth_camera_of_view, image_size, read_depth, read_rgb
from scenes.recordings.reading.indexed import ASSUMED_HZ, FrameSource, IndexedRecording, in_time_order
from scenes.recordings.reading.lens import BrownConradyLens, FisheyeLens, rectified
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera

FORMAT = "nerfstudio"
AnyLens = BrownConradyLens | FisheyeLens
FILE = "transforms.json"
EXTENSION_VERSION = 1
ZUP_FROM_YUP = torch.tensor([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
OPENGL_FROM_OPENCV = torch.diag(torch.tensor([1, -1, -1, 1], dtype=torch.float64))


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout."""
    return (path / FILE).exists()


def open_nerfstudio(path: Path) -> IndexedRecording:
    """A recording in this layout. Raises RecordingError."""
    table = read_json(path / FILE)
    extension = _extension(table, path)
    entries = _entries(table, path)
    notes, skipped = list(extension["notes"]), list(extension["skipped"])
    reader = _Reader(path, table)
    sources: list[FrameSource] = []
    for index, (entry, has_pose) in enumerate(entries):
        where = f"{path / FILE} frame {index}"
        image = _image_file(path, entry, where)
        if not image.is_file():
            skipped.append(f"{entry.get('file_path')}: no such image")
            continue
        sources.append(reader.source(index, entry, image, where, has_pose=has_pose))
    if reader.timeless:
        notes.append(f"no times in the file: position / {ASSUMED_HZ:g}")
    return IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=extension["gravity"],
        sources=in_time_order(sources, notes),
        skipped=tuple(skipped),
        notes=(*notes, *reader.notes),
        world_from_source=ZUP_FROM_YUP.T.contiguous(),
    )


class _Reader:
    """Turns the entries of one file into frame sources; remembers the camera and the depth size that they share."""

    def __init__(self, path: Path, table: Mapping[str, Any]) -> None:
        self.path, self.table = path, table
        self.notes: list[str] = []
        self.timeless = False
        self._cameras: dict[tuple[float, ...], Camera] = {}
        self._depth_size: tuple[int, int] | None = None

    def source(self, index: int, entry: dict[str, Any], image: Path, where: str, *, has_pose: bool) -> FrameSource:
        fields = ChainMap(entry, dict(self.table))
        camera = self._camera(fields, image, where)
        identity = int(number(entry, "frame_id", where)) if "frame_id" in entry else index
        lens = lens_from_fields(fields, where)
        depth_camera, depth_reader = self._depth(entry, camera, lens, identity, where)
        return FrameSource(
            id=identity,
            time_s=self._time(index, entry, where),
            camera=camera,
            read_rgb=partial(_read_colour, image, camera, lens),
            world_from_camera=_pose_from_file(entry, where) if has_pose else None,
            depth_camera=depth_camera,
            read_depth=depth_reader,
            camera_from_depth=checked_pose(entry["camera_from_depth"], f"{where} camera_from_depth")
            if "camera_from_depth" in entry
            else torch.eye(4, dtype=torch.float64),
            depth_time_s=number(entry, "depth_timestamp", where) if "depth_timestamp" in entry else None,
        )

    def _time(self, index: int, entry: Mapping[str, Any], where: str) -> float:
        if "timestamp" in entry:
            return number(entry, "timestamp", where)
        self.timeless = True
        return index / ASSUMED_HZ

    def _camera(self, fields: Mapping[str, Any], image: Path, where: str) -> Camera:
        """The camera of an image; the size in the file, where given, must be that of the image."""
        size = image_size(image)
        camera = camera_from_fields(fields, size, where)
        if (camera.width, camera.height) != size:
            raise RecordingError(
                f"{image}: expected {camera.width}x{camera.height} as in {where}, got {size[0]}x{size[1]}; "
                "scale the intrinsics or the image"
            )
        key = (camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
        return self._cameras.setdefault(key, camera)

    def _depth(
        self, entry: Mapping[str, Any], camera: Camera, lens: AnyLens | None, identity: int, where: str
    ) -> tuple[Camera | None, Callable[[], Tensor] | None]:
        """Depth camera and reader, or (None, None) where the frame has no depth."""
        if "depth_file_path" not in entry:
            return None, None
        path = inside(self.path, entry["depth_file_path"], f"{where} depth_file_path")
        if not path.is_file():
            self.notes.append(f"frame {identity}: no depth image {entry['depth_file_path']}, colour only")
            return None, None
        unit_m = number(entry, "depth_unit_m", where) if "depth_unit_m" in entry else 0.001
        depth_camera = self._depth_camera(entry, camera, path, where)
        if path.suffix == ".npy":
            return depth_camera, partial(_read_npy_depth, path, depth_camera)
        check_size(path, depth_camera, "depth")
        # A depth camera of its own has no lens; otherwise depth is seen through the lens of the colour camera.
        bent = None if "depth_camera" in entry else lens
        return depth_camera, partial(_read_png_depth, path, depth_camera, bent, unit_m)

    def _depth_camera(self, entry: Mapping[str, Any], camera: Camera, path: Path, where: str) -> Camera:
        """The stated depth camera, or the colour camera, also at a lower resolution with the same proportions."""
        if "depth_camera" in entry:
            stated = entry["depth_camera"]
            if not isinstance(stated, dict):
                raise RecordingError(f"{where} depth_camera: expected an object, got {type(stated).__name__}")
            depth_camera = camera_from_fields(stated, None, f"{where} depth_camera")
            key = tuple(getattr(depth_camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy"))
            return self._cameras.setdefault(key, depth_camera)
        if path.suffix == ".npy":
            return camera
        depth_camera = depth_camera_of_view(path, camera)
        size = (depth_camera.width, depth_camera.height)
        self._depth_size = self._depth_size or size
        if size != self._depth_size:
            raise RecordingError(
                f"{path}: expected depth of {self._depth_size[0]}x{self._depth_size[1]} as in the first frame, "
                f"got {size[0]}x{size[1]}"
            )
        return depth_camera


def camera_from_fields(fields: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> Camera:
    """A pinhole camera from ``w h fl_x fl_y cx cy`` (or ``camera_angle_x``); missing sizes come from the image.

    Raises RecordingError for missing or impossible numbers.
    """
    width = int(number(fields, "w", where)) if "w" in fields or size is None else size[0]
    height = int(number(fields, "h", where)) if "h" in fields or size is None else size[1]
    if "fl_x" in fields:
        fx = number(fields, "fl_x", where)
    elif "camera_angle_x" in fields:
        fx = width / 2 / math.tan(number(fields, "camera_angle_x", where) / 2)
    else:
        raise RecordingError(f"{where}: expected 'fl_x' or 'camera_angle_x', got neither")
    fy = number(fields, "fl_y", where) if "fl_y" in fields else fx
    cx = number(fields, "cx", where) if "cx" in fields else width / 2
    cy = number(fields, "cy", where) if "cy" in fields else height / 2
    try:
        camera = Camera(width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)
    except ValueError as error:
        raise RecordingError(f"{where}: {error}") from error
    if not (0 <= cx <= width and 0 <= cy <= height):
        raise RecordingError(
            f"{where}: expected a principal point inside {width}x{height}, got ({cx:g}, {cy:g}); "
            "the intrinsics belong to another resolution"
        )
    return camera


def lens_from_fields(fields: Mapping[str, Any], where: str) -> AnyLens | None:
    """The lens by ``camera_model`` and ``k1 k2 k3 k4 p1 p2``; None for a pinhole. Raises RecordingError."""
    keys = ("k1", "k2", "k3", "k4", "p1", "p2")
    k1, k2, k3, k4, p1, p2 = (number(fields, key, where) if key in fields else 0.0 for key in keys)
    model = fields.get("camera_model", "OPENCV")
    if model == "OPENCV_FISHEYE":
        return FisheyeLens(radial=(k1, k2, k3, k4))
    if model not in ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE") or k4 != 0:
        raise RecordingError(
            f"{where}: expected the camera model OPENCV, OPENCV_FISHEYE or PINHOLE, got {model!r} with k4={k4:g}; "
            "undistort the images"
        )
    if k1 == k2 == k3 == p1 == p2 == 0:
        return None
    return BrownConradyLens(k1=k1, k2=k2, p1=p1, p2=p2, k3=k3)


def _extension(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Gravity, skipped and notes that this project's writer left in the file."""
    stated = table.get("sightline")
    if stated is None:
        return {"gravity": Gravity(source="assumed", confidence=0.5), "skipped": (), "notes": ()}
    where = f"{path / FILE} sightline"
    if not isinstance(stated, dict) or stated.get("version") != EXTENSION_VERSION:
        got = stated.get("version") if isinstance(stated, dict) else type(stated).__name__
        raise RecordingError(f"{where}: expected version {EXTENSION_VERSION}, got {got!r}; update this program")
    gravity = stated.get("gravity")
    if not isinstance(gravity, dict) or not isinstance(gravity.get("source"), str):
        raise RecordingError(f"{where}: expected gravity with source and confidence, got {gravity!r}")
    lists = {key: stated.get(key, []) for key in ("skipped", "notes")}
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise RecordingError(f"{where}: expected a list of lines in {key!r}, got {str(value)[:60]}")
    return {"gravity": Gravity(source=gravity["source"], confidence=number(gravity, "confidence", where)), **lists}


def _entries(table: Mapping[str, Any], path: Path) -> list[tuple[dict[str, Any], bool]]:
    """All frames in order, each with whether it has a pose."""
    entries = [(entry, True) for entry in _frames(table, "frames", path)]
    for entry in _frames(table, "frames_without_pose", path):
        position = int(number(entry, "position", f"{path / FILE} frames_without_pose"))
        entries.insert(max(0, position), (entry, False))
    return entries


def _frames(table: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    frames = table.get(key, None if key == "frames" else [])
    if not isinstance(frames, list) or not all(isinstance(entry, dict) for entry in frames):
        raise RecordingError(f"{path / FILE}: expected a list of objects in {key!r}, got {type(frames).__name__}")
    return frames


def _image_file(root: Path, entry: Mapping[str, Any], where: str) -> Path:
    path = inside(root, entry.get("file_path"), f"{where} file_path")
    # Files made from Blender scenes leave the ending out.
    return path if path.suffix else path.with_suffix(".png")


def _pose_from_file(entry: Mapping[str, Any], where: str) -> Tensor:
    if "transform_matrix" not in entry:
        raise RecordingError(f"{where}: expected a 'transform_matrix', got none")
    return yup_opencv(checked_pose(entry["transform_matrix"], f"{where} transform_matrix"))


def yup_opencv(zup_from_opengl: Tensor) -> Tensor:
    """(4, 4) pose of this layout -> ``world_from_camera`` with our axes; exact (adding 0.0 turns -0.0 into 0.0)."""
    return ZUP_FROM_YUP.T @ zup_from_opengl @ OPENGL_FROM_OPENCV + 0.0


def zup_opengl(world_from_camera: Tensor) -> Tensor:
    """The inverse of ``yup_opencv``; exact."""
    return ZUP_FROM_YUP @ world_from_camera @ OPENGL_FROM_OPENCV + 0.0


def _read_colour(path: Path, camera: Camera, lens: AnyLens | None) -> Tensor:
    return rectified(camera, lens, read_rgb(path, camera))


def _read_png_depth(path: Path, camera: Camera, lens: AnyLens | None, unit_m: float) -> Tensor:
    return rectified(camera, lens, read_depth(path, camera, unit_m=unit_m))


def _read_npy_depth(path: Path, camera: Camera) -> Tensor:
    try:
        millimetres = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RecordingError(f"{path}: expected a NumPy array, got: {error}") from error
    if millimetres.shape != (camera.height, camera.width):
        raise RecordingError(f"{path}: expected depth of {camera.width}x{camera.height}, got {millimetres.shape}")
    depth = (millimetres.astype(np.float64) / 1000.0).astype(np.float32)
    return torch.from_numpy(np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0)))
