"""The part map of segmenters that cut frames: segments followed over frames, and the strength of borders between them.

A part is stable where a whole object is not: the seat of a sofa is the same patch of surface from everywhere, while
whether it is cut from the back depends on the view. So identity is kept per part, the strength of the border between
two parts is averaged over all views that show it, and objects are groups of parts (``tools.scene_graph.grouping``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.geometry.voxels import VoxelTable, reduce_to_voxels
from tools.scene_graph.association import one_to_one, overlap
from tools.scene_graph.grouping import group_parts
from tools.scene_graph.object_names import LabelVotes
from tools.scene_graph.part_map import ObjectFit, PartTable
from tools.segmentation.base import Segments
from tools.segmentation.merging import BorderWeights
from tools.segmentation.regions import N_CUES

MIN_COVERAGE = 0.3
"""A segment shows a known part when the part owns this share of its voxels."""
APART_STRENGTH = 0.7
"""A segment inside a known part becomes a part of its own when its border to the part's main segment is this strong."""
NOISE_AFTER_S = 1.0
"""A part that one frame alone saw, or that has less than three voxels, is noise after this long unseen."""
MAX_RANGE_M = 5.0
"""Farther surfaces are too noisy to cut."""


class SegmentMap(PartTable):
    """Parts made of the segments of frames, with the summed border cues between pairs of them; a ``PartMap``."""

    def __init__(self) -> None:
        super().__init__(VoxelTable())
        self.label_votes: dict[int, LabelVotes] = {}
        """What a segmenter that knows names has called each part."""

    def add_frame(self, segments: Segments, time_s: float) -> NDArray[np.int32]:
        return self.assign_parts(segments, time_s)[segments.labels]

    def groups(
        self,
        pinned: Mapping[int, str],
        time_s: float,
        background: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
        weights: BorderWeights,
    ) -> list[list[int]]:
        self.remove_noise(background(self.voxels.point), time_s)
        return group_parts(self, weights, pinned)

    def reliable_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        # One stray look makes no surface, unless there was only one so far.
        sure = rows[self.voxels.hits[rows] >= 2]
        return sure if len(sure) >= 8 else rows

    def fit(self, rows: NDArray[np.int64], room_yaw: float | None) -> ObjectFit | None:
        del rows, room_yaw  # segments say nothing of an object beyond its surface
        return ObjectFit()

    def label_weights(self, parts: Sequence[int], rows: NDArray[np.int64]) -> dict[str, float]:
        del rows
        total: dict[str, float] = {}
        for part in parts:
            for label, weight in self.label_votes[part].weights.items() if part in self.label_votes else ():
                total[label] = total.get(label, 0.0) + weight
        return total

    def assign_parts(self, segments: Segments, time_s: float) -> NDArray[np.int32]:
        """Add a frame; returns the part of each segment, (n + 1,) with 0 for none."""
        surface = segments.surface
        use = (segments.labels > 0) & surface.valid & (surface.depth_m < MAX_RANGE_M)
        part_of = np.zeros(segments.count + 1, np.int32)
        if not use.any():
            return part_of
        keys, label, point, lab = reduce_to_voxels(surface.points[use], surface.lab[use], segments.labels[use])
        near = self.voxels.owners_near(keys)
        table = overlap(label, near)
        flat_part = np.array([p in self.parts and self.parts[p].flat for p in table.owners.tolist()], bool)
        # A picture is never a piece of the cupboard before it, nor the other way round.
        fits = flat_part[None, :] == (table.segments >= segments.first_flat)[:, None]
        self._assign(table.segments, table.owners, np.where(fits, table.coverage, 0.0), segments, part_of, time_s)
        self._add_segment_borders(segments, part_of)
        for label_number, (text, confidence) in segments.names.items():
            if part_of[label_number]:
                self.label_votes.setdefault(int(part_of[label_number]), LabelVotes()).add(text, confidence)
        self._add_missing_borders(table.segments, table.owners, table.shared, part_of)
        owner = part_of[label]
        if self.locked:
            # A locked part keeps what it has; what is new next to it is free.
            owner = np.where(np.isin(near, list(self.locked)), near, owner)
        self.voxels.observe(keys, owner, point, lab, time_s)
        return part_of

    def _assign(
        self,
        rows: NDArray[np.int32],
        owners: NDArray[np.int32],
        coverage: NDArray[np.float64],
        segments: Segments,
        part_of: NDArray[np.int32],
        time_s: float,
    ) -> None:
        mains = dict(one_to_one(coverage, MIN_COVERAGE))
        main_segment = {int(owners[c]): int(rows[r]) for r, c in mains.items()}
        strength = _border_strengths(segments)
        for r, label in enumerate(rows):
            if r in mains:
                part_of[label] = owners[mains[r]]
                continue
            best = int(coverage[r].argmax()) if coverage.shape[1] else -1
            held = best >= 0 and coverage[r, best] >= MIN_COVERAGE
            if held:
                main = main_segment.get(int(owners[best]))
                pair = (min(int(label), main), max(int(label), main)) if main is not None else None
                apart = pair is not None and strength.get(pair, APART_STRENGTH) >= APART_STRENGTH
                if not apart or int(owners[best]) in self.locked:
                    part_of[label] = owners[best]
                    continue
            part_of[label] = self.add_part(time_s)
            self.parts[int(part_of[label])].flat = int(label) >= segments.first_flat
        for part in np.unique(part_of[part_of > 0]):
            entry = self.parts[int(part)]
            if entry.last_seen_s != time_s:
                entry.frames += 1
                entry.last_seen_s = time_s

    def _add_segment_borders(self, segments: Segments, part_of: NDArray[np.int32]) -> None:
        for (a, b), sums in zip(segments.border_pairs, segments.border_sums, strict=True):
            self._add_border(int(part_of[a]), int(part_of[b]), sums)

    def _add_missing_borders(
        self,
        rows: NDArray[np.int32],
        owners: NDArray[np.int32],
        shared: NDArray[np.float64],
        part_of: NDArray[np.int32],
    ) -> None:
        """One segment over two parts says that this view shows no border between them."""
        for r, label in enumerate(rows):
            main = int(part_of[label])
            for c in np.flatnonzero(shared[r] >= 4):
                other = int(owners[c])
                # Weighted like a border of the smaller piece: the square root of its area in voxels.
                length = float(np.sqrt(shared[r, c]))
                self._add_border(main, other, np.array([length, *([0.0] * (N_CUES - 1))]))

    def _add_border(self, a: int, b: int, sums: NDArray[np.float64]) -> None:
        if a == b or a == 0 or b == 0:
            return
        key = (a, b) if a < b else (b, a)
        known = self.border.get(key)
        self.border[key] = sums.copy() if known is None else known + sums

    def remove_noise(self, background: NDArray[np.bool_], time_s: float) -> None:
        """Remove voxels that turned out to be background (a mask of rows) and tiny parts that nobody saw again."""
        size = np.bincount(self.voxels.owner, minlength=self.next_id + 1)
        noise = np.zeros(self.next_id + 1, bool)
        for part in self.parts.values():
            old = time_s - part.last_seen_s > NOISE_AFTER_S
            noise[part.id] = old and (part.frames < 2 or size[part.id] < 3) and part.id not in self.locked
        gone = noise[self.voxels.owner]
        kept = self.locked | {p.id for p in self.parts.values() if p.flat}
        if kept:
            background = background & ~np.isin(self.voxels.owner, list(kept))
        gone |= background
        if gone.any():
            self.voxels.remove(gone)
        self.drop_empty()

    def drop_empty(self) -> list[int]:
        gone = super().drop_empty()
        for part in gone:
            self.label_votes.pop(part, None)
        return gone


def _border_strengths(segments: Segments) -> dict[tuple[int, int], float]:
    """Mean geometric border strength per pair of segments; colour alone never cuts a known part."""
    return {
        (int(a), int(b)): float((s[1] + s[2]) / s[0])
        for (a, b), s in zip(segments.border_pairs, segments.border_sums, strict=True)
    }
