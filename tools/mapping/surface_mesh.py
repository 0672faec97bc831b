"""The mapped surface as triangles, and the height of its floor."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceMesh:
    """Triangles of the mapped surface, in the map's world frame."""

    vertices: Tensor
    """(V, 3) float32, metres."""
    triangles: Tensor
    """(T, 3) int64, counter-clockwise seen from free space."""
    rgb: Tensor
    """(V, 3) uint8."""


def floor_height_of(mesh: SurfaceMesh) -> float | None:
    """Height (world y, metres) of the lowest large horizontal surface that faces up; None when there is none.

    Large: at least 5% of the upward-facing area, or half a square metre when that is less.
    """
    corners = mesh.vertices[mesh.triangles]
    cross = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = cross.norm(dim=-1) / 2
    up = (cross[:, 1] / 2) > 0.9 * area
    up &= area > 0
    if not bool(up.any()):
        return None
    height, area = corners[up][:, :, 1].mean(1), area[up]
    bin_m = 0.05
    index = torch.floor(height / bin_m).long()
    lowest = int(index.min())
    histogram = torch.zeros(int(index.max()) - lowest + 3).index_add_(0, index - lowest + 1, area)
    # A floor may straddle a bin's edge, so judge each bin with its neighbours.
    smooth = histogram[:-2] + histogram[1:-1] + histogram[2:]
    large = smooth >= min(0.5, 0.05 * float(area.sum()))
    first = int(large.nonzero()[0, 0])
    # The first bin that passes may only graze the floor; its peak is within the next two.
    peak = first + int(smooth[first : first + 3].argmax())
    near = ((index - lowest) - peak).abs() <= 1
    order = height[near].argsort()
    cumulative = area[near][order].cumsum(0)
    return float(height[near][order][int(torch.searchsorted(cumulative, cumulative[-1] / 2))])
