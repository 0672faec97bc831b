"""Whether a thing is still there, in analytic rooms: what a frame sees through, and what it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.box_world import BOOK, MUG, ROOM, TABLE, Solid, render
from tools.geometry.surfaces import SurfaceImage, surface_image
from tools.scene_graph.presence import check_all, check_presence

ABOVE, LOW = (0.0, 1.6, -0.3), (0.0, 0.95, -1.2)
ON_TABLE = (0.0, 0.75, 1.2)
TRAY = Solid("tray", (0.0, 0.745, 1.1), (0.3, 0.05, 0.2), (230, 230, 60))
NICHE = (
    Solid("back", (0.0, 1.0, 1.42), (1.0, 0.6, 0.04), (140, 90, 60)),
    Solid("left", (-0.14, 1.0, 1.28), (0.04, 0.6, 0.28), (140, 90, 60)),
    Solid("right", (0.14, 1.0, 1.28), (0.04, 0.6, 0.28), (140, 90, 60)),
    Solid("board", (0.0, 0.8, 1.28), (1.0, 0.04, 0.28), (140, 90, 60)),
)
BOOKS = Solid("books", (0.0, 0.94, 1.30), (0.22, 0.24, 0.18), (40, 60, 160))


def surface_of(solid: Solid, step_m: float = 0.04) -> NDArray[np.float32]:
    """(N, 3) points on all six faces of a box."""
    axes = [np.linspace(-s / 2, s / 2, max(2, round(s / step_m) + 1)) for s in solid.size]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    outer = (np.abs(np.abs(grid) - np.array(solid.size) / 2) < 1e-9).any(-1)
    return (grid[outer] + np.array(solid.center)).astype(np.float32)


def seen(
    solids: tuple[Solid, ...], eye: tuple[float, float, float], target: tuple[float, float, float]
) -> SurfaceImage:
    return surface_image(render(solids, eye, target)[0], 160)


@pytest.mark.parametrize("eye", [ABOVE, LOW])
@pytest.mark.parametrize("solid", [MUG, BOOK, TABLE, TRAY])
def test_what_is_there_is_not_seen_through(solid: Solid, eye: tuple[float, float, float]) -> None:
    solids = ROOM if solid in ROOM else (TABLE, solid)
    verdict = check_presence(seen(solids, eye, ON_TABLE), surface_of(solid))
    assert verdict.positive
    assert not verdict.doubtful


@pytest.mark.parametrize("eye", [ABOVE, LOW])
@pytest.mark.parametrize("solid", [MUG, BOOK, TRAY])
def test_what_has_left_the_table_is_seen_through(solid: Solid, eye: tuple[float, float, float]) -> None:
    solids = tuple(s for s in ROOM if s is not solid)
    assert check_presence(seen(solids, eye, ON_TABLE), surface_of(solid)).negative


def test_what_has_left_a_shelf_is_seen_through_although_the_shelf_touched_it_on_four_sides() -> None:
    eye = (0.1, 1.3, 0.0)
    assert check_presence(seen((*NICHE, BOOKS), eye, BOOKS.center), surface_of(BOOKS)).positive
    assert check_presence(seen(NICHE, eye, BOOKS.center), surface_of(BOOKS)).negative


def test_what_is_behind_something_cannot_be_told() -> None:
    screen = Solid("screen", (0.0, 0.9, 0.4), (2.0, 1.8, 0.05), (90, 90, 90))
    verdict = check_presence(seen((TABLE, screen), ABOVE, ON_TABLE), surface_of(MUG))
    assert not verdict.positive
    assert not verdict.negative


def test_what_is_out_of_view_cannot_be_told() -> None:
    verdict = check_presence(seen(ROOM, ABOVE, (0.0, 0.6, -2.0)), surface_of(MUG))
    assert (verdict.in_view, verdict.positive, verdict.negative) == (0.0, False, False)


def test_things_that_are_judged_together_are_judged_as_alone() -> None:
    seen_now = seen((TABLE, BOOK), ABOVE, ON_TABLE)
    surfaces = [surface_of(s) for s in (MUG, BOOK, TABLE)] + [np.zeros((0, 3), np.float32)]
    assert check_all(seen_now, surfaces) == [check_presence(seen_now, points) for points in surfaces]
    assert check_all(seen_now, []) == []
