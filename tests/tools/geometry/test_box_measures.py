"""Sizes of and gaps between oriented boxes, against sampling and analytic cases."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from scenes.types import Box3D
from tools.geometry.box_measures import box_axes, box_gap, nearest_point, width_depth_height


def turned(center: tuple[float, float, float], size: tuple[float, float, float], yaw: float) -> Box3D:
    return Box3D(center=center, size=size, quaternion_xyzw=(0.0, math.sin(yaw / 2), 0.0, math.cos(yaw / 2)))


def samples(box: Box3D, steps: int = 12) -> list[tuple[float, ...]]:
    axes = box_axes(box)
    fractions = [k / steps - 0.5 for k in range(steps + 1)]
    return [
        tuple(box.center[k] + sum(f * e * a[k] for f, e, a in zip(fs, box.size, axes, strict=True)) for k in range(3))
        for fs in itertools.product(fractions, repeat=3)
    ]


def test_gap_of_axis_aligned_boxes_is_the_distance_of_their_faces() -> None:
    a = Box3D(center=(0, 0, 0), size=(1, 1, 1))
    assert box_gap(a, Box3D(center=(2, 0, 0), size=(1, 1, 1))) == pytest.approx(1.0)
    assert box_gap(a, Box3D(center=(2, 2, 0), size=(1, 1, 1))) == pytest.approx(math.sqrt(2), abs=1e-3)
    assert box_gap(a, Box3D(center=(0.5, 0.2, 0), size=(1, 1, 1))) == 0.0


def test_gap_is_symmetric_and_at_most_that_of_sampled_points() -> None:
    rng = random.Random(0)
    for _ in range(5):
        first, second = (
            turned(
                (rng.uniform(-2, 2), rng.uniform(-1, 1), rng.uniform(-2, 2)),
                (rng.uniform(0.1, 1), rng.uniform(0.1, 1), rng.uniform(0.1, 1)),
                rng.uniform(-3, 3),
            )
            for _ in range(2)
        )
        gap = box_gap(first, second)
        brute = min(math.dist(p, q) for p in samples(first, 5) for q in samples(second, 5))
        assert gap <= brute + 1e-6
        assert brute - gap < 0.35  # the grid is 20 cm wide at most
        assert box_gap(second, first) == pytest.approx(gap, abs=2e-3)


def test_nearest_point_lies_in_the_box_and_is_nearest() -> None:
    box, p = turned((1, 0, 0), (2, 1, 0.5), 0.7), (4.0, 2.0, -1.0)
    q = nearest_point(box, p)
    assert math.dist(p, q) <= min(math.dist(p, s) for s in samples(box)) + 1e-9
    assert nearest_point(box, q) == pytest.approx(q)


def test_size_does_not_depend_on_yaw() -> None:
    for yaw in (0.0, 0.4, 1.9):
        assert width_depth_height(turned((0, 0, 0), (0.5, 1.1, 2.0), yaw)) == pytest.approx((2.0, 0.5, 1.1))
