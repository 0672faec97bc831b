"""Entries of JSON and JSON Lines files, with the place of what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenes.errors import InputError

Vector3 = tuple[float, float, float]


class DatasetError(InputError):
    """A file of questions that cannot be used. One line: the file, the entry, what was expected, what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object of a file, and where it stands."""

    where: str
    values: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """A string that is not blank. Numbers are taken as their digits, because ids come in both forms."""
        value = self.values.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or (not value.strip() and value is not default):
            raise self.wrong(name, "text")
        return value

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        value = self.values.get(name, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.wrong(name, "a list of texts")
        return tuple(value)

    def integers(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """A list of whole numbers, also as their digits."""
        value = self.values.get(name, default)
        if not isinstance(value, list | tuple):
            raise self.wrong(name, "a list of whole numbers")
        try:
            return tuple(int(v) for v in value)
        except (TypeError, ValueError):
            raise self.wrong(name, "a list of whole numbers") from None

    def integer(self, name: str) -> int:
        """A whole number, also as its digits."""
        return self.integers_of(name, [self.values.get(name)])[0]

    def integers_of(self, name: str, values: Sequence[Any]) -> tuple[int, ...]:
        """Some values of a field as whole numbers."""
        if any(isinstance(v, bool) or not isinstance(v, int | str) for v in values):
            raise self.wrong(name, "a whole number")
        try:
            return tuple(int(v) for v in values)
        except ValueError:
            raise self.wrong(name, "a whole number") from None

    def numbers(self, name: str, keys: Sequence[str]) -> tuple[float, ...]:
        """The named finite numbers of an object."""
        value = self.values.get(name)
        found = [value.get(k) for k in keys] if isinstance(value, dict) else []
        if len(found) != len(keys) or not all(_finite(v) for v in found):
            raise self.wrong(name, f"finite numbers {', '.join(keys)}")
        return tuple(float(v) for v in found if v is not None)

    def wrong(self, name: str, expected: str) -> DatasetError:
        """The error of a field that is missing or of another kind."""
        got = repr(self.values[name])[:60] if name in self.values else "nothing"
        return DatasetError(f"{self.where}: expected {expected} in {name!r}, got {got}")


def entries(path: Path, key: str | None = None) -> Iterator[Entry]:
    """The objects of a JSON list, or of the list under ``key`` of a JSON object.

    Raises DatasetError: no such file, not JSON, no list, an element that is no object.
    """
    content = read_json(path)
    if key is not None:
        content = content.get(key) if isinstance(content, dict) else None
    if not isinstance(content, list):
        raise DatasetError(f"{path.name}: expected a list{f' under {key!r}' if key else ''}")
    for number, value in enumerate(content):
        yield _entry(f"{path.name} entry {number}", value)


def line_entries(path: Path) -> Iterator[Entry]:
    """The objects of a JSON Lines file; blank lines are skipped. Raises DatasetError as ``entries``."""
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{path.name} line {number}: expected JSON, got {line[:60]!r} ({error.msg})") from error
        yield _entry(f"{path.name} line {number}", value)


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises DatasetError: no such file, or not JSON."""
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path.name} line {error.lineno}: expected JSON ({error.msg})") from error


def unique(where: str, key: Any, seen: set[Any]) -> None:
    """Raises DatasetError where a key was seen before."""
    if key in seen:
        raise DatasetError(f"{where}: expected ids that occur once, got {key!r} again")
    seen.add(key)


def _entry(where: str, value: Any) -> Entry:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: expected an object, got {repr(value)[:60]}")
    return Entry(where=where, values=value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"expected a file {path.name}, {error.strerror or error}: {path}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name}: expected UTF-8 text ({error.reason})") from error


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
