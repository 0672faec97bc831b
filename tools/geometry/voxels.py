"""A sparse voxel table: which piece of which thing owns each small cube of the map.

One row per occupied voxel, kept sorted by key, so that a frame's look-ups and updates are array operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOXEL_M = 0.04
"""Edge of a voxel. Depth noise of 1-2 cm stays within a voxel and its neighbours; a mug still has about ten."""
MAX_VOTES = 30
"""Cap on votes: an owner that was right for long can still lose a voxel within a few looks."""
_OFFSET, _BITS = 1 << 20, 21
NEIGHBOURS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.int64)

Keys = NDArray[np.int64]


def voxel_cells(points: NDArray) -> NDArray[np.int64]:
    """(N, 3) world points -> (N, 3) integer cells."""
    return np.floor(points / VOXEL_M).astype(np.int64)


def pack(cells: NDArray[np.int64]) -> Keys:
    """(..., 3) cells within +-2**20 (42 km) -> one sortable key each."""
    c = cells + _OFFSET
    return (c[..., 0] << (2 * _BITS)) | (c[..., 1] << _BITS) | c[..., 2]


def unpack(keys: Keys) -> NDArray[np.int64]:
    """Inverse of ``pack``."""
    mask = (1 << _BITS) - 1
    return np.stack([keys >> (2 * _BITS), (keys >> _BITS) & mask, keys & mask], -1) - _OFFSET


class VoxelTable:
    """Rows of (key, owner, votes, mean position, mean colour, hits, last seen, missed looks)."""

    COLUMNS = (
        ("keys", np.int64, ()),
        ("owner", np.int32, ()),
        ("votes", np.int16, ()),
        ("hits", np.int32, ()),
        ("misses", np.int16, ()),
        ("seen_s", np.float64, ()),
        ("point", np.float32, (3,)),
        ("lab", np.float32, (3,)),
    )

    def __init__(self) -> None:
        self.keys: Keys = np.zeros(0, np.int64)
        self.owner = np.zeros(0, np.int32)
        self.votes = np.zeros(0, np.int16)
        self.hits = np.zeros(0, np.int32)
        self.misses = np.zeros(0, np.int16)
        self.seen_s = np.zeros(0, np.float64)
        self.point = np.zeros((0, 3), np.float32)
        self.lab = np.zeros((0, 3), np.float32)

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, keys: Keys) -> NDArray[np.int64]:
        """Row of each key, -1 where absent."""
        if len(self.keys) == 0:
            return np.full(len(keys), -1, np.int64)
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        return np.where(self.keys[at] == keys, at, -1)

    def holds(self, points: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(N, 3) -> (N,) whether the voxel of each point is there."""
        return self.rows(pack(voxel_cells(points))) >= 0

    def owners_near(self, keys: Keys) -> NDArray[np.int32]:
        """Owner of each key's voxel, or of a face neighbour where the voxel itself is empty; 0 for none."""
        rows = self.rows(keys)
        out = np.where(rows >= 0, self.owner[rows] if len(self.owner) else 0, 0).astype(np.int32)
        lost = np.flatnonzero(out == 0)
        cells = unpack(keys[lost])
        for step in NEIGHBOURS:
            if len(lost) == 0:
                break
            rows = self.rows(pack(cells + step))
            found = np.where(rows >= 0, self.owner[rows] if len(self.owner) else 0, 0)
            out[lost] = found
            left = found == 0
            lost, cells = lost[left], cells[left]
        return out

    def observe(
        self, keys: Keys, owner: NDArray[np.int32], point: NDArray, lab: NDArray, time_s: float, *, weight: int = 1
    ) -> None:
        """Add one look at unique ``keys``. Ownership is a majority vote (Boyer and Moore 1981) over looks."""
        rows = self.rows(keys)
        old = rows >= 0
        self._vote(rows[old], owner[old], weight)
        r = rows[old]
        share = (1.0 / np.minimum(self.hits[r] + 1, 20))[:, None].astype(np.float32)
        self.point[r] += (point[old] - self.point[r]) * share
        self.lab[r] += (lab[old] - self.lab[r]) * share
        self.hits[r] += 1
        self.misses[r] = 0
        self.seen_s[r] = time_s
        new = ~old
        count = int(new.sum())
        if count:
            self._insert(
                keys[new],
                owner=owner[new].astype(np.int32),
                votes=np.full(count, weight, np.int16),
                hits=np.ones(count, np.int32),
                misses=np.zeros(count, np.int16),
                seen_s=np.full(count, time_s),
                point=point[new].astype(np.float32),
                lab=lab[new].astype(np.float32),
            )

    def _vote(self, rows: NDArray[np.int64], owner: NDArray[np.int32], weight: int) -> None:
        same = self.owner[rows] == owner
        votes = self.votes[rows].astype(np.int32) + np.where(same, weight, -weight)
        flip = votes < 0
        self.owner[rows[flip]] = owner[flip]
        self.votes[rows] = np.minimum(np.where(flip, -votes, votes), MAX_VOTES).astype(np.int16)

    def _insert(self, keys: Keys, **columns: NDArray) -> None:
        order = np.argsort(np.concatenate([self.keys, keys]), kind="stable")
        self.keys = np.concatenate([self.keys, keys])[order]
        for name, values in columns.items():
            setattr(self, name, np.concatenate([getattr(self, name), values])[order])

    def remove(self, rows: NDArray) -> None:
        """Delete rows (indices or mask)."""
        keep = np.ones(len(self.keys), bool)
        keep[rows] = False
        for name, _, _ in self.COLUMNS:
            setattr(self, name, getattr(self, name)[keep])

    def of(self, owners: list[int]) -> NDArray[np.int64]:
        """Rows of some owners."""
        return np.flatnonzero(np.isin(self.owner, owners))


def reduce_to_voxels(
    points: NDArray, lab: NDArray, labels: NDArray
) -> tuple[Keys, NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """(N, 3) points, (N, 3) colours, (N,) labels -> per unique voxel: key, majority label, mean point, mean colour."""
    keys = pack(voxel_cells(points))
    unique, inverse = np.unique(keys, return_inverse=True)
    n = len(unique)
    count = np.bincount(inverse, minlength=n)
    mean = np.stack([np.bincount(inverse, points[:, k], n) for k in range(3)], -1) / count[:, None]
    color = np.stack([np.bincount(inverse, lab[:, k], n) for k in range(3)], -1) / count[:, None]
    pair, pair_count = np.unique(inverse.astype(np.int64) * (1 << 32) + labels, return_counts=True)
    # Sorted by voxel, then count: the last entry of each voxel is its majority label.
    order = np.lexsort((pair_count, pair >> 32))
    last = np.searchsorted((pair >> 32)[order], np.arange(n), side="right") - 1
    majority = (pair[order][last] & ((1 << 32) - 1)).astype(np.int32)
    return unique, majority, mean.astype(np.float32), color.astype(np.float32)
