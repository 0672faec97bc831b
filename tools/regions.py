"""From surface samples to a hierarchy of regions: watershed basins merged across their weakest borders.

A border is strong where depth jumps, where the surface folds inwards (things that touch each other meet in a
concave fold; Stein et al. 2014, "Object partitioning using local convexity"), and where colour changes.
The order in which basins merge is kept, so that one hierarchy answers two questions: which segments does
the frame have (cut at one strength), and what is the thing under this pixel (the most persistent ancestor).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tools.surfaces import Bools, Floats, SurfaceImage, dot, shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderWeights:
    """How much each cue of a border counts; strengths below are in units of a sure border = 1."""

    jump: float = 1.0
    """Per relative out-of-plane jump of ``0.02 + 0.02 z``."""
    fold: float = 1.3
    """Per unit of inward fold, ``-(n2 - n1) . (p2 - p1) / |p2 - p1|``: a right angle gives about 1.4."""
    color: float = 0.55
    """Per 25 units of CIELAB difference across the border."""
    region_color: float = 0.45
    """Per 25 units of CIELAB difference between the two regions' means."""


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """(h, w) border strength per pixel and cue, before weighting."""

    jump: Floats
    fold: Floats
    color: Floats

    def total(self, weights: BorderWeights) -> Floats:
        """Weighted sum."""
        return (weights.jump * self.jump + weights.fold * self.fold + weights.color * self.color).astype(np.float32)


def borders(surface: SurfaceImage) -> Borders:
    """The three cues from pixel pairs two apart, horizontally and vertically; the larger of the two counts."""
    jump = np.zeros(surface.valid.shape, np.float32)
    fold, color = jump.copy(), jump.copy()
    for dy, dx in ((0, 1), (1, 0)):
        p1, p2 = shifted(surface.points, -dy, -dx), shifted(surface.points, dy, dx)
        n1, n2 = shifted(surface.normals, -dy, -dx), shifted(surface.normals, dy, dx)
        ok = shifted(surface.valid, -dy, -dx) & shifted(surface.valid, dy, dx)
        between = p2 - p1
        length = np.sqrt(dot(between, between)) + 1e-6
        off1, off2 = np.abs(dot(between, n1)), np.abs(dot(between, n2))
        scale = 0.02 + 0.02 * surface.depth_m
        jump = np.maximum(jump, np.where(ok, np.minimum(off1, off2) / scale, 0.0))
        inward = -dot(n2 - n1, between) / length
        fold = np.maximum(fold, np.where(ok & (length < 0.15 + 0.05 * surface.depth_m), inward, 0.0))
        difference = shifted(surface.lab, -dy, -dx) - shifted(surface.lab, dy, dx)
        color = np.maximum(color, np.sqrt(dot(difference, difference)) / 25.0)
    return Borders(np.minimum(jump, 2.0), np.clip(fold - 0.08, 0.0, 1.5).astype(np.float32), np.minimum(color, 2.0))


def basins(strength: Floats, inside: Bools) -> NDArray[np.int32]:
    """Watershed basins of a border strength, (h, w) labels from 1, 0 outside."""
    level = np.where(inside, np.clip(strength * 100, 0, 254), 255).astype(np.uint8)
    smooth = ndimage.uniform_filter(level, 3)
    smooth[~inside] = 255
    seeds = (smooth <= ndimage.minimum_filter(smooth, 5)) & inside
    markers, count = ndimage.label(seeds, np.ones((3, 3)))
    if count == 0:
        return np.zeros(level.shape, np.int32)
    labels = ndimage.watershed_ift(smooth, markers.astype(np.int32))
    labels[~inside] = 0
    return labels.astype(np.int32)


def split_at_jumps(labels: NDArray[np.int32], surface: SurfaceImage) -> NDArray[np.int32]:
    """Break each label where neighbouring pixels are not neighbours in space; a watershed crosses thin edges."""
    h, w = labels.shape
    index = np.arange(h * w).reshape(h, w)
    first, second = [], []
    for a, b in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        step = surface.points[b] - surface.points[a]
        off = np.minimum(np.abs(dot(step, surface.normals[a])), np.abs(dot(step, surface.normals[b])))
        near = np.minimum(surface.depth_m[a], surface.depth_m[b])
        linked = (labels[a] == labels[b]) & (labels[a] > 0) & (off < 0.02 + 0.015 * near)
        first.append(index[a][linked])
        second.append(index[b][linked])
    rows, columns = np.concatenate(first), np.concatenate(second)
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(h * w, h * w))
    _, component = connected_components(graph, directed=False)
    component = component.reshape(h, w)
    component[labels == 0] = -1
    _, out = np.unique(component, return_inverse=True)
    out = out.reshape(h, w).astype(np.int32)
    return out if (labels == 0).any() else out + 1


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """A binary merge tree over basins."""

    basins: NDArray[np.int32]
    """(h, w) leaf of each pixel, 1..n; 0 outside."""
    parent: NDArray[np.int32]
    """(m,) parent of each node, 0 for a root. Nodes 1..n are leaves; later ones are merges in order."""
    strength: NDArray[np.float32]
    """(m,) border strength at which each node came to be; 0 for leaves. Never smaller than its children's."""

    def cut(self, level: float) -> NDArray[np.int32]:
        """(h, w) labels 1..k of the regions that exist when all borders weaker than ``level`` are gone."""
        top = np.arange(len(self.parent))
        # Parents come after children, so one backward pass finds the highest ancestor below the level.
        for node in range(len(top) - 1, 0, -1):
            up = self.parent[node]
            if up and self.strength[up] < level:
                top[node] = top[up]
        _, labels = np.unique(top[self.basins], return_inverse=True)
        labels = labels.reshape(self.basins.shape).astype(np.int32)
        return labels if (self.basins == 0).any() else labels + 1

    def ancestors(self, leaf: int) -> list[int]:
        """A leaf and all nodes above it, from small to large."""
        path = [leaf]
        while self.parent[path[-1]]:
            path.append(int(self.parent[path[-1]]))
        return path

    def mask(self, node: int) -> Bools:
        """(h, w) pixels of a node."""
        member = np.zeros(len(self.parent), bool)
        member[node] = True
        for k in range(node - 1, 0, -1):
            member[k] = self.parent[k] > 0 and member[self.parent[k]]
        return member[self.basins]


def hierarchy(surface: SurfaceImage, edge: Borders, inside: Bools, weights: BorderWeights) -> Hierarchy:
    """Merge watershed basins, weakest border first."""
    labels = split_at_jumps(basins(edge.total(weights), inside), surface)
    n = int(labels.max())
    pairs, sums = border_sums(labels, edge, surface)
    lab = np.stack([np.bincount(labels.ravel(), surface.lab[..., k].ravel(), n + 1) for k in range(3)], -1)
    size = np.bincount(labels.ravel(), minlength=n + 1).astype(np.float64)
    tree = Merging(n=n, size=size, lab=lab, weights=weights)
    for (a, b), total in zip(pairs, sums, strict=True):
        tree.connect(int(a), int(b), total)
    tree.run()
    return Hierarchy(labels, np.array(tree.parent, np.int32), np.array(tree.strength, np.float32))


def border_sums(labels: NDArray[np.int32], edge: Borders, surface: SurfaceImage) -> tuple[NDArray, NDArray]:
    """Adjacent label pairs (k, 2) and, per pair, sums of (1, jump, fold, color) over their border pixels."""
    n = int(labels.max()) + 1
    cues = np.stack([np.ones_like(edge.jump), edge.jump, edge.fold, edge.color], -1)
    keys, values = [], []
    for a, b, ca, cb, da, db in (
        _halves(labels, cues, surface.depth_m, axis=1),
        _halves(labels, cues, surface.depth_m, axis=0),
    ):
        # A jump to invalid depth or over more than 10% is no contact at all.
        touch = (a != b) & (a > 0) & (b > 0) & (np.abs(da - db) < 0.03 + 0.1 * np.minimum(da, db))
        low, high = np.minimum(a, b)[touch], np.maximum(a, b)[touch]
        keys.append(low.astype(np.int64) * n + high)
        values.append(np.maximum(ca, cb)[touch])
    key, value = np.concatenate(keys), np.concatenate(values)
    unique, inverse = np.unique(key, return_inverse=True)
    sums = np.stack([np.bincount(inverse, value[:, k], len(unique)) for k in range(value.shape[1])], -1)
    return np.stack([unique // n, unique % n], -1), sums


def _halves(labels: NDArray, cues: NDArray, depth: NDArray, axis: int) -> tuple[NDArray, ...]:
    first = (slice(None), slice(None, -1)) if axis else (slice(None, -1), slice(None))
    second = (slice(None), slice(1, None)) if axis else (slice(1, None), slice(None))
    return labels[first], labels[second], cues[first], cues[second], depth[first], depth[second]


class Merging:
    """Greedy merging of a region adjacency graph with additive border and region sums."""

    def __init__(
        self,
        *,
        n: int,
        size: NDArray,
        lab: NDArray,
        weights: BorderWeights,
        pins: Mapping[int, str] | None = None,
        pinned_level: float = 0.0,
    ) -> None:
        """``pins`` names regions that a person pointed out: two names never merge, and a name takes in unnamed
        regions only across borders weaker than ``pinned_level``."""
        self.weights = weights
        self.pins = dict(pins or {})
        self.pinned_level = pinned_level
        self.parent = [0] * (n + 1)
        self.strength = [0.0] * (n + 1)
        self.size = size.tolist()
        self.lab = lab.tolist()
        self.edges: list[dict[int, list[float]]] = [{} for _ in range(n + 1)]
        self.heap: list[tuple[float, int, int]] = []

    def connect(self, a: int, b: int, total: NDArray | list[float]) -> None:
        """Add a border with sums of (count, jump, fold, color)."""
        sums = [float(x) for x in total]
        self.edges[a][b] = self.edges[b][a] = sums
        heapq.heappush(self.heap, (self._border(a, b, sums), a, b))

    def _border(self, a: int, b: int, sums: list[float]) -> float:
        w, count = self.weights, sums[0]
        la, lb, na, nb = self.lab[a], self.lab[b], self.size[a], self.size[b]
        dl, da, db = la[0] / na - lb[0] / nb, la[1] / na - lb[1] / nb, la[2] / na - lb[2] / nb
        far = math.sqrt(dl * dl + da * da + db * db) / 25.0
        edge = (w.jump * sums[1] + w.fold * sums[2] + w.color * sums[3]) / count
        strength = edge + w.region_color * min(far, 2.0)
        # Crumbs carry no evidence of their own: below a dozen pixels they join their best neighbour early.
        return strength * min(1.0, 0.25 + min(na, nb) / 16.0)

    def run(self, level: float = float("inf")) -> None:
        """Merge until no border below ``level`` is left."""
        while self.heap and self.heap[0][0] < level:
            strength, a, b = heapq.heappop(self.heap)
            if self.parent[a] or self.parent[b] or b not in self.edges[a] or not self._may_merge(a, b, strength):
                continue
            self._merge(a, b, strength)

    def _may_merge(self, a: int, b: int, strength: float) -> bool:
        pin_a, pin_b = self.pins.get(a), self.pins.get(b)
        return pin_a == pin_b or ((pin_a is None or pin_b is None) and strength < self.pinned_level)

    def root(self, node: int) -> int:
        """The topmost ancestor so far."""
        while self.parent[node]:
            node = self.parent[node]
        return node

    def _merge(self, a: int, b: int, strength: float) -> None:
        new = len(self.parent)
        self.parent[a] = self.parent[b] = new
        self.parent.append(0)
        pin = self.pins.get(a, self.pins.get(b))
        if pin is not None:
            self.pins[new] = pin
        self.strength.append(max(strength, self.strength[a], self.strength[b]))
        self.size.append(self.size[a] + self.size[b])
        self.lab.append([x + y for x, y in zip(self.lab[a], self.lab[b], strict=True)])
        joined: dict[int, list[float]] = {}
        for side in (a, b):
            for other, sums in self.edges[side].items():
                if other in (a, b):
                    continue
                del self.edges[other][side]
                joined[other] = [x + y for x, y in zip(joined[other], sums, strict=True)] if other in joined else sums
            self.edges[side] = {}
        self.edges.append({})
        for other, sums in joined.items():
            self.connect(new, other, sums)
