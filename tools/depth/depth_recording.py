"""A recording without depth, given depth: from posed neighbours, or from a model calibrated against them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from scenes.recordings import Gravity, Recording
from scenes.types import Frame
from tools.depth.estimate import EstimatedFrame
from tools.depth.model import DepthModel
from tools.depth.sweep import SweepView, sweep_depth

LOOK_BACK, EVERY = 40, 2
"""Neighbours are every second one of the last forty frames."""
KEPT_VIEWS = 64


class DepthRecording:
    """The frames of a posed recording; those without depth get it. A recording itself (``scenes.recordings``)."""

    def __init__(self, recording: Recording, *, model: DepthModel | None = None, compile: bool | None = None) -> None:
        """``model``: estimates depth where given, else the sweep's own depth counts. ``compile``: see the kernels."""
        self.path: Path = recording.path
        self.format: str = recording.format
        self.gravity: Gravity = recording.gravity
        self.skipped: tuple[str, ...] = recording.skipped
        self._recording, self._model, self._compile = recording, model, compile
        self._view = lru_cache(maxsize=KEPT_VIEWS)(self._view_of)

    @property
    def frame_ids(self) -> tuple[int, ...]:
        """Ids of the frames in order."""
        return self._recording.frame_ids

    def __len__(self) -> int:
        return len(self._recording)

    def __getitem__(self, index: int) -> Frame:
        frame = self._recording[index]
        if frame.depth_m is not None:
            return frame
        place = index if index >= 0 else index + len(self)
        past = [self._view(i) for i in range(place - 1, max(-1, place - 1 - LOOK_BACK), -EVERY)]
        estimate = sweep_depth(frame, [view for view in past if view is not None], compile=self._compile)
        if self._model is not None:
            estimate = self._model.estimate(frame, estimate)
        return frame if estimate is None else EstimatedFrame.of(frame, estimate)

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def _view_of(self, index: int) -> SweepView | None:
        return SweepView.of(self._recording[index])


def with_depth(recording: Recording, model: DepthModel | None = None) -> Recording:
    """The recording itself where its first frame has a depth sensor and no model is asked for, else one with depth."""
    if model is None and len(recording) and recording[0].depth_m is not None:
        return recording
    return DepthRecording(recording, model=model)
