"""Items of worlds, kept between runs: looking through a world takes seconds, and every system is asked the same items.

A cached file is used only while the code and the data that made it are unchanged, by a digest of their sources.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

import evals.suites
import scenes
from agent.commands.sources import cache_folder
from evals.items import Item

log = logging.getLogger(__name__)
_ITEMS: TypeAdapter[list[Item]] = TypeAdapter(list[Item])


def cached_items(name: str, make: Callable[[], Sequence[Item]]) -> list[Item]:
    """The items of ``name`` (a file name that says all settings), from the cache or made now."""
    path = cache_folder() / "items" / sources_digest() / f"{name}.json"
    try:
        return _ITEMS.validate_json(path.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValidationError) as error:
        log.warning("items are made again, the cached ones cannot be read: %s", error)
    made = list(make())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{id(made)}.partial")
        partial.write_bytes(_ITEMS.dump_json(made, exclude_none=True))
        partial.replace(path)
    except OSError as error:
        log.warning("items are not kept for the next run: %s", error)
    return made


@cache
def sources_digest() -> str:
    """Of all that makes items: worlds, questions, suites and phrasings."""
    folders = (Path(scenes.__file__).parent, Path(evals.suites.__file__).parent)
    files = [f for folder in folders for f in folder.rglob("*.py")]
    files += list((Path(evals.suites.__file__).parent.parent / "data").glob("*.jsonl"))
    hasher = hashlib.sha256()
    for file in sorted(files, key=lambda f: f.as_posix()):
        hasher.update(file.name.encode() + file.read_bytes())
    return hasher.hexdigest()[:16]
