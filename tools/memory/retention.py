"""How much a memory keeps: by age, by number of keyframes, by size; and whether it keeps pictures at all.

Limits are stored in the file and applied whenever the graph is saved, so that a map which is used for years stays
bounded. What the wearer taught or noted is never dropped by a limit: only forgetting removes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from scenes.errors import InputError
from tools.memory.memory_file import MemoryFile

PLACE_M = 0.5
"""Keyframes from one cell this wide that look into the same sector of directions show the same."""
DIRECTION_SECTORS = 8
MIN_EMPTY_SHARE = 0.25
"""Share of empty pages of the file from which it is rewritten smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Limits of a memory; None = no limit."""

    max_age_s: float | None = None
    """Captions, turns, keyframes and events older than this, before the newest time in the memory, go."""
    max_keyframes: int | None = 4000
    """The newest of each place and direction stay; 4000 are about 20 MB of pictures."""
    max_bytes: int | None = None
    """When the file is larger, pictures go, oldest first, then captions and turns."""
    thumbnails: bool = True
    """Whether keyframes have pictures."""

    def __post_init__(self) -> None:
        for name in ("max_age_s", "max_keyframes", "max_bytes"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InputError(f"expected {name} of 0 or more, got {value}")


def load_retention(file: MemoryFile) -> Retention:
    """The limits that were stored in the file."""
    with file.errors():
        row = file.connection.execute("SELECT value FROM meta WHERE key = 'retention'").fetchone()
    return Retention(**json.loads(row[0])) if row else Retention()


def store_retention(file: MemoryFile, limits: Retention) -> None:
    """Keep limits with the file."""
    with file.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('retention', ?)", (json.dumps(asdict(limits)),))


def apply_retention(file: MemoryFile, limits: Retention, now_s: float) -> int:
    """Drop what the limits do not allow; returns how many rows or pictures went."""
    gone = 0
    if limits.max_age_s is not None:
        gone += _drop_older(file, now_s - limits.max_age_s)
    if limits.max_keyframes is not None:
        gone += _thin_keyframes(file, limits.max_keyframes)
    if not limits.thumbnails:
        with file.transaction() as db:
            gone += db.execute("UPDATE keyframes SET jpeg = NULL WHERE jpeg IS NOT NULL").rowcount
    if limits.max_bytes is not None:
        gone += _shrink(file, limits.max_bytes)
    if gone:
        _vacuum_when_empty_enough(file)
    return gone


def _drop_older(file: MemoryFile, before_s: float) -> int:
    gone = 0
    with file.transaction() as db:
        gone += db.execute("DELETE FROM texts WHERE time_s < ? AND kind <> 'note'", (before_s,)).rowcount
        for table in ("keyframes", "events"):
            gone += db.execute(f"DELETE FROM {table} WHERE time_s < ?", (before_s,)).rowcount
        if gone:
            db.execute("INSERT INTO text_index (text_index) VALUES ('rebuild')")
    return gone


def _thin_keyframes(file: MemoryFile, most: int) -> int:
    """Drop keyframes until ``most`` are left: first those with most newer ones of the same place and direction."""
    run = file.connection.execute
    with file.errors():
        (count,) = run("SELECT count(*) FROM keyframes").fetchone()
        if count <= most:
            return 0
        rows = run("SELECT id, time_s, world_from_camera FROM keyframes ORDER BY time_s DESC, id DESC").fetchall()
    poses = np.frombuffer(b"".join(r[2] for r in rows), "<f8").reshape(-1, 4, 4)
    cell = np.floor(poses[:, :3, 3] / PLACE_M).astype(np.int64)
    yaw = np.arctan2(poses[:, 0, 2], poses[:, 2, 2])
    sector = np.floor((yaw / (2 * np.pi) % 1.0) * DIRECTION_SECTORS).astype(np.int64)
    _, place = np.unique(np.column_stack([cell, sector]), axis=0, return_inverse=True)
    newer = np.zeros(len(rows), np.int64)  # how many newer keyframes have the same place
    seen: dict[int, int] = {}
    for k, p in enumerate(place.ravel().tolist()):
        newer[k] = seen.get(p, 0)
        seen[p] = newer[k] + 1
    order = np.lexsort((-np.arange(len(rows)), -newer))  # most replaced first, then oldest
    drop = [(rows[k][0],) for k in order[: count - most].tolist()]
    with file.transaction() as db:
        db.executemany("DELETE FROM keyframes WHERE id = ?", drop)
    return len(drop)


def _shrink(file: MemoryFile, most: int) -> int:
    """Drop pictures, then captions and turns, oldest first, until the used pages fit; things and notes stay."""
    gone = 0
    steps = (
        "UPDATE keyframes SET jpeg = NULL WHERE id IN "
        "(SELECT id FROM keyframes WHERE jpeg IS NOT NULL ORDER BY time_s LIMIT 8)",
        "DELETE FROM texts WHERE id IN (SELECT id FROM texts WHERE kind <> 'note' ORDER BY time_s LIMIT 8)",
    )
    for statement in steps:
        while file.used_bytes > most:
            with file.transaction() as db:
                changed = db.execute(statement).rowcount
            if not changed:
                break
            gone += changed
    return gone


def _vacuum_when_empty_enough(file: MemoryFile) -> None:
    with file.errors():
        pages, free = (file.connection.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_count", "freelist_count"))
        if free > MIN_EMPTY_SHARE * pages:
            file.connection.execute("VACUUM")
    file.scrub()
