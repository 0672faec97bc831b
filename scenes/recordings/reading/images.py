"""Colour and depth images of a recording, from files or bytes to tensors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from scenes.recordings.reading.base import RecordingError
from scenes.types import Camera

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
"""What Pillow raises for files that are missing, cut short, or not images."""


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) from the header alone. Raises RecordingError."""
    try:
        with Image.open(path) as image:
            return image.size
    except _BROKEN as error:
        raise RecordingError(f"{path}: expected an image, got: {error}") from error


def check_size(path: Path, camera: Camera, what: str) -> None:
    """Raises RecordingError where the image file has not the size of its camera."""
    size = image_size(path)
    if size != (camera.width, camera.height):
        raise RecordingError(
            f"{path}: expected {what} of {camera.width}x{camera.height}, got {size[0]}x{size[1]}; "
            "the image or its calibration belongs to another resolution"
        )


def depth_camera_of_view(depth: Path, camera: Camera) -> Camera:
    """The camera of a depth image that covers the view of ``camera``, often at a lower resolution.

    Raises RecordingError where the proportions of the two differ by more than 1%.
    """
    width, height = image_size(depth)
    if abs(width / height - camera.width / camera.height) > 0.01:
        raise RecordingError(
            f"{depth}: expected depth of {camera.width}x{camera.height} or of its proportions, got {width}x{height}"
        )
    return camera if (width, height) == (camera.width, camera.height) else camera.resized(width, height)


def read_rgb(source: Path | bytes, camera: Camera, where: str = "") -> Tensor:
    """(H, W, 3) uint8 of an image file or its bytes; grey images get three equal channels. Raises RecordingError."""
    name = where or str(source)
    try:
        with Image.open(_opened(source)) as image:
            pixels = np.array(image.convert("RGB"))
    except _BROKEN as error:
        raise RecordingError(f"{name}: expected a colour image, got: {error}") from error
    _check_shape(name, pixels.shape[:2], camera, "colour")
    return torch.from_numpy(pixels)


def read_depth(
    source: Path | bytes, camera: Camera, *, unit_m: float = 0.001, invalid: int | None = None, where: str = ""
) -> Tensor:
    """(H, W) float32 metres of a 16-bit grey image whose step is ``unit_m``; 0 and ``invalid`` become 0.

    Raises RecordingError for an image that is broken, not 16-bit grey, or of another size than the camera.
    """
    name = where or str(source)
    try:
        with Image.open(_opened(source)) as image:
            if not image.mode.startswith("I"):
                raise RecordingError(f"{name}: expected 16-bit grey depth, got an image of mode {image.mode}")
            steps = np.array(image).astype(np.int64)
    except RecordingError:
        raise
    except _BROKEN as error:
        raise RecordingError(f"{name}: expected a depth image, got: {error}") from error
    _check_shape(name, steps.shape, camera, "depth")
    if invalid is not None:
        steps[steps == invalid] = 0
    return torch.from_numpy((steps * unit_m).astype(np.float32))


def _opened(source: Path | bytes) -> Path | io.BytesIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _check_shape(name: str, shape: tuple[int, ...], camera: Camera, what: str) -> None:
    if tuple(shape) != (camera.height, camera.width):
        got = "x".join(str(n) for n in reversed(shape))
        raise RecordingError(
            f"{name}: expected {what} of {camera.width}x{camera.height}, got {got}; "
            "the image or its calibration belongs to another resolution"
        )
