"""What every recording is, whatever its format: a lazy sequence of frames.

Readers differ; this does not. A reader converts to the conventions of ``scenes.types`` and loads a frame only
when it is asked for, so that memory does not grow with the length of a recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scenes.errors import InputError
from scenes.types import Frame


class RecordingError(InputError):
    """A recording that cannot be read. The message is one line: what was expected, what came, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gravity:
    """How the vertical of a recording is known."""

    source: str
    """``format`` (the format promises it), ``planes`` (found from the depth) or ``assumed``."""
    confidence: float
    """0..1; 1 where the format promises it."""


class Recording(Protocol):
    """Posed frames, in capture order. ``recording[i]`` is the i-th usable frame; its ``Frame.id`` is stable."""

    path: Path
    format: str
    """Short name of the layout: ``nerfstudio``, ``7scenes``, ``hololens``, ..."""
    gravity: Gravity
    skipped: tuple[str, ...]
    """One line for each frame that was left out, with the reason."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Frame: ...

    def __iter__(self) -> Iterator[Frame]: ...

    @property
    def frame_ids(self) -> tuple[int, ...]: ...
