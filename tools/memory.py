"""A map's memory: the graph, what was said about it, and what was seen, in one file that survives.

Object memory (things with boxes) and text memory (notes, captions, conversation turns) lie side by side and are
searched together. Every method that writes has written when it returns.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from scenes.types import SceneGraph
from tools import graph_store
from tools.memory_file import MapMemoryError, MemoryFile
from tools.naming import Namer
from tools.scene_graph import SceneGraphBuilder
from tools.segmentation import Segmenter

TextKind = Literal["note", "caption", "turn"]
MAX_TEXT_CHARS = 4000
EXPORT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One text of the memory."""

    id: int
    kind: TextKind
    text: str
    time_s: float
    object_id: str = ""
    """The thing it is about, or ``""``."""
    frame_id: int | None = None
    extra: dict[str, Any] | None = None
    """For turns: the answer as JSON."""
    score: float = 0.0
    """BM25 of a search, larger is better; 0 outside searches."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keyframe:
    """A frame that is kept for localisation and as evidence."""

    frame_id: int
    time_s: float
    world_from_camera: np.ndarray
    """(4, 4) float64."""
    thumbnail: np.ndarray | None
    """(h, w, 3) uint8."""
    descriptor: np.ndarray | None
    """(d,) float32."""


class Memory:
    """One map's memory file."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create. Raises ``MapMemoryError`` or a subclass (see ``tools.memory_file``), one line each."""
        self._file = MemoryFile(path, read_only=read_only)
        self.path = path

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    # ---- the graph

    def save_graph(self, builder: SceneGraphBuilder) -> None:
        """Write the whole graph state in one transaction."""
        builder.regroup(builder.time_s)
        with self._file.transaction() as db:
            graph_store.save(db, builder)

    def load_graph(
        self, map_id: str, namer: Namer | None = None, segmenter: Segmenter | None = None
    ) -> SceneGraphBuilder:
        """The builder as it was saved, ready to go on; a fresh one when nothing was saved.

        Raises ``MapMemoryError`` when the file belongs to another map: its coordinates would mean nothing here.
        """
        builder = SceneGraphBuilder(map_id, namer, segmenter)
        with self._file.errors():
            graph_store.load(self._file.connection, builder)
        if builder.map_id != map_id:
            raise MapMemoryError(
                f'expected the memory of map "{map_id}" at {self.path}, found that of "{builder.map_id}"; '
                "open the right file"
            )
        return builder

    # ---- texts

    def add_note(self, text: str, time_s: float, object_id: str = "") -> int:
        """Remember a note, about a thing or in general; returns its id. Raises ``ValueError`` for an unusable text."""
        return self._add_text("note", text, time_s, object_id=object_id)

    def add_caption(self, text: str, time_s: float, frame_id: int, object_id: str = "") -> int:
        """Remember what a frame shows, in words."""
        return self._add_text("caption", text, time_s, object_id=object_id, frame_id=frame_id)

    def add_turn(self, question: str, answer: dict[str, Any], time_s: float, frame_id: int | None = None) -> int:
        """Remember a turn of the conversation: the words, and the answer record as JSON."""
        said = f"{question}\n{answer.get('answer', '')}"
        return self._add_text("turn", said, time_s, frame_id=frame_id, extra={"question": question, "answer": answer})

    def _add_text(
        self,
        kind: TextKind,
        text: str,
        time_s: float,
        *,
        object_id: str = "",
        frame_id: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> int:
        clean = "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()
        if not clean:
            raise ValueError("expected a text with at least one visible character, received none")
        if len(clean) > MAX_TEXT_CHARS:
            raise ValueError(f"expected at most {MAX_TEXT_CHARS} characters, received {len(clean)}; shorten the text")
        with self._file.transaction() as db:
            row = db.execute(
                "INSERT INTO texts (kind, text, time_s, object_id, frame_id, extra) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, clean, time_s, object_id, frame_id, None if extra is None else json.dumps(extra)),
            )
            return int(row.lastrowid or 0)

    def texts(
        self, kinds: Sequence[TextKind] = ("note", "caption", "turn"), object_id: str | None = None, limit: int = 1000
    ) -> list[Remembered]:
        """Texts in the order of time, the newest ``limit`` of them."""
        where = f"kind IN ({','.join('?' * len(kinds))})" + (" AND object_id = ?" if object_id is not None else "")
        values = [*kinds, *([object_id] if object_id is not None else []), limit]
        with self._file.errors():
            rows = self._file.connection.execute(
                f"SELECT id, kind, text, time_s, object_id, frame_id, extra, 0.0 FROM texts WHERE {where} "
                "ORDER BY time_s DESC, id DESC LIMIT ?",
                values,
            ).fetchall()
        return [_remembered(r) for r in reversed(rows)]

    def search(
        self,
        query: str,
        kinds: Sequence[TextKind] = ("note", "caption", "turn"),
        limit: int = 10,
        span_s: tuple[float, float] | None = None,
    ) -> list[Remembered]:
        """Texts that share words with a query, best first (BM25, Porter stems).

        Any text is a query: its words are quoted, so FTS5's operators have no meaning. A text need not hold all words.
        """
        words = [w for w in "".join(c if c.isalnum() else " " for c in query).split() if w]
        if not words:
            return []
        match = " OR ".join(f'"{w}"' for w in words[:32])
        where = f"texts.kind IN ({','.join('?' * len(kinds))})"
        values: list[Any] = [match, *kinds]
        if span_s is not None:
            where += " AND texts.time_s BETWEEN ? AND ?"
            values += span_s
        with self._file.errors():
            rows = self._file.connection.execute(
                "SELECT texts.id, kind, texts.text, time_s, object_id, frame_id, extra, -bm25(text_index) "
                f"FROM text_index JOIN texts ON texts.id = text_index.rowid WHERE text_index MATCH ? AND {where} "
                "ORDER BY bm25(text_index) LIMIT ?",
                [*values, limit],
            ).fetchall()
        return [_remembered(r) for r in rows]

    # ---- keyframes

    def add_keyframe(
        self,
        frame_id: int,
        time_s: float,
        world_from_camera: Tensor,
        thumbnail: Tensor | None = None,
        descriptor: Tensor | None = None,
    ) -> None:
        """Keep a frame: (4, 4) pose, optional (h, w, 3) uint8 picture and (d,) float descriptor."""
        picture = None if thumbnail is None else graph_store.jpeg(thumbnail.numpy())
        vector = None if descriptor is None else descriptor.numpy().astype("<f4").tobytes()
        pose = world_from_camera.numpy().astype("<f8").tobytes()
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO keyframes VALUES (?, ?, ?, ?, ?)", (frame_id, time_s, pose, picture, vector)
            )

    def keyframes(self) -> list[Keyframe]:
        """All keyframes in the order of time."""
        with self._file.errors():
            rows = self._file.connection.execute("SELECT * FROM keyframes ORDER BY time_s, frame_id").fetchall()
        return [
            Keyframe(
                frame_id=f,
                time_s=t,
                world_from_camera=np.frombuffer(pose, "<f8").reshape(4, 4).copy(),
                thumbnail=None if picture is None else graph_store.image(picture),
                descriptor=None if vector is None else np.frombuffer(vector, "<f4").astype(np.float32),
            )
            for f, t, pose, picture, vector in rows
        ]

    # ---- forgetting

    def forget_object(self, object_id: str) -> bool:
        """Remove a thing and every text about it; returns whether it was there."""
        with self._file.transaction() as db:
            found = graph_store.delete_object(db, object_id)
            _purge_index(db)
        return found

    def forget_span(self, start_s: float, end_s: float) -> int:
        """Remove what belongs to a time span: texts, keyframes, events, views, positions and looks of that time, and
        things that were seen only then. Returns how many rows went."""
        with self._file.transaction() as db:
            gone = db.execute(
                "SELECT id FROM objects WHERE first_seen_s >= ? AND last_seen_s <= ?", (start_s, end_s)
            ).fetchall()
            count = sum(graph_store.delete_object(db, row[0]) for row in gone)
            for table in ("texts", "keyframes", "events", "views", "positions"):
                count += db.execute(f"DELETE FROM {table} WHERE time_s BETWEEN ? AND ?", (start_s, end_s)).rowcount
            count += db.execute("DELETE FROM intervals WHERE start_s >= ? AND end_s <= ?", (start_s, end_s)).rowcount
            _purge_index(db)
        return count

    def forget_all(self) -> None:
        """Empty the file and give its space back, so that nothing can be read from the disk either."""
        with self._file.transaction() as db:
            for table in (*graph_store.GRAPH_TABLES, "keyframes", "texts", "meta"):
                db.execute(f"DELETE FROM {table}")
            _purge_index(db)
        with self._file.errors():
            self._file.connection.execute("VACUUM")
            self._file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # ---- export

    def export(self, graph: SceneGraph) -> dict[str, Any]:
        """Everything as JSON: the graph as nodes and edges (the terms of Spark-DSG), and the texts."""
        nodes: list[dict[str, Any]] = [{"id": r.id, "layer": "ROOMS", "name": r.label} for r in graph.rooms.values()]
        for o in graph.objects.values():
            box = {"center": o.box.center, "size": o.box.size, "quaternion_xyzw": o.box.quaternion_xyzw}
            nodes.append(
                {
                    "id": o.id,
                    "layer": "OBJECTS",
                    "name": o.label,
                    "attributes": {
                        "bounding_box": box,
                        "color": o.color,
                        "confidence": o.confidence,
                        "label_source": o.label_source,
                        "first_seen_s": o.first_seen_s,
                        "last_seen_s": o.last_seen_s,
                        "present": o.present,
                        "room": o.room,
                    },
                }
            )
        edges = [
            {"source": r.subject, "target": r.object, "name": r.predicate, "confidence": r.confidence}
            for r in graph.relations
        ]
        edges += [{"source": o.room, "target": o.id, "name": "contains"} for o in graph.objects.values() if o.room]
        texts = [
            {"kind": t.kind, "text": t.text, "time_s": t.time_s, "object_id": t.object_id, "extra": t.extra}
            for t in self.texts(limit=1_000_000)
        ]
        return {
            "version": EXPORT_VERSION,
            "map_id": graph.map_id,
            "time_s": graph.time_s,
            "nodes": nodes,
            "edges": edges,
            "texts": texts,
        }


def _purge_index(db: sqlite3.Connection) -> None:
    """Rebuild the text index: until its segments merge, FTS5 keeps the words of deleted texts in the file."""
    db.execute("INSERT INTO text_index (text_index) VALUES ('rebuild')")


def _remembered(row: tuple[Any, ...]) -> Remembered:
    text_id, kind, text, time_s, object_id, frame_id, extra, score = row
    return Remembered(
        id=text_id,
        kind=kind,
        text=text,
        time_s=time_s,
        object_id=object_id,
        frame_id=frame_id,
        extra=None if extra is None else json.loads(extra),
        score=score,
    )
