"""Points of an image in a grid of cells, to be looked up by place within one radius."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.types import Camera

CROWD_PX = 6.4
"""A cell holds one point per square of this side at most, the first ones: three times what it has on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cells twice as wide as the radius, so that all that is near a place lies in four of them."""

    radius_px: float
    across: int
    """Cells in a row; one more than needed on every side."""
    point: Tensor
    """(cells, room) int64, -1 = none."""
    u: Tensor
    """(cells, room), infinite where there is none."""
    v: Tensor

    @classmethod
    def of(cls, uv: Tensor, camera: Camera, radius_px: float) -> Grid:
        """The grid of an image's (N, 2) points, ``uv_px``."""
        cell_px = 2 * radius_px
        across = int(camera.width / cell_px) + 3
        cells = across * (int(camera.height / cell_px) + 3)
        place = (uv / cell_px).long() + 1
        cell = (place[:, 1] * across + place[:, 0]).clamp(0, cells - 1)
        order = cell.argsort(stable=True)
        sizes = torch.bincount(cell, minlength=cells)
        room = max(1, min(int(sizes.max()), int((cell_px / CROWD_PX) ** 2)))
        rank = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[cell[order]]
        fits = rank < room
        at, order = (cell[order][fits], rank[fits]), order[fits]
        point = torch.full((cells, room), -1)
        u, v = torch.full((2, cells, room), torch.inf)
        point[at], u[at], v[at] = order, uv[order, 0], uv[order, 1]
        return cls(radius_px=radius_px, across=across, point=point, u=u, v=v)

    def near(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of (P, 2) places in the image and points at most the radius from them, as (R,) and (R,)."""
        first = (places / (2 * self.radius_px) + 0.5).long()
        block = torch.tensor([0, 1, self.across, self.across + 1])
        cells = ((first[:, 1] * self.across + first[:, 0])[:, None] + block).reshape(-1)
        room = self.point.shape[1]
        off_u = self.u.index_select(0, cells).view(len(places), 4 * room).sub_(places[:, :1]).square_()
        off_v = self.v.index_select(0, cells).view(len(places), 4 * room).sub_(places[:, 1:]).square_()
        hit = (off_u.add_(off_v) < self.radius_px**2).view(-1).nonzero()[:, 0]
        return hit // (4 * room), self.point.view(-1)[cells[hit // room] * room + hit % room]
