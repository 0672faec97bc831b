"""Votes of drawn boxes: what agrees is one thing, whatever touches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from scenes.boxes import iou
from scenes.types import Box3D
from tools.geometry.upright_boxes import upright_box, yaw_of
from tools.segmentation.vote_clusters import Votes, cluster_votes, fit_to_surface, support, weighted_median

TABLE = Box3D(center=(0.0, 0.36, 0.0), size=(1.2, 0.72, 0.7))
MUG = Box3D(center=(0.2, 0.77, 0.1), size=(0.1, 0.1, 0.1))
SOFA = Box3D(center=(0.0, 0.4, 3.0), size=(1.9, 0.8, 0.9))


def surface(box: Box3D, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Points on the top and the front of a box."""
    p = rng.uniform(-0.5, 0.5, (n, 3))
    p[: n // 2, 1] = 0.5
    p[n // 2 :, 2] = -0.5
    return (p * np.array(box.size) + np.array(box.center)).astype(np.float32)


def votes(boxes: Sequence[Box3D], n: int = 120, noise_m: float = 0.03) -> tuple[Votes, NDArray[np.int64]]:
    """Noisy votes of each box by its visible surface, and the box of each vote."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(len(boxes)), n)
    yaw = np.array([yaw_of(boxes[k]) for k in of.tolist()])
    out = Votes(
        points=np.concatenate([surface(b, n, rng) for b in boxes]),
        center=(np.array([boxes[k].center for k in of.tolist()]) + rng.normal(0, noise_m, (len(of), 3))).astype(
            np.float32
        ),
        log_size=(np.log([boxes[k].size for k in of.tolist()]) + rng.normal(0, 0.1, (len(of), 3))).astype(np.float32),
        turn=np.stack([np.cos(2 * yaw), np.sin(2 * yaw)], -1).astype(np.float32),
        weight=np.ones(len(of), np.float32),
        kinds=np.eye(4, dtype=np.float32)[1 + of % 3],
    )
    return out, of


def test_a_mug_on_a_table_and_a_sofa_are_three_things() -> None:
    cast, of = votes((TABLE, MUG, SOFA))
    label = cluster_votes(cast)
    main = [np.bincount(label[of == k]).argmax() for k in range(3)]
    assert len({*main}) == 3
    assert 0 not in main
    assert all((label[of == k] == main[k]).mean() > 0.9 for k in range(3))


def test_the_two_ends_of_a_long_thing_are_one() -> None:
    cast, _ = votes((SOFA,))
    ends = np.abs(cast.points[:, 0]) > 0.6
    label = cluster_votes(cast.subset(ends))
    assert (label == 1).mean() > 0.95


def test_two_chairs_beside_each_other_stay_two() -> None:
    chairs = tuple(Box3D(center=(x, 0.45, 0.0), size=(0.45, 0.9, 0.45)) for x in (0.0, 0.55))
    cast, of = votes(chairs)
    label = cluster_votes(cast)
    assert np.bincount(label[of == 0]).argmax() != np.bincount(label[of == 1]).argmax()


def test_no_votes_make_no_thing() -> None:
    cast, _ = votes((MUG,))
    assert cluster_votes(cast.subset(np.zeros(len(cast.points), bool))).size == 0


def test_a_voted_box_is_the_box() -> None:
    cast, _ = votes((upright_box(np.array([0.0, 0.0, 0.0]), np.array([1.0, 0.7, 0.5]), math.radians(30)),))
    box = cast.box(np.arange(len(cast.points)))
    assert math.degrees(yaw_of(box)) % 180 == pytest.approx(30, abs=1)
    assert box.size == pytest.approx((1.0, 0.7, 0.5), rel=0.05)


def test_a_misplaced_box_is_moved_to_its_surface() -> None:
    rng = np.random.default_rng(1)
    seen = surface(SOFA, 400, rng)
    off = Box3D(center=(0.25, 0.5, 3.2), size=SOFA.size)
    assert float(iou(fit_to_surface(off, seen), SOFA)) > float(iou(off, SOFA)) + 0.2


def test_what_is_hidden_is_left_to_the_votes() -> None:
    front = surface(SOFA, 400, np.random.default_rng(2))
    front = front[front[:, 2] < SOFA.center[2] - 0.44]
    assert fit_to_surface(SOFA, front).size[2] == pytest.approx(SOFA.size[2])


def test_a_sheet_is_turned_as_its_surface_lies() -> None:
    rng = np.random.default_rng(3)
    window = Box3D(center=(0.0, 1.5, 0.0), size=(1.4, 1.2, 0.03))
    points = (rng.uniform(-0.5, 0.5, (500, 3)) * np.array(window.size)).astype(np.float32) + np.array(
        [0.0, 1.5, 0.0], np.float32
    )
    turned = Box3D(center=(0.1, 1.5, 0.15), size=(1.3, 1.2, 0.04), quaternion_xyzw=(0.0, 0.15, 0.0, 0.9887))
    assert float(iou(fit_to_surface(turned, points), window)) > 0.4


def test_a_thing_nearly_along_the_walls_is_along_them() -> None:
    points = surface(SOFA, 300, np.random.default_rng(4))
    tilted = Box3D(center=SOFA.center, size=SOFA.size, quaternion_xyzw=(0.0, 0.0872, 0.0, 0.9962))
    assert yaw_of(fit_to_surface(tilted, points, room_yaw=0.0)) == pytest.approx(0.0, abs=1e-6)
    assert yaw_of(fit_to_surface(tilted, points)) == pytest.approx(math.radians(10), abs=1e-3)


def test_a_few_stray_votes_do_not_support_a_wardrobe() -> None:
    wardrobe = Box3D(center=(0.0, 1.0, 0.0), size=(1.2, 2.0, 0.6))
    assert not support(wardrobe, 20, 5.0, 0.9).enough
    assert support(wardrobe, 1200, 900.0, 0.9).enough


def test_a_weighted_median_is_the_median_of_repeated_values() -> None:
    values = np.array([[3.0], [1.0], [2.0]])
    assert weighted_median(values, np.array([1.0, 1.0, 5.0]))[0] == 2.0
    assert weighted_median(values, np.array([5.0, 1.0, 1.0]))[0] == 3.0


def test_what_lies_flat_has_its_top_where_it_was_seen() -> None:
    rng = np.random.default_rng(3)
    book = Box3D(center=(0.0, 0.735, 0.0), size=(0.2, 0.03, 0.25))
    # Half of the surface in its voxels is the table's, 3 cm lower.
    seen = surface(book, 40, rng)[:20]
    table = seen - np.array([0.0, 0.03, 0.0], np.float32)
    points = np.concatenate([seen, table]) + rng.normal(0, 0.001, (40, 3)).astype(np.float32)
    box = fit_to_surface(Box3D(center=(0.0, 0.72, 0.0), size=book.size), points)
    assert box.center[1] + box.size[1] / 2 == pytest.approx(0.75, abs=0.003)
    assert float(iou(box, book)) > 0.8
