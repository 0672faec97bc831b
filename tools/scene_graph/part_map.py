"""A map's parts: pieces of surface that keep their identity over frames, and what the scene graph asks of their map.

Two kinds of ``PartMap`` fill the protocol: ``tools.scene_graph.segment_map`` joins the segments of frames, and
``tools.scene_graph.vote_map`` clusters the votes of a segmenter that votes. Which parts make one object is theirs to
say; what becomes of an object is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scenes.types import Box3D
from tools.geometry.voxels import VoxelTable
from tools.segmentation.base import Segments
from tools.segmentation.merging import BorderWeights


@dataclass(slots=True, kw_only=True)
class Part:
    """One piece of surface."""

    id: int
    first_seen_s: float
    last_seen_s: float
    frames: int = 1
    flat: bool = False
    """A flat thing on a wall: its voxels are no background although they lie on the wall's plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFit:
    """What a part map says of an object beyond its surface."""

    box: Box3D | None = None
    """None: the surface alone says how large it is."""
    supported: bool = True
    """False while too little speaks for an object to show it."""


class PartMap(Protocol):
    """Parts, the voxels that they own, and which of them belong together."""

    parts: dict[int, Part]
    border: dict[tuple[int, int], NDArray[np.float64]]
    """(a, b) with a < b -> sums of ``tools.segmentation.regions.CUES`` over all views; empty where none is kept."""
    next_id: int
    locked: set[int]
    """Parts that a person has pointed out: other parts cannot take their voxels."""

    @property
    def voxels(self) -> VoxelTable:
        """All voxels of the map; ``owner`` is the part that each belongs to, 0 for none."""
        ...

    def add_frame(self, segments: Segments, time_s: float) -> NDArray[np.int32]:
        """Add a frame; returns the part that each pixel of its surface shows, (h, w), 0 for none."""
        ...

    def groups(
        self,
        pinned: Mapping[int, str],
        time_s: float,
        background: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
        weights: BorderWeights,
    ) -> list[list[int]]:
        """Which parts make one object; parts ``pinned`` to one object stay together.

        ``background`` tells which of (N, 3) points are floor, wall or ceiling.
        """
        ...

    def reliable_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of an object's voxels, given by row, those to believe."""
        ...

    def fit(self, rows: NDArray[np.int64], room_yaw: float | None) -> ObjectFit | None:
        """What speaks for an object of some voxels. None: too little is known to change what was said before."""
        ...

    def label_weights(self, parts: Sequence[int], rows: NDArray[np.int64]) -> dict[str, float]:
        """What the segmenter took an object of some parts and voxels for: evidence per label."""
        ...

    def add_part(self, time_s: float) -> int:
        """A new part without voxels; returns its id."""
        ...

    def sizes(self) -> dict[int, int]:
        """Voxels per part that owns any."""
        ...

    def drop_empty(self) -> list[int]:
        """Forget parts that own no voxel any more; returns their ids."""
        ...


class PartTable:
    """The state that both kinds of part map share: parts, their voxels, and the borders between them."""

    def __init__(self, voxels: VoxelTable) -> None:
        """``voxels``: the table to fill, empty."""
        self.voxels = voxels
        self.parts: dict[int, Part] = {}
        self.border: dict[tuple[int, int], NDArray[np.float64]] = {}
        self.next_id = 1
        self.locked: set[int] = set()

    def add_part(self, time_s: float) -> int:
        """A new part without voxels; returns its id."""
        part = Part(id=self.next_id, first_seen_s=time_s, last_seen_s=time_s)
        self.parts[part.id] = part
        self.next_id += 1
        return part.id

    def sizes(self) -> dict[int, int]:
        """Voxels per part that owns any."""
        owner, count = np.unique(self.voxels.owner, return_counts=True)
        return {int(o): int(c) for o, c in zip(owner, count, strict=True) if o > 0}

    def drop_empty(self) -> list[int]:
        """Forget parts that own no voxel any more, unless a person pointed them out; returns their ids."""
        alive = self.sizes()
        gone = [p for p in self.parts if p not in alive and p not in self.locked]
        for part in gone:
            del self.parts[part]
        if gone:
            dead = set(gone)
            self.border = {k: v for k, v in self.border.items() if k[0] not in dead and k[1] not in dead}
        return gone
