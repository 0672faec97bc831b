"""One keyframe, and the file of all keyframes of a map: compact, written crash-safe, and read only when needed.

Opening a file reads its header and poses. The features, which are nearly all of it, stay on the disk until
``StoredKeyframes.read``; the file is held open, so that another process may replace it meanwhile. Knows nothing of
retrieval or of matching.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional

from scenes.types import Camera
from tools.localisation.depth_correction import DepthCorrection
from tools.localisation.descriptor_codes import QuantisationLevels
from tools.mapping.map_file import MapError, write_file

FORMAT_VERSION = 4
FILE_NAME = "keyframes.safetensors"
UNREADABLE_ERRORS = (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError, IndexError)
"""Errors that reading a damaged file can raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyframe:
    """One stored view with the features of known depth: from fine to coarse scale, the strongest of a scale first."""

    frame_id: int
    world_from_camera: Tensor
    """(4, 4) float64."""
    camera: Camera
    uv: Tensor
    """(N, 2) float32, ``uv_px``."""
    scale: Tensor
    """(N,) float32, see ``Features``."""
    codes: Tensor
    """(N, D) uint8 quantised descriptors, see ``QuantisationLevels``."""
    depth_m: Tensor
    """(N,) float32, as the sensor measured it."""
    points: Tensor
    """(N, 3) float32, world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeHeader:
    """The header of a keyframe file."""

    map_id: str
    extractor: str
    """Name of the extractor that made the features."""
    levels: QuantisationLevels
    """How the descriptors are quantised."""
    correction: DepthCorrection
    cameras: tuple[Camera, ...]
    """Of each keyframe."""


class StoredKeyframes:
    """A file of keyframes, open for reading."""

    def __init__(self, folder: Path) -> None:
        """Open the file that ``write`` made. Raises MapError: none there, damaged, or of another version."""
        self.path = folder / FILE_NAME
        if not self.path.is_file():
            raise MapError(f"expected keyframes in {folder}, found no {FILE_NAME}; map the recording again")
        try:
            self._identity = _identity(self.path)
            self._file = safe_open(self.path, framework="pt")
            raw = json.loads((self._file.metadata() or {})["sightline"])
            if raw["format_version"] != FORMAT_VERSION:
                raise MapError(
                    f"{self.path} holds keyframes of version {raw['format_version']}, expected {FORMAT_VERSION}; "
                    "map the recording again"
                )
            self.header = KeyframeHeader(
                map_id=raw["map_id"],
                extractor=raw["extractor"],
                levels=QuantisationLevels(**raw["levels"]),
                correction=DepthCorrection(**raw["correction"]),
                cameras=tuple(Camera(**values) for values in raw["cameras"]),
            )
            self.poses: Tensor = self._file.get_tensor("poses")
            self._check()
        except MapError:
            raise
        except UNREADABLE_ERRORS as error:
            raise self._damaged(error) from error

    def __len__(self) -> int:
        return len(self.header.cameras)

    def is_still_in(self, folder: Path) -> bool:
        """Whether the open file is the one that a folder holds now."""
        path = folder / FILE_NAME
        return path.is_file() and _identity(path) == self._identity

    def read(self) -> list[Keyframe]:
        """All keyframes. Raises MapError: the file is damaged."""
        try:
            return self._keyframes()
        except UNREADABLE_ERRORS as error:
            raise self._damaged(error) from error

    def vocabulary(self) -> tuple[Tensor, Tensor]:
        """Visual words (WORDS, D) and the keyframes' vectors (V, WORDS * D). Raises MapError: damaged."""
        try:
            words = self._file.get_tensor("words")
            return words, functional.normalize(self._file.get_tensor("vlads").float(), dim=-1)
        except UNREADABLE_ERRORS as error:
            raise self._damaged(error) from error

    def _keyframes(self) -> list[Keyframe]:
        names = ("uv", "scale", "descriptors", "depth", "points")
        t = {name: self._file.get_tensor(name) for name in (*names, "counts", "frame_ids", "reach_m", "dimension")}
        sizes = t["counts"].tolist()
        codes = self.header.levels.unpacked(t["descriptors"], int(t["dimension"]))
        each = zip(*(part.split(sizes) for part in (t["uv"], t["scale"], codes, t["depth"], t["points"])), strict=True)
        keyframes = []
        for i, (uv, scale, own, depth, points) in enumerate(each):
            camera, pose = self.header.cameras[i], self.poses[i]
            offset = points.float() * (float(t["reach_m"][i]) / INT16_MAX)
            keyframes.append(
                Keyframe(
                    frame_id=int(t["frame_ids"][i]),
                    world_from_camera=pose,
                    camera=camera,
                    uv=(uv.float() + INT16_MAX) * (uv_range_px(camera) / (2 * INT16_MAX)),
                    scale=scale.float(),
                    codes=own,
                    depth_m=depth.float(),
                    points=(offset + pose[:3, 3]).float(),
                )
            )
        return keyframes

    def _check(self) -> None:
        """Raises ValueError where counts and sizes do not fit, without reading the features."""
        counts = self._file.get_tensor("counts")
        rows = [self._file.get_slice(name).get_shape()[0] for name in ("uv", "scale", "descriptors", "depth", "points")]
        if set(rows) != {int(counts.sum())} or not len(counts) == len(self.poses) == len(self):
            raise ValueError(f"{len(self)} cameras, {len(self.poses)} poses, counts {int(counts.sum())} of {rows}")

    def _damaged(self, error: Exception) -> MapError:
        return MapError(f"{self.path} is damaged ({error!r}); restore it from a copy or map again")


INT16_MAX = 32767
"""Positions in the image and in space are stored as 16-bit fractions of a keyframe's own range."""


def uv_range_px(camera: Camera) -> float:
    """Pixels that the 16-bit range of an image position covers; its step is about a hundredth of a pixel."""
    return float(max(camera.width, camera.height))


def write(
    folder: Path, header: KeyframeHeader, keyframes: Sequence[Keyframe], vocabulary: tuple[Tensor, Tensor] | None
) -> None:
    """Write keyframes beside a map, crash-safe.

    Positions of points are kept to 0.2 mm (10 m away), depths to 1 mm (4 m away).

    Raises:
        MapError: it cannot be written; an older file is intact.
    """
    header_values = {"format_version": FORMAT_VERSION, **asdict(header)}
    tensors = _tensors(keyframes, header.levels)
    if vocabulary is not None:
        words, vlads = vocabulary
        largest = vlads.abs().amax(1, keepdim=True).clamp_min(1e-9)
        tensors |= {"words": words.contiguous(), "vlads": (vlads / largest * 127).round().to(torch.int8)}
    write_file(folder / FILE_NAME, tensors, header_values, "keyframes")


def _tensors(keyframes: Sequence[Keyframe], levels: QuantisationLevels) -> dict[str, Any]:
    dimension = keyframes[0].codes.shape[1] if keyframes else 2
    offsets = [k.points.double() - k.world_from_camera[:3, 3] for k in keyframes]
    reach = [float(offset.abs().max().clamp_min(1e-3)) for offset in offsets]
    uv = [((k.uv / uv_range_px(k.camera)).clamp(0, 1) * (2 * INT16_MAX) - INT16_MAX).round().short() for k in keyframes]
    points = [(offset / far * INT16_MAX).round().short() for offset, far in zip(offsets, reach, strict=True)]
    return {
        "counts": torch.tensor([len(k.uv) for k in keyframes], dtype=torch.int64),
        "dimension": torch.tensor(dimension),
        "frame_ids": torch.tensor([k.frame_id for k in keyframes], dtype=torch.int64),
        "poses": _cat([k.world_from_camera[None] for k in keyframes], (4, 4), torch.float64),
        "reach_m": torch.tensor(reach, dtype=torch.float64),
        "uv": _cat(uv, (2,), torch.int16),
        "scale": _cat([k.scale.half() for k in keyframes], (), torch.float16),
        "descriptors": levels.packed(_cat([k.codes for k in keyframes], (dimension,), torch.uint8)).contiguous(),
        "points": _cat(points, (3,), torch.int16),
        "depth": _cat([k.depth_m.half() for k in keyframes], (), torch.float16),
    }


def _identity(path: Path) -> tuple[int, int, int, int]:
    """Differs between a file and another that replaced it."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def stored_extractor(folder: Path) -> str:
    """The name of the extractor that made a folder's keyframes. Raises MapError."""
    return StoredKeyframes(folder).header.extractor


def _cat(parts: list[Tensor], shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Concatenation; of no parts, a tensor of the given row shape with no rows."""
    return torch.cat([torch.zeros(0, *shape, dtype=dtype), *parts]).contiguous()
