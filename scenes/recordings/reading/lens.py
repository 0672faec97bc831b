"""Lenses that bend straight lines, and the resampling that turns their images into pinhole images.

A lens maps ideal image coordinates (x/z, y/z) to the coordinates that it really projects to, in units of the focal
length. A ``Rectifier`` knows where each pixel of a pinhole image lies in the original one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from scenes.geometry import backproject, pixel_grid
from scenes.types import Camera


class Lens(Protocol):
    """A projection other than the pinhole's."""

    def distort(self, ideal: Tensor) -> Tensor:
        """(..., 2) ideal coordinates (x/z, y/z) -> (..., 2) coordinates in the image, both over the focal length."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrownConradyLens:
    """Radial and tangential distortion, as OpenCV's ``calibrateCamera`` gives it (Brown, 1971)."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    def distort(self, ideal: Tensor) -> Tensor:
        """See ``Lens``."""
        x, y = ideal.unbind(-1)
        r2 = x * x + y * y
        radial = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        u = x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
        v = y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
        return torch.stack([u, v], dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FisheyeLens:
    """Equidistant fisheye: an odd polynomial of the angle to the axis, then tangential and thin-prism terms.

    With four radial coefficients it is OpenCV's fisheye (Kannala and Brandt, 2006); with six, two tangential and
    four thin-prism coefficients it is FISHEYE624 of Project Aria (facebookresearch.github.io/projectaria_tools,
    "Camera intrinsic models").
    """

    radial: tuple[float, ...]
    tangential: tuple[float, float] = (0.0, 0.0)
    thin_prism: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def distort(self, ideal: Tensor) -> Tensor:
        """See ``Lens``."""
        radius = ideal.norm(dim=-1, keepdim=True)
        angle = torch.atan(radius)
        power, scale = angle, angle.clone()
        for coefficient in self.radial:
            power = power * angle * angle
            scale = scale + coefficient * power
        # On the axis the ratio of angle and radius is 1.
        uv = ideal * torch.where(radius > 1e-9, scale / radius.clamp_min(1e-9), torch.ones_like(radius))
        square = (uv * uv).sum(-1, keepdim=True)
        p = torch.tensor(self.tangential, dtype=uv.dtype)
        s = torch.tensor(self.thin_prism, dtype=uv.dtype).reshape(2, 2)
        bent = uv + 2 * (uv * p).sum(-1, keepdim=True) * uv + square * p
        return bent + torch.cat([square, square * square], dim=-1) @ s.T


class Rectifier:
    """Resamples images of ``source`` behind ``lens`` to the pinhole camera ``target`` (same centre of projection).

    ``source`` holds size, focal length and principal point; ``source_from_target`` is a (3, 3) rotation between the
    two cameras. For z-depth to stay z-depth it may turn only about the optical axis.
    """

    def __init__(self, source: Camera, lens: Lens, target: Camera, source_from_target: Tensor | None = None) -> None:
        self.source, self.target = source, target
        rays = backproject(
            target,
            pixel_grid(target.width, target.height, torch.float64),
            torch.ones(target.height, target.width, dtype=torch.float64),
        )
        if source_from_target is not None:
            rays = rays @ source_from_target.double().T
        self._ahead = rays[..., 2] > 1e-6
        bent = lens.distort(rays[..., :2] / rays[..., 2:].clamp_min(1e-6))
        focal = torch.tensor([source.fx, source.fy], dtype=torch.float64)
        centre = torch.tensor([source.cx, source.cy], dtype=torch.float64)
        self.source_uv_px = bent * focal + centre
        """(H, W, 2) float64: where each pixel of the target lies in the source."""
        size = torch.tensor([source.width, source.height], dtype=torch.float64)
        self.inside = self._ahead & ((self.source_uv_px >= 0) & (self.source_uv_px < size)).all(-1)
        """(H, W) bool: the target pixel has a source."""

    def colour(self, rgb: Tensor) -> Tensor:
        """(h, w, 3) uint8 of the source -> (H, W, 3) uint8 of the target, bilinear; black where there is no source."""
        size = torch.tensor([self.source.width, self.source.height], dtype=torch.float64)
        # With align_corners=False, -1 and 1 are the outer edges of the outer pixels: our pixel convention.
        grid = (2 * self.source_uv_px / size - 1).float()[None]
        image = rgb.permute(2, 0, 1)[None].float()
        out = torch.nn.functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
        out = out[0].permute(1, 2, 0) * self.inside[..., None]
        return out.round().clamp(0, 255).to(torch.uint8)

    def nearest(self, values: Tensor) -> Tensor:
        """(h, w) of the source -> (H, W) of the target, nearest pixel; 0 where there is no source.

        For depth and ids, which must not be mixed.
        """
        column, row = self.source_uv_px.floor().long().unbind(-1)
        picked = values[row.clamp(0, self.source.height - 1), column.clamp(0, self.source.width - 1)]
        return torch.where(self.inside, picked, torch.zeros_like(picked))


@lru_cache(maxsize=4)
def same_pinhole_rectifier(camera: Camera, lens: BrownConradyLens | FisheyeLens) -> Rectifier:
    """The rectifier that keeps a camera's size, focal length and centre; kept for its other frames."""
    return Rectifier(camera, lens, camera)


def rectified(camera: Camera, lens: BrownConradyLens | FisheyeLens | None, image: Tensor) -> Tensor:
    """A colour (H, W, 3) or depth (H, W) image without the lens's distortion; as it is where there is no lens."""
    if lens is None:
        return image
    rectifier = same_pinhole_rectifier(camera, lens)
    return rectifier.colour(image) if image.dim() == 3 else rectifier.nearest(image)


def fisheye_from_aria(params: Sequence[float]) -> FisheyeLens:
    """FISHEYE624 from Aria's 15 numbers ``f cx cy k0..k5 p0 p1 s0..s3``."""
    k, p, s = params[3:9], params[9:11], params[11:15]
    return FisheyeLens(radial=tuple(k), tangential=(p[0], p[1]), thin_prism=(s[0], s[1], s[2], s[3]))
