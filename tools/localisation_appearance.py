"""How much an image looks like a map's rendered colours from a pose: tells poses apart that matches on one wall do not.

Matches in a strip of the image fix a pose only up to a step aside with a turn back; but then what is near and what is
far lies wrongly against each other, and the whole picture shows it. Local correlation, because a map's colours are
those of other exposures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from scenes.geometry import inverse
from scenes.types import Camera
from tools.localisation_features import luma
from tools.localisation_surface import working_camera
from tools.mapping import SurfaceMap

WIDTH = 96
"""Pixels across of the compared pictures: a pixel is a map's voxel, 2 cm, at 3 m."""
WINDOW_PX = 9
"""Correlation is that of windows of this size."""
MIN_SEEN = 0.6
"""Share of a window that the map must show."""
MIN_WINDOWS = 0.03
"""Share of the image's windows that must be comparable; else nothing is known."""
NOISE = 2e-4
"""Variance of intensities 0..1 below which a window has nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """A small picture of an image."""

    camera: Camera
    gray: Tensor
    """(h, w) float32, 0..1."""

    @classmethod
    def of(cls, rgb: Tensor, camera: Camera) -> Appearance:
        """The picture of an (H, W, 3) uint8 image."""
        small = working_camera(camera, WIDTH)
        gray = functional.interpolate(
            luma(rgb)[None, None], (small.height, small.width), mode="bilinear", antialias=True
        )
        return cls(camera=small, gray=gray[0, 0])

    def likeness(self, surface: SurfaceMap, camera_from_world: Tensor) -> float:
        """Mean correlation -1..1 with what the map shows from a pose; 0 where it shows too little."""
        view = surface.raycast(self.camera, inverse(camera_from_world))
        return correlation(self.gray, luma(view.rgb), view.valid)


def correlation(a: Tensor, b: Tensor, valid: Tensor) -> float:
    """Mean correlation of the windows of two (h, w) pictures where ``valid`` (h, w) says that both are known."""
    mask = valid.float()
    a, b = a * mask, b * mask
    sums = torch.stack([mask, a, b, a * a, b * b, a * b])[:, None]
    means = functional.avg_pool2d(sums, WINDOW_PX, 1, WINDOW_PX // 2)[:, 0]
    seen = means[0].clamp_min(1e-6)
    mean_a, mean_b, square_a, square_b, product = (means[1:] / seen).unbind(0)
    variance_a, variance_b = (square_a - mean_a**2).clamp_min(0), (square_b - mean_b**2).clamp_min(0)
    windows = (product - mean_a * mean_b) / ((variance_a + NOISE) * (variance_b + NOISE)).sqrt()
    counted = valid & (seen > MIN_SEEN)
    return float(windows[counted].mean()) if float(counted.float().mean()) > MIN_WINDOWS else 0.0
