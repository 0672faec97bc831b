"""Which reader a path belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scenes.recordings import hololens, nerfstudio, seven_scenes
from scenes.recordings.base import RecordingError
from scenes.recordings.indexed import IndexedRecording


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A layout of recordings on disk."""

    name: str
    shape: str
    """What a user sees in the folder, for error texts."""
    looks_like: Callable[[Path], bool]
    open: Callable[[Path], IndexedRecording]


FORMATS = (
    Format(
        name=nerfstudio.FORMAT,
        shape="transforms.json",
        looks_like=nerfstudio.looks_like,
        open=nerfstudio.open_nerfstudio,
    ),
    Format(
        name=seven_scenes.FORMAT,
        shape="frame-NNNNNN.color.png, .depth.png, .pose.txt",
        looks_like=seven_scenes.looks_like,
        open=seven_scenes.open_seven_scenes,
    ),
    Format(
        name=hololens.FORMAT,
        shape="images/, depth/, K.txt, poses.txt",
        looks_like=hololens.looks_like,
        open=hololens.open_hololens,
    ),
)
"""In this order: a folder of several layouts is read as the first."""


def open_recording(path: Path | str) -> IndexedRecording:
    """Open a recording of any known layout; frames load when asked for.

    Raises RecordingError (one line: what was expected, what came, what to do) for a path that is missing, empty or
    of an unknown layout, and for contents that cannot be trusted.
    """
    path = Path(path)
    if path.name == nerfstudio.FILE:
        path = path.parent
    try:
        if not path.exists():
            raise RecordingError(f"{path}: expected a recording, got no such file or folder")
        if path.is_dir() and not any(path.iterdir()):
            raise RecordingError(f"{path}: expected a recording, got an empty folder")
        for candidate in FORMATS:
            if path.is_dir() and candidate.looks_like(path):
                return candidate.open(path)
    except OSError as error:
        raise RecordingError(f"{path}: expected a readable recording, got: {error.strerror or error}") from error
    shapes = "; ".join(f"{f.name} ({f.shape})" for f in FORMATS)
    found = "a file" if path.is_file() else "a folder with " + ", ".join(sorted(p.name for p in path.iterdir())[:5])
    raise RecordingError(f"{path}: expected one of: {shapes}; got {found}")
