"""Members of a recording that is a zip file, or the same files unpacked in a folder."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from scenes.recordings.reading.base import RecordingError
from scenes.recordings.reading.folder import inside

MAX_MEMBER_BYTES = 128 * 2**20
"""More than any image or table of a recording; a zip may promise much more than memory holds."""


class Archive:
    """Reads members by name, one at a time; nothing is unpacked to the disk."""

    def __init__(self, path: Path) -> None:
        """``path``: a zip file or a folder. Raises RecordingError for a file that is no whole zip."""
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            return
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise RecordingError(f"{path}: expected a zip file, got: {error}; copy it again") from error

    def names(self) -> frozenset[str]:
        """Names of all members, with forward slashes."""
        if self._zip is not None:
            return frozenset(self._zip.namelist())
        return frozenset(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())

    def read(self, name: str) -> bytes:
        """The bytes of a member. Raises RecordingError where it is missing, damaged or too big."""
        where = f"{self.path} {name}"
        try:
            if self._zip is None:
                member = inside(self.path, name, str(self.path))
                _check_size(member.stat().st_size, where)
                return member.read_bytes()
            info = self._zip.getinfo(name)
            _check_size(info.file_size, where)
            return self._zip.read(info)
        except KeyError as error:
            raise RecordingError(f"{where}: expected this member, got none") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise RecordingError(f"{where}: expected a sound member, got: {error}; copy the file again") from error
        except OSError as error:
            raise RecordingError(f"{where}: cannot read: {error.strerror or error}") from error


def _check_size(size: int, where: str) -> None:
    if size > MAX_MEMBER_BYTES:
        raise RecordingError(f"{where}: expected at most {MAX_MEMBER_BYTES >> 20} MiB, got {size >> 20} MiB")
