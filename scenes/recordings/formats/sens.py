"""ScanNet ``.sens`` files, version 4 (github.com/ScanNet/ScanNet, SensReader): one file, read piece by piece.

- Opening reads only the headers of the frames (their sizes and poses); the images are read when asked for.
- Poses are camera-to-world with OpenCV axes; -infinity means that tracking was lost: such frames are left out.
- Extrinsics map a camera to the base frame of the poses (colour, in ScanNet's files).
- Intrinsics count pixel centres from 0 (centres are at (size - 1) / 2), so 0.5 is added.
- Depth is 16-bit, raw or zlib, in steps of 1 / depth_shift m; 0 = none.
- Times are microseconds; files whose times are all 0 get frame number / 30.
- The format promises no vertical: it is found from the planes of the depth (ScanNet's own worlds have Z up, and
  ``world_from_source`` carries annotations over).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scenes.geometry import inverse
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.gravity import aligned_to_gravity
from scenes.recordings.reading.images import read_rgb
from scenes.recordings.reading.indexed import ASSUMED_HZ, FrameSource, IndexedRecording, in_time_order
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera

FORMAT = "sens"
VERSION = 4
RAW_COLOUR, PNG, JPEG = 0, 1, 2
RAW_DEPTH, ZLIB_DEPTH = 0, 1
_FRAME = struct.Struct("<16fQQQQ")
_SIZES = struct.Struct("<iiIIIIfQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class SensHeader:
    """What all frames of a file share."""

    camera: Camera
    depth_camera: Camera
    base_from_camera: Tensor
    camera_from_depth: Tensor
    colour_compression: int
    depth_compression: int
    depth_unit_m: float
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Where one image lies in the file."""

    path: Path
    offset: int
    size: int
    frame: int

    def read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise RecordingError(f"{self.path} frame {self.frame}: cannot read: {error.strerror}") from error
        if len(data) != self.size:
            raise RecordingError(f"{self.path} frame {self.frame}: expected {self.size} bytes, got {len(data)}")
        return data


def looks_like(path: Path) -> bool:
    """Whether a path is such a file."""
    return path.suffix == ".sens" and path.is_file()


def open_sens(path: Path) -> IndexedRecording:
    """A ``.sens`` file. Raises RecordingError."""
    notes: list[str] = []
    skipped: list[str] = []
    sources: list[FrameSource] = []
    end = path.stat().st_size
    with path.open("rb") as file:
        header = _read_header(file, path)
        for number in range(header.frames):
            values = _FRAME.unpack(_exactly(file, _FRAME.size, f"{path} frame {number}"))
            colour_us, depth_us, colour_size, depth_size = values[16:]
            offset = file.tell()
            if offset + colour_size + depth_size > end:
                raise RecordingError(
                    f"{path} frame {number}: expected {colour_size + depth_size} bytes of images, got "
                    f"{end - offset}; the file is cut short: download it again"
                )
            file.seek(offset + colour_size + depth_size)
            pose = np.array(values[:16], dtype=np.float64).reshape(4, 4)
            if not np.isfinite(pose).all():
                skipped.append(f"frame {number}: tracking was lost, no pose")
                continue
            colour = _Block(path=path, offset=offset, size=colour_size, frame=number)
            depth = _Block(path=path, offset=offset + colour_size, size=depth_size, frame=number)
            world_from_base = checked_pose(pose, f"{path} frame {number} pose")
            sources.append(_source(header, number, colour_us, depth_us, world_from_base, colour, depth, notes))
    recording = IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="assumed", confidence=0.0),
        sources=in_time_order(_timed(sources, notes), notes),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )
    return aligned_to_gravity(recording)


def _source(
    header: SensHeader,
    number: int,
    colour_us: int,
    depth_us: int,
    world_from_base: Tensor,
    colour: _Block,
    depth: _Block,
    notes: list[str],
) -> FrameSource:
    has_depth = depth.size > 0
    if not has_depth:
        notes.append(f"frame {number}: no depth, colour only")
    return FrameSource(
        id=number,
        time_s=colour_us / 1e6,
        camera=header.camera,
        read_rgb=partial(_read_colour, colour, header),
        world_from_camera=world_from_base @ header.base_from_camera,
        depth_camera=header.depth_camera if has_depth else None,
        read_depth=partial(_read_depth, depth, header) if has_depth else None,
        camera_from_depth=header.camera_from_depth,
        depth_time_s=depth_us / 1e6 if has_depth and depth_us != colour_us else None,
    )


def _timed(sources: list[FrameSource], notes: list[str]) -> list[FrameSource]:
    """Sources with times from their numbers where the file holds none."""
    if not sources or any(source.time_s != 0 for source in sources):
        return sources
    notes.append(f"no times in the file: frame number / {ASSUMED_HZ:g}")
    return [replace(source, time_s=source.id / ASSUMED_HZ, depth_time_s=None) for source in sources]


def _exactly(file: BufferedReader, size: int, where: str) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise RecordingError(f"{where}: expected {size} bytes, got {len(data)}; the file is cut short")
    return data


def _read_header(file: BufferedReader, path: Path) -> SensHeader:
    where = f"{path} header"
    (version,) = struct.unpack("<I", _exactly(file, 4, where))
    if version != VERSION:
        raise RecordingError(f"{where}: expected version {VERSION}, got {version}; convert it with ScanNet's tools")
    (name_size,) = struct.unpack("<Q", _exactly(file, 8, where))
    if name_size > 4096:
        raise RecordingError(f"{where}: expected a short sensor name, got {name_size} bytes; not a .sens file")
    _exactly(file, name_size, where)
    matrices = np.frombuffer(_exactly(file, 4 * 64, where), dtype="<f4").reshape(4, 4, 4).astype(np.float64)
    sizes = _SIZES.unpack(_exactly(file, _SIZES.size, where))
    colour_compression, depth_compression, width, height, depth_width, depth_height, shift, frames = sizes
    if colour_compression not in (RAW_COLOUR, PNG, JPEG):
        raise RecordingError(f"{where}: expected raw, PNG or JPEG colour, got compression {colour_compression}")
    if depth_compression not in (RAW_DEPTH, ZLIB_DEPTH):
        raise RecordingError(f"{where}: expected raw or zlib depth, got compression {depth_compression}")
    if not (np.isfinite(shift) and shift > 0):
        raise RecordingError(f"{where}: expected a positive depth shift, got {shift}")
    base_from_camera = checked_pose(matrices[1], f"{where} colour extrinsics")
    base_from_depth = checked_pose(matrices[3], f"{where} depth extrinsics")
    return SensHeader(
        camera=_camera(matrices[0], width, height, f"{where} colour intrinsics"),
        depth_camera=_camera(matrices[2], depth_width, depth_height, f"{where} depth intrinsics"),
        base_from_camera=base_from_camera,
        camera_from_depth=inverse(base_from_camera) @ base_from_depth,
        colour_compression=colour_compression,
        depth_compression=depth_compression,
        depth_unit_m=1.0 / shift,
        frames=frames,
    )


def _camera(k: np.ndarray, width: int, height: int, where: str) -> Camera:
    cx, cy = float(k[0, 2]) + 0.5, float(k[1, 2]) + 0.5
    if not np.isfinite(k).all() or not (0 < cx < width and 0 < cy < height) or min(k[0, 0], k[1, 1]) <= 0:
        raise RecordingError(f"{where}: expected intrinsics of {width}x{height}, got {k[:2, :3].tolist()}")
    return Camera(width=width, height=height, fx=float(k[0, 0]), fy=float(k[1, 1]), cx=cx, cy=cy)


def _read_colour(block: _Block, header: SensHeader) -> Tensor:
    data = block.read()
    where = f"{block.path} frame {block.frame} colour"
    if header.colour_compression != RAW_COLOUR:
        return read_rgb(data, header.camera, where)
    shape = (header.camera.height, header.camera.width, 3)
    if len(data) != shape[0] * shape[1] * 3:
        raise RecordingError(f"{where}: expected {shape[0] * shape[1] * 3} bytes, got {len(data)}")
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).reshape(shape).copy())


def _read_depth(block: _Block, header: SensHeader) -> Tensor:
    data = block.read()
    where = f"{block.path} frame {block.frame} depth"
    height, width = header.depth_camera.height, header.depth_camera.width
    if header.depth_compression == ZLIB_DEPTH:
        try:
            # The limit keeps a hostile file from unpacking into all of the memory.
            data = zlib.decompressobj().decompress(data, 2 * height * width + 1)
        except zlib.error as error:
            raise RecordingError(f"{where}: expected zlib data, got: {error}") from error
    if len(data) != 2 * height * width:
        raise RecordingError(f"{where}: expected {2 * height * width} bytes, got {len(data)}")
    steps = np.frombuffer(data, dtype="<u2").reshape(height, width).astype(np.float64)
    return torch.from_numpy((steps * header.depth_unit_m).astype(np.float32))
