"""What every segmenter offers, and what it returns: pieces of things as one frame shows them.

A segment is a piece of one thing. Segments err on the small side: a sofa may come in three. ``tools.scene_graph`` joins
pieces with the evidence of many frames; what a segmenter has joined, nobody can take apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from scenes.types import Frame
from tools.geometry.surfaces import Bools, Floats, SurfaceImage
from tools.segmentation.merging import BorderWeights
from tools.segmentation.structure import Structure
from tools.segmentation.vote_clusters import FrameVotes

GazeMissReason = Literal["outside", "no_pose", "no_depth", "floor", "wall", "ceiling", "too_small"]
"""``outside`` the image; the frame has no pose, or no usable depth there; only the building; too small or too large."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """What a segmenter found in one frame, on its reduced depth grid."""

    surface: SurfaceImage
    labels: NDArray[np.int32]
    """(h, w): 1..n for pieces of things, 0 elsewhere."""
    background: NDArray[np.uint8]
    """(h, w): ``tools.segmentation.structure`` values THING, FLOOR, WALL, CEILING."""
    border_pairs: NDArray[np.int64]
    """(k, 2) labels that touch."""
    border_sums: NDArray[np.float64]
    """(k, 6) sums of ``tools.segmentation.regions.CUES`` over their common border."""
    first_flat: int = 1 << 30
    """Labels from here on are flat things on walls, which lie on a wall's plane and are no wall."""
    names: Mapping[int, tuple[str, float]] = field(default_factory=dict)
    """Label text and confidence, from segmenters that know names; the geometric one does not."""

    votes: FrameVotes | None = None
    """What each pixel says about its thing, from a segmenter that votes; then the map clusters votes, not segments."""

    @property
    def count(self) -> int:
        """Number of segments."""
        return int(self.labels.max(initial=0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GazeSegment:
    """The thing under a pixel."""

    surface: SurfaceImage
    mask: Bools
    """(h, w) on the surface's grid."""
    point: Floats
    """(3,) world position under the pixel."""
    persistence: float
    """Range of border strengths over which it stays the same; above 0.3 is a clear thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeMiss:
    """Why there is no thing under a pixel."""

    reason: GazeMissReason
    text: str
    """One line for a person."""


class Segmenter(Protocol):
    """Anything that finds pieces of things in posed RGB-D frames of one map.

    Whether its segments carry the names of things is told frame by frame, in ``Segments.names``.
    """

    structure: Structure
    """Floor, walls and ceiling that it has learned of the map; an empty one where it learns none."""
    border_weights: BorderWeights
    """How strongly its border cues say that two pieces belong to different things."""
    vote_kinds: tuple[str, ...]
    """Kinds of things that its votes (``Segments.votes``) are for, the building first; ``()`` when it does not vote."""

    def segment(self, frame: Frame) -> Segments:
        """All pieces in a frame. Raises ``ValueError`` for a frame without depth or pose."""
        ...

    def segment_at(self, frame: Frame, uv_px: tuple[float, float]) -> GazeSegment | GazeMiss:
        """The one thing at a colour pixel. Raises ``ValueError`` for a frame without depth or pose."""
        ...
