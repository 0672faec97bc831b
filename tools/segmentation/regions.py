"""From surface samples to a hierarchy of regions: watershed basins merged across their weakest borders.

A border is strong where depth jumps, where the surface folds inwards (things that touch each other meet in a
concave fold; Stein et al. 2014, "Object partitioning using local convexity"), and where colour changes.
The order in which basins merge is kept, so that one hierarchy answers two questions: which segments does
the frame have (cut at one strength), and what is the thing under this pixel (the most persistent ancestor).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tools.geometry.surfaces import Bools, Floats, SurfaceImage
from tools.segmentation.merging import BorderWeights, Merging

CUES = ("count", "jump", "fold", "bulge", "lightness", "chroma")
"""What is summed over the pixels of a border between two regions; sums of several views add up."""
N_CUES = len(CUES)
CONTACT_M = 0.015
"""Neighbouring samples farther than this (plus noise) off each other's plane belong to surfaces that do not touch."""


def dot(a: NDArray, b: NDArray) -> NDArray:
    """Inner product over the last axis; ``(a * b).sum(-1)`` is five times slower for three components."""
    return np.einsum("...i,...i->...", a, b)


def shifted(image: NDArray, dy: int, dx: int) -> NDArray:
    """``out[y, x] = image[y + dy, x + dx]``, edge pixels repeated."""
    h, w = image.shape[:2]
    rows = np.clip(np.arange(h) + dy, 0, h - 1)
    columns = np.clip(np.arange(w) + dx, 0, w - 1)
    if dx == 0:
        return image[rows]
    return image[:, columns] if dy == 0 else image[rows[:, None], columns]


def borders(surface: SurfaceImage) -> Floats:
    """(h, w, 6) cues in the order of ``CUES``, from pixel pairs two apart, horizontally and vertically."""
    out = np.zeros((*surface.valid.shape, N_CUES), np.float32)
    out[..., 0] = 1.0
    towards = surface.eye - surface.points
    slant = np.abs(dot(surface.normals, towards)) / np.sqrt(dot(towards, towards) + 1e-9)
    slant = np.maximum(slant, 0.15)
    step_m = 2.0 * surface.depth_m / surface.camera.fx
    for dy, dx in ((0, 1), (1, 0)):
        p1, p2 = shifted(surface.points, -dy, -dx), shifted(surface.points, dy, dx)
        n1, n2 = shifted(surface.normals, -dy, -dx), shifted(surface.normals, dy, dx)
        ok = shifted(surface.valid, -dy, -dx) & shifted(surface.valid, dy, dx)
        between = p2 - p1
        length = np.sqrt(dot(between, between)) + 1e-6
        off = np.minimum(np.abs(dot(between, n1)), np.abs(dot(between, n2)))
        # Around an outward edge both samples are off each other's plane, yet no farther apart than the surface allows.
        slant1, slant2 = shifted(slant, -dy, -dx), shifted(slant, dy, dx)
        gap = np.maximum(length - 1.3 * step_m / np.maximum(slant1, slant2), 0.0)
        jump = np.where(ok, np.minimum(off, gap) / (0.02 + 0.02 * surface.depth_m), 0.0)
        outward = np.where(ok & (length < 0.15 + 0.05 * surface.depth_m), dot(n2 - n1, between) / length, 0.0)
        color = np.abs(shifted(surface.lab, -dy, -dx) - shifted(surface.lab, dy, dx)) / 25.0
        chroma = np.hypot(color[..., 1], color[..., 2])
        for k, cue in enumerate((jump, -outward, outward, color[..., 0], chroma), start=1):
            out[..., k] = np.maximum(out[..., k], cue)
    out[..., 2:4] = np.clip(out[..., 2:4] - 0.08, 0.0, 1.5)
    out[..., (1, 4, 5)] = np.minimum(out[..., (1, 4, 5)], 2.0)
    return out


def relief(edge: Floats) -> Floats:
    """(h, w) height of the watershed's landscape: where borders may run; their strength is judged afterwards."""
    return (edge[..., 1] + 1.3 * edge[..., 2] + 0.35 * edge[..., 4] + 0.6 * edge[..., 5]).astype(np.float32)


def label_components(mask: Bools) -> tuple[NDArray[np.int32], int]:
    """8-connected components of an (h, w) mask: labels 1..n, and n."""
    labels = np.zeros(mask.shape, np.int32)
    count = ndimage.label(mask, np.ones((3, 3)), output=labels)
    return labels, int(count)  # type: ignore[arg-type]


def basins(strength: Floats, inside: Bools) -> NDArray[np.int32]:
    """Watershed basins of a border strength, (h, w) labels from 1, 0 outside."""
    level = np.where(inside, np.clip(strength * 100, 0, 254), 255).astype(np.uint8)
    smooth = ndimage.uniform_filter(level, 3)
    smooth[~inside] = 255
    seeds = (smooth <= ndimage.minimum_filter(smooth, 5)) & inside
    markers, count = label_components(seeds)
    if count == 0:
        return np.zeros(level.shape, np.int32)
    labels = ndimage.watershed_ift(smooth, markers)
    labels[~inside] = 0
    return labels.astype(np.int32)


def split_at_jumps(labels: NDArray[np.int32], surface: SurfaceImage) -> NDArray[np.int32]:
    """Break each label where neighbouring pixels are not neighbours in space; a watershed crosses thin edges."""
    h, w = labels.shape
    index = np.arange(h * w).reshape(h, w)
    first, second = [], []
    for a, b in _NEIGHBOURS:
        linked = (labels[a] == labels[b]) & (labels[a] > 0) & _touching(surface, a, b)
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


def refine_edges(labels: NDArray[np.int32], surface: SurfaceImage, rounds: int = 2) -> NDArray[np.int32]:
    """Let pixels near a border join the side that they fit: on its plane, of its colour, two pixels inward.

    A watershed puts borders where the change is, give or take a pixel; at 2 m a pixel is 2 cm, a third of a mug.
    """
    out = labels.copy()
    for _ in range(rounds):
        at_border = np.zeros(out.shape, bool)
        best = np.full(out.shape, np.inf, np.float32)
        choice = out.copy()
        for dy, dx in ((0, 2), (0, -2), (2, 0), (-2, 0)):
            other = shifted(out, dy, dx)
            at_border |= other != out
            step = surface.points - shifted(surface.points, dy, dx)
            off = np.abs(dot(step, shifted(surface.normals, dy, dx))) / (0.01 + 0.006 * surface.depth_m)
            difference = surface.lab - shifted(surface.lab, dy, dx)
            cost = off + np.sqrt(dot(difference, difference)) / 12.0
            cost = np.where(shifted(surface.valid, dy, dx) & (other > 0), cost, np.inf)
            better = cost < best
            best, choice = np.where(better, cost, best), np.where(better, other, choice)
        change = at_border & (out > 0) & np.isfinite(best)
        out[change] = choice[change]
    return out


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


def hierarchy(surface: SurfaceImage, edge: Floats, inside: Bools, weights: BorderWeights) -> Hierarchy:
    """Merge watershed basins, weakest border first."""
    labels = split_at_jumps(refine_edges(basins(relief(edge), inside), surface), surface)
    n = int(labels.max())
    pairs, sums = border_sums(labels, edge, surface)
    lab = np.stack([np.bincount(labels.ravel(), surface.lab[..., k].ravel(), n + 1) for k in range(3)], -1)
    size = np.bincount(labels.ravel(), minlength=n + 1).astype(np.float64)
    tree = Merging(n=n, size=size, lab=lab, weights=weights)
    for (a, b), total in zip(pairs, sums, strict=True):
        tree.connect(int(a), int(b), total)
    tree.run()
    return Hierarchy(labels, np.array(tree.parent, np.int32), np.array(tree.strength, np.float32))


def border_sums(labels: NDArray[np.int32], edge: Floats, surface: SurfaceImage) -> tuple[NDArray, NDArray]:
    """Adjacent label pairs (k, 2) and, per pair, sums of ``CUES`` over their border pixels."""
    n = int(labels.max()) + 1
    keys, values = [], []
    for a, b in _NEIGHBOURS:
        touch = (labels[a] != labels[b]) & (labels[a] > 0) & (labels[b] > 0) & _touching(surface, a, b)
        low, high = np.minimum(labels[a], labels[b])[touch], np.maximum(labels[a], labels[b])[touch]
        keys.append(low.astype(np.int64) * n + high)
        values.append(np.maximum(edge[a][touch], edge[b][touch]))
    key, value = np.concatenate(keys), np.concatenate(values)
    unique, inverse = np.unique(key, return_inverse=True)
    sums = np.stack([np.bincount(inverse, value[:, k], len(unique)) for k in range(value.shape[1])], -1)
    return np.stack([unique // n, unique % n], -1), sums


_LEFT, _RIGHT = (slice(None), slice(None, -1)), (slice(None), slice(1, None))
_UPPER, _LOWER = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
_NEIGHBOURS = ((_LEFT, _RIGHT), (_UPPER, _LOWER))


def _touching(surface: SurfaceImage, a: tuple[slice, slice], b: tuple[slice, slice]) -> Bools:
    """Which neighbouring pixels are neighbours in space: each near the other's plane, or nearly as close as can be."""
    step = surface.points[b] - surface.points[a]
    off = np.minimum(np.abs(dot(step, surface.normals[a])), np.abs(dot(step, surface.normals[b])))
    near = np.minimum(surface.depth_m[a], surface.depth_m[b])
    return (off < CONTACT_M + 0.012 * near) & surface.valid[a] & surface.valid[b]
