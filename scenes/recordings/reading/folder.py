"""Files of a recording: found inside its folder, read with limits, refused in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scenes.recordings.reading.base import RecordingError

MAX_JSON_BYTES = 128 * 2**20
"""About an hour of frames at 30/s, at a kilobyte of JSON a frame; parsing needs some ten times this in memory."""

MAX_TEXT_BYTES = 128 * 2**20


def inside(root: Path, name: object, field: str) -> Path:
    """The file that a recording names, which must lie in the recording's folder (links are followed).

    Raises RecordingError for a name that is not text, is absolute, or leaves the folder.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise RecordingError(f"{field}: expected a file name relative to {root}, got {name!r}")
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise RecordingError(f"{field}: expected a file inside {root}, got {name!r}; copy the file into the folder")
    return path


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """A UTF-8 text file. Raises RecordingError where it is missing, too big or not text."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise RecordingError(
                f"{path}: expected at most {max_bytes / 2**20:.0f} MiB of text, got {size / 2**20:.0f} MiB; "
                "split the recording"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"{path}: expected a readable file, got: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: expected UTF-8 text, got other bytes at offset {error.start}") from error


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object. Raises RecordingError where the file is missing, too big, or holds anything else."""
    text = read_text(path, MAX_JSON_BYTES)
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RecordingError(f"{path}: expected JSON, got a syntax error: {error}; export it again") from error
    if not isinstance(value, dict):
        raise RecordingError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def read_matrix(path: Path, columns: int) -> np.ndarray:
    """Numbers in a text file, (rows, columns) float64. NaN is let through: what may not be NaN is checked where used.

    Raises RecordingError for words, ragged rows or another number of columns.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        content = line.split("#", 1)[0].split()
        if not content:
            continue
        if len(content) != columns:
            raise RecordingError(f"{path}:{number}: expected {columns} numbers, got {len(content)}")
        try:
            rows.append([float(x) for x in content])
        except ValueError as error:
            raise RecordingError(f"{path}:{number}: expected numbers, got {line.strip()[:60]!r}") from error
    if not rows:
        raise RecordingError(f"{path}: expected rows of {columns} numbers, got an empty file")
    return np.array(rows, dtype=np.float64)


def number(table: Mapping[str, Any], key: str, where: str) -> float:
    """A finite number of a JSON object. Raises RecordingError naming the file and the field."""
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        got = "nothing" if value is None else repr(value)[:60]
        raise RecordingError(f"{where}: expected a number in {key!r}, got {got}")
    return float(value)
