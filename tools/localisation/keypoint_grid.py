"""Points of an image sorted into a grid of cells, to find those within one radius of a place fast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.types import Camera

MIN_SPACING_PX = 6.4
"""A cell keeps at most one point per square of this side, the first ones; that is three times the average density."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointGrid:
    """Cells are twice as wide as the radius, so that all points within the radius of a place lie in four of them."""

    radius_px: float
    columns: int
    """Cells in a row, with an empty one on either side."""
    point: Tensor
    """(cells, capacity) int64 index of the point, -1 = none."""
    u: Tensor
    """(cells, capacity) its position in pixels, infinite where there is none."""
    v: Tensor

    @classmethod
    def of(cls, uv: Tensor, camera: Camera, radius_px: float) -> KeypointGrid:
        """The grid of an image's (N, 2) points, ``uv_px``."""
        cell_px = 2 * radius_px
        columns = int(camera.width / cell_px) + 3
        cells = columns * (int(camera.height / cell_px) + 3)
        place = (uv / cell_px).long() + 1
        cell = (place[:, 1] * columns + place[:, 0]).clamp(0, cells - 1)
        order = cell.argsort(stable=True)
        sizes = torch.bincount(cell, minlength=cells)
        capacity = max(1, min(int(sizes.max()), int((cell_px / MIN_SPACING_PX) ** 2)))
        rank = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[cell[order]]
        fits = rank < capacity
        at, order = (cell[order][fits], rank[fits]), order[fits]
        point = torch.full((cells, capacity), -1)
        u, v = torch.full((2, cells, capacity), torch.inf)
        point[at], u[at], v[at] = order, uv[order, 0], uv[order, 1]
        return cls(radius_px=radius_px, columns=columns, point=point, u=u, v=v)

    def points_near(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """All R pairs of (P, 2) places in the image and points at most the radius away: both indices, (R,) each."""
        first = (places / (2 * self.radius_px) + 0.5).long()
        block = torch.tensor([0, 1, self.columns, self.columns + 1])
        cells = ((first[:, 1] * self.columns + first[:, 0])[:, None] + block).reshape(-1)
        capacity = self.point.shape[1]
        off_u = self.u.index_select(0, cells).view(len(places), 4 * capacity).sub_(places[:, :1]).square_()
        off_v = self.v.index_select(0, cells).view(len(places), 4 * capacity).sub_(places[:, 1:]).square_()
        hit = (off_u.add_(off_v) < self.radius_px**2).view(-1).nonzero()[:, 0]
        return hit // (4 * capacity), self.point.view(-1)[cells[hit // capacity] * capacity + hit % capacity]
