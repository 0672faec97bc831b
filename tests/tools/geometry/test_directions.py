"""Wearer-frame directions against analytic poses and against the tensor projection."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scenes.geometry import inverse, look_at, project, transform
from scenes.types import Camera
from tools.geometry.directions import Pose, ago_words, direction_to, direction_words, length_words

CAMERA = Camera(width=640, height=480, fx=500.0, fy=500.0, cx=320.0, cy=240.0)
Point = tuple[float, float, float]


def pose_at(eye: Point, target: Point) -> torch.Tensor:
    return look_at(torch.tensor(eye, dtype=torch.float64), torch.tensor(target, dtype=torch.float64))


@pytest.mark.parametrize(
    ("point", "azimuth", "clock", "words"),
    [
        ((0.0, 1.6, -3.0), 0.0, 12, "straight ahead"),
        ((3.0, 1.6, 0.0), 90.0, 3, "to your right"),
        ((-3.0, 1.6, 0.0), -90.0, 9, "to your left"),
        ((0.0, 1.6, 3.0), 180.0, 6, "behind you"),
        ((2.0, 1.6, -2.0), 45.0, 2, "ahead to the right"),
        ((-2.0, 1.6, 2.0), -135.0, 8, "behind you to the left"),
        ((0.0, 5.0, -0.1), 0.0, 12, "above you"),
        ((0.0, 0.0, -0.1), 0.0, 12, "below you"),
        ((0.0, 0.2, -1.6), 0.0, 12, "straight ahead, low down"),
    ],
)
def test_directions_of_a_wearer_who_looks_along_minus_z(point: Point, azimuth: float, clock: int, words: str) -> None:
    pose = Pose.from_matrix(pose_at((0.0, 1.6, 0.0), (0.0, 1.6, -1.0)))
    direction = direction_to(pose, CAMERA, point)
    assert abs(direction.azimuth_deg) == pytest.approx(abs(azimuth))
    if abs(azimuth) < 180:
        assert direction.azimuth_deg == pytest.approx(azimuth, abs=1e-9)
        assert direction.clock == clock
    assert direction_words(direction) == words
    assert direction.distance_m == pytest.approx(math.dist(point, (0.0, 1.6, 0.0)))


coordinate = st.floats(-5, 5)


@given(st.tuples(coordinate, coordinate, coordinate), st.floats(-math.pi, math.pi), st.floats(-1.2, 1.2))
def test_pitch_changes_neither_azimuth_nor_elevation(point: Point, yaw: float, pitch: float) -> None:
    def pose(angle: float) -> Pose:
        ahead = (math.sin(yaw) * math.cos(angle), math.sin(angle), -math.cos(yaw) * math.cos(angle))
        return Pose.from_matrix(pose_at((0.0, 0.0, 0.0), ahead))

    level, tilted = direction_to(pose(0.0), CAMERA, point), direction_to(pose(pitch), CAMERA, point)
    if math.hypot(point[0], point[2]) > 1e-3:
        turn = (level.azimuth_deg - tilted.azimuth_deg + 180) % 360 - 180
        assert turn == pytest.approx(0, abs=1e-6)
    assert level.elevation_deg == pytest.approx(tilted.elevation_deg)


@given(st.tuples(coordinate, coordinate, coordinate), st.tuples(coordinate, coordinate, st.floats(-5, -0.1)))
def test_in_view_agrees_with_the_tensor_projection(eye: Point, point: Point) -> None:
    target = (eye[0] + 0.3, eye[1] - 0.2, eye[2] - 1.0)
    world_from_camera = pose_at(eye, target)
    p_camera = transform(inverse(world_from_camera), torch.tensor([point], dtype=torch.float64))
    uv, valid = project(CAMERA, p_camera)
    edge = min(abs(float(x)) for x in (*uv[0], uv[0, 0] - CAMERA.width, uv[0, 1] - CAMERA.height))
    if edge > 1e-6:
        assert direction_to(Pose.from_matrix(world_from_camera), CAMERA, point).in_view == bool(valid[0])


def test_looking_straight_down_keeps_the_heading_of_the_top_of_the_image() -> None:
    # Right is +x, the top of the image is -z, the view is straight down.
    down = torch.tensor([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
    direction = direction_to(Pose.from_matrix(down), CAMERA, (2.0, -1.0, 0.0))
    assert direction.azimuth_deg == pytest.approx(90.0)


@given(st.floats(0.01, 50), st.floats(0.01, 50))
def test_said_lengths_keep_the_order_and_are_near_the_truth(x: float, y: float) -> None:
    def said(metres: float) -> float:
        number, unit = length_words(metres).split()
        return float(number) * {"cm": 0.01, "m": 1.0}[unit]

    assert abs(said(x) - x) <= max(0.025, 0.05 * x) + 1e-9
    if x <= y:
        assert said(x) <= said(y)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "just now"), (12.4, "12 s ago"), (200, "3 min ago"), (7300, "2 h ago"), (4 * 86400, "4 days ago")],
)
def test_time_spans_are_said_in_the_unit_a_person_uses(seconds: float, words: str) -> None:
    assert ago_words(seconds) == words
