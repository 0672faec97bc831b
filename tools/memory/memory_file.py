"""The file behind a map's memory: opening, locking, schema versions, and SQLite's errors as ours.

One SQLite file per map, in WAL mode with full synchronisation: when a write returns, a killed process or a power cut
does not undo it. One process holds the file at a time, because two writers would each believe their own graph.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scenes.errors import InputError

SCHEMA_VERSION = 2
APPLICATION_ID = 0x534C4D31
"""``SLM1``: tells a map memory from any other SQLite file."""
BUSY_S = 0.5

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE objects (
    id TEXT PRIMARY KEY, taught TEXT NOT NULL, state TEXT NOT NULL, points BLOB NOT NULL, lab BLOB NOT NULL,
    first_seen_s REAL NOT NULL, last_seen_s REAL NOT NULL);
CREATE UNIQUE INDEX objects_taught ON objects (taught COLLATE NOCASE) WHERE taught <> '';
CREATE TABLE intervals (object_id TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL NOT NULL);
CREATE INDEX intervals_object ON intervals (object_id);
CREATE TABLE positions (object_id TEXT NOT NULL, time_s REAL NOT NULL, box TEXT NOT NULL);
CREATE INDEX positions_object ON positions (object_id);
CREATE TABLE views (
    object_id TEXT NOT NULL, rank INTEGER NOT NULL, frame_id INTEGER NOT NULL, time_s REAL NOT NULL,
    box_px TEXT NOT NULL, score REAL NOT NULL, jpeg BLOB NOT NULL, PRIMARY KEY (object_id, rank));
CREATE TABLE parts (
    id INTEGER PRIMARY KEY, object_id TEXT NOT NULL, first_seen_s REAL NOT NULL, last_seen_s REAL NOT NULL,
    frames INTEGER NOT NULL, locked INTEGER NOT NULL, flat INTEGER NOT NULL,
    voxels BLOB NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE borders (a INTEGER NOT NULL, b INTEGER NOT NULL, sums BLOB NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE grids (name TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, time_s REAL NOT NULL, since_s REAL NOT NULL, kind TEXT NOT NULL, object_id TEXT NOT NULL,
    from_box TEXT, to_box TEXT);
CREATE TABLE texts (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, time_s REAL NOT NULL,
    object_id TEXT NOT NULL DEFAULT '', frame_id INTEGER, extra TEXT);
CREATE INDEX texts_time ON texts (time_s);
CREATE INDEX texts_object ON texts (object_id);
CREATE VIRTUAL TABLE text_index USING fts5(text, content='texts', content_rowid='id', tokenize='porter unicode61');
CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN
    INSERT INTO text_index (rowid, text) VALUES (new.id, new.text); END;
CREATE TRIGGER texts_removed AFTER DELETE ON texts BEGIN
    INSERT INTO text_index (text_index, rowid, text) VALUES ('delete', old.id, old.text); END;
CREATE TRIGGER texts_changed AFTER UPDATE OF text ON texts BEGIN
    INSERT INTO text_index (text_index, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO text_index (rowid, text) VALUES (new.id, new.text); END;
"""
_SINCE_2 = """
CREATE TABLE keyframes (
    id INTEGER PRIMARY KEY, visit TEXT NOT NULL, frame_id INTEGER NOT NULL, time_s REAL NOT NULL,
    world_from_camera BLOB NOT NULL, jpeg BLOB, descriptor BLOB, UNIQUE (visit, frame_id));
CREATE INDEX keyframes_time ON keyframes (time_s);
CREATE TABLE vectors (text_id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TRIGGER vectors_removed AFTER DELETE ON texts BEGIN DELETE FROM vectors WHERE text_id = old.id; END;
CREATE TRIGGER vectors_stale AFTER UPDATE OF text ON texts BEGIN DELETE FROM vectors WHERE text_id = new.id; END;
CREATE TABLE forgotten (
    object_id TEXT PRIMARY KEY, name TEXT NOT NULL, turns INTEGER NOT NULL DEFAULT 0, content BLOB NOT NULL);
"""
"""What schema 2 added: keyframes of several visits, vectors of texts, and what may still be brought back."""
_FROM_1 = f"""
ALTER TABLE keyframes RENAME TO keyframes_1;
{_SINCE_2}
INSERT INTO keyframes (visit, frame_id, time_s, world_from_camera, jpeg, descriptor)
    SELECT '', frame_id, time_s, world_from_camera, jpeg, descriptor FROM keyframes_1;
DROP TABLE keyframes_1;
"""


class MapMemoryError(InputError):
    """A memory file that cannot be used as asked; one line."""


class NewerSchemaError(MapMemoryError):
    """The file was written by a newer version."""


class LockedError(MapMemoryError):
    """Another process uses the file, or the file cannot be written."""


class CorruptError(MapMemoryError):
    """The file is damaged or is no map memory."""


class FullError(MapMemoryError):
    """The disk takes no more, or fails; nothing of the write was kept."""


class MemoryFile:
    """One open memory file. Use ``transaction()`` for writes; every other error is a typed one-line error."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open a file, creating it unless ``read_only``.

        Raises ``MapMemoryError`` or one of its subclasses.
        """
        self.path, self.read_only = path, read_only
        if read_only and not path.is_file():
            raise MapMemoryError(f"expected a map memory at {path}, found none; map a recording first")
        mode = "ro" if read_only else "rwc"
        with self.errors():
            self.connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
            )
        try:
            with self.errors():
                self._prepare()
        except MapMemoryError:
            self.connection.close()
            raise

    def _prepare(self) -> None:
        run = self.connection.execute
        if not self.read_only:
            run("PRAGMA locking_mode = EXCLUSIVE")
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = FULL")
            run("PRAGMA secure_delete = ON")
            # Exclusive mode takes its lock at the first write, so write now: a second process must fail here.
            run("BEGIN EXCLUSIVE")
            run("COMMIT")
        run("PRAGMA foreign_keys = ON")
        application = run("PRAGMA application_id").fetchone()[0]
        version = run("PRAGMA user_version").fetchone()[0]
        tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0 and not self.read_only:
            run("BEGIN IMMEDIATE")
            for statement in _statements(_SCHEMA + _SINCE_2):
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(f"PRAGMA user_version = {SCHEMA_VERSION}")
            run("COMMIT")
            return
        if application != APPLICATION_ID:
            raise CorruptError(f"expected a map memory at {self.path}, found another SQLite file; choose another path")
        if version > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"expected memory schema {SCHEMA_VERSION} or older at {self.path}, found {version}; update sightline"
            )
        found = run("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise CorruptError(
                f"the map memory at {self.path} is damaged ({found}); restore it from a copy or map again"
            )

        if version < SCHEMA_VERSION:
            self._migrate(version)

    def _migrate(self, version: int) -> None:
        """Bring an older file to this schema in one transaction."""
        if self.read_only:
            raise MapMemoryError(
                f"expected memory schema {SCHEMA_VERSION} at {self.path}, found {version}; open it once for writing"
            )
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for statement in _statements(_FROM_1):
            run(statement)
        run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        run("COMMIT")

    @property
    def used_bytes(self) -> int:
        """Bytes of the pages that hold something."""
        with self.errors():
            pages, free, size = (
                self.connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * size

    def scrub(self) -> None:
        """After a deletion: write the log into the file and empty it, because it still holds the deleted words."""
        with self.errors():
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block's writes, or none; on disk when the block ends."""
        if self.read_only:
            raise LockedError(f"the map memory at {self.path} was opened for reading only; reopen it for writing")
        with self.errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # SQLite has already rolled back when the disk is full
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into one-line errors of this module."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._translated(error) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise CorruptError(
                f"expected a map memory at {self.path}, found a damaged or foreign file ({error}); "
                "restore it from a copy or map again"
            ) from error

    def _translated(self, error: sqlite3.OperationalError) -> MapMemoryError:
        text = str(error)
        if "full" in text:
            return FullError(
                f"the disk that holds {self.path} is full; nothing of this write was kept; free some space"
            )
        if "locked" in text or "busy" in text:
            return LockedError(f"another process uses the map memory at {self.path}; close it or copy the file")
        if "readonly" in text or "read-only" in text:
            return LockedError(f"the map memory at {self.path} cannot be written; check its permissions")
        if "disk I/O" in text:
            return FullError(
                f"{self.path} could not be written or read ({text}); nothing of this write was kept; "
                "check the disk and its quota"
            )
        if "unable to open" in text:
            return MapMemoryError(f"cannot open the map memory at {self.path}; check that its folder exists")
        return CorruptError(
            f"the map memory at {self.path} cannot be used ({text}); restore it from a copy or map again"
        )

    def close(self) -> None:
        """Fold the log into the file and release it."""
        self.connection.close()


def _statements(script: str) -> Iterator[str]:
    """Single statements of a script, so that they run inside the caller's transaction."""
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
