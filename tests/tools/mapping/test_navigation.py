from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from evals.bench.scene import RoomScene, pose
from tools.mapping.navigation import CELL_M, PERSON_RADIUS_M, NoRoute, Route, free_space, pull_tight, shortest_path
from tools.mapping.surface_map import SurfaceMap

ROOM = RoomScene(box=((-0.4, 0.0, -0.5), (0.4, 1.0, 0.5)), sphere_center=(0.0, 9.0, 0.0))
"""Four by three metres, with a solid box of 0.8 x 1.0 m in the middle."""


@pytest.fixture(scope="module")
def space():
    surface_map = SurfaceMap(map_id="room", voxel_m=0.04, compile=False)
    corners = [(-1.7, -1.2), (1.7, -1.2), (1.7, 1.2), (-1.7, 1.2), (0.0, 1.2), (0.0, -1.2), (1.7, 0.0), (-1.7, 0.0)]
    for x, z in corners:
        for tx, tz in ((0.1 * x, 0.1 * z), (-x, 0.9 * z), (0.9 * x, -z)):
            surface_map.integrate(ROOM.frame(pose((x, 2.0, z), (tx, 0.1, tz))))
    found = free_space(surface_map)
    assert found is not None
    return found


def test_the_floor_is_where_it_is_and_as_large(space):
    assert abs(space.floor_y) < 0.03
    assert space.floor.sum() * CELL_M**2 == pytest.approx(4.0 * 3.0 - 0.8 * 1.0, rel=0.12)


def test_nobody_walks_through_the_box_or_a_wall(space):
    for i, j in np.argwhere(space.walkable):
        x, z = space.position((int(i), int(j)))
        assert abs(x) < 2.0 - 0.5 * PERSON_RADIUS_M
        assert abs(z) < 1.5 - 0.5 * PERSON_RADIUS_M
        assert not (abs(x) < 0.4 + 0.5 * PERSON_RADIUS_M and abs(z) < 0.5 + 0.5 * PERSON_RADIUS_M)


def test_a_route_goes_around_the_box(space):
    route = space.route((-1.5, 0.0), (1.5, 0.0))
    assert isinstance(route, Route)
    # Around the box at a person's radius: over (-0.4, 0.5) and (0.4, 0.5), each moved out by the radius.
    r = PERSON_RADIUS_M
    shortest = 2 * math.hypot(1.5 - 0.4, 0.5 + r) + 0.8
    assert shortest - 0.15 <= route.length_m <= shortest + 0.35
    assert route.clearance_m > PERSON_RADIUS_M
    assert len(route.points) <= 8


def test_a_thing_out_of_reach_is_approached_and_far_ones_are_refused(space):
    on_the_box = space.route((-1.5, 0.0), (0.2, 0.0))
    assert isinstance(on_the_box, Route)
    assert space.route((-1.5, 0.0), (9.0, 0.0)) == NoRoute(reason="goal_outside")
    assert space.route((9.0, 0.0), (-1.5, 0.0)) == NoRoute(reason="start_outside")
    assert space.route((-1.5, 0.0), (0.0, 0.0), reach_m=0.1) == NoRoute(reason="goal_blocked")


def test_where_somebody_walked_one_can_walk(space):
    empty = SurfaceMap(compile=False)
    assert free_space(empty) is None
    surface_map = SurfaceMap(voxel_m=0.05, compile=False)
    surface_map.integrate(ROOM.frame(pose((-1.7, 1.8, 1.2), (-1.2, 0.0, 0.6))))
    seen = free_space(surface_map)
    walked = free_space(surface_map, walked=torch.tensor([[-1.5, 1.6, -0.3], [-1.5, 1.6, -0.4]]))
    assert seen is not None
    assert walked is not None
    cell = walked.cell(-1.5, -0.35)
    assert cell is None or walked.floor[cell]
    assert walked.floor.sum() >= seen.floor.sum()


def test_shortest_path_is_optimal_on_a_small_maze():
    maze = np.ones((5, 5), dtype=bool)
    maze[1:, 2] = False
    path = shortest_path(maze, (4, 0), (4, 4))
    assert path is not None
    assert path[0] == (4, 0)
    assert path[-1] == (4, 4)
    # Up, over the wall's end without cutting its corner, and down again: two diagonals per side at best.
    length = sum(math.dist(a, b) for a, b in pairwise(path))
    assert length == pytest.approx(3 + math.sqrt(2) + 2 + math.sqrt(2) + 3)
    maze[0, 2] = False
    assert shortest_path(maze, (4, 0), (4, 4)) is None


def test_straightening_keeps_the_ends_and_never_leaves_the_floor():
    floor = np.ones((20, 20), dtype=bool)
    floor[5:15, 8:12] = False
    path = shortest_path(floor, (10, 2), (10, 17))
    assert path is not None
    corners = pull_tight(floor, path)
    assert (corners[0], corners[-1]) == (path[0], path[-1])
    assert len(corners) < len(path)


def relaxed_costs(floor, start):
    """Least costs from ``start``: all steps are relaxed until nothing changes (Bellman-Ford)."""
    cost = np.full(floor.shape, np.inf)
    cost[start] = 0.0
    steps = [(di, dj) for di in (-1, 0, 1) for dj in (-1, 0, 1) if di or dj]
    changed = True
    while changed:
        changed = False
        for i, j in np.argwhere(floor):
            for di, dj in steps:
                a, b = i + di, j + dj
                inside = 0 <= a < floor.shape[0] and 0 <= b < floor.shape[1]
                if inside and floor[a, j] and floor[i, b] and floor[a, b]:
                    new = cost[a, b] + math.hypot(di, dj)
                    changed |= bool(new < cost[i, j])
                    cost[i, j] = min(cost[i, j], new)
    return cost


@pytest.mark.parametrize("seed", range(4))
def test_path_costs_are_those_of_an_exhaustive_relaxation(seed):
    floor = np.random.default_rng(seed).random((14, 17)) > 0.25
    cells = [(int(row), int(column)) for row, column in np.argwhere(floor)]
    cost = relaxed_costs(floor, cells[0])
    for cell in cells[::8]:
        path = shortest_path(floor, cells[0], cell)
        length = math.inf if path is None else sum(math.dist(a, b) for a, b in pairwise(path))
        assert length == pytest.approx(float(cost[cell]))
