"""A posed recording without depth, with depth added: from posed neighbours, or from a model calibrated against them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from scenes.recordings import Gravity, Recording
from scenes.types import Frame
from tools.depth.estimate import EstimatedFrame
from tools.depth.model import DepthModel
from tools.depth.sweep import SweepView, sweep_depth

NEIGHBOUR_HISTORY, NEIGHBOUR_STRIDE = 40, 2
"""Candidate neighbours of a frame: every second one of the last forty frames."""
CACHED_VIEWS = 64


class DepthRecording:
    """A ``Recording`` whose frames without depth have estimated depth."""

    def __init__(self, recording: Recording, *, model: DepthModel | None = None, compile: bool | None = None) -> None:
        """``model``: estimates the depth, calibrated against that of the sweep; None: the depth of the sweep itself.

        ``compile``: see ``tools.kernels.compiled.kernels``.
        """
        self.path: Path = recording.path
        self.format: str = recording.format
        self.gravity: Gravity = recording.gravity
        self.skipped: tuple[str, ...] = recording.skipped
        self._recording, self._model, self._compile = recording, model, compile
        self._view = lru_cache(maxsize=CACHED_VIEWS)(self._view_of)

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
        past = [self._view(i) for i in range(place - 1, max(-1, place - 1 - NEIGHBOUR_HISTORY), -NEIGHBOUR_STRIDE)]
        estimate = sweep_depth(frame, [view for view in past if view is not None], compile=self._compile)
        if self._model is not None:
            estimate = self._model.estimate(frame, estimate)
        return frame if estimate is None else EstimatedFrame.of(frame, estimate)

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def _view_of(self, index: int) -> SweepView | None:
        return SweepView.of(self._recording[index])


def with_depth(recording: Recording, model: DepthModel | None = None) -> Recording:
    """A recording with depth: unchanged where its first frame has sensor depth and no model is given."""
    if model is None and len(recording) and recording[0].depth_m is not None:
        return recording
    return DepthRecording(recording, model=model)
