"""Berkeley function-calling leaderboard (``BFCL_v4_*.json``): a request, the functions on offer, the accepted calls.

Files are JSON Lines. Answers are in a file of their own (``possible_answer/`` there); the irrelevance files have none,
because there no function fits and no call is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.datasets.reading import DatasetError, Entry, line_entries, unique


@dataclass(frozen=True, slots=True, kw_only=True)
class BfclItem:
    """One request."""

    id: str
    category: str
    """The id without its number: simple_python, multiple, parallel, irrelevance, ..."""
    messages: tuple[tuple[str, str], ...]
    """(role, text) of the first turn."""
    functions: tuple[Mapping[str, Any], ...]
    """name, description, parameters {type, properties, required}."""
    answers: tuple[Mapping[str, Any], ...] | None
    """Accepted calls; None where no call is right."""


def load_bfcl(questions: Path, answers: Path | None = None) -> list[BfclItem]:
    """All items in order. ``answers``: None for files without. Raises DatasetError."""
    accepted = {} if answers is None else _answers(answers)
    found: list[BfclItem] = []
    seen: set[str] = set()
    for entry in line_entries(questions):
        key = entry.text("id")
        unique(entry.where, key, seen)
        if answers is not None and key not in accepted:
            raise DatasetError(f"{entry.where}: expected an answer to {key!r} in {answers.name}")
        found.append(
            BfclItem(
                id=key,
                category=key.rpartition("_")[0],
                messages=_messages(entry),
                functions=_functions(entry),
                answers=accepted.pop(key) if answers is not None else None,
            )
        )
    if answers is not None and accepted:
        raise DatasetError(f"{answers.name}: expected only ids of {questions.name}, got {next(iter(accepted))!r}")
    return found


def _answers(path: Path) -> dict[str, tuple[Mapping[str, Any], ...]]:
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for entry in line_entries(path):
        calls = entry.values.get("ground_truth")
        if not _objects(calls) or not all(len(call) == 1 for call in calls or ()):
            raise entry.wrong("ground_truth", "a list of calls")
        unique(entry.where, entry.text("id"), set(found))
        found[entry.text("id")] = tuple(calls or ())
    return found


def _messages(entry: Entry) -> tuple[tuple[str, str], ...]:
    turns = entry.values.get("question")
    if not isinstance(turns, list) or not turns or not _objects(turns[0]):
        raise entry.wrong("question", "a list of turns of messages")
    said = (Entry(where=entry.where, values=message) for message in turns[0])
    return tuple((message.text("role"), message.text("content")) for message in said)


def _functions(entry: Entry) -> tuple[Mapping[str, Any], ...]:
    functions = entry.values.get("function")
    if not _objects(functions) or not functions:
        raise entry.wrong("function", "a list of functions")
    for function in functions:
        parameters = function.get("parameters")
        if not isinstance(function.get("name"), str) or not isinstance(parameters, dict):
            raise entry.wrong("function", "functions with name and parameters")
        if not isinstance(parameters.get("properties"), dict):
            raise entry.wrong("function", "parameters with properties")
    return tuple(functions)


def _objects(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, dict) for v in value)
