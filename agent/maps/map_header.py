"""``map.json``: what a map's folder is, and which recordings have gone into it.

Written last, so that a folder without it is not a map. Knows nothing of surfaces, things or models.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scenes.errors import InputError
from scenes.recordings import Gravity, Recording
from tools.segmentation.choose import GEOMETRIC

FORMAT_VERSION = 1
HEADER, MEMORY, LAST_FRAME = "map.json", "memory.sqlite", "last_frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRecording:
    """A recording that went into a map, up to a frame."""

    fingerprint: str
    """Of the recording's first and last frame: the same recording under another path is the same one."""
    path: str
    format: str
    last_index: int
    """Frames 0..last_index of the recording are in the map."""
    map_from_world: tuple[tuple[float, ...], ...] | None = None
    """4x4 rows: where the recording's world lies in the map's frame; None where they are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapHeader:
    """``map.json``."""

    map_id: str
    gravity: Gravity
    visits: tuple[MappedRecording, ...] = ()
    """In the order in which they were last continued."""
    last_frame_id: int | None = None
    segmenter: str = GEOMETRIC
    """What segments this map's frames, a spec of ``tools.segmentation.choose``. The default is what maps were made
    with before there was a choice."""
    format_version: int = FORMAT_VERSION


def fingerprint(recording: Recording) -> str:
    """Identifies a recording by its frame ids and the content of its first and last frame."""
    digest = hashlib.sha256(repr((recording.format, recording.frame_ids)).encode())
    for index in (0, len(recording) - 1):
        frame = recording[index]
        digest.update(frame.rgb.numpy().tobytes())
        if frame.world_from_camera is not None:
            digest.update(frame.world_from_camera.numpy().tobytes())
    return digest.hexdigest()[:16]


def is_map(folder: Path) -> bool:
    """Whether a folder holds a finished map."""
    return (folder / HEADER).is_file()


def read_header(folder: Path) -> MapHeader:
    """Read ``map.json``. Raises InputError with one line."""
    path = folder / HEADER
    if not path.is_file():
        found = (
            "an unfinished map" if (folder / MEMORY).exists() else "something else" if folder.exists() else "nothing"
        )
        raise InputError(
            f"{folder}: expected a map (a folder with {HEADER}), got {found}; build one with `sightline map`"
        )
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        version = raw["format_version"]
        if version != FORMAT_VERSION:
            raise InputError(
                f"{path}: expected map format {FORMAT_VERSION}, got {version}; use the version that made it"
            )
        visits = tuple(_mapped_recording(v) for v in raw["visits"])
        return MapHeader(**{**raw, "visits": visits, "gravity": Gravity(**raw["gravity"])})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected a map header, got a damaged one ({error}); build the map again") from error


def _mapped_recording(raw: dict[str, Any]) -> MappedRecording:
    rows = raw.get("map_from_world")
    return MappedRecording(**{**raw, "map_from_world": rows and tuple(tuple(float(x) for x in row) for row in rows)})


def write_header(folder: Path, header: MapHeader) -> None:
    """Write ``map.json`` at once: after a crash the old one or the new one is there."""
    handle, name = tempfile.mkstemp(prefix=HEADER, suffix=".part", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(header), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(folder / HEADER)
