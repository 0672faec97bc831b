"""Where a person can stand and walk in a world: a clearance map of the floor, and shortest paths on it."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scenes.worlds.layout.floorplan import HALF_WALL_M
from scenes.worlds.layout.footprints import footprint
from scenes.worlds.layout.placing import BODY_RADIUS_M
from scenes.worlds.world import World

CELL_M = 0.05
HEAD_CLEAR_M = 1.95
"""Things that begin above this do not stand in the way."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClearanceMap:
    """The floor of a world as a grid; rows run along z, columns along x."""

    x0: float
    z0: float
    clearance_m: NDArray[np.float64]
    """(rows, columns) distance to the nearest wall or furniture, 0 on it."""

    def cell(self, x: float, z: float) -> tuple[int, int]:
        """(row, column) that holds a point, clipped to the grid."""
        rows, columns = self.clearance_m.shape
        i, j = int((z - self.z0) / CELL_M), int((x - self.x0) / CELL_M)
        return min(max(i, 0), rows - 1), min(max(j, 0), columns - 1)

    def point(self, row: int, column: int) -> Point:
        """(x, z) of the middle of a cell."""
        return self.x0 + (column + 0.5) * CELL_M, self.z0 + (row + 0.5) * CELL_M

    def clearance(self, x: float, z: float) -> float:
        """Distance to the nearest obstacle, metres."""
        return float(self.clearance_m[self.cell(x, z)])

    def standing_places(self, radius: float = BODY_RADIUS_M) -> NDArray[np.floating]:
        """(N, 2) points (x, z) where a person of this radius fits, one per cell."""
        rows, columns = np.nonzero(self.clearance_m > radius)
        return np.stack([self.x0 + (columns + 0.5) * CELL_M, self.z0 + (rows + 0.5) * CELL_M], axis=1)

    def sees(self, a: Point, b: Point) -> bool:
        """Whether a straight walk between two points keeps the body radius."""
        steps = max(2, int(math.dist(a, b) / CELL_M) + 1)
        share = np.linspace(0, 1, steps)
        return all(self.clearance(a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1])) > BODY_RADIUS_M for s in share)

    def path(self, start: Point, goal: Point) -> list[Point] | None:
        """Shortest path that keeps the body radius and prefers room around it (A*); None where there is none."""
        first, last = self.cell(*start), self.cell(*goal)
        came: dict[tuple[int, int], tuple[int, int]] = {}
        cost = {first: 0.0}
        queue = [(0.0, first)]
        rows, columns = self.clearance_m.shape
        while queue:
            _, here = heapq.heappop(queue)
            if here == last:
                return self._trace(came, here)
            for di, dj in _STEPS:
                i, j = here[0] + di, here[1] + dj
                if not (0 <= i < rows and 0 <= j < columns) or self.clearance_m[i, j] <= BODY_RADIUS_M:
                    continue
                # Close to furniture counts as a longer way: people keep their distance where they can.
                crowding = 1 + 2 * max(0.0, 0.5 - float(self.clearance_m[i, j]))
                total = cost[here] + math.hypot(di, dj) * crowding
                if total < cost.get((i, j), math.inf):
                    cost[(i, j)] = total
                    came[(i, j)] = here
                    heapq.heappush(queue, (total + math.hypot(i - last[0], j - last[1]), (i, j)))
        return None

    def _trace(self, came: dict[tuple[int, int], tuple[int, int]], here: tuple[int, int]) -> list[Point]:
        cells = [here]
        while here in came:
            here = came[here]
            cells.append(here)
        return [self.point(*c) for c in reversed(cells)]


_STEPS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))


def clearance_map(world: World) -> ClearanceMap:
    """The clearance map of a world."""
    rects = [room.rect for room in world.plan.rooms]
    x0, z0 = min(r.x0 for r in rects) - 0.1, min(r.z0 for r in rects) - 0.1
    x1, z1 = max(r.x1 for r in rects) + 0.1, max(r.z1 for r in rects) + 0.1
    rows, columns = math.ceil((z1 - z0) / CELL_M), math.ceil((x1 - x0) / CELL_M)
    x = x0 + (np.arange(columns) + 0.5) * CELL_M
    z = z0 + (np.arange(rows) + 0.5) * CELL_M
    free = np.zeros((rows, columns), bool)

    def span(ax: float, bx: float, az: float, bz: float) -> NDArray[np.bool_]:
        return ((z >= az) & (z <= bz))[:, None] & ((x >= ax) & (x <= bx))[None, :]

    for room in world.plan.rooms:
        f = room.floor
        free |= span(f.x0, f.x1, f.z0, f.z1)
    for door in world.open_doorways:
        t = HALF_WALL_M + CELL_M
        if door.axis == "x":
            free |= span(door.low, door.high, door.at - t, door.at + t)
        else:
            free |= span(door.at - t, door.at + t, door.low, door.high)
    points = np.stack(np.meshgrid(x, z), axis=-1)
    for o in world.objects.values():
        if o.support or o.category in ("rug", "window") or o.box.center[1] - o.box.size[1] / 2 > HEAD_CLEAR_M:
            continue
        # A thin leaf must not fall between the middles of two cells.
        grown = replace(o.box, size=(max(o.box.size[0], CELL_M * 1.5), o.box.size[1], max(o.box.size[2], CELL_M * 1.5)))
        free &= ~_inside(points, footprint(grown))
    distance = np.asarray(ndimage.distance_transform_edt(free))
    return ClearanceMap(x0=x0, z0=z0, clearance_m=distance * CELL_M)


def _inside(points: NDArray[np.floating], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows, columns) whether grid points lie in a rectangle given by ordered corners."""
    center = corners.mean(0)
    u, v = corners[1] - corners[0], corners[2] - corners[1]
    out = np.ones(points.shape[:2], bool)
    for axis in (u, v):
        length = float(np.linalg.norm(axis))
        out &= np.abs((points - center) @ (axis / max(length, 1e-9))) <= length / 2
    return out
