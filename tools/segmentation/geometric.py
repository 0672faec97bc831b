"""The geometric segmenter: pieces of things from depth, normals and colour alone, without any weights to load."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scenes.types import Frame
from tools.geometry.surfaces import Floats, SurfaceImage, surface_image
from tools.segmentation.base import GazeMiss, GazeMissReason, GazeSegment, Segments
from tools.segmentation.merging import BorderWeights
from tools.segmentation.regions import Hierarchy, border_sums, borders, hierarchy
from tools.segmentation.structure import CEILING, FLOOR, THING, UNSURE, WALL, Structure
from tools.segmentation.wall_hangings import wall_hangings

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
BUILDING_MISS: Mapping[int, GazeMissReason] = {FLOOR: "floor", WALL: "wall", CEILING: "ceiling", UNSURE: "wall"}
"""Why a gaze at a pixel of this background value meets no thing."""


class GeometricSegmenter:
    """Depth, normals and colour; one instance per map, because it learns the map's floor and walls."""

    def __init__(self, structure: Structure | None = None, *, width: int = 160, gaze_width: int = 240) -> None:
        """``structure``: what is known of the building; None = nothing yet. Widths of the reduced surface, in pixels,
        for whole frames and for gazes."""
        self.structure = structure if structure is not None else Structure()
        self.width = width
        self.gaze_width = gaze_width
        self.border_weights = BorderWeights()
        self.vote_kinds: tuple[str, ...] = ()
        self._looked_at_walls_s = float("-inf")

    def segment(self, frame: Frame) -> Segments:
        surface = surface_image(frame, self.width)
        background, tree, edge = self._analyse(surface)
        labels = drop_small_segments(tree.cut(FINE_LEVEL))
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
        return background, hierarchy(surface, edge, inside, self.border_weights), edge

    def _flat_things(
        self, frame: Frame, surface: SurfaceImage, background: NDArray[np.uint8], edge: Floats
    ) -> NDArray[np.int32]:
        """Pictures and windows hang still, and a wall's texture makes many regions: look now and then."""
        if 0 <= frame.time_s - self._looked_at_walls_s < WALLS_EVERY_S:
            return np.zeros(background.shape, np.int32)
        self._looked_at_walls_s = frame.time_s
        return wall_hangings(surface, background, edge)

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
            building = BUILDING_MISS.get(int(background[row, column]))
            if building is None:
                return GazeMiss(reason="no_depth", text="the depth where you look is too rough to tell a thing")
            return GazeMiss(reason=building, text=f"there is only the {building} where you look")
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


def drop_small_segments(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """(h, w) labels without segments below ``MIN_SEGMENT_PX``, renumbered 1..n."""
    size = np.bincount(labels.ravel())
    keep = size >= MIN_SEGMENT_PX
    keep[0] = False
    number = np.zeros(len(size), np.int32)
    number[keep] = np.arange(1, keep.sum() + 1)
    return number[labels]
