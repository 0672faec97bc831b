"""Flat things on walls: pictures, windows, mirrors, clocks, told from the wall by colour alone.

They lie within depth noise of their wall, so geometry cannot cut them out. A wall region counts as a thing when its
colour differs from that of the wall around it, it is of a size that people hang up, and it fills an upright rectangle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.geometry.quantiles import percentiles
from tools.geometry.surfaces import Bools, Floats, SurfaceImage
from tools.segmentation.merging import BorderWeights
from tools.segmentation.regions import hierarchy
from tools.segmentation.structure import WALL

AREA_M2 = (0.02, 4.0)
"""From a light switch panel to a wide window."""
MIN_SIDE_M = 0.1
MIN_FILL = 0.6
"""Share of its upright bounding rectangle that it covers; an ellipse covers 0.79, a shadow or a stain less."""
MIN_CONTRAST_LAB = 9.0
"""Distance of its mean colour from its wall's; plain textures stay below."""
CUT_LEVEL = 0.69
"""Border strength (undecided, see ``BorderWeights``) at which the regions of a wall are cut."""
MIN_PX = 20
"""Smaller regions tell nothing."""


def wall_hangings(surface: SurfaceImage, background: NDArray[np.uint8], edge: Floats) -> NDArray[np.int32]:
    """(h, w) labels 1..n of flat things on the walls of a frame, 0 elsewhere.

    ``edge`` are the cues of ``tools.segmentation.regions.borders``; only colour counts here.
    """
    out = np.zeros(background.shape, np.int32)
    walls = (background == WALL) & surface.valid
    if walls.sum() < 10 * MIN_PX:
        return out
    flat = edge.copy()
    flat[..., 1:4] = 0.0
    regions = hierarchy(surface, flat, walls, BorderWeights()).cut(CUT_LEVEL)
    size = np.bincount(regions.ravel())
    size[0] = 0
    plain = _plain_color(surface, regions, size)
    count = 0
    for label in np.flatnonzero(size >= MIN_PX):
        mask = regions == label
        if _is_wall_hanging(surface, mask, plain[label], walls):
            count += 1
            out[mask] = count
    return out


def _plain_color(surface: SurfaceImage, regions: NDArray[np.int32], size: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n + 1, 3) for each region: the mean colour of the largest region that faces the same way, its wall."""
    n = len(size)
    total = np.maximum(size, 1)[:, None]
    flat = regions.ravel()
    normal = np.stack([np.bincount(flat, surface.normals[..., k].ravel(), n) for k in range(3)], -1) / total
    color = np.stack([np.bincount(flat, surface.lab[..., k].ravel(), n) for k in range(3)], -1) / total
    alike = normal @ normal.T > 0.9
    wall = np.where(alike, size[None, :], 0).argmax(1)
    return color[wall]


def _is_wall_hanging(surface: SurfaceImage, mask: Bools, wall_color: NDArray[np.float64], walls: Bools) -> bool:
    if np.linalg.norm(surface.lab[mask].mean(0) - wall_color) < MIN_CONTRAST_LAB:
        return False
    border = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    if border:
        # Cut by the image border it may be anything, such as another wall seen in part.
        return False
    points, normal = surface.points[mask], surface.normals[mask].mean(0)
    along = points[:, 2] * normal[0] - points[:, 0] * normal[2]
    low, high = percentiles(np.stack([along, points[:, 1]], -1), (2.0, 98.0))
    width, height = (high - low) / 0.96
    if min(width, height) < MIN_SIDE_M or not AREA_M2[0] <= width * height <= AREA_M2[1]:
        return False
    towards = surface.eye - points
    slant = np.abs(towards @ normal) / np.linalg.norm(towards, axis=-1)
    pixel_m2 = surface.depth_m[mask] ** 2 / (surface.camera.fx * surface.camera.fy) / np.maximum(slant, 0.15)
    return bool(pixel_m2.sum() >= MIN_FILL * width * height) and _surrounded_by(mask, walls)


def _surrounded_by(mask: Bools, walls: Bools) -> bool:
    """Whether wall surrounds it: a sliver between a wall and a cupboard is no picture."""
    grown = np.zeros_like(mask)
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    ring = grown & ~mask
    return bool(walls[ring].mean() > 0.6)
