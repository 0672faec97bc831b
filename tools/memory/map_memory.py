"""A map's memory: the graph, what was said about it, and what was seen, in one file that survives.

Object memory (things with boxes) and text memory (notes, captions, conversation turns) lie side by side and are
searched together. Every method that writes has written when it returns.

Restored things are *dormant*: they are known, but nobody may say where they are from here until the wearer is known to
be in their map, which ``wake`` says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scenes.types import SceneGraph
from tools.memory import graph_store
from tools.memory.forgetting import Forgetting
from tools.memory.graph_export import dsg_json
from tools.memory.memory_file import MapMemoryError, MemoryFile
from tools.memory.retention import Retention, apply_retention, load_retention, store_retention
from tools.memory.stored_frames import FrameMemory, StoredFrame
from tools.memory.text_encoder import TextEncoder, lexical_only
from tools.memory.texts import TEXT_KINDS, StoredText, TextKind, TextMemory
from tools.scene_graph.builder import SceneGraphBuilder
from tools.scene_graph.object_names import Namer
from tools.search.name_matching import Similarity
from tools.segmentation.base import Segmenter

__all__ = ["TEXT_KINDS", "MapMemory", "StoredFrame", "StoredText", "TextKind"]


class MapMemory(TextMemory, FrameMemory):
    """One map's memory file: the graph here, words in ``TextMemory``, pictures in ``FrameMemory``."""

    def __init__(self, path: Path, *, read_only: bool = False, encoder: TextEncoder | None = None) -> None:
        """Open or create. ``encoder``: finds texts and names by meaning; None = by words only.

        Raises ``MapMemoryError`` or a subclass (see ``tools.memory.memory_file``), one line each.
        """
        file = MemoryFile(path, read_only=read_only)
        TextMemory.__init__(self, file, encoder)
        FrameMemory.__init__(self, file)
        self.path = path
        self.similarity: Similarity = lexical_only if encoder is None else encoder.similarity
        self.dormant: frozenset[str] = frozenset()
        """Ids of restored things whose map the wearer is not yet known to be in."""
        self._forgetting = Forgetting(file)
        self._limits = load_retention(file)
        self.thumbnails = self._limits.thumbnails

    def __enter__(self) -> MapMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    @contextmanager
    def bulk(self) -> Iterator[sqlite3.Connection]:
        """One transaction for many rows, for imports: texts written here have no vectors until they are searched."""
        with self._file.transaction() as db:
            yield db
        self._texts_changed()

    @property
    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        return self._file.used_bytes

    # ---- the graph

    def save_graph(self, builder: SceneGraphBuilder) -> None:
        """Write the whole graph state in one transaction; then drop what the limits do not allow."""
        builder.regroup(builder.time_s)
        with self._file.transaction() as db:
            graph_store.save(db, builder)
        self._retain(builder.time_s)

    def load_graph(
        self, map_id: str, namer: Namer | None = None, segmenter: Segmenter | None = None
    ) -> SceneGraphBuilder:
        """The builder as it was saved, ready to go on, its things dormant; a fresh one when nothing was saved.

        Raises ``MapMemoryError`` when the file belongs to another map: its coordinates would mean nothing here.
        """
        builder = SceneGraphBuilder(map_id, namer, segmenter)
        with self._file.errors():
            graph_store.load(self._file.connection, builder)
        self._check_map(builder.map_id, map_id)
        self.dormant = frozenset(builder.objects)
        return builder

    def wake(self, map_id: str) -> None:
        """The wearer is localised in this map: restored things may be answered about again. Raises ``MapMemoryError``
        when the file is of another map; then nothing wakes."""
        with self._file.errors():
            row = self._file.connection.execute("SELECT json_extract(value, '$') FROM meta WHERE key = 'map_id'")
            found = row.fetchone()
        self._check_map(found[0] if found else map_id, map_id)
        self.dormant = frozenset()

    def _check_map(self, found: str, map_id: str) -> None:
        if found != map_id:
            raise MapMemoryError(
                f'expected the memory of map "{map_id}" at {self.path}, found that of "{found}"; open the right file'
            )

    # ---- the conversation

    def add_turn(self, question: str, answer: dict[str, Any], time_s: float, frame_id: int | None = None) -> int:
        """Remember a turn of the conversation; what the turn before it set aside is now forgotten for good."""
        text_id = super().add_turn(question, answer, time_s, frame_id)
        self._forgetting.end_turn()
        return text_id

    # ---- forgetting

    def forget_object(self, object_id: str) -> bool:
        """Remove a thing, every text about it and the pictures that show it; returns whether it was there."""
        found = self._forgetting.object(object_id)
        self._texts_changed()
        return found

    def forget_text(self, text_id: int) -> bool:
        """Remove one note, caption or turn; returns whether it was there."""
        found = self._forgetting.text(text_id)
        self._texts_changed()
        return found

    def forget_span(self, start_s: float, end_s: float) -> int:
        """Remove what belongs to a time span: texts, keyframes, events, views, positions and looks of that time, and
        things that were seen only then. Returns how many rows went."""
        count = self._forgetting.span(start_s, end_s)
        self._texts_changed()
        return count

    def forget_all(self) -> None:
        """Empty the file and give its space back, so that nothing can be read from the disk either."""
        self._forgetting.everything()
        self._texts_changed()

    def set_aside(self, object_id: str, name: str) -> bool:
        """Forget a thing so that ``bring_back`` undoes it until the next turn is over; returns whether it was there."""
        found = self._forgetting.set_aside(object_id, name)
        self._texts_changed()
        return found

    def recoverable(self) -> dict[str, str]:
        """Ids and names of the things that ``bring_back`` would return."""
        return self._forgetting.recoverable()

    def bring_back(self) -> dict[str, str]:
        """Undo ``set_aside``; ids and names. Load the graph again after it. Raises ``NothingForgottenError``."""
        names = self._forgetting.bring_back()
        self._texts_changed()
        return names

    def purge(self) -> int:
        """What is set aside goes for good, now. Returns how many things."""
        return self._forgetting.purge()

    # ---- limits

    @property
    def retention(self) -> Retention:
        """What this memory keeps at most."""
        return self._limits

    def retain(self, limits: Retention, now_s: float) -> int:
        """Set the limits of this memory and apply them now; returns how many rows or pictures went."""
        store_retention(self._file, limits)
        self._limits, self.thumbnails = limits, limits.thumbnails
        return self._retain(now_s)

    def _retain(self, now_s: float) -> int:
        gone = apply_retention(self._file, self._limits, now_s)
        if gone:
            self._texts_changed()
        return gone

    # ---- export

    def export(self, graph: SceneGraph) -> dict[str, Any]:
        """Everything as JSON: the graph as nodes and edges (the terms of Spark-DSG), and the texts."""
        return dsg_json(graph, self.texts(limit=1_000_000))
