"""Rooms from what was walked and seen: the floor as a grid, cut where it narrows to a door.

A room is a piece of floor that is wide somewhere; a doorway is narrow and has wall on both sides. Furniture counts as
floor here, or every table would make a room of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.hierarchy import fclusterdata
from scipy.spatial import ConvexHull, QhullError

from scenes.types import Room
from tools.scene_graph.association import one_to_one
from tools.segmentation.base import Segments
from tools.segmentation.regions import label_components
from tools.segmentation.structure import FLOOR, THING, WALL, Structure

CELL_M = 0.1
DOOR_HALF_M = 0.55
"""Half the widest door. A core of a room is farther than this from all walls."""
MIN_ROOM_M2 = 1.5
MIN_WALL_FRAMES = 3
"""Frames that must have seen a wall in a cell; a cell with a wall is no floor."""
MIN_FLOOR_FRAMES = 2
"""Frames that must have seen floor or furniture in a cell of floor."""
MAX_HOLE_M2 = 3.0
"""Largest unseen place within a room: a table with its chairs."""
MARGIN_CELLS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where one can walk from one room into another."""

    rooms: tuple[str, str]
    """Ids, in order."""
    center: tuple[float, float]
    """(x, z) in metres."""
    width_m: float
    """Of the floor that both rooms touch."""


class FloorGrid:
    """Counts of frames that saw floor, furniture and wall over each cell of the ground."""

    def __init__(self) -> None:
        self.origin = np.zeros(2, np.int64)
        """Cell (x, z) of the array's first entry."""
        self.counts = np.zeros((0, 0, 2), np.int32)
        """(nx, nz, 2): frames that saw floor or furniture there, and frames that saw wall."""
        self._labels: NDArray[np.int32] | None = None
        self._ids: dict[int, str] = {}
        """Room id of each label in ``_labels``."""
        self._previous: tuple[NDArray[np.int32], NDArray[np.int64], dict[int, str]] | None = None
        """Labels, origin and ids of the last image: rooms keep their ids by what they share with it."""
        self._next = 1

    def observe(self, segments: Segments, structure: Structure) -> None:
        """Add a frame's background image."""
        surface, background = segments.surface, segments.background
        near = surface.valid & (surface.depth_m < 4.0)
        base = structure.floor_y
        if base is None:
            return
        height = surface.points[..., 1] - base
        ground = near & ((background == FLOOR) | ((background == THING) & (height < 2.0)))
        # Only what stands at the height of a body is a wall to walk against, not a lintel.
        upright = near & (background == WALL) & (height > 0.2) & (height < 1.9)
        for channel, mask in ((0, ground), (1, upright)):
            if mask.any():
                cells = _distinct(np.floor(surface.points[mask][:, [0, 2]] / CELL_M).astype(np.int64))
                self._cover(cells)
                at = cells - self.origin
                self.counts[at[:, 0], at[:, 1], channel] += 1
        self._labels = None

    def state(self) -> dict[str, Any]:
        """The ids of the rooms as JSON: the number of the next one, and a place inside each."""
        labels = self._room_image()
        inside = np.asarray(ndimage.distance_transform_edt(labels > 0))
        places = {}
        for label, room_id in self._ids.items():
            best = np.unravel_index(int(np.where(labels == label, inside, -1).argmax()), labels.shape)
            places[room_id] = [int(best[0]), int(best[1])]
        return {"next": self._next, "places": places}

    def restore(self, counts: NDArray[np.int32], origin: NDArray[np.int64], state: Mapping[str, Any]) -> None:
        """Take up counts and room ids that ``state`` described."""
        self.counts, self.origin, self._next = counts, origin, int(state["next"])
        labels = split_rooms(counts)
        ids = {int(labels[x, z]): room_id for room_id, (x, z) in state["places"].items()}
        ids.pop(0, None)
        self._labels, self._ids = labels, ids
        self._previous = (labels, origin.copy(), dict(ids))

    def _cover(self, cells: NDArray[np.int64]) -> None:
        """Grow the array until it holds some cells."""
        low, high = cells.min(0), cells.max(0) + 1
        if self.counts.size == 0:
            self.origin = low - MARGIN_CELLS
            self.counts = np.zeros((*(high - low + 2 * MARGIN_CELLS), 2), np.int32)
            return
        end = self.origin + self.counts.shape[:2]
        before = np.where(low < self.origin, self.origin - low + MARGIN_CELLS, 0)
        after = np.where(high > end, high - end + MARGIN_CELLS, 0)
        if before.any() or after.any():
            self.counts = np.pad(self.counts, ((before[0], after[0]), (before[1], after[1]), (0, 0)))
            self.origin = self.origin - before

    def room_of(self, x: float, z: float) -> str:
        """Id of the room at a place, or of the nearest one within half a metre; ``""`` for none."""
        labels = self._room_image()
        if labels.size == 0:
            return ""
        at = np.floor(np.array([x, z]) / CELL_M).astype(np.int64) - self.origin
        reach = 5
        low = np.maximum(at - reach, 0)
        window = labels[low[0] : max(at[0] + reach + 1, 0), low[1] : max(at[1] + reach + 1, 0)]
        cells = np.argwhere(window > 0)
        if len(cells) == 0:
            return ""
        nearest = cells[((cells + low - at) ** 2).sum(1).argmin()]
        return self._ids[int(window[nearest[0], nearest[1]])]

    def rooms(self, structure: Structure) -> Mapping[str, Room]:
        """All rooms known by now. Ids are stable: a room keeps its id while it shares most cells with what it was."""
        labels = self._room_image()
        out: dict[str, Room] = {}
        for label, room_id in self._ids.items():
            cells = np.argwhere(labels == label) + self.origin
            corners = np.concatenate([cells + np.array(c) for c in ((0, 0), (0, 1), (1, 0), (1, 1))]) * CELL_M
            try:
                polygon = corners[ConvexHull(corners).vertices]
            except QhullError:
                continue
            height = (structure.ceiling_y - structure.floor_y) if structure.ceiling_y and structure.floor_y else 2.5
            out[room_id] = Room(
                id=room_id,
                label="",
                floor_polygon=tuple((float(x), float(z)) for x, z in polygon),
                floor_y=structure.floor_y or 0.0,
                height_m=float(height),
            )
        return out

    def doors(self) -> tuple[Door, ...]:
        """Doors between the rooms known by now: each place where the floors of two rooms touch."""
        labels = self._room_image()
        found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
        for axis in (0, 1):
            near, far = (
                labels.take(range(labels.shape[axis] - 1), axis),
                labels.take(range(1, labels.shape[axis]), axis),
            )
            half = np.array([0.5, 0.5])
            half[axis] = 1.0
            for x, z in np.argwhere((near != far) & (near > 0) & (far > 0)):
                pair = sorted((self._ids[int(near[x, z])], self._ids[int(far[x, z])]))
                found.setdefault((pair[0], pair[1]), []).append(
                    np.asarray((np.array([x, z]) + self.origin + half) * CELL_M, np.float64)
                )
        out: list[Door] = []
        for pair, cells in sorted(found.items()):
            places = np.array(cells)
            group = fclusterdata(places, 2.5 * CELL_M, "distance", method="single") if len(places) > 1 else np.ones(1)
            for k in np.unique(group):
                mine = places[group == k]
                center = mine.mean(0)
                width = float(np.linalg.norm(np.ptp(mine, axis=0))) + CELL_M
                out.append(Door(rooms=pair, center=(float(center[0]), float(center[1])), width_m=width))
        return tuple(out)

    def _room_image(self) -> NDArray[np.int32]:
        """(nx, nz) room label of each cell, 0 for none; computed when the counts have changed."""
        if self._labels is None:
            labels = split_rooms(self.counts)
            self._ids = self._kept_ids(labels)
            self._labels, self._previous = labels, (labels, self.origin.copy(), dict(self._ids))
        return self._labels

    def _kept_ids(self, labels: NDArray[np.int32]) -> dict[int, str]:
        count = int(labels.max(initial=0))
        kept: dict[int, str] = {}
        if self._previous is not None and count:
            old, origin, ids = self._previous
            shift = origin - self.origin
            # The array only grows, so the old one lies inside the new one.
            now = labels[shift[0] : shift[0] + old.shape[0], shift[1] : shift[1] + old.shape[1]]
            columns = list(ids)
            shared = np.array([[np.sum((now == k) & (old == c)) for c in columns] for k in range(1, count + 1)], float)
            kept = {r + 1: ids[columns[c]] for r, c in one_to_one(shared, 1.0)} if columns else {}
        for label in range(1, count + 1):
            if label not in kept:
                kept[label] = f"r{self._next}"
                self._next += 1
        return kept


def _distinct(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N, 2) -> (M, 2) without repetitions; one key a cell sorts many times faster than rows do."""
    low = cells.min(0)
    span = int(cells[:, 1].max() - low[1]) + 1
    keys = np.unique((cells[:, 0] - low[0]) * span + cells[:, 1] - low[1])
    return np.stack([keys // span, keys % span], -1) + low


def _enclosed_gaps(ground: NDArray[np.bool_], wall: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Unseen places with seen ground all around, such as what a table hides: no walls, unless they touch one."""
    holes, count = label_components(~ground & ~wall)
    area = np.bincount(holes.ravel(), minlength=count + 1) * CELL_M * CELL_M
    inside = (area <= MAX_HOLE_M2) & (np.arange(count + 1) > 0)
    inside[np.unique(holes[ndimage.binary_dilation(wall)])] = False
    return inside[holes]


def split_rooms(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """(nx, nz, 2) counts of frames that saw ground and wall -> (nx, nz) room labels 1..n, 0 for none.

    Places farther than ``DOOR_HALF_M`` from any wall or unknown cell are cores; each takes in the ground next to it.
    """
    if counts.size == 0:
        return np.zeros(counts.shape[:2], np.int32)
    wall = counts[..., 1] >= MIN_WALL_FRAMES
    ground = (counts[..., 0] >= MIN_FLOOR_FRAMES) & ~wall
    # Gaps in what was seen are not walls.
    ground = np.asarray(ndimage.binary_closing(ground, iterations=3), bool) & ~wall
    ground |= _enclosed_gaps(ground, wall)
    clearance = np.asarray(ndimage.distance_transform_edt(ground)) * CELL_M
    cores, count = label_components(clearance > DOOR_HALF_M)
    if count == 0:
        return np.zeros(ground.shape, np.int32)
    labels = cores
    # Cores grow back along the ground to the walls, and meet in the doors.
    for _ in range(int(3 * DOOR_HALF_M / CELL_M)):
        grown = ndimage.grey_dilation(labels, size=(3, 3))
        labels = np.where((labels == 0) & ground, grown, labels)
    area = np.bincount(labels.ravel(), minlength=count + 1) * CELL_M * CELL_M
    number = np.zeros(count + 1, np.int32)
    large = np.flatnonzero(area >= MIN_ROOM_M2)
    large = large[large > 0]
    number[large] = np.arange(1, len(large) + 1)
    return number[labels]
