"""Which map points an image's keypoints may be: first by likeness alone, then, near a pose, by place and likeness.

Likeness alone is mostly wrong across a wide baseline. What tells right matches from wrong ones is that they move
together: neighbours in a keyframe are neighbours in the image (Bian et al. 2017). The matches of each keyframe are
judged by how many of its others agree with them. Knows nothing of poses' accuracy or of maps' surfaces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.compiled import KernelSet
from tools.localisation_features import Features
from tools.localisation_tables import KeyframeTables, by_strength

RATIO = 0.9
"""A match's distance must be this much below that of the keypoint's second choice in a keyframe (Lowe's test)."""
REACH = 0.2
"""Matches within this share of the image's width judge each other."""
STRETCH, SLACK = 0.35, 0.008
"""Two matches agree when their offsets differ by less than this share of their distance in the keyframe, plus this
share of the width: a view from the side shortens distances by a third."""
MIN_AGREEING = 3
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
    sizes: tuple[int, ...] = ()
    """How many of them in turn are of one keyframe; not told of those that were looked for near a pose."""

    def __len__(self) -> int:
        return len(self.keypoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is tried before there is a pose."""

    candidates: int
    """Keyframes that look most like the image by their VLAD; matching tells which of them show the same."""
    share: float
    """Of the keypoints, the strongest of every scale, that are matched by likeness alone."""
    hypotheses: int
    """Triples of matches that a pose is made from."""
    finalists: int
    """Hypotheses that are refined."""
    rivals: int
    """Poses that go on."""


def agreeing_matches(features: Features, camera: Camera, tables: KeyframeTables, effort: Effort) -> Pairs:
    """Matches by likeness that other matches of the same keyframe agree with."""
    order = by_strength(features.scale)
    chosen = order[: math.ceil(effort.share * len(order))]
    descriptors = features.descriptors[chosen].bfloat16()
    own = features.uv[chosen] / camera.width
    parts = []
    for view in tables.nearest_views(features.descriptors, effort.candidates).tolist():
        rows = tables.strongest_of(view, effort.share)
        row, column = clear_pairs(descriptors @ tables.levels.decode(tables.codes[rows]).bfloat16().T)
        support = agreement(own[row], tables.uv[rows][column])
        keep = support >= MIN_AGREEING
        parts.append((chosen[row[keep]], tables.points[rows][column[keep]], support[keep]))
    sizes = tuple(len(part[0]) for part in parts)
    keypoint, points, support = (torch.cat(part) for part in zip(*parts, strict=True))
    return Pairs(keypoint=keypoint, points=points.double(), weight=support.double(), sizes=sizes)


def clear_pairs(likeness: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of a likeness matrix (N, K) that choose each other, and no other column nearly as much."""
    likeness = likeness.float()
    if likeness.shape[1] < 2:
        nothing = torch.zeros(0, dtype=torch.int64)
        return nothing, nothing
    best, choice = likeness.max(1)
    row = (likeness.amax(0)[choice] == best).nonzero()[:, 0]
    column = choice[row]
    second = likeness[row].scatter_(1, column[:, None], -1.0).amax(1)
    clear = (2 - 2 * best[row]).clamp_min(0) < RATIO**2 * (2 - 2 * second).clamp_min(0)
    return row[clear], column[clear]


def agreement(here: Tensor, there: Tensor) -> Tensor:
    """(M,) how many of M matches of one keyframe agree with each, at (M, 2) positions in widths of both images."""
    between_a, between_b = (here[:, None] - here).unbind(-1), (there[:, None] - there).unbind(-1)
    apart = (between_b[0].square() + between_b[1].square()).sqrt()
    off = (between_a[0] - between_b[0]).square() + (between_a[1] - between_b[1]).square()
    agreed = off < (STRETCH * apart + SLACK).square()
    # Matches of one and the same place tell nothing of each other.
    return (agreed & (apart < REACH) & (apart > SLACK)).sum(-1)


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
    found: Keypoints,
    camera_from_world: Tensor,
    tables: KeyframeTables,
    kernels: KernelSet,
    *,
    radius_px: float,
    least_likeness: float,
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
    pairs = torch.stack([keypoint, own[row]], -1)
    offset = torch.tensor(tables.levels.low / tables.levels.step)
    likeness = kernels.pair_likeness(found.features.descriptors, tables.codes, offset, pairs)
    likeness = likeness / tables.lengths[pairs[:, 1]]
    best = torch.full((len(seen),), -1.0).scatter_reduce_(0, row, likeness, "amax")
    keep = (likeness == best[row]) & (likeness > least_likeness)
    times = torch.bincount(keypoint[keep], minlength=len(found.features)).double()
    return Pairs(
        keypoint=keypoint[keep],
        points=tables.points[own[row[keep]]].double(),
        weight=1 / times[keypoint[keep]],
    )
