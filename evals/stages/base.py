"""What a stage gives: the moment of a dialog, and a fresh view of the tools for each of its turns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from evals.items import Item
from scenes.types import Frame
from tools.toolbox.context import ToolContext


class Moment(Protocol):
    """Where one dialog happens. What a turn changes (names, notes) stays for the next turn, and for no other dialog."""

    @property
    def frame(self) -> Frame:
        """What the wearer sees: picture, camera, pose."""
        ...

    def context(self, item: Item, *, looking: bool) -> ToolContext:
        """The world as the tools see it in a turn of an item; ``looking``: whether the item's gaze is in this turn."""
        ...


class Stage(Protocol):
    """Opens moments. Made once a process; keeps what the next dialog can use again."""

    def open(self, dialog: Sequence[Item]) -> AbstractContextManager[Moment]:
        """The moment of a dialog."""
        ...
