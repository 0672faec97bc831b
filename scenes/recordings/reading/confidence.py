"""Depth with a confidence image beside it, as phones with a LiDAR record it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from scenes.recordings.reading.base import RecordingError
from scenes.recordings.reading.images import read_depth
from scenes.types import Camera

MEDIUM = 1
"""ARKit's ARConfidenceLevel: 0 low, 1 medium, 2 high. Low is mostly edges and far surfaces, off by decimetres."""


def read_confident_depth(depth: Path, confidence: Path | None, camera: Camera, unit_m: float = 0.001) -> Tensor:
    """(H, W) float32 metres, 0 where the confidence is low; all of it where there is no confidence image.

    Raises RecordingError for images that are broken or of different sizes.
    """
    metres = read_depth(depth, camera, unit_m=unit_m)
    if confidence is None:
        return metres
    try:
        with Image.open(confidence) as image:
            levels = np.array(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise RecordingError(f"{confidence}: expected a confidence image, got: {error}") from error
    return without_low_confidence(metres, levels, str(confidence))


def without_low_confidence(metres: Tensor, levels: np.ndarray, where: str) -> Tensor:
    """Depth with 0 where the (H, W) levels are below ``MEDIUM``."""
    if levels.shape != tuple(metres.shape):
        raise RecordingError(f"{where}: expected confidence of {tuple(metres.shape)}, got {levels.shape}")
    return torch.where(torch.from_numpy(levels.astype(np.int64)) >= MEDIUM, metres, torch.zeros_like(metres))
