"""From votes to things: pieces of surface that vote for the same box belong together (Hough voting).

Every piece says where the middle of its thing is, how large the thing is and how it is turned. Pieces of one thing
agree on that although they lie apart (the two arms of a sofa), and pieces of two things disagree although they touch (a
mug and the table under it), because their sizes and middles differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from scenes.types import Box3D
from tools.geometry.quantiles import percentiles
from tools.geometry.surfaces import SurfaceImage
from tools.geometry.upright_boxes import footprint, horizontal_axes, to_box_frame, upright_box, yaw_of
from tools.geometry.voxels import VOXEL_M

REACH_SHARE = 0.3
"""Votes for the centre of one thing differ by less than this share of the thing's mean edge."""
REACH_M = (0.05, 0.35)
"""That distance is at least and at most so many metres."""
MAX_LOG_SIZE_DIFFERENCE = 0.55
"""Votes for one thing differ by less than this, in the mean of the logarithms of the three edge lengths."""
CELL_M = 0.1
"""Edge of the cells in which votes for centres are counted to find where they are densest."""
MERGE_SHARE = 0.35
"""Two clusters whose boxes share this much of their union are one thing."""
INSIDE_SHARE, MIN_KIND_COSINE = 0.4, 0.6
"""So are two when this much of the smaller box lies in the larger one and their kinds have at least this cosine."""
MANY_PIECES, MIN_COVER, MIN_SEEN_COVER, MIN_KIND = 30, 0.25, 0.012, 0.15
"""What a voted box needs to be a thing, see ``Support``."""
FEW_PIECES, SMALL_COVER, SMALL_KIND = 5, 0.5, 0.4
"""What a small thing needs instead of many pieces."""
SLACK_M = 0.02
"""Boxes are grown by this before it is asked what they share."""
WALL_ALIGNED_RAD = math.radians(14)
"""Things turned by less than this against the walls are taken to be along them: votes are not surer than that."""
OUTLIER_PERCENT = 4.0
"""Share of a surface, in percent, that may lie outside the box at each face."""
THIN_M, MIN_EDGE_M = 0.12, 0.05
"""Along an edge shorter than the first, a thing is put where its surface is, because votes are too coarse. No edge is
shorter than the second, because depth noise hides how thin a thing is."""
LYING_M, LYING_MIN_EDGE_M, LYING_TOP_PERCENT = 0.06, 0.02, 95.0
"""A thing whose shortest edge is its height, below the first, lies flat. It is seen from above, in the same voxels as
what it lies on, so its top is at this percentile of its surface's heights, and it may be as thin as the second. With
this, F1 on worlds 200 to 204 is 0.947; with the surface in the middle of a box of 5 cm it was 0.921."""
MIN_VOTES = 5
"""Pieces that must agree to be a thing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Votes:
    """What N pieces of surface say about their things."""

    points: NDArray[np.float32]
    """(N, 3) where each piece is."""
    center: NDArray[np.float32]
    """(N, 3) the middle it votes for."""
    log_size: NDArray[np.float32]
    """(N, 3) logarithm of the edge lengths in metres."""
    turn: NDArray[np.float32]
    """(N, 2) cosine and sine of the doubled yaw."""
    weight: NDArray[np.float32]
    """(N,) how much each counts."""
    kinds: NDArray[np.float32]
    """(N, k) probability of each kind."""

    def subset(self, rows: NDArray) -> Votes:
        """Some of the pieces."""
        return Votes(
            points=self.points[rows],
            center=self.center[rows],
            log_size=self.log_size[rows],
            turn=self.turn[rows],
            weight=self.weight[rows],
            kinds=self.kinds[rows],
        )

    def box(self, rows: NDArray) -> Box3D:
        """The box that some pieces vote for: weighted medians of centre and size, mean direction."""
        weight = self.weight[rows]
        center = weighted_median(self.center[rows], weight)
        size = np.exp(weighted_median(self.log_size[rows], weight))
        cos2, sin2 = (self.turn[rows] * weight[:, None]).sum(0)
        yaw = 0.5 * float(np.arctan2(sin2, cos2))
        x, z = horizontal_axes(yaw) @ center[[0, 2]]
        middle = np.array([x, center[1], z])
        return upright_box(middle - size / 2, middle + size / 2, yaw)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameVotes:
    """What the pixels of a frame vote for, every few rows and columns of its surface."""

    surface: SurfaceImage
    pixels: NDArray[np.bool_]
    """(h/s, w/s) where something is said, at every s-th row and column; n of them are set."""
    votes: Votes
    """Of those n pixels."""
    thing: NDArray[np.float32]
    """(n,) probability that it is no part of the building."""

    @property
    def stride(self) -> int:
        """Rows and columns of the surface between pixels that vote."""
        return -(-self.surface.valid.shape[0] // self.pixels.shape[0])

    def to_surface(self, value: NDArray[np.int32]) -> NDArray[np.int32]:
        """(n,) numbers of the voting pixels -> (h, w) on the surface: each pixel takes that of the block it is in.

        Blocks without a vote of their own take it from the one at an even row and column that stands for them.
        """
        rows, columns = self.pixels.shape
        grid = np.zeros((rows, columns), np.int32)
        grid[self.pixels] = value
        coarse = grid[::2, ::2].repeat(2, 0).repeat(2, 1)[:rows, :columns]
        grid = np.where(self.pixels, grid, coarse)
        h, w = self.surface.valid.shape
        return grid.repeat(self.stride, 0).repeat(self.stride, 1)[:h, :w]


def weighted_median(values: NDArray, weight: NDArray) -> NDArray[np.float64]:
    """(n, k) values, (n,) weights -> (k,) medians."""
    order = np.argsort(values, axis=0)
    total = np.cumsum(weight[order], axis=0)
    at = (total >= 0.5 * total[-1]).argmax(0)
    columns = np.arange(values.shape[1])
    return values[order[at, columns], columns].astype(np.float64)


def cluster_votes(votes: Votes) -> NDArray[np.int32]:
    """(N,) cluster 1..k of each piece, 0 for none.

    Greedy mode finding: the densest vote takes all that agree with it, then the next one does. Fragments that the first
    mode left behind join it afterwards, because their boxes are nearly the same.
    """
    n = len(votes.points)
    labels = np.zeros(n, np.int32)
    if n == 0:
        return labels
    reach = np.clip(REACH_SHARE * np.exp(votes.log_size.mean(1)), *REACH_M)
    tree = KDTree(votes.center)
    free = np.ones(n, bool)
    count = 0
    for seed in np.argsort(-_density(votes), kind="stable"):
        if not free[seed]:
            continue
        rows = _agreeing(votes, tree, free, votes.center[seed], votes.log_size[seed], float(reach[seed]))
        if len(rows) >= MIN_VOTES:
            weight = votes.weight[rows][:, None]
            center = (votes.center[rows] * weight).sum(0) / weight.sum()
            size = (votes.log_size[rows] * weight).sum(0) / weight.sum()
            mean_reach = float(np.clip(REACH_SHARE * np.exp(size.mean()), *REACH_M))
            better = _agreeing(votes, tree, free, center, size, mean_reach)
            rows = np.union1d(rows, better)
            count += 1
            labels[rows] = count
        free[rows] = False
        free[seed] = False
    return _merge_fragments(votes, labels, count)


def _density(votes: Votes) -> NDArray[np.float64]:
    """Weight of the votes near each vote, from two grids half a cell apart."""
    total = np.zeros(len(votes.points))
    for shift in (0.0, 0.5):
        cell = np.floor(votes.center / CELL_M + shift).astype(np.int64)
        octave = np.floor(votes.log_size.mean(1, keepdims=True) / 0.7 + shift).astype(np.int64)
        cell -= cell.min(0)
        span = cell.max(0) + 1
        key = ((cell[:, 0] * span[1] + cell[:, 1]) * span[2] + cell[:, 2]) * 16 + np.clip(octave[:, 0] + 8, 0, 15)
        _, inverse = np.unique(key, return_inverse=True)
        total += np.bincount(inverse, votes.weight)[inverse]
    return total


def _agreeing(
    votes: Votes, tree: KDTree, free: NDArray[np.bool_], center: NDArray, log_size: NDArray, reach: float
) -> NDArray[np.int64]:
    near = np.array(tree.query_ball_point(center, reach), np.int64)
    near = near[free[near]] if len(near) else near
    return near[np.abs(votes.log_size[near] - log_size).mean(1) < MAX_LOG_SIZE_DIFFERENCE] if len(near) else near


def fit_to_surface(box: Box3D, points: NDArray, room_yaw: float | None = None) -> Box3D:
    """A voted box, moved to where the thing's surface was really seen.

    Votes know the size better, because most of a thing is often hidden; the surface knows the place better. Along each
    axis the box is moved until it holds the surface, thin things are put in its middle, and a box that is too small
    meets it half-way; the top of what lies flat is where it was seen. A thing that is nearly along the walls is along
    them, and a sheet is turned as its surface is.
    """
    box = _aligned(box, points, room_yaw)
    local = to_box_frame(box, points)
    cut = OUTLIER_PERCENT if len(points) >= 20 else 0.0
    low, high = percentiles(local, (cut, 100.0 - cut))
    size = np.array(box.size)
    seen = high - low
    middle = np.where(low < -size / 2, low + size / 2, np.where(high > size / 2, high - size / 2, 0.0))
    middle = np.where(seen >= size, (low + high) / 2, middle)
    middle = np.where(size < THIN_M, np.median(local, axis=0), middle)
    size = np.where(seen > size, np.where(size < THIN_M, size, (size + seen) / 2), size)
    lying = size[1] < LYING_M and size[1] <= size.min()
    size = np.maximum(size, np.where([False, lying, False], LYING_MIN_EDGE_M, MIN_EDGE_M))
    if lying:
        middle[1] = percentiles(local, (LYING_TOP_PERCENT,))[0][1] - size[1] / 2
    yaw = yaw_of(box)
    turned = horizontal_axes(yaw) @ np.array(box.center)[[0, 2]]
    center = np.array([turned[0], box.center[1], turned[1]]) + middle
    return upright_box(center - size / 2, center + size / 2, yaw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How well the surface that was seen supports a voted box."""

    pieces: int
    """Voxels that vote for it."""
    cover: float
    """Those voxels over the number that its largest face would take; a thing seen from one side has about 1."""
    seen_cover: float
    """The same with every voxel counted by how much it was seen, 1 when it was seen well."""
    kind: float
    """Probability of the likeliest kind."""

    @property
    def enough(self) -> bool:
        """Whether it is a thing rather than a stray vote. Limits from where the two part on training worlds."""
        if self.kind < MIN_KIND or self.cover < MIN_COVER or self.seen_cover < MIN_SEEN_COVER:
            return False
        return self.pieces >= MANY_PIECES or (
            self.pieces >= FEW_PIECES and self.cover >= SMALL_COVER and self.kind >= SMALL_KIND
        )


def support(box: Box3D, pieces: int, weight: float, kind: float) -> Support:
    """The support of a box by ``pieces`` voxels that together weigh ``weight`` (1 each when seen well)."""
    _, middle, longest = sorted(box.size)
    face = max(longest * middle / VOXEL_M**2, 1.0)
    return Support(pieces=pieces, cover=pieces / face, seen_cover=weight / face, kind=kind)


def _aligned(box: Box3D, points: NDArray, room_yaw: float | None) -> Box3D:
    yaw, (width, _, depth) = yaw_of(box), box.size
    if min(width, depth) < THIN_M and max(width, depth) > 3 * THIN_M and len(points) >= 20:
        spread = np.cov(points[:, [0, 2]].T.astype(np.float64))
        along = np.linalg.eigh(spread)[1][:, 1]
        line = math.atan2(-along[1], along[0]) + (0.0 if width > depth else math.pi / 2)
        yaw += _smallest_turn(line - yaw, math.pi)
    if room_yaw is not None and abs(step := _smallest_turn(room_yaw - yaw, math.pi / 2)) < WALL_ALIGNED_RAD:
        yaw += step
    return replace(box, quaternion_xyzw=(0.0, math.sin(yaw / 2), 0.0, math.cos(yaw / 2)))


def _smallest_turn(angle: float, period: float) -> float:
    return (angle + period / 2) % period - period / 2


def _merge_fragments(votes: Votes, labels: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Merge clusters that claim the same place: nearly the same box, or one kind of thing in another of its kind."""
    if count < 2:
        return labels
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(1, count + 2))
    rows = [order[starts[k] : starts[k + 1]] for k in range(count)]
    boxes = [fit_to_surface(votes.box(r), votes.points[r]) for r in rows]
    mass = np.array([votes.weight[r].sum() for r in rows])
    kinds = np.stack([(votes.kinds[r] * votes.weight[r][:, None]).sum(0) for r in rows])
    kinds /= np.maximum(np.linalg.norm(kinds, axis=1, keepdims=True), 1e-9)
    corners = np.stack([footprint(b) for b in boxes])
    y = np.array([(b.center[1] - b.size[1] / 2, b.center[1] + b.size[1] / 2) for b in boxes])
    low = np.stack([corners[..., 0].min(1), y[:, 0], corners[..., 1].min(1)], -1) - SLACK_M
    high = np.stack([corners[..., 0].max(1), y[:, 1], corners[..., 1].max(1)], -1) + SLACK_M
    volume = (high - low).prod(1)
    target = np.arange(count)
    kept: list[int] = []
    for k in np.argsort(-mass):
        if kept:
            others = np.array(kept)
            shared = np.maximum(np.minimum(high[k], high[others]) - np.maximum(low[k], low[others]), 0).prod(1)
            union = shared / (volume[k] + volume[others] - shared)
            inside = shared / np.minimum(volume[k], volume[others])
            alike = kinds[others] @ kinds[k]
            same = (union >= MERGE_SHARE) | ((inside >= INSIDE_SHARE) & (alike >= MIN_KIND_COSINE))
            if same.any():
                target[k] = others[int(np.where(same, union + alike, 0.0).argmax())]
                continue
        kept.append(int(k))
    number = np.zeros(count + 1, np.int32)
    for new, k in enumerate(kept, start=1):
        number[np.flatnonzero(target == k) + 1] = new
    return number[labels]
