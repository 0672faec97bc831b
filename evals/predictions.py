"""The file of a run: a header, the suite's items with their gold answers, and one raw answer a line.

One file holds all that scoring needs, and what is missing can be counted. Lines are only ever appended, each before
the next item is asked, and a last line that a kill has torn is ignored. Reading never stops at a bad line: it is
named and counted.

    {"kind": "header", "format": 1, "suite": "answers", "version": 1, "config": "0c8a...", "settings": {...}, ...}
    {"kind": "item", "item": {...}}
    {"kind": "answer", "id": "g:w9009-...", "suite": "answers", "version": 1, "config": "0c8a...", "answer": {...}, ...}
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field, ValidationError

from evals.items import FORMAT_VERSION, Item, digest, items_digest
from scenes.errors import InputError
from scenes.records import GroundedAnswer, Record

SYNC_S = 1.0
ProblemKind = Literal[
    "torn", "not_json", "not_an_answer", "bad_box", "duplicate_id", "unknown_id", "other_suite", "other_config"
]


class Header(Record):
    """What a run is."""

    kind: Literal["header"] = "header"
    format: Literal[1] = FORMAT_VERSION
    suite: str
    version: int
    config: str
    """Digest of suite, version, settings and items: answers of another configuration are not mixed in."""
    settings: dict[str, Any]
    items: int
    software: dict[str, str] = Field(default_factory=dict)
    machine: str = ""
    started: str = ""
    """UTC, ISO 8601."""


class Prediction(Record):
    """One raw answer."""

    kind: Literal["answer"] = "answer"
    id: str
    suite: str
    version: int
    config: str
    seed: int | None = None
    answer: GroundedAnswer | None = None
    error: str | None = None
    """Why there is no answer: the type and text of what was raised."""
    confidence: float | None = None
    """Product of the probabilities of all that the model wrote in this turn; None where the model tells none."""
    wall_ms: float = 0.0
    """From the question to the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A line that could not be used as it stands."""

    line: int
    """From 1."""
    kind: ProblemKind
    id: str
    """The item, where the line says one."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A file as it was read."""

    path: Path
    header: Header
    items: tuple[Item, ...]
    predictions: Mapping[str, Prediction]
    """Item id -> its first usable line."""
    problems: tuple[Problem, ...]

    def problem_counts(self) -> dict[str, int]:
        """Problems by kind."""
        return dict(Counter(p.kind for p in self.problems))


def new_header(suite: str, version: int, settings: Mapping[str, Any], items: Sequence[Item], **about: Any) -> Header:
    """The header of a run; ``about``: ``software``, ``machine``, ``started``."""
    config = digest([suite, version, dict(settings), items_digest(items)])
    return Header(suite=suite, version=version, config=config, settings=dict(settings), items=len(items), **about)


def write_start(path: Path, header: Header, items: Sequence[Item]) -> None:
    """Write a run's header and items; the file appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(header.model_dump_json() + "\n")
        for item in items:
            file.write('{"kind":"item","item":' + item.model_dump_json(exclude_none=True) + "}\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def open_to_append(path: Path) -> IO[str]:
    """The file for more answers; a torn last line is cut off first."""
    with path.open("rb+") as raw:
        size = raw.seek(0, os.SEEK_END)
        keep = _end_of_last_line(raw, size)
        if keep != size:
            raw.truncate(keep)
    return path.open("a", encoding="utf-8")


def _end_of_last_line(raw: IO[bytes], size: int) -> int:
    step, end = 1 << 16, size
    while end:
        start = max(end - step, 0)
        raw.seek(start)
        found = raw.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


@dataclass(slots=True)
class Appender:
    """Appends answers to an open file, each in the hands of the system at once: a killed process loses none.

    The disk is told once a second and at the end, so that a machine that loses power loses a second at most, and slow
    disks do not wait for each answer.
    """

    file: IO[str]
    _synced_s: float = field(default=0.0, init=False)

    def append(self, prediction: Prediction) -> None:
        """One answer."""
        self.file.write(prediction.model_dump_json() + "\n")
        self.file.flush()
        if time.monotonic() - self._synced_s >= SYNC_S:
            self.sync()

    def sync(self) -> None:
        """Everything so far is on the disk when this returns."""
        os.fsync(self.file.fileno())
        self._synced_s = time.monotonic()


def read_run(path: Path) -> Run:
    """Read a run. Raises InputError where there is none, or its header or an item cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"expected a predictions file, {path}: {error.strerror or error}") from error
    complete = text.endswith("\n")
    lines = text.split("\n")
    header = _header(path, lines[0])
    items: dict[str, Item] = {}
    predictions: dict[str, Prediction] = {}
    problems: list[Problem] = []
    last = len(lines) - 1
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        if number - 1 <= header.items:
            item = _item(path, number, line)
            items[item.id] = item
            continue
        if number - 1 == last and not complete:
            problems.append(Problem(line=number, kind="torn", id="", text="the last line is not complete"))
            continue
        found = _prediction(number, line, header, items, predictions)
        if isinstance(found, Prediction):
            predictions[found.id] = found
        else:
            problems.append(found)
    if len(items) != header.items:
        raise InputError(f"{path}: expected {header.items} different items, got {len(items)}; run it again")
    return Run(path=path, header=header, items=tuple(items.values()), predictions=predictions, problems=tuple(problems))


def _header(path: Path, line: str) -> Header:
    try:
        return Header.model_validate_json(line)
    except ValidationError as error:
        raise InputError(f"{path}: expected the header of a run in line 1, got {_first(error)}") from error


def _item(path: Path, number: int, line: str) -> Item:
    try:
        return Item.model_validate(json.loads(line)["item"])
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        what = _first(error) if isinstance(error, ValidationError) else repr(line[:80])
        raise InputError(f"{path}: expected an item in line {number}, got {what}") from error


def _prediction(
    number: int, line: str, header: Header, items: Mapping[str, Item], seen: Mapping[str, Prediction]
) -> Prediction | Problem:
    """A line as an answer, or what is wrong with it."""

    def bad(kind: ProblemKind, id: str, text: str) -> Problem:
        return Problem(line=number, kind=kind, id=id, text=text)

    try:
        prediction = Prediction.model_validate_json(line)
    except ValidationError as error:
        return _unreadable(number, line, error)
    id = prediction.id
    if (prediction.suite, prediction.version) != (header.suite, header.version):
        got = f"{prediction.suite} version {prediction.version}"
        return bad("other_suite", id, f"expected {header.suite} version {header.version}, got {got}")
    if prediction.config != header.config:
        return bad("other_config", id, f"expected configuration {header.config}, got {prediction.config}")
    if id not in items:
        return bad("unknown_id", id, "no item of this suite has this id")
    if id in seen:
        return bad("duplicate_id", id, "answered before; the first answer counts")
    try:
        for anchor in prediction.answer.anchors if prediction.answer else ():
            anchor.box.to_box()
    except ValueError as error:
        return bad("bad_box", id, str(error))
    return prediction


def _unreadable(number: int, line: str, error: ValidationError) -> Problem:
    """Not JSON at all, or JSON that is not an answer; its id is read where there is one."""
    try:
        raw = json.loads(line)
    except ValueError:
        return Problem(line=number, kind="not_json", id="", text=f"expected JSON, got {line[:60]!r}")
    id = raw.get("id") if isinstance(raw, dict) else None
    return Problem(line=number, kind="not_an_answer", id=id if isinstance(id, str) else "", text=_first(error))


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"[:200]
