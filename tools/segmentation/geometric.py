"""Frames to segments: the interface, and the geometric default that needs no weights.

A segment is a piece of one thing as one frame shows it. Segments err on the small side: a sofa may come in
three. ``tools.scene_graph.builder`` joins pieces with the evidence of many frames; what a segmenter has joined, nobody
can take apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scenes.types import Frame
from tools.geometry.surfaces import Bools, Floats, SurfaceImage, surface_image
from tools.segmentation.merging import BorderWeights
from tools.segmentation.regions import Hierarchy, border_sums, borders, hierarchy
from tools.segmentation.structure import FLOOR, THING, Structure
from tools.segmentation.vote_clusters import FrameVotes
from tools.segmentation.wall_hangings import hangings

FINE_LEVEL = 0.25
"""Borders weaker than this are inside one piece of a thing."""
MIN_SEGMENT_PX = 10
WALLS_EVERY_S = 0.6
"""How often the walls are searched for flat things."""
GAZE_EXTENT_M = (0.03, 1.6)
"""What a person points at with a glance: from an egg to an armchair. Larger things need a name, not a glance."""
GAZE_USUAL_M = 0.35
"""Centre of the size prior of things that people point at."""
GAZE_MIN_PX = 12
SAME_SIZE = 0.7
"""Two nodes of a hierarchy show the same thing when the smaller has this share of the larger one's pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """``normal . p = offset`` in the world, and how well the samples fit."""

    normal: tuple[float, float, float]
    offset: float
    rms_m: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """What a segmenter found in one frame, on its reduced depth grid."""

    surface: SurfaceImage
    labels: NDArray[np.int32]
    """(h, w): 1..n for pieces of things, 0 elsewhere."""
    background: NDArray[np.uint8]
    """(h, w): ``tools.segmentation.structure`` values THING, FLOOR, WALL, CEILING."""
    border_pairs: NDArray[np.int64]
    """(k, 2) labels that touch."""
    border_sums: NDArray[np.float64]
    """(k, 6) sums of ``tools.segmentation.regions.CUES`` over their common border."""
    first_flat: int = 1 << 30
    """Labels from here on are flat things on walls, which lie on a wall's plane and are no wall."""
    names: Mapping[int, tuple[str, float]] = field(default_factory=dict)
    """Label text and confidence, from segmenters that know names; the geometric one does not."""

    votes: FrameVotes | None = None
    """What each pixel says about its thing, from a segmenter that votes; then the map clusters votes, not segments."""

    @property
    def count(self) -> int:
        """Number of segments."""
        return int(self.labels.max(initial=0))

    def planes(self) -> dict[int, Plane]:
        """The plane of each segment that is flat within sensor noise."""
        out: dict[int, Plane] = {}
        for label in range(1, self.count + 1):
            plane = fit_plane(self.surface.points[self.labels == label])
            if plane is not None and plane.rms_m < 0.015:
                out[label] = plane
        return out


class Segmenter(Protocol):
    """Anything that finds pieces of things in a posed RGB-D frame."""

    def segment(self, frame: Frame) -> Segments:
        """All pieces in a frame. Raises ``ValueError`` for a frame without depth or pose."""
        ...

    def segment_at(self, frame: Frame, uv_px: tuple[float, float]) -> GazeSegment | GazeMiss:
        """The one thing at a colour pixel."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GazeSegment:
    """The thing under a pixel."""

    surface: SurfaceImage
    mask: Bools
    """(h, w) on the surface's grid."""
    point: Floats
    """(3,) world position under the pixel."""
    persistence: float
    """Range of border strengths over which it stays the same; above 0.3 is a clear thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeMiss:
    """Why there is no thing under a pixel."""

    reason: str
    """``outside`` the image, ``no_depth``, ``floor``, ``wall`` or ``ceiling``, or ``too_small``."""
    text: str
    """One line for a person."""


class GeometricSegmenter:
    """Depth, normals and colour; one instance per map, because it learns the map's floor and walls."""

    def __init__(self, structure: Structure | None = None, *, width: int = 160, gaze_width: int = 240) -> None:
        self.structure = structure if structure is not None else Structure()
        self.width = width
        self.gaze_width = gaze_width
        self.weights = BorderWeights()
        self._looked_at_walls_s = float("-inf")

    def segment(self, frame: Frame) -> Segments:
        surface = surface_image(frame, self.width)
        background, tree, edge = self._analyse(surface)
        labels = without_crumbs(tree.cut(FINE_LEVEL))
        pairs, sums = border_sums(labels, edge, surface)
        flat = self._flat_things(frame, surface, background, edge)
        first_flat = int(labels.max(initial=0)) + 1
        labels = np.where(flat > 0, flat + first_flat - 1, labels).astype(np.int32)
        return Segments(
            surface=surface,
            labels=labels,
            background=np.where(flat > 0, THING, background).astype(np.uint8),
            border_pairs=pairs,
            border_sums=sums,
            first_flat=first_flat,
        )

    def _analyse(self, surface: SurfaceImage) -> tuple[NDArray[np.uint8], Hierarchy, Floats]:
        background = self.structure.observe(surface)
        edge = borders(surface)
        inside = surface.valid & (background == THING)
        return background, hierarchy(surface, edge, inside, self.weights), edge

    def _flat_things(
        self, frame: Frame, surface: SurfaceImage, background: NDArray[np.uint8], edge: Floats
    ) -> NDArray[np.int32]:
        """Pictures and windows hang still, and a wall's texture makes many regions: look now and then."""
        if 0 <= frame.time_s - self._looked_at_walls_s < WALLS_EVERY_S:
            return np.zeros(background.shape, np.int32)
        self._looked_at_walls_s = frame.time_s
        return hangings(surface, background, edge)

    def segment_at(self, frame: Frame, uv_px: tuple[float, float]) -> GazeSegment | GazeMiss:
        if not frame.camera.contains(*uv_px):
            return GazeMiss(
                reason="outside",
                text=f"expected a pixel inside {frame.camera.width}x{frame.camera.height}, received {uv_px}",
            )
        surface = surface_image(frame, self.gaze_width)
        at = surface.reduced_uv(frame, *uv_px)
        if at is None:
            return GazeMiss(reason="no_depth", text="no depth was measured where you look")
        column, row = at
        background, tree, _ = self._analyse(surface)
        leaf = int(tree.basins[row, column])
        if leaf == 0:
            leaf = _nearest_leaf(tree, surface, row, column)
        if leaf == 0:
            kind = ("thing", "floor", "wall", "ceiling", "wall")[int(background[row, column])]
            if kind == "thing":
                return GazeMiss(reason="no_depth", text="the depth where you look is too rough to tell a thing")
            return GazeMiss(reason=kind, text=f"there is only the {kind} where you look")
        return _most_persistent(tree, surface, leaf, (column, row))


def _nearest_leaf(tree: Hierarchy, surface: SurfaceImage, row: int, column: int, reach_px: int = 3) -> int:
    """A leaf within a few pixels at nearly the same depth: eye trackers are off by a degree."""
    r0, c0 = max(0, row - reach_px), max(0, column - reach_px)
    window = tree.basins[r0 : row + reach_px + 1, c0 : column + reach_px + 1]
    depth = surface.depth_m[r0 : row + reach_px + 1, c0 : column + reach_px + 1]
    ok = (window > 0) & (np.abs(depth - surface.depth_m[row, column]) < 0.05 + 0.02 * depth)
    if not ok.any():
        return 0
    rows, columns = np.nonzero(ok)
    nearest = ((rows + r0 - row) ** 2 + (columns + c0 - column) ** 2).argmin()
    return int(window[rows[nearest], columns[nearest]])


def _most_persistent(tree: Hierarchy, surface: SurfaceImage, leaf: int, at: tuple[int, int]) -> GazeSegment | GazeMiss:
    """The ancestor of a leaf that best stands alone.

    A thing shows as a region that is complete at a low border strength, does not grow over a wide range of
    strengths, and then grows by a lot at once, into what it stands on. The score is that range times the
    logarithm of that growth, times a broad prior on size.
    """
    path = tree.ancestors(leaf)
    masks = [tree.mask(node) for node in path]
    size = np.array([m.sum() for m in masks], np.float64)
    strength = np.array([tree.strength[node] for node in path], np.float64)
    best, best_score, best_persistence = -1, 0.0, 0.0
    for k, mask in enumerate(masks):
        extent = float(np.ptp(np.percentile(surface.points[mask], (3, 97), axis=0), axis=0).max())
        if size[k] < GAZE_MIN_PX or extent < GAZE_EXTENT_M[0]:
            continue
        if extent > GAZE_EXTENT_M[1]:
            break
        complete = int(np.flatnonzero(size >= SAME_SIZE * size[k])[0])
        grown = np.flatnonzero(size > size[k] / SAME_SIZE)
        out, growth = (strength[grown[0]], size[grown[0]] / size[k]) if len(grown) else (2.0, 4.0)
        persistence = out - max(strength[complete], FINE_LEVEL)
        prior = np.exp(-(np.log(extent / GAZE_USUAL_M) ** 2) / (2 * 1.2**2))
        score = persistence * min(np.log(growth), np.log(4.0)) * prior
        if score > best_score:
            best, best_score, best_persistence = k, score, persistence
    if best < 0:
        return GazeMiss(reason="too_small", text="what you look at is too small or too large to tell apart here")
    column, row = at
    point = surface.points[row, column].copy()
    return GazeSegment(surface=surface, mask=masks[best], point=point, persistence=float(best_persistence))


def without_crumbs(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Renumber 1..n, dropping segments below ``MIN_SEGMENT_PX``."""
    size = np.bincount(labels.ravel())
    keep = size >= MIN_SEGMENT_PX
    keep[0] = False
    number = np.zeros(len(size), np.int32)
    number[keep] = np.arange(1, keep.sum() + 1)
    return number[labels]


def fit_plane(points: Floats) -> Plane | None:
    """Least-squares plane of (N, 3) points; None below three points."""
    if len(points) < 3:
        return None
    centre = points.mean(0, dtype=np.float64)
    _, _, vt = np.linalg.svd(points[:: max(1, len(points) // 500)] - centre, full_matrices=False)
    normal = vt[2]
    rms = float(np.sqrt((((points - centre) @ normal) ** 2).mean()))
    return Plane(
        normal=(float(normal[0]), float(normal[1]), float(normal[2])), offset=float(normal @ centre), rms_m=rms
    )


__all__ = [
    "FLOOR",
    "GazeMiss",
    "GazeSegment",
    "GeometricSegmenter",
    "Plane",
    "Segmenter",
    "Segments",
    "fit_plane",
]
