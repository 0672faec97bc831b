"""Frames of a video file, by number, with one frame in memory."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scenes.recordings.reading.base import RecordingError


class Video:
    """A video that is decoded forwards; asking for an earlier frame starts again from the beginning.

    Seeking by number is not exact in compressed video, so it is not done. Decoding is OpenCV's, an optional
    dependency: nothing else here needs it.
    """

    def __init__(self, path: Path) -> None:
        """Raises RecordingError where OpenCV is not installed or the file is not a video."""
        try:
            self._cv2: Any = importlib.import_module("cv2")
        except ImportError as error:
            raise RecordingError(
                f"{path}: expected a decoder for video, got none; pip install opencv-python-headless, "
                f"or extract the frames into {path.with_suffix('')}/000000.jpg and so on"
            ) from error
        self.path = path
        self._capture: Any = None
        self._next = 0
        self._open()
        self.size = (
            int(self._capture.get(self._cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(self._cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        """(width, height)."""

    def frame(self, index: int) -> Tensor:
        """(H, W, 3) uint8. Raises RecordingError where the video is shorter or damaged."""
        if index < self._next:
            self._open()
        while self._next < index:
            if not self._capture.grab():
                break
            self._next += 1
        read, pixels = self._capture.read()
        if not read:
            raise RecordingError(f"{self.path}: expected frame {index}, got a video of {self._next} frames")
        self._next += 1
        return torch.from_numpy(pixels[:, :, ::-1].copy())

    def _open(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = self._cv2.VideoCapture(str(self.path))
        if not self._capture.isOpened():
            raise RecordingError(f"{self.path}: expected a video, got a file that cannot be decoded")
        # The poses and intrinsics belong to the sensor's pixels, not to the way the phone was held.
        self._capture.set(self._cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._next = 0
