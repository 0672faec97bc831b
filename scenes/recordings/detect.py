"""Which reader a path belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scenes.recordings.formats import (
    aria,
    arkitscenes,
    hololens,
    nerfstudio,
    polycam,
    record3d,
    sens,
    seven_scenes,
    stray,
    tum,
)
from scenes.recordings.reading.base import RecordingError
from scenes.recordings.reading.indexed import IndexedRecording


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
    Format(name=aria.FORMAT, shape="calib_poses.json", looks_like=aria.looks_like, open=aria.open_aria),
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
    Format(name=tum.FORMAT, shape="rgb.txt, depth.txt, groundtruth.txt", looks_like=tum.looks_like, open=tum.open_tum),
    Format(name=sens.FORMAT, shape="a .sens file", looks_like=sens.looks_like, open=sens.open_sens),
    Format(
        name=arkitscenes.FORMAT,
        shape="lowres_wide/, lowres_depth/, lowres_wide.traj",
        looks_like=arkitscenes.looks_like,
        open=arkitscenes.open_arkitscenes,
    ),
    Format(
        name=stray.FORMAT,
        shape="rgb.mp4, odometry.csv, camera_matrix.csv, depth/",
        looks_like=stray.looks_like,
        open=stray.open_stray,
    ),
    Format(name=record3d.FORMAT, shape="a .r3d file", looks_like=record3d.looks_like, open=record3d.open_record3d),
    Format(name=polycam.FORMAT, shape="keyframes/", looks_like=polycam.looks_like, open=polycam.open_polycam),
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
            if candidate.looks_like(path):
                return candidate.open(path)
    except OSError as error:
        raise RecordingError(f"{path}: expected a readable recording, got: {error.strerror or error}") from error
    shapes = "; ".join(f"{f.name} ({f.shape})" for f in FORMATS)
    found = "a file" if path.is_file() else "a folder with " + ", ".join(sorted(p.name for p in path.iterdir())[:5])
    raise RecordingError(f"{path}: expected one of: {shapes}; got {found}")
