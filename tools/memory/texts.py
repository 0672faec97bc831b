"""The memory of words: notes, captions of frames, turns of the conversation; found by words and by meaning.

Words are found by FTS5 (BM25, Porter stems), meaning by sentence vectors where an encoder is there; both rankings are
joined by reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scenes.errors import InputError
from tools.memory.memory_file import MemoryFile
from tools.memory.text_encoder import DIMENSIONS, TextEncoder
from tools.memory.text_index import SignIndex

TextKind = Literal["note", "caption", "turn"]
TEXT_KINDS: tuple[TextKind, ...] = ("note", "caption", "turn")
MAX_TEXT_CHARS = 4000
MIN_COSINE = 0.4
"""Below this cosine, all-MiniLM-L6-v2 finds a sentence like a question by chance; see ``evals.perception.memory``."""
FUSION_RANK = 60
"""The constant of reciprocal rank fusion, as published."""
TEXTS_PER_RANKING = 50
"""Texts that each of the two rankings gives to the fusion."""
MAX_RARE_TEXTS = 1000
"""A word in more texts than this says little: it is left out of a query that has a rarer one."""
ENCODED_PER_SEARCH = 128
"""So many texts that have no vector yet are encoded in one search; the rest waits for the next."""
MAX_WORDS = 32
"""Words of a query that are looked for; the first ones."""


class TextError(InputError):
    """A text that cannot be kept, or that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
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
    """Of a search, larger is better; 0 outside searches."""


class TextMemory:
    """The texts of one memory file."""

    def __init__(self, file: MemoryFile, encoder: TextEncoder | None) -> None:
        self._file = file
        self._encoder = encoder
        self._index: SignIndex | None = None
        self._complete = encoder is None
        """Whether every text is known to have its vector."""
        self._common: set[str] = set()
        """Stems that were found in more than ``MAX_RARE_TEXTS`` texts: counting them again would take milliseconds."""
        with file.errors():
            file.connection.execute("PRAGMA temp_store = MEMORY")
            for statement in (
                "CREATE VIRTUAL TABLE temp.query_words USING fts5(word, tokenize='porter unicode61')",
                "CREATE VIRTUAL TABLE temp.query_stems USING fts5vocab(temp, query_words, instance)",
                "CREATE VIRTUAL TABLE temp.text_stems USING fts5vocab(main, text_index, row)",
            ):
                file.connection.execute(statement)

    # ---- writing

    def add_note(self, text: str, time_s: float, object_id: str = "") -> int:
        """Remember a note, about a thing or in general; returns its id. Raises ``TextError`` for an unusable text."""
        return self._add("note", text, time_s, object_id=object_id)

    def add_caption(self, text: str, time_s: float, frame_id: int, object_id: str = "") -> int:
        """Remember what a frame shows, in words."""
        return self._add("caption", text, time_s, object_id=object_id, frame_id=frame_id)

    def add_turn(self, question: str, answer: dict[str, Any], time_s: float, frame_id: int | None = None) -> int:
        """Remember a turn of the conversation: the words, and the answer record as JSON."""
        said = f"{question}\n{answer.get('answer', '')}"
        return self._add("turn", said, time_s, frame_id=frame_id, extra={"question": question, "answer": answer})

    def edit_text(self, text_id: int, text: str) -> None:
        """Replace the words of a note or a caption. Raises ``TextError`` for any other id and for an unusable text."""
        clean = clean_text(text)
        with self._file.transaction() as db:
            changed = db.execute("UPDATE texts SET text = ? WHERE id = ? AND kind <> 'turn'", (clean, text_id)).rowcount
            if not changed:
                raise TextError(f"expected the number of a note or caption, got {text_id}; see `sightline export`")
            db.execute("INSERT INTO text_index (text_index) VALUES ('rebuild')")
        self._texts_changed()
        self._file.scrub()

    def _texts_changed(self) -> None:
        """Texts were removed or changed: forget what was read of them, so that it is read again."""
        self._index, self._complete = None, self._encoder is None
        self._common.clear()

    def _add(
        self,
        kind: TextKind,
        text: str,
        time_s: float,
        *,
        object_id: str = "",
        frame_id: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> int:
        clean = clean_text(text)
        vector = None if self._encoder is None else self._encoder.encode([clean])
        with self._file.transaction() as db:
            row = db.execute(
                "INSERT INTO texts (kind, text, time_s, object_id, frame_id, extra) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, clean, time_s, object_id, frame_id, None if extra is None else json.dumps(extra)),
            )
            text_id = int(row.lastrowid or 0)
            if vector is not None:
                db.execute("INSERT INTO vectors VALUES (?, ?)", (text_id, vector[0].astype("<f2").tobytes()))
        if vector is not None and self._index is not None:
            self._index.add([text_id], vector, [TEXT_KINDS.index(kind)], [time_s])
        return text_id

    # ---- reading

    def texts(
        self, kinds: Sequence[TextKind] = TEXT_KINDS, object_id: str | None = None, limit: int = 1000
    ) -> list[StoredText]:
        """Texts in the order of time, the newest ``limit`` of them."""
        where = f"kind IN ({','.join('?' * len(kinds))})" + (" AND object_id = ?" if object_id is not None else "")
        values = [*kinds, *([object_id] if object_id is not None else []), limit]
        with self._file.errors():
            rows = self._file.connection.execute(
                f"SELECT id, kind, text, time_s, object_id, frame_id, extra, 0.0 FROM texts WHERE {where} "
                "ORDER BY time_s DESC, id DESC LIMIT ?",
                values,
            ).fetchall()
        return [_text_of_row(r) for r in reversed(rows)]

    def search(
        self,
        query: str,
        kinds: Sequence[TextKind] = TEXT_KINDS,
        limit: int = 10,
        span_s: tuple[float, float] | None = None,
    ) -> list[StoredText]:
        """Texts that share words or meaning with a query, best first.

        Any text is a query: its words are quoted, so FTS5's operators have no meaning. A text need not hold all words.
        """
        scores: dict[int, float] = {}
        with self._file.errors():
            for ranking in (self._by_words(query, kinds, span_s), self._by_meaning(query, kinds, span_s)):
                for rank, text_id in enumerate(ranking, start=1):
                    scores[text_id] = scores.get(text_id, 0.0) + 1.0 / (FUSION_RANK + rank)
            best = sorted(scores, key=lambda i: -scores[i])[:limit]
            rows = self._file.connection.execute(
                "SELECT id, kind, text, time_s, object_id, frame_id, extra, 0.0 FROM texts "
                f"WHERE id IN ({','.join('?' * len(best))})",
                best,
            ).fetchall()
        found = {r[0]: _text_of_row((*r[:-1], scores[r[0]])) for r in rows}
        return [found[i] for i in best]

    # ---- by words

    def _by_words(self, query: str, kinds: Sequence[TextKind], span_s: tuple[float, float] | None) -> list[int]:
        words, rare = self._informative_words(query)
        if not words:
            return []
        match = " OR ".join(f'"{w}"' for w in words)
        where = f"texts.kind IN ({','.join('?' * len(kinds))})"
        values: list[Any] = [match, *kinds]
        if span_s is not None:
            where += " AND texts.time_s BETWEEN ? AND ?"
            values += span_s
        # Ranking reads every match. Where all words are common it tells nothing, so the newest matches do.
        order = "bm25(text_index)" if rare else "text_index.rowid DESC"
        rows = self._file.connection.execute(
            "SELECT texts.id FROM text_index JOIN texts ON texts.id = text_index.rowid "
            f"WHERE text_index MATCH ? AND {where} ORDER BY {order} LIMIT ?",
            [*values, TEXTS_PER_RANKING],
        )
        return [r[0] for r in rows]

    def _informative_words(self, query: str) -> tuple[list[str], bool]:
        """The words of a query that are in the memory, common ones left out; and whether any of them is rare."""
        words = list(dict.fromkeys("".join(c if c.isalnum() else " " for c in query.lower()).split()))[:MAX_WORDS]
        if not words:
            return [], False
        run = self._file.connection.execute
        run("DELETE FROM temp.query_words")
        self._file.connection.executemany(
            "INSERT INTO temp.query_words (rowid, word) VALUES (?, ?)", list(enumerate(words))
        )
        common, rare = [], []
        for row, stem in run("SELECT doc, term FROM temp.query_stems ORDER BY doc").fetchall():
            count = MAX_RARE_TEXTS + 1 if stem in self._common else self._texts_with(stem)
            if count > MAX_RARE_TEXTS:
                self._common.add(stem)
            if count:
                (common if count > MAX_RARE_TEXTS else rare).append(words[row])
        return (rare, True) if rare else (common, False)

    def _texts_with(self, stem: str) -> int:
        """How many texts have a word, given by its stem."""
        row = self._file.connection.execute("SELECT doc FROM temp.text_stems WHERE term = ?", (stem,)).fetchone()
        return row[0] if row else 0

    # ---- by meaning

    def _by_meaning(self, query: str, kinds: Sequence[TextKind], span_s: tuple[float, float] | None) -> list[int]:
        if self._encoder is None or not query.strip():
            return []
        index = self._loaded_index(self._encoder)
        (wanted,) = self._encoder.encode([query.strip()[:MAX_TEXT_CHARS]])
        near = index.nearest(wanted, [TEXT_KINDS.index(k) for k in kinds], span_s).tolist()
        rows = self._file.connection.execute(
            f"SELECT text_id, vector FROM vectors WHERE text_id IN ({','.join('?' * len(near))})", near
        ).fetchall()
        if not rows:
            return []
        cosine = _unpacked([r[1] for r in rows]) @ wanted
        order = np.argsort(-cosine, kind="stable")[:TEXTS_PER_RANKING]
        return [rows[k][0] for k in order.tolist() if cosine[k] >= MIN_COSINE]

    def _loaded_index(self, encoder: TextEncoder) -> SignIndex:
        """The codes of all texts; read from the file once, and after something was forgotten."""
        run = self._file.connection.execute
        if not self._complete and not self._file.read_only:
            self._encode_missing(encoder)
        if self._index is None:
            index = SignIndex(DIMENSIONS // 64)
            cursor = run("SELECT v.text_id, v.vector, t.kind, t.time_s FROM vectors v JOIN texts t ON t.id = v.text_id")
            while rows := cursor.fetchmany(8192):
                kinds = [TEXT_KINDS.index(r[2]) for r in rows]
                index.add([r[0] for r in rows], _unpacked([r[1] for r in rows]), kinds, [r[3] for r in rows])
            self._index = index
        return self._index

    def _encode_missing(self, encoder: TextEncoder) -> None:
        """Encode texts that were written where no encoder was installed, the newest first."""
        run = self._file.connection.execute
        missing = run(
            "SELECT id, text, kind, time_s FROM texts WHERE id NOT IN (SELECT text_id FROM vectors) "
            "ORDER BY id DESC LIMIT ?",
            (ENCODED_PER_SEARCH,),
        ).fetchall()
        self._complete = len(missing) < ENCODED_PER_SEARCH
        if not missing:
            return
        vectors = encoder.encode([r[1] for r in missing])
        with self._file.transaction() as db:
            packed = [(r[0], v.astype("<f2").tobytes()) for r, v in zip(missing, vectors, strict=True)]
            db.executemany("INSERT INTO vectors VALUES (?, ?)", packed)
        if self._index is not None:
            self._index.add(
                [r[0] for r in missing], vectors, [TEXT_KINDS.index(r[2]) for r in missing], [r[3] for r in missing]
            )


def clean_text(text: str) -> str:
    """A text as it is stored: printable characters and line ends. Raises ``TextError``: nothing left, or too long."""
    clean = "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()
    if not clean:
        raise TextError("expected a text with at least one visible character, received none")
    if len(clean) > MAX_TEXT_CHARS:
        raise TextError(f"expected at most {MAX_TEXT_CHARS} characters, received {len(clean)}; shorten the text")
    return clean


def _text_of_row(row: tuple[Any, ...]) -> StoredText:
    """A row ``id, kind, text, time_s, object_id, frame_id, extra, score``."""
    text_id, kind, text, time_s, object_id, frame_id, extra, score = row
    return StoredText(
        id=text_id,
        kind=kind,
        text=text,
        time_s=time_s,
        object_id=object_id,
        frame_id=frame_id,
        extra=None if extra is None else json.loads(extra),
        score=score,
    )


def _unpacked(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    """(N, 384) from the half floats of the file."""
    return np.frombuffer(b"".join(blobs), "<f2").reshape(len(blobs), -1).astype(np.float32)
