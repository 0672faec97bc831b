"""A map on disk: one safetensors file with a JSON header in its metadata. No pickle, no half-written map.

The file is written beside its final name, flushed to the disk and renamed, so that a reader finds the old map or the
new one, whatever happens in between.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from scenes.errors import InputError
from tools.core.blocks import BLOCK_VOXELS
from tools.mapping.volume import BlockVolume

FORMAT_VERSION = 1
FILE_NAME = "surface.safetensors"


class MapError(InputError):
    """A map that cannot be read or written. The message is one line: what was expected, what came, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapHeader:
    """What a map file says about itself."""

    map_id: str
    voxel_m: float
    max_depth_m: float
    frames: int
    format_version: int = FORMAT_VERSION


def save(folder: Path, volume: BlockVolume, header: MapHeader) -> None:
    """Write a map into ``folder``, which is made when missing.

    Raises:
        MapError: it cannot be written (no permission, disk full); an older map in the folder is intact.
    """
    count = volume.count
    tensors = {
        "block_xyz": volume.block_xyz[:count].contiguous(),
        "tsdf": volume.tsdf[:count].contiguous(),
        "weight": volume.weight[:count].contiguous(),
        "color": volume.color[:count].contiguous(),
    }
    write_file(folder / FILE_NAME, tensors, asdict(header), "the map")


def write_file(path: Path, tensors: dict[str, torch.Tensor], header: dict[str, Any], what: str) -> None:
    """Write tensors and a JSON header to a file whose folder is made when missing: whole, or not at all.

    Raises:
        MapError: ``what`` cannot be written (no permission, disk full); an older file is intact.
    """
    folder = path.parent
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=folder)
        os.close(handle)
        temporary = Path(name)
        save_file(tensors, temporary, metadata={"sightline": json.dumps(header)})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise MapError(f"cannot write {what} to {folder}: {error}; free some space or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def load(folder: Path) -> tuple[MapHeader, BlockVolume]:
    """Read a map.

    Raises:
        MapError: no map, a damaged one, or one of another version.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise MapError(f"expected a map in {folder}, found no {FILE_NAME}; build one with `sightline map`")
    try:
        with safe_open(path, framework="pt") as file:
            header = _header(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise MapError(f"{path} is damaged ({error}); restore it from a copy or map again") from error
    return header, _volume(path, header, tensors)


def _header(path: Path, metadata: dict[str, str] | None) -> MapHeader:
    try:
        values = json.loads((metadata or {})["sightline"])
        version = values["format_version"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise MapError(f"{path} is not a map: its header is missing or damaged; map again") from error
    if version != FORMAT_VERSION:
        raise MapError(
            f"{path} has map format {version}, this version reads {FORMAT_VERSION}; "
            "use the version that wrote it or map again"
        )
    try:
        return MapHeader(**values)
    except TypeError as error:
        raise MapError(f"{path} has a damaged header ({error}); map again") from error


def _volume(path: Path, header: MapHeader, tensors: dict[str, torch.Tensor]) -> BlockVolume:
    """The pool of a map file, after a check that it has the shapes that the format promises."""
    n = tensors["block_xyz"].shape[0] if "block_xyz" in tensors else -1
    promised = {
        "block_xyz": ((n, 3), torch.int32),
        "tsdf": ((n, BLOCK_VOXELS), torch.float16),
        "weight": ((n, BLOCK_VOXELS), torch.uint8),
        "color": ((n, BLOCK_VOXELS), torch.int32),
    }
    for name, (shape, dtype) in promised.items():
        found = tensors.get(name)
        if found is None or tuple(found.shape) != shape or found.dtype != dtype:
            got = "nothing" if found is None else f"{tuple(found.shape)} {found.dtype}"
            raise MapError(f"{path} is damaged: expected {name} {shape} {dtype}, found {got}; map again")
    try:
        volume = BlockVolume(header.voxel_m)
    except (TypeError, ValueError) as error:
        raise MapError(f"{path} has a damaged header ({error}); map again") from error
    volume.restore(**tensors)
    return volume
