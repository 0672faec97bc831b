"""Matches between an image's keypoints and map points: by appearance alone, then near a pose by place and appearance.

Across a wide baseline, most matches by appearance alone are wrong. Right ones move together: neighbours in a keyframe
are neighbours in the image (Bian et al. 2017). So the matches of each keyframe are weighted by how many others of the
same keyframe agree with them. Knows nothing of poses' accuracy or of the map's surface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from scenes.geometry import project, transform
from scenes.types import Camera
from tools.kernels.compiled import EAGER, KernelSet
from tools.localisation.features import Features
from tools.localisation.keyframe_tables import KeyframeTables, by_strength
from tools.localisation.keypoint_grid import KeypointGrid

MIN_AGREEING_MATCHES = 3
"""Matches that must agree with one for it to be used; by chance there are 0.3."""
COVISIBLE_KEYFRAMES = 12
"""Keyframes, those that share most points with a pose's view, whose points are searched in the image."""
MAX_GUIDED_POINTS = 4000
"""Map points that are searched near a pose, evenly from these keyframes: more make no pose better."""
SPARSE_SEARCH_PX = 16.0
"""From this search radius on, a quarter of these points is enough."""
MIN_DEPTH_M = 0.1
"""Map points nearer to the camera's plane than this are not searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TentativeMatches:
    """Pairs of a keypoint and a map point that look alike; some are wrong."""

    keypoint: Tensor
    """(M,) int64 index of the image's keypoint."""
    points: Tensor
    """(M, 3) float64, world."""
    weight: Tensor
    """(M,) float64: how much a match is trusted before there is a pose."""
    sizes: tuple[int, ...] = ()
    """Numbers of consecutive matches that come from one keyframe each; () for matches near a pose."""

    def __len__(self) -> int:
        return len(self.keypoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEffort:
    """How much is tried before there is a pose."""

    candidate_keyframes: int
    """Keyframes, the most similar by VLAD, that the image is matched with."""
    keypoint_share: float
    """Share of the keypoints, the strongest of every scale, that are matched by appearance."""
    hypotheses: int
    """Triples of matches that give pose hypotheses."""
    finalists: int
    """Hypotheses that are refined."""
    rivals: int
    """Most poses that are handed on."""
    sufficient_matches: float = math.inf
    """After this many matches, no further keyframe is matched."""


def match_by_appearance(
    features: Features, camera: Camera, tables: KeyframeTables, effort: SearchEffort, kernels: KernelSet = EAGER
) -> TentativeMatches:
    """Matches by appearance that at least ``MIN_AGREEING_MATCHES`` others of the same keyframe agree with."""
    order = by_strength(features.scale)
    chosen = order[: math.ceil(effort.keypoint_share * len(order))]
    descriptors = features.descriptors[chosen].bfloat16()
    own = features.uv[chosen] / camera.width
    offset, columns = tables.levels.offset, torch.arange(len(tables.codes), dtype=torch.float32)
    parts = []
    for view in tables.nearest_views(features.descriptors, effort.candidate_keyframes).tolist():
        rows = tables.strongest_of(view, effort.keypoint_share)
        codes, lengths = tables.codes[rows], tables.lengths[rows]
        choice, clear = kernels.mutual_nearest_codes(descriptors, codes, lengths, offset, columns[: len(codes)])
        row = clear.nonzero()[:, 0]
        column = choice[row]
        support = kernels.match_agreement(own[row], tables.uv[rows][column])
        keep = support >= MIN_AGREEING_MATCHES
        parts.append((chosen[row[keep]], tables.points[rows][column[keep]], support[keep]))
        if sum(len(part[0]) for part in parts) >= effort.sufficient_matches:
            break
    sizes = tuple(len(part[0]) for part in parts)
    keypoint, points, support = (torch.cat(part) for part in zip(*parts, strict=True))
    return TentativeMatches(keypoint=keypoint, points=points.double(), weight=support.double(), sizes=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointLookup:
    """Finds an image's keypoints by place."""

    features: Features
    camera: Camera
    grids: dict[float, KeypointGrid]
    """The grids made so far, by search radius."""

    @classmethod
    def of(cls, features: Features, camera: Camera) -> KeypointLookup:
        """For the features of one image."""
        return cls(features=features, camera=camera, grids={})

    def within(self, places: Tensor, radius_px: float) -> tuple[Tensor, Tensor]:
        """All R pairs of (P, 2) places in the image and keypoints within ``radius_px``: both indices, (R,) each."""
        if radius_px not in self.grids:
            self.grids[radius_px] = KeypointGrid.of(self.features.uv, self.camera, radius_px)
        return self.grids[radius_px].points_near(places)


def match_near_pose(
    keypoints: KeypointLookup,
    camera_from_world: Tensor,
    tables: KeyframeTables,
    kernels: KernelSet,
    *,
    radius_px: float,
    min_similarity: float,
) -> TentativeMatches:
    """For every map point that a pose puts into the image, the most similar keypoint within ``radius_px``.

    Only pairs with more than ``min_similarity``. The points are those of the ``COVISIBLE_KEYFRAMES`` keyframes that
    share most with the pose's view.
    """
    rows = tables.rows_of(tables.covisible(camera_from_world, keypoints.camera, COVISIBLE_KEYFRAMES))
    # Single precision: where to look need not be known to better than a hundredth of a pixel.
    p_camera = transform(camera_from_world.float(), tables.points.index_select(0, rows))
    uv, inside = project(keypoints.camera, p_camera)
    seen = (inside & (p_camera[:, 2] > MIN_DEPTH_M)).nonzero()[:, 0]
    most = MAX_GUIDED_POINTS if radius_px < SPARSE_SEARCH_PX else MAX_GUIDED_POINTS // 4
    seen = seen[:: len(seen) // most + 1]
    row, keypoint = keypoints.within(uv[seen], radius_px)
    point = rows[seen]
    pairs = torch.stack([keypoint, point[row]], -1)
    similarity = kernels.pair_similarity(keypoints.features.descriptors, tables.codes, tables.levels.offset, pairs)
    similarity = similarity / tables.lengths[pairs[:, 1]]
    best = torch.full((len(seen),), -1.0).scatter_reduce_(0, row, similarity, "amax")
    keep = (similarity == best[row]) & (similarity > min_similarity)
    times = torch.bincount(keypoint[keep], minlength=len(keypoints.features)).double()
    return TentativeMatches(
        keypoint=keypoint[keep],
        points=tables.points[point[row[keep]]].double(),
        weight=1 / times[keypoint[keep]],
    )
