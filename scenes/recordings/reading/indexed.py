"""The recording that all readers return: a list of frame sources, each of which loads one frame when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.types import Camera, Frame

ASSUMED_HZ = 30.0
"""Frame rate of recordings that hold no times: that of Kinect, HoloLens and most phones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameSource:
    """What is known of a frame before its pixels are read."""

    id: int
    time_s: float
    camera: Camera
    read_rgb: Callable[[], Tensor]
    """Reads the (H, W, 3) uint8 image; raises RecordingError."""
    world_from_camera: Tensor | None
    depth_camera: Camera | None = None
    read_depth: Callable[[], Tensor] | None = None
    """Reads the (Hd, Wd) float32 depth; set exactly when ``depth_camera`` is."""
    camera_from_depth: Tensor = field(default_factory=lambda: torch.eye(4, dtype=torch.float64))
    depth_time_s: float | None = None

    def load(self) -> Frame:
        """Read the images. Raises RecordingError."""
        return Frame(
            id=self.id,
            time_s=self.time_s,
            camera=self.camera,
            rgb=self.read_rgb(),
            world_from_camera=self.world_from_camera,
            depth_m=self.read_depth() if self.read_depth is not None else None,
            depth_camera=self.depth_camera,
            camera_from_depth=self.camera_from_depth,
            depth_time_s=self.depth_time_s,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class IndexedRecording:
    """A ``Recording`` over frame sources. It keeps the index in memory, never the pixels."""

    path: Path
    format: str
    gravity: Gravity
    sources: tuple[FrameSource, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What the reader had to assume or mend, one line each."""
    world_from_source: Tensor = field(default_factory=lambda: torch.eye(4, dtype=torch.float64))
    """(4, 4): from the world of the files to ours (Y up), to compare with poses given in the former."""

    def __post_init__(self) -> None:
        if not self.sources:
            why = f" ({len(self.skipped)} left out, the first: {self.skipped[0]})" if self.skipped else ""
            raise RecordingError(f"{self.path}: expected a {self.format} recording with frames, got none{why}")
        seen: set[int] = set()
        for source in self.sources:
            if source.id in seen:
                raise RecordingError(f"{self.path}: expected each frame id once, got {source.id} twice")
            seen.add(source.id)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int) -> Frame:
        return self.sources[index].load()

    def __iter__(self) -> Iterator[Frame]:
        return (source.load() for source in self.sources)

    @property
    def frame_ids(self) -> tuple[int, ...]:
        """Ids in capture order."""
        return tuple(source.id for source in self.sources)

    def moved(self, new_world_from_world: Tensor, gravity: Gravity) -> IndexedRecording:
        """The same recording in another world frame."""
        moved = [
            source
            if source.world_from_camera is None
            else replace(source, world_from_camera=new_world_from_world @ source.world_from_camera)
            for source in self.sources
        ]
        return replace(
            self,
            sources=tuple(moved),
            gravity=gravity,
            world_from_source=new_world_from_world @ self.world_from_source,
        )


def in_time_order(sources: Sequence[FrameSource], notes: list[str]) -> tuple[FrameSource, ...]:
    """Sources sorted by capture time; a note says how many were out of order. Raises RecordingError for NaN times."""
    for source in sources:
        if not math.isfinite(source.time_s):
            raise RecordingError(f"frame {source.id}: expected a finite time, got {source.time_s}")
    late = sum(b.time_s < a.time_s for a, b in pairwise(sources))
    if late:
        notes.append(f"{late} times were earlier than the one before: frames sorted by time")
    return tuple(sorted(sources, key=lambda source: source.time_s))
