"""What a tool may see and do: the session behind it.

The live session implements ``ToolContext``; so does the synthetic world of the training traces, so that a model learns
from the same tools that it will call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from scenes.records import Reason
from scenes.types import Camera, SceneGraph
from tools.search.name_matching import Similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaze:
    """What the wearer's gaze meets in the asked frame."""

    object_id: str | None = None
    point: tuple[float, float, float] | None = None
    """World position of the surface, metres, where depth was measured."""
    reason: Reason | None = None
    """Why there is no object; None when there is one."""
    miss: str = ""
    """The same as a clause, e.g. ``no gaze was given``, ``there is no object where you look``."""


NO_GAZE = Gaze(reason="unsupported", miss="no gaze was given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something remembered about an object or about the visit."""

    text: str
    time_s: float
    object_id: str | None = None


class ToolContext(Protocol):
    """One turn's view of the world: everything is about the frame that the question named."""

    @property
    def graph(self) -> SceneGraph:
        """The scene graph now (a tool that edits memory changes it)."""
        ...

    @property
    def camera(self) -> Camera | None: ...

    @property
    def world_from_camera(self) -> Tensor | None:
        """(4, 4) float64 of the asked frame; None = not localised."""
        ...

    @property
    def time_s(self) -> float: ...

    @property
    def similarity(self) -> Similarity | None:
        """A text encoder for open-vocabulary matching, where one is installed."""
        ...

    @property
    def dormant(self) -> frozenset[str]:
        """Ids of restored things that may not be answered about yet: the wearer is not known to be in their map."""
        ...

    def gaze(self) -> Gaze: ...

    def depth_at(self, u: float, v: float) -> float | None:
        """z-depth in metres at a pixel of the asked frame; None where there is none."""
        ...

    def remember(self, name: str, object_id: str) -> None:
        """Give an object a name that the wearer taught; it outranks every other name."""
        ...

    def forget(self, object_id: str) -> None:
        """Delete the taught name and the notes of an object."""
        ...

    def annotate(self, object_id: str, text: str) -> None: ...

    def recall(self, query: str, when: str | None) -> tuple[Note, ...]:
        """Notes that fit a query, best first; ``when`` is ``first``, ``last`` or None."""
        ...

    def route(self, goal: tuple[float, float, float]) -> Sequence[tuple[float, float, float]]:
        """Corners of a free walk from the wearer to a place, both ends included; empty = no way is known."""
        ...

    def look(self, object_id: str | None, question: str) -> str:
        """Ask the vision model about the crop of an object's best view (None = at the gaze); ``""`` = cannot say."""
        ...
