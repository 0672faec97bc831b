"""The part map of segmenters that vote: every voxel keeps the mean of what all views said of its object.

Objects are clusters of voxels that vote alike, so a part is a whole object here and no border is kept. Only what frames
have touched since the last time is clustered again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.geometry.voxels import Keys, VoxelTable, pack, voxel_cells
from tools.scene_graph.association import one_to_one, overlap
from tools.scene_graph.part_map import ObjectFit, PartTable
from tools.segmentation.base import Segments
from tools.segmentation.merging import BorderWeights
from tools.segmentation.vote_clusters import FrameVotes, Votes, cluster_votes, fit_to_surface, support

MIN_THING_SHARE = 0.5
"""Mean probability of "not the building" from which a voxel is part of an object."""
MIN_SHOWN_THING = 0.3
"""Probability of "not the building" from which a pixel shows the object that its voxel belongs to."""
MAX_FRAME_WEIGHT, MAX_WEIGHT = 4.0, 40.0
"""Most that one frame, and all frames together, can weigh: what has changed must be able to win."""
FULL_WEIGHT = 12.0
"""A voxel that was seen this much counts in full."""
MIN_VOTING_PX = 2
"""Voting pixels of an object that make a frame show it."""
TOP_KINDS = 5
"""So many of the likeliest kinds of an object are passed on."""
N_STATS = 10
"""Weight, share of "thing", centre (3), log size (3), cosine and sine of the doubled yaw."""


class VoteTable(VoxelTable):
    """Voxels with the mean of their votes and kinds.

    Means are wide and new voxels come with every frame, so they lie in a store that only grows, in order of arrival;
    ``slot`` says where. Removing a voxel leaves its slot unused until the store is packed.
    """

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.slot = np.zeros(0, np.int32)
        self.dirty = np.zeros(0, bool)
        self.stats = np.zeros((0, N_STATS), np.float32)
        """(slots, 10) weight, share of "thing", centre, log size, cosine and sine of the doubled yaw."""
        self.kinds = np.zeros((0, kinds), np.float16)
        self.used = 0

    def _insert(self, keys: Keys, **columns: NDArray) -> None:
        self.add_missing_slots()
        order = np.argsort(np.concatenate([self.keys, keys]), kind="stable")
        slot = np.concatenate([self.slot, self._reserve(len(keys))])[order]
        dirty = np.concatenate([self.dirty, np.zeros(len(keys), bool)])[order]
        super()._insert(keys, **columns)
        self.slot, self.dirty = slot, dirty

    def _reserve(self, count: int) -> NDArray[np.int32]:
        if self.used + count > len(self.stats):
            room = max(1024, 2 * (self.used + count)) - len(self.stats)
            self.stats = np.concatenate([self.stats, np.zeros((room, N_STATS), np.float32)])
            self.kinds = np.concatenate([self.kinds, np.zeros((room, self.kinds.shape[1]), np.float16)])
        self.used += count
        return np.arange(self.used - count, self.used, dtype=np.int32)

    def remove(self, rows: NDArray) -> None:
        self.add_missing_slots()
        keep = np.ones(len(self.keys), bool)
        keep[rows] = False
        super().remove(rows)
        self.slot, self.dirty = self.slot[keep], self.dirty[keep]
        if self.used > 2 * len(self.slot) + 1024:
            self.stats, self.kinds = self.stats[self.slot], self.kinds[self.slot]
            self.used = len(self.slot)
            self.slot = np.arange(self.used, dtype=np.int32)

    def add_missing_slots(self) -> None:
        """Rows that came from a file have no votes yet; they keep their owner until they are seen again."""
        if len(self.slot) != len(self.keys):
            self.used = 0
            self.stats[:], self.kinds[:] = 0.0, 0.0
            self.slot, self.dirty = self._reserve(len(self.keys)), np.zeros(len(self.keys), bool)

    def weight(self, rows: NDArray) -> NDArray[np.float32]:
        """How much the votes of some rows weigh; 0 where none was cast."""
        return self.stats[self.slot[rows], 0]

    def mean_votes(self, rows: NDArray) -> Votes:
        """The mean votes of some rows."""
        s = self.stats[self.slot[rows]]
        return Votes(
            points=self.point[rows],
            center=s[:, 2:5],
            log_size=s[:, 5:8],
            turn=s[:, 8:10],
            weight=np.minimum(s[:, 0], FULL_WEIGHT) * s[:, 1],
            kinds=self.kinds[self.slot[rows]].astype(np.float32),
        )


class VoteMap(PartTable):
    """Objects as clusters of voxels that vote alike; a ``PartMap``."""

    voxels: VoteTable

    def __init__(self, kinds: Sequence[str]) -> None:
        """``kinds``: the names that votes are cast for, the building first."""
        super().__init__(VoteTable(len(kinds)))
        self.kinds = tuple(kinds)

    def add_frame(self, segments: Segments, time_s: float) -> NDArray[np.int32]:
        if segments.votes is None:
            raise ValueError("a map of votes needs a segmenter that votes; received segments without votes")
        return self.add_votes(segments.votes, time_s)

    def groups(
        self,
        pinned: Mapping[int, str],
        time_s: float,
        background: Callable[[NDArray[np.float32]], NDArray[np.bool_]],
        weights: BorderWeights,
    ) -> list[list[int]]:
        del background, weights  # the votes say what is building, and a part is a whole object already
        self.cluster(time_s)
        loose = [p for p in self.parts if p not in pinned]
        held: dict[str, list[int]] = {}
        for part, object_id in pinned.items():
            if part in self.parts:
                held.setdefault(object_id, []).append(part)
        return [*([p] for p in loose), *held.values()]

    def reliable_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows  # votes are sparse, and say themselves which voxels count

    def add_votes(self, frame: FrameVotes, time_s: float) -> NDArray[np.int32]:
        """Add a frame; returns the part that each pixel of the surface shows, (h, w), 0 for none."""
        surface, voxels = frame.surface, self.voxels
        voxels.add_missing_slots()
        k = frame.stride
        points = surface.points[::k, ::k][frame.pixels]
        lab = surface.lab[::k, ::k][frame.pixels]
        keys, inverse, count = np.unique(pack(voxel_cells(points)), return_inverse=True, return_counts=True)
        values = np.concatenate(
            [
                frame.thing[:, None],
                frame.votes.center,
                frame.votes.log_size,
                frame.votes.turn,
                points,
                lab,
                frame.votes.kinds,
            ],
            1,
        )
        order = np.argsort(inverse, kind="stable")
        starts = np.concatenate([[0], np.cumsum(count)[:-1]])
        mean = np.add.reduceat(values[order], starts, axis=0) / count[:, None] if len(keys) else values[:0]
        known = voxels.rows(keys) >= 0
        use = known | (mean[:, 0] > MIN_THING_SHARE)
        keys, mean, count = keys[use], mean[use], count[use]
        rows = voxels.rows(keys)
        owner = np.where(rows >= 0, voxels.owner[rows] if len(voxels) else 0, 0).astype(np.int32)
        voxels.observe(keys, owner, mean[:, 9:12], mean[:, 12:15], time_s)
        self._add(voxels.rows(keys), mean, count)
        return self._shown(frame, points, time_s)

    def _add(self, rows: NDArray[np.int64], mean: NDArray, count: NDArray) -> None:
        self.voxels.dirty[rows] = True
        rows = self.voxels.slot[rows].astype(np.int64)
        stats, weight = self.voxels.stats, np.minimum(count, MAX_FRAME_WEIGHT).astype(np.float32)
        share = (weight / (stats[rows, 0] + weight))[:, None]
        stats[rows, 1:] += (mean[:, :9] - stats[rows, 1:]) * share
        kinds = self.voxels.kinds[rows].astype(np.float32)
        self.voxels.kinds[rows] = kinds + (mean[:, 15:] - kinds) * share
        stats[rows, 0] = np.minimum(stats[rows, 0] + weight, MAX_WEIGHT)

    def _shown(self, frame: FrameVotes, points: NDArray[np.float32], time_s: float) -> NDArray[np.int32]:
        rows = self.voxels.rows(pack(voxel_cells(points)))
        owner = np.where((rows >= 0) & (frame.thing > MIN_SHOWN_THING), self.voxels.owner[rows], 0).astype(np.int32)
        seen, count = np.unique(owner, return_counts=True)
        for part, n in zip(seen.tolist(), count.tolist(), strict=True):
            entry = self.parts.get(part)
            if entry is None or n < MIN_VOTING_PX:
                owner[owner == part] = 0
            elif entry.last_seen_s != time_s:
                entry.frames += 1
                entry.last_seen_s = time_s
        return frame.to_surface(owner)

    def cluster(self, time_s: float) -> None:
        """Make parts of what frames have touched; a part keeps its id while it keeps most of its voxels."""
        voxels = self.voxels
        voxels.add_missing_slots()
        touched = np.unique(voxels.owner[voxels.dirty])
        stats = voxels.stats[voxels.slot]
        is_touched = np.zeros(self.next_id + 1, bool)
        is_touched[touched] = True
        is_touched[0] = False
        open_ = (voxels.dirty | is_touched[voxels.owner]) & (stats[:, 0] > 0)
        if self.locked:
            open_ &= ~np.isin(voxels.owner, list(self.locked))
        voxels.dirty[:] = False
        thing = stats[:, 1] > MIN_THING_SHARE
        voxels.owner[open_ & ~thing] = 0
        rows = np.flatnonzero(open_ & thing)
        if len(rows) == 0:
            return
        label = cluster_votes(voxels.mean_votes(rows))
        before = voxels.owner[rows]
        table = overlap(label, before)
        shared = np.where((table.segments > 0)[:, None], table.shared, 0.0)
        part_of = np.zeros(int(label.max(initial=0)) + 1, np.int32)
        for r, c in one_to_one(shared, 1.0):
            part_of[table.segments[r]] = table.owners[c]
        for k in table.segments[table.segments > 0]:
            if part_of[k] == 0:
                part_of[k] = self.add_part(time_s)
        voxels.owner[rows] = part_of[label]
        self.drop_empty()

    def drop_empty(self) -> list[int]:
        gone = super().drop_empty()
        alive = np.zeros(self.next_id + 1, bool)
        alive[list(self.parts)] = True
        self.voxels.owner[~alive[self.voxels.owner]] = 0
        return gone

    def fit(self, rows: NDArray[np.int64], room_yaw: float | None) -> ObjectFit | None:
        """The box that the voxels of an object vote for.

        None when fewer than half of them have votes: those of a restored object were not kept.
        """
        voted = rows[self.voxels.weight(rows) > 0]
        if len(voted) == 0 or 2 * len(voted) < len(rows):
            return None
        votes = self.voxels.mean_votes(voted)
        box = fit_to_surface(votes.box(np.arange(len(voted))), votes.points, room_yaw)
        kind = float(self.kinds_of(voted)[1:].max(initial=0.0))
        return ObjectFit(
            box=box, supported=support(box, len(voted), float(votes.weight.sum()) / FULL_WEIGHT, kind).enough
        )

    def label_weights(self, parts: Sequence[int], rows: NDArray[np.int64]) -> dict[str, float]:
        del parts
        kinds = self.kinds_of(rows)
        return {self.kinds[k]: float(kinds[k]) for k in np.argsort(-kinds)[:TOP_KINDS] if k > 0}

    def kinds_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(k,) mean probability of each kind over the voxels of an object; zeros where none has voted."""
        weight = np.minimum(self.voxels.weight(rows), FULL_WEIGHT)
        total = weight.sum()
        if total <= 0:
            return np.zeros(self.voxels.kinds.shape[1])
        return (self.voxels.kinds[self.voxels.slot[rows]].astype(np.float64) * weight[:, None]).sum(0) / total
