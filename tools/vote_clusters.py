"""From votes to things: pieces of surface that vote for the same box belong together.

Every piece says where the middle of its thing is, how large the thing is and how it is turned. Pieces of one thing agree
on that although they lie apart (the two arms of a sofa), and pieces of two things disagree although they touch (a mug and
the table under it), because their sizes and middles differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from scenes.types import Box3D
from tools.surfaces import SurfaceImage
from tools.upright_boxes import box_axes, upright_box

REACH = 0.3
"""Votes for one middle differ by less than this share of the thing's mean edge."""
REACH_M = (0.05, 0.35)
SIZE_STEP = 0.55
"""Mean difference of log edge lengths within one thing."""
CELL_M = 0.1
MERGE_SHARE = 0.3
"""Two clusters whose boxes share this much of their union are one thing."""
MIN_SUPPORT = 3
"""Pieces that must agree."""


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

    def subset(self, rows: NDArray) -> Votes:
        """Some of the pieces."""
        return Votes(
            points=self.points[rows],
            center=self.center[rows],
            log_size=self.log_size[rows],
            turn=self.turn[rows],
            weight=self.weight[rows],
        )

    def box(self, rows: NDArray) -> Box3D:
        """The box that some pieces vote for: weighted medians, mean direction."""
        weight = self.weight[rows]
        center = weighted_median(self.center[rows], weight)
        size = np.exp(weighted_median(self.log_size[rows], weight))
        cos2, sin2 = (self.turn[rows] * weight[:, None]).sum(0)
        yaw = 0.5 * float(np.arctan2(sin2, cos2))
        x, z = box_axes(yaw) @ center[[0, 2]]
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
    kinds: NDArray[np.float32]
    """(n, k) probability of each kind."""

    @property
    def stride(self) -> int:
        """Rows and columns of the surface between pixels that vote."""
        return -(-self.surface.valid.shape[0] // self.pixels.shape[0])


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
    reach = np.clip(REACH * np.exp(votes.log_size.mean(1)), *REACH_M)
    tree = KDTree(votes.center)
    free = np.ones(n, bool)
    count = 0
    for seed in np.argsort(-_density(votes), kind="stable"):
        if not free[seed]:
            continue
        rows = _agreeing(votes, tree, free, votes.center[seed], votes.log_size[seed], float(reach[seed]))
        if len(rows) >= MIN_SUPPORT:
            weight = votes.weight[rows][:, None]
            center = (votes.center[rows] * weight).sum(0) / weight.sum()
            size = (votes.log_size[rows] * weight).sum(0) / weight.sum()
            better = _agreeing(votes, tree, free, center, size, float(np.clip(REACH * np.exp(size.mean()), *REACH_M)))
            rows = np.union1d(rows, better)
            count += 1
            labels[rows] = count
        free[rows] = False
        free[seed] = False
    return _join_fragments(votes, labels, count)


def _density(votes: Votes) -> NDArray[np.float64]:
    """Weight of the votes near each vote, from two grids half a cell apart."""
    total = np.zeros(len(votes.points))
    for shift in (0.0, 0.5):
        cell = np.floor(votes.center / CELL_M + shift).astype(np.int64)
        octave = np.floor(votes.log_size.mean(1, keepdims=True) / 0.7 + shift).astype(np.int64)
        _, inverse = np.unique(np.concatenate([cell, octave], 1), axis=0, return_inverse=True)
        inverse = inverse.ravel()
        total += np.bincount(inverse, votes.weight)[inverse]
    return total


def _agreeing(
    votes: Votes, tree: KDTree, free: NDArray[np.bool_], center: NDArray, log_size: NDArray, reach: float
) -> NDArray[np.int64]:
    near = np.array(tree.query_ball_point(center, reach), np.int64)
    near = near[free[near]] if len(near) else near
    return near[np.abs(votes.log_size[near] - log_size).mean(1) < SIZE_STEP] if len(near) else near


def _join_fragments(votes: Votes, labels: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Merge clusters with nearly the same box, largest first."""
    if count < 2:
        return labels
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(1, count + 2))
    rows = [order[starts[k] : starts[k + 1]] for k in range(count)]
    boxes = [votes.box(r) for r in rows]
    mass = np.array([votes.weight[r].sum() for r in rows])
    low = np.array([np.subtract(b.center, np.array(b.size) / 2) for b in boxes])
    high = np.array([np.add(b.center, np.array(b.size) / 2) for b in boxes])
    target = np.arange(count)
    kept: list[int] = []
    for k in np.argsort(-mass):
        if kept:
            others = np.array(kept)
            shared = np.maximum(np.minimum(high[k], high[others]) - np.maximum(low[k], low[others]), 0).prod(1)
            own, theirs = (high[k] - low[k]).prod(), (high[others] - low[others]).prod(1)
            share = shared / (own + theirs - shared)
            best = int(share.argmax())
            if share[best] >= MERGE_SHARE:
                target[k] = others[best]
                continue
        kept.append(int(k))
    number = np.zeros(count + 1, np.int32)
    for new, k in enumerate(kept, start=1):
        number[np.flatnonzero(target == k) + 1] = new
    return number[labels]
