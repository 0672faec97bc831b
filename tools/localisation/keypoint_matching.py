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
from tools.kernels.compiled import EAGER, KernelSet
from tools.localisation.features import Features
from tools.localisation.keyframe_tables import KeyframeTables, by_strength
from tools.localisation.keypoint_grid import Grid

MIN_AGREEING = 3
"""Matches that must agree with one for it to be tried: chance gives 0.3."""
COVISIBLE = 12
"""Keyframes that show most of what a pose sees; their points are looked for in the image."""
MOST_POINTS = 4000
"""Map points that are looked for near a pose, evenly from all keyframes: more make no pose better."""
WIDE_PX = 16.0
"""Where points are looked for at least this far away, a quarter of them is enough."""
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
    enough: float = math.inf
    """Matches after which no further keyframe is looked at."""


def agreeing_matches(
    features: Features, camera: Camera, tables: KeyframeTables, effort: Effort, kernels: KernelSet = EAGER
) -> Pairs:
    """Matches by likeness that other matches of the same keyframe agree with."""
    order = by_strength(features.scale)
    chosen = order[: math.ceil(effort.share * len(order))]
    descriptors = features.descriptors[chosen].bfloat16()
    own = features.uv[chosen] / camera.width
    offset, columns = tables.levels.offset, torch.arange(len(tables.codes), dtype=torch.float32)
    parts = []
    for view in tables.nearest_views(features.descriptors, effort.candidates).tolist():
        rows = tables.strongest_of(view, effort.share)
        codes, lengths = tables.codes[rows], tables.lengths[rows]
        choice, clear = kernels.clear_choices(descriptors, codes, lengths, offset, columns[: len(codes)])
        row = clear.nonzero()[:, 0]
        column = choice[row]
        support = kernels.agreement(own[row], tables.uv[rows][column])
        keep = support >= MIN_AGREEING
        parts.append((chosen[row[keep]], tables.points[rows][column[keep]], support[keep]))
        if sum(len(part[0]) for part in parts) >= effort.enough:
            break
    sizes = tuple(len(part[0]) for part in parts)
    keypoint, points, support = (torch.cat(part) for part in zip(*parts, strict=True))
    return Pairs(keypoint=keypoint, points=points.double(), weight=support.double(), sizes=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """An image's keypoints, to be looked up by place."""

    features: Features
    camera: Camera
    grids: dict[float, Grid]
    """Made so far, by the radius that they are for."""

    @classmethod
    def of(cls, features: Features, camera: Camera) -> Keypoints:
        """Those of an image."""
        return cls(features=features, camera=camera, grids={})

    def within(self, places: Tensor, radius_px: float) -> tuple[Tensor, Tensor]:
        """Rows of (P, 2) places in the image and keypoints at most ``radius_px`` from them, as (R,) and (R,)."""
        if radius_px not in self.grids:
            self.grids[radius_px] = Grid.of(self.features.uv, self.camera, radius_px)
        return self.grids[radius_px].near(places)


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
    # Single precision: where to look need not be known to better than a hundredth of a pixel.
    p_camera = transform(camera_from_world.float(), tables.points.index_select(0, rows))
    uv, inside = project(found.camera, p_camera)
    seen = (inside & (p_camera[:, 2] > LEAST_DEPTH_M)).nonzero()[:, 0]
    most = MOST_POINTS if radius_px < WIDE_PX else MOST_POINTS // 4
    seen = seen[:: len(seen) // most + 1]
    row, keypoint = found.within(uv[seen], radius_px)
    own = rows[seen]
    pairs = torch.stack([keypoint, own[row]], -1)
    likeness = kernels.pair_likeness(found.features.descriptors, tables.codes, tables.levels.offset, pairs)
    likeness = likeness / tables.lengths[pairs[:, 1]]
    best = torch.full((len(seen),), -1.0).scatter_reduce_(0, row, likeness, "amax")
    keep = (likeness == best[row]) & (likeness > least_likeness)
    times = torch.bincount(keypoint[keep], minlength=len(found.features)).double()
    return Pairs(
        keypoint=keypoint[keep],
        points=tables.points[own[row[keep]]].double(),
        weight=1 / times[keypoint[keep]],
    )
