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
from tools.localisation_index import KeyframeIndex

SCREENED = 0.4
"""Share of keypoints, the strongest of every scale, that are matched by likeness alone."""
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


def screened(features: Features) -> Tensor:
    """Indices of the strongest ``SCREENED`` share of each scale; features come strongest first within a scale."""
    scales, member = features.scale.unique(return_inverse=True)
    sizes = torch.bincount(member, minlength=len(scales))
    order = member.argsort(stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[member[order]]
    return (rank < (SCREENED * sizes[member]).ceil()).nonzero()[:, 0]


def agreeing_matches(features: Features, camera: Camera, index: KeyframeIndex) -> Pairs:
    """Matches by likeness that other matches of the same keyframe agree with."""
    chosen = screened(features)
    descriptors, uv, points, real = index.screened(index.nearest_views(features, CANDIDATES), screened)
    likeness = torch.matmul(features.descriptors[chosen], descriptors.mT)
    likeness = torch.where(real[:, None, :], likeness, -1.0)
    best, choice = likeness.topk(2, dim=2)
    back = likeness.argmax(1)
    distance = (2 - 2 * best).clamp_min(0)
    mutual = back.gather(1, choice[..., 0]) == torch.arange(len(chosen))
    view, row = (mutual & (distance[..., 0] < RATIO**2 * distance[..., 1])).nonzero(as_tuple=True)
    column = choice[view, row, 0]
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


def matches_near(
    features: Features,
    camera: Camera,
    camera_from_world: Tensor,
    index: KeyframeIndex,
    *,
    radius_px: float,
) -> Pairs:
    """For every map point that a pose puts into the image, the most alike keypoint within ``radius_px``.

    Only keypoints at least as alike as the extractor asks for. Points of the ``COVISIBLE`` keyframes that share most.
    """
    views = index.covisible(camera_from_world, camera, COVISIBLE)
    if not views:
        return Pairs(keypoint=torch.zeros(0).long(), points=torch.zeros(0, 3).double(), weight=torch.zeros(0).double())
    points = torch.cat([index.keyframes[v].points for v in views])
    descriptors = torch.cat([index.keyframes[v].features.descriptors for v in views])
    p_camera = transform(camera_from_world, points.double())
    uv, inside = project(camera, p_camera)
    point = (inside & (p_camera[:, 2] > LEAST_DEPTH_M)).nonzero()[:, 0]
    candidate = keypoints_by_cell(features.uv, camera, uv[point].float())
    offset = features.uv[candidate.clamp_min(0)] - uv[point].float()[:, None]
    near = (candidate >= 0) & (offset.square().sum(-1) < radius_px**2)
    row, slot = near.nonzero(as_tuple=True)
    keypoint, own = candidate[row, slot], point[row]
    likeness = (features.descriptors[keypoint] * descriptors[own]).sum(-1)
    best = torch.full((len(point),), -1.0).scatter_reduce_(0, row, likeness, "amax")
    keep = (likeness == best[row]) & (likeness > index.extractor.least_likeness)
    times = torch.bincount(keypoint[keep], minlength=len(features)).double()
    return Pairs(keypoint=keypoint[keep], points=points[own[keep]].double(), weight=1 / times[keypoint[keep]])


def keypoints_by_cell(uv: Tensor, camera: Camera, around: Tensor) -> Tensor:
    """(P, 4 CELL_ROOM) int64 indices of keypoints (N, 2) in the four cells next to each of (P, 2) places, -1 = none.

    They hold every keypoint within half a cell, but for cells with more than ``CELL_ROOM``.
    """
    across = camera.width // CELL_PX + 3
    cells = across * (camera.height // CELL_PX + 3)
    place = (uv / CELL_PX).long() + 1
    cell = (place[:, 1] * across + place[:, 0]).clamp(0, cells - 1)
    order = cell.argsort(stable=True)
    sizes = torch.bincount(cell, minlength=cells)
    rank = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[cell[order]]
    table = torch.full((cells, CELL_ROOM), -1)
    there = rank < CELL_ROOM
    table[cell[order][there], rank[there]] = order[there]
    corner = (around / CELL_PX + 0.5).long()  # the cell up and left of the place, counted from one
    first = corner[:, 1] * across + corner[:, 0]
    block = torch.tensor([0, 1, across, across + 1])
    return table[(first[:, None] + block).clamp(0, cells - 1)].flatten(1)
