"""A folder that appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scenes.recordings.reading.base import RecordingError


@contextmanager
def new_folder(folder: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """Yields a temporary folder beside ``folder``, which takes its place when the block ends without an error.

    An existing folder is replaced only with ``overwrite`` and only if it is empty or holds ``marker`` (a file name
    of the layout), so that a mistyped path cannot delete someone's documents. Raises RecordingError.
    """
    folder = folder.absolute()
    if folder.exists():
        if not folder.is_dir():
            raise RecordingError(f"{folder}: expected a new folder, got a file of this name")
        used = any(folder.iterdir())
        if used and not (folder / marker).exists():
            raise RecordingError(f"{folder}: expected a new or empty folder, got one with other files; choose another")
        if used and not overwrite:
            raise RecordingError(
                f"{folder}: expected a new folder, got a recording; ask to overwrite it or choose another"
            )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise RecordingError(f"{folder}: cannot write here: {error.strerror}") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        _take_place(temporary, folder)
    except OSError as error:
        raise RecordingError(f"{folder}: writing failed and nothing was kept: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(temporary: Path, folder: Path) -> None:
    if not folder.exists():
        temporary.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    # Renaming onto an empty folder is atomic; the old recording is whole under one of the two names throughout.
    folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
