"""Forgetting: one thing, a time span, everything; for good, or so that it can still be brought back once.

For good means from the file's tables, from the index of words, from the vectors, from the pictures that show the thing,
and from the log: SQLite overwrites freed pages (``secure_delete``), FTS5's index is rebuilt because its segments keep
deleted words, and the log is folded in and emptied.

A thing that is forgotten in a conversation is first *set aside*: gone from every table, search and answer, but kept in
one sealed row until the next turn is over, because a model may have misheard. Then it is forgotten for good.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Iterable
from typing import Any

from tools.memory import graph_store
from tools.memory.memory_file import MapMemoryError, MemoryFile
from tools.search.name_matching import fold

OBJECT_TABLES = ("intervals", "positions", "views", "parts", "events", "texts")
"""Tables whose rows belong to one object, by their column ``object_id``."""
RESTORE_ORDER = ("objects", *OBJECT_TABLES, "borders")
"""Tables that the rows of an object are restored to, in an order in which references have their targets."""


class NothingForgottenError(MapMemoryError):
    """There is nothing that could be brought back."""


class Forgetting:
    """Removal from one memory file."""

    def __init__(self, file: MemoryFile) -> None:
        self._file = file

    def object(self, object_id: str) -> bool:
        """Remove a thing, every text about it, and the pictures that show it; returns whether it was there."""
        with self._file.transaction() as db:
            found = db.execute("SELECT 1 FROM objects WHERE id = ?", (object_id,)).fetchone() is not None
            db.execute("DELETE FROM forgotten WHERE object_id = ?", (object_id,))
            _delete(db, object_id)
            _purge_index(db)
        self._file.scrub()
        return found

    def text(self, text_id: int) -> bool:
        """Remove one text; returns whether it was there."""
        with self._file.transaction() as db:
            found = db.execute("DELETE FROM texts WHERE id = ?", (text_id,)).rowcount > 0
            _purge_index(db)
        self._file.scrub()
        return found

    def span(self, start_s: float, end_s: float) -> int:
        """Remove what belongs to a time span, both ends included: texts, keyframes, events, views, positions and looks
        of that time, and things that were seen only then. Returns how many rows went."""
        with self._file.transaction() as db:
            gone = db.execute(
                "SELECT id FROM objects WHERE first_seen_s >= ? AND last_seen_s <= ?", (start_s, end_s)
            ).fetchall()
            for row in gone:
                _delete(db, row[0])
            count = len(gone)
            for table in ("texts", "keyframes", "events", "views", "positions"):
                count += db.execute(f"DELETE FROM {table} WHERE time_s BETWEEN ? AND ?", (start_s, end_s)).rowcount
            count += db.execute("DELETE FROM intervals WHERE start_s >= ? AND end_s <= ?", (start_s, end_s)).rowcount
            count += db.execute("DELETE FROM forgotten").rowcount
            _purge_index(db)
        self._file.scrub()
        return count

    def everything(self) -> None:
        """Empty the file and give its space back."""
        with self._file.transaction() as db:
            for table in (*graph_store.GRAPH_TABLES, "keyframes", "texts", "vectors", "forgotten", "meta"):
                db.execute(f"DELETE FROM {table}")
            _purge_index(db)
        self.compact()

    def compact(self) -> None:
        """Give the space of removed rows back to the disk."""
        with self._file.errors():
            self._file.connection.execute("VACUUM")
        self._file.scrub()

    # ---- what can still be brought back

    def set_aside(self, object_id: str, name: str) -> bool:
        """Take a thing out of the memory so that ``bring_back`` can undo it; returns whether it was there.

        It leaves every table and search at once; its sealed row goes when ``end_turn`` was called twice.
        """
        with self._file.transaction() as db:
            content = _rows_about(db, object_id, name)
            if not content["objects"]["rows"]:
                return False
            sealed = zlib.compress(json.dumps(content, default=_blob_to_json).encode(), 1)
            db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?, 0, ?)", (object_id, name, sealed))
            _delete(db, object_id)
            _purge_index(db)
        self._file.scrub()
        return True

    def recoverable(self) -> dict[str, str]:
        """Ids and names of the objects that ``bring_back`` would return."""
        with self._file.errors():
            return dict(self._file.connection.execute("SELECT object_id, name FROM forgotten ORDER BY rowid"))

    def bring_back(self) -> dict[str, str]:
        """Undo ``set_aside``: return all things that are set aside; ids and names. Load the graph again after it.

        Raises ``NothingForgottenError``.
        """
        names = self.recoverable()
        if not names:
            raise NothingForgottenError(
                "expected something forgotten in the last turn, found nothing; what is gone for good cannot come back"
            )
        with self._file.transaction() as db:
            for row in db.execute("SELECT content FROM forgotten").fetchall():
                _restore(db, json.loads(zlib.decompress(row[0])))
            db.execute("DELETE FROM forgotten")
        return names

    def end_turn(self) -> int:
        """A turn of the conversation ended: what was set aside before it goes for good. Returns how many things."""
        with self._file.transaction() as db:
            gone = db.execute("DELETE FROM forgotten WHERE turns > 0").rowcount
            db.execute("UPDATE forgotten SET turns = turns + 1")
        if gone:
            self._file.scrub()
        return gone

    def purge(self) -> int:
        """Whatever is set aside goes for good, now. Returns how many things."""
        with self._file.transaction() as db:
            gone = db.execute("DELETE FROM forgotten").rowcount
        self._file.scrub()
        return gone


def _delete(db: sqlite3.Connection, object_id: str) -> None:
    """Every row of a thing, the turns whose answers point at it, and the pictures of frames that saw it."""
    db.executemany("DELETE FROM texts WHERE id = ?", [(i,) for i in _texts_naming(db, object_id)])
    db.executemany("UPDATE keyframes SET jpeg = NULL WHERE id = ?", [(i,) for i in _pictures_of(db, object_id)])
    graph_store.delete_object(db, object_id)


def _texts_naming(db: sqlite3.Connection, object_id: str) -> list[int]:
    """Turns whose answers have an anchor on the thing, and captions of frames that saw it which say its name."""
    turns = db.execute(
        "SELECT id, extra FROM texts WHERE kind = 'turn' AND extra LIKE ?", (f'%"object_id": "{object_id}"%',)
    )
    ids = [i for i, extra in turns if _has_anchor_on(json.loads(extra), object_id)]
    row = db.execute("SELECT taught, state FROM objects WHERE id = ?", (object_id,)).fetchone()
    if row is None:
        return ids
    names = [set(fold(n)) for n in (row[0], *json.loads(row[1])["labels"]) if n]
    captions = db.execute(
        "SELECT DISTINCT t.id, t.text FROM texts t JOIN intervals i ON t.time_s BETWEEN i.start_s AND i.end_s "
        "WHERE t.kind = 'caption' AND i.object_id = ?",
        (object_id,),
    )
    return ids + [i for i, text in captions if any(n <= set(fold(text)) for n in names)]


def _has_anchor_on(extra: dict[str, Any], object_id: str) -> bool:
    return any(a.get("object_id") == object_id for a in extra.get("answer", {}).get("anchors", ()))


def _pictures_of(db: sqlite3.Connection, object_id: str) -> list[int]:
    """Keyframes with a picture that were taken while the thing was seen."""
    rows = db.execute(
        "SELECT DISTINCT k.id FROM keyframes k JOIN intervals i ON k.time_s BETWEEN i.start_s AND i.end_s "
        "WHERE i.object_id = ? AND k.jpeg IS NOT NULL",
        (object_id,),
    )
    return [r[0] for r in rows]


def _rows_about(db: sqlite3.Connection, object_id: str, name: str) -> dict[str, Any]:
    """All rows that ``_delete`` would remove, by table, with their columns."""
    out: dict[str, Any] = {"name": name, "objects": _select(db, "objects", "id = ?", (object_id,))}
    for table in OBJECT_TABLES:
        out[table] = _select(db, table, "object_id = ?", (object_id,))
    more = _texts_naming(db, object_id)
    own = {row[0] for row in out["texts"]["rows"]}
    for text_id in set(more) - own:
        out["texts"]["rows"] += _select(db, "texts", "id = ?", (text_id,))["rows"]
    parts = [row[0] for row in db.execute("SELECT id FROM parts WHERE object_id = ?", (object_id,))]
    marks = ",".join("?" * len(parts))
    out["borders"] = _select(db, "borders", f"a IN ({marks}) OR b IN ({marks})", (*parts, *parts))
    pictures = _pictures_of(db, object_id)
    out["pictures"] = _select(db, "keyframes", f"id IN ({','.join('?' * len(pictures))})", pictures)
    return out


def _select(db: sqlite3.Connection, table: str, where: str, values: Iterable[Any]) -> dict[str, Any]:
    cursor = db.execute(f"SELECT * FROM {table} WHERE {where}", tuple(values))
    return {"columns": [c[0] for c in cursor.description], "rows": [list(r) for r in cursor]}


def _restore(db: sqlite3.Connection, content: dict[str, Any]) -> None:
    for table in RESTORE_ORDER:
        columns, rows = content[table]["columns"], content[table]["rows"]
        marks = ",".join("?" * len(columns))
        db.executemany(
            f"INSERT OR IGNORE INTO {table} ({','.join(columns)}) VALUES ({marks})",
            [[_blob_from_json(v) for v in row] for row in rows],
        )
    place = {c: k for k, c in enumerate(content["pictures"]["columns"])}
    db.executemany(
        "UPDATE keyframes SET jpeg = ? WHERE id = ?",
        [(_blob_from_json(r[place["jpeg"]]), r[place["id"]]) for r in content["pictures"]["rows"]],
    )


def _blob_to_json(value: object) -> dict[str, str]:
    """A blob in JSON."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"expected a value of SQLite, got {type(value).__name__}")


def _blob_from_json(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def _purge_index(db: sqlite3.Connection) -> None:
    """Rebuild the text index: until its segments merge, FTS5 keeps the words of deleted texts in the file."""
    db.execute("INSERT INTO text_index (text_index) VALUES ('rebuild')")
