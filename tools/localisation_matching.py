"""Which map points an image's keypoints may be: first by likeness alone, then, near a pose, by place and likeness.

Likeness alone is mostly wrong across a wide baseline. What tells right matches from wrong ones is that they move
together: neighbours in a keyframe are neighbours in the image (Bian et al. 2017). The matches of each keyframe are
judged by how many of its others agree with them. Knows nothing of poses' accuracy or of maps' surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.localisation_features import Features
from tools.localisation_tables import KeyframeTables, strongest

CANDIDATES = 24
"""Keyframes that look most like the image by their VLAD; matching tells which of them show the same."""
RATIO = 0.95
"""A match's distance must be this much below that of the keypoint's second choice in a keyframe (Lowe's test)."""
REACH = 0.2
"""Matches within this share of the image's width judge each other."""
STRETCH, SLACK = 0.35, 0.008
"""Two matches agree when their offsets differ by less than this share of their distance in the keyframe, plus this
share of the width: a view from the side shortens distances by a third."""
MIN_AGREEING = 2
"""Matches that must agree with one for it to be tried: chance gives 0.3."""
COVISIBLE = 12
"""Keyframes that show most of what a pose sees; their points are looked for in the image."""
MOST_POINTS = 4000
"""Map points that are looked for near a pose, evenly from all keyframes: more make no pose better."""
CELL_PX, CELL_ROOM = 32, 20
"""Keypoints are looked up in cells of this size; a cell holds so many, the strongest of each scale first."""
LEAST_DEPTH_M = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Keypoints of an image and map points that look like them."""

    keypoint: Tensor
    """(M,) int64."""
    points: Tensor
    """(M, 3) float64, world."""
    weight: Tensor
    """(M,) float64: how much a match is believed before there is a pose."""

    def __len__(self) -> int:
        return len(self.keypoint)


def agreeing_matches(features: Features, camera: Camera, tables: KeyframeTables) -> Pairs:
    """Matches by likeness that other matches of the same keyframe agree with."""
    chosen = strongest(features.scale)
    views = tables.nearest_views(features.descriptors, CANDIDATES)
    uv, points = tables.screened_uv[views], tables.screened_points[views]
    # A row of padding is as unlike all others as can be: their likeness is 0, that of two histograms 0.4 at least.
    likeness = torch.matmul(features.descriptors[chosen].bfloat16(), tables.screened_descriptors[views].mT).float()
    best, choice = likeness.max(2)
    back = likeness.argmax(1)
    view, row = (back.gather(1, choice) == torch.arange(len(chosen))).nonzero(as_tuple=True)
    column = choice[view, row]
    second = likeness[view, row].scatter_(1, column[:, None], -1.0).amax(1)
    clear = (2 - 2 * best[view, row]).clamp_min(0) < RATIO**2 * (2 - 2 * second).clamp_min(0)
    view, row, column = view[clear], row[clear], column[clear]
    keypoint = chosen[row]
    support = agreement(view, features.uv[keypoint] / camera.width, uv[view, column])
    keep = support >= MIN_AGREEING
    return Pairs(
        keypoint=keypoint[keep],
        points=points[view[keep], column[keep]].double(),
        weight=support[keep].double(),
    )


def agreement(view: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """(M,) how many matches of the same keyframe agree with each; ``view`` (M,) ascending, positions in widths."""
    sizes = torch.bincount(view).tolist()
    a = pad_sequence(list(here.split(sizes)), batch_first=True)
    b = pad_sequence(list(there.split(sizes)), batch_first=True)
    there_now = torch.arange(a.shape[1]) < torch.tensor(sizes)[:, None]
    between_a, between_b = a[:, :, None] - a[:, None], b[:, :, None] - b[:, None]
    apart = between_b.norm(dim=-1)
    agreed = (between_a - between_b).norm(dim=-1) < STRETCH * apart + SLACK
    # Matches of one and the same place tell nothing of each other.
    agreed &= (apart < REACH) & (apart > SLACK) & there_now[:, None] & there_now[:, :, None]
    return agreed.sum(-1)[there_now]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """An image's keypoints in a grid of cells, to be looked up by place."""

    features: Features
    camera: Camera
    across: int
    """Cells in a row; one more than needed on every side."""
    table: Tensor
    """(cells, CELL_ROOM) int64 keypoints, -1 = none."""
    uv: Tensor
    """(cells, CELL_ROOM, 2), infinite where there is none."""

    @classmethod
    def of(cls, features: Features, camera: Camera) -> Keypoints:
        """The grid of an image; a cell keeps ``CELL_ROOM`` keypoints, from fine to coarse."""
        across = camera.width // CELL_PX + 3
        cells = across * (camera.height // CELL_PX + 3)
        place = (features.uv / CELL_PX).long() + 1
        cell = (place[:, 1] * across + place[:, 0]).clamp(0, cells - 1)
        order = cell.argsort(stable=True)
        sizes = torch.bincount(cell, minlength=cells)
        rank = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[cell[order]]
        fits = rank < CELL_ROOM
        at, order = (cell[order][fits], rank[fits]), order[fits]
        table = torch.full((cells, CELL_ROOM), -1)
        uv = torch.full((cells, CELL_ROOM, 2), torch.inf)
        table[at], uv[at] = order, features.uv[order]
        return cls(features=features, camera=camera, across=across, table=table, uv=uv)

    def within(self, places: Tensor, radius_px: float) -> tuple[Tensor, Tensor]:
        """Rows of (P, 2) places and keypoints at most ``radius_px`` (and one cell) from them, as (R,) and (R,)."""
        cell = (places / CELL_PX).long() + 1
        block = torch.tensor([y * self.across + x for y in (-1, 0, 1) for x in (-1, 0, 1)])
        cell = (cell[:, 1] * self.across + cell[:, 0])[:, None] + block
        row, around, slot = ((self.uv[cell] - places[:, None, None]).square().sum(-1) < radius_px**2).nonzero(
            as_tuple=True
        )
        return row, self.table[cell[row, around], slot]


def matches_near(
    found: Keypoints, camera_from_world: Tensor, tables: KeyframeTables, *, radius_px: float, least_likeness: float
) -> Pairs:
    """For every map point that a pose puts into the image, the most alike keypoint within ``radius_px``.

    Only keypoints at least as alike as ``least_likeness``. Points of the ``COVISIBLE`` keyframes that share most.
    """
    rows = tables.rows_of(tables.covisible(camera_from_world, found.camera, COVISIBLE))
    p_camera = transform(camera_from_world, tables.points[rows].double())
    uv, inside = project(found.camera, p_camera)
    seen = (inside & (p_camera[:, 2] > LEAST_DEPTH_M)).nonzero()[:, 0]
    most = MOST_POINTS if radius_px < CELL_PX / 2 else MOST_POINTS // 4
    seen = seen[:: len(seen) // most + 1]
    row, keypoint = found.within(uv[seen].float(), radius_px)
    own = rows[seen]
    descriptors = tables.levels.decode(tables.codes[own])
    likeness = (found.features.descriptors[keypoint] * descriptors[row]).sum(-1)
    best = torch.full((len(seen),), -1.0).scatter_reduce_(0, row, likeness, "amax")
    keep = (likeness == best[row]) & (likeness > least_likeness)
    times = torch.bincount(keypoint[keep], minlength=len(found.features)).double()
    return Pairs(
        keypoint=keypoint[keep],
        points=tables.points[own[row[keep]]].double(),
        weight=1 / times[keypoint[keep]],
    )
