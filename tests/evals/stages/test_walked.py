"""Walks over past positions, and their words."""

from __future__ import annotations

import pytest
import torch

from evals.stages.walked import walked_route
from scenes.geometry import look_at
from tools.geometry.directions import Pose
from tools.toolbox.routes import path_length, route_words

Point = tuple[float, float, float]
# Three metres along -z, then four to the right: the way somebody walked around a sofa.
CORNER = [(0.0, 1.6, -k * 0.1) for k in range(31)] + [(k * 0.1, 1.6, -3.0) for k in range(41)]


def ahead() -> Pose:
    return Pose.from_matrix(look_at(torch.tensor([0.0, 1.6, 0.0]).double(), torch.tensor([0.0, 1.6, -1.0]).double()))


def test_a_route_follows_what_was_walked_and_not_the_straight_line() -> None:
    path = walked_route(CORNER, (0.0, 1.6, 0.0), (4.0, 0.5, -3.3))
    assert path_length(path) == pytest.approx(7.0, abs=0.4)
    assert any(abs(x) < 0.4 and abs(z + 3.0) < 0.4 for x, _, z in path)


def test_a_route_is_said_as_legs_and_turns() -> None:
    words = route_words(ahead(), [(0.0, 1.6, 0.0), (0.0, 1.6, -3.0), (4.0, 1.6, -3.0), (4.0, 1.6, -1.0)])
    assert words == "walk 3 m straight ahead, then turn right and walk 4 m, then turn right and walk 2 m"


def test_a_left_turn_is_said_as_left() -> None:
    assert route_words(ahead(), [(0.0, 0, 0.0), (0.0, 0, -3.0), (-2.0, 0, -3.0)]).endswith("turn left and walk 2 m")


def test_no_route_to_a_place_that_was_never_near_the_way() -> None:
    assert walked_route(CORNER, (0.0, 1.6, 0.0), (-6.0, 0.0, 4.0)) == ()


def test_no_route_over_a_gap_that_was_not_walked() -> None:
    islands = [(0.0, 1.6, 0.0), (0.3, 1.6, 0.0), (5.0, 1.6, 0.0), (5.3, 1.6, 0.0)]
    assert walked_route(islands, (0.0, 1.6, 0.0), (5.3, 1.6, 0.0)) == ()


def test_one_is_already_there() -> None:
    path = walked_route(CORNER, (0.0, 1.6, 0.0), (0.2, 0.5, -0.2))
    assert route_words(ahead(), path) == "you are already there"
