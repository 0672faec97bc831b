"""From parts to objects: merge parts across borders that all views together found weak, and keep objects' ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tools.scene_graph.association import one_to_one
from tools.scene_graph.part_map import PartMap
from tools.segmentation.merging import BorderWeights, Merging

MERGE_STRENGTH = 0.69
"""Parts whose averaged border is weaker than this (undecided, see ``BorderWeights``) belong to one object."""
TRUSTED_FRAMES = 6
"""Frames from which the size and colour of a part count in full."""
VOXEL_WEIGHT = 0.5
"""A voxel of 4 cm counts as half a pixel beside ``tools.segmentation.merging.SMALL_REGION_PX``."""
PINNED_MERGE_STRENGTH = 0.3
"""What a person pointed out takes in other parts only across borders weaker than this, which are as good as none."""


def group_parts(
    parts: PartMap, weights: BorderWeights, pinned: Mapping[int, str], level: float = MERGE_STRENGTH
) -> list[list[int]]:
    """Groups of part ids. Parts pinned to different objects never share a group."""
    sizes = parts.sizes()
    ids = [p for p in parts.parts if p in sizes]
    number = {p: k + 1 for k, p in enumerate(ids)}
    n = len(ids)
    owner = parts.voxels.owner
    index = np.zeros(parts.next_id + 1, np.int64)
    for p, k in number.items():
        index[p] = k
    rows = index[np.maximum(owner, 0)]
    lab = np.stack([np.bincount(rows, parts.voxels.lab[:, k], n + 1) for k in range(3)], -1)
    size = np.bincount(rows, minlength=n + 1).astype(np.float64)
    # What few frames saw is as good as small: its borders are not to be trusted yet.
    trust = np.array([0.0, *(min(1.0, parts.parts[p].frames / TRUSTED_FRAMES) for p in ids)]) * VOXEL_WEIGHT
    lab, size = lab * trust[:, None], size * trust
    pins = {number[p]: name for p, name in pinned.items() if p in number}
    tree = Merging(n=n, size=size, lab=lab, weights=weights, pins=pins, pinned_level=PINNED_MERGE_STRENGTH)
    for (a, b), sums in parts.border.items():
        if a in number and b in number:
            tree.connect(number[a], number[b], sums)
    tree.run(level)
    groups: dict[int | str, list[int]] = {}
    for p, k in number.items():
        groups.setdefault(pinned_root(tree.root(k), pinned.get(p)), []).append(p)
    return list(groups.values())


def pinned_root(root: int, pin: str | None) -> int | str:
    """Parts pinned to one object are one group, whatever their borders."""
    return root if pin is None else pin


def keep_ids(
    groups: Sequence[Sequence[int]], sizes: Mapping[int, int], previous: Mapping[int, str], fixed: Mapping[int, str]
) -> list[str | None]:
    """The id that each group keeps: one-to-one by shared voxels with the former grouping; None for a new object."""
    ids = sorted(set(previous.values()) | set(fixed.values()))
    column = {k: c for c, k in enumerate(ids)}
    score = np.zeros((len(groups), len(ids)))
    for r, group in enumerate(groups):
        for part in group:
            if part in previous:
                score[r, column[previous[part]]] += sizes.get(part, 0)
            if part in fixed:
                score[r, column[fixed[part]]] += 1e6
    out: list[str | None] = [None] * len(groups)
    for r, c in one_to_one(score, 1.0):
        out[r] = ids[c]
    return out
