"""Segments of an analytic room, against the solid that each ray really hit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.tools.box_world import BOOK, CAMERA, MUG, ROOM, TABLE, render, tour
from tools.geometry.surfaces import surface_image
from tools.geometry.upright_boxes import contains
from tools.segmentation.base import GazeMiss, GazeSegment
from tools.segmentation.geometric import GeometricSegmenter
from tools.segmentation.structure import FLOOR, THING, WALL, Structure, Wall

EYE, TARGET = (0.0, 1.6, -0.3), (0.0, 0.6, 1.2)


def test_points_lie_on_the_surfaces_they_show() -> None:
    frame, _ = render(ROOM, EYE, TARGET, noise_m=0.0)
    surface = surface_image(frame)
    floor = surface.valid & (surface.normals[..., 1] > 0.95) & (surface.points[..., 1] < 0.3)
    assert floor.sum() > 500
    np.testing.assert_allclose(surface.points[floor][:, 1], 0.0, atol=0.01)


def test_normals_are_unit_and_face_the_camera() -> None:
    frame, _ = render(ROOM, EYE, TARGET)
    surface = surface_image(frame)
    normals = surface.normals[surface.valid]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1.0, atol=1e-4)
    assert ((normals * (surface.eye - surface.points[surface.valid])).sum(-1) > -1e-3).mean() > 0.999


def test_floor_and_walls_are_background_and_a_table_top_is_not() -> None:
    segmenter = GeometricSegmenter()
    for frame in tour(count=9):
        segmenter.segment(frame)
    frame, hit = render(ROOM, EYE, TARGET, frame_id=99)
    background = segmenter.segment(frame).background
    room = hit == -1
    assert np.isin(background[room], (FLOOR, WALL)).mean() > 0.9
    table = hit == ROOM.index(TABLE)
    assert (background[table] == THING).mean() > 0.9


def test_segments_do_not_mix_things() -> None:
    frame, hit = render(ROOM, EYE, TARGET)
    segments = GeometricSegmenter().segment(frame)
    pure, total = 0, 0
    for label in range(1, segments.count + 1):
        owners = np.bincount(hit[segments.labels == label] + 1, minlength=len(ROOM) + 1)
        pure, total = pure + owners.max(), total + owners.sum()
    assert pure / total > 0.93


@pytest.mark.parametrize("solid", [MUG, BOOK])
def test_a_gaze_on_a_small_thing_gives_that_thing(solid: object) -> None:
    frame, hit = render(ROOM, EYE, TARGET)
    mask = hit == ROOM.index(solid)  # type: ignore[arg-type]
    rows, columns = np.nonzero(mask)
    gaze = GeometricSegmenter().segment_at(frame, (columns.mean() + 0.5, rows.mean() + 0.5))
    assert isinstance(gaze, GazeSegment)
    overlap = (gaze.mask & mask).sum() / (gaze.mask | mask).sum()
    assert overlap > 0.5
    assert contains(solid.box, gaze.point[None], margin_m=0.02).all()  # type: ignore[attr-defined]


def test_a_gaze_on_the_floor_or_outside_says_so() -> None:
    segmenter = GeometricSegmenter()
    frame, hit = render(ROOM, (0.0, 1.6, 0.0), (0.0, 0.0, -1.5))
    assert (hit == -1).all()
    miss = segmenter.segment_at(frame, (CAMERA.width / 2, CAMERA.height / 2))
    assert isinstance(miss, GazeMiss)
    assert miss.reason == "floor"
    outside = segmenter.segment_at(frame, (-1.0, 5.0))
    assert isinstance(outside, GazeMiss)
    assert outside.reason == "outside"


def test_a_gaze_where_depth_is_missing_says_so() -> None:
    frame, _ = render(ROOM, EYE, TARGET)
    assert frame.depth_m is not None
    frame.depth_m[:] = 0.0
    miss = GeometricSegmenter().segment_at(frame, (80.0, 60.0))
    assert isinstance(miss, GazeMiss)
    assert miss.reason == "no_depth"


def test_a_frame_without_a_pose_is_refused() -> None:
    frame, _ = render(ROOM, EYE, TARGET)
    bare = type(frame)(id=0, time_s=0.0, camera=frame.camera, rgb=frame.rgb)
    with pytest.raises(ValueError, match="depth and a pose"):
        surface_image(bare)


def test_invalid_depth_never_becomes_a_point() -> None:
    frame, _ = render(ROOM, EYE, TARGET)
    assert frame.depth_m is not None
    frame.depth_m[torch.rand(frame.depth_m.shape, generator=torch.Generator().manual_seed(0)) < 0.3] = 0.0
    surface = surface_image(frame)
    assert (surface.depth_m[surface.valid] > 0).all()


def test_the_walls_give_the_yaw_of_the_room_and_no_walls_give_none() -> None:
    assert Structure().wall_yaw() is None
    wall = Wall(normal=np.array([0.0, 1.0]), offset=-2.5, extent=(-2.5, 2.5), top=2.6, frames=9, votes=3)
    turned = Wall(normal=np.array([0.8, 0.6]), offset=1.0, extent=(0.0, 0.4), top=2.6, frames=9, votes=3)
    yaw = Structure(walls=[turned, wall]).wall_yaw()
    assert yaw is not None
    # The x axis of a box with this yaw lies along the long wall's normal or along the wall.
    assert abs(np.sin(2.0 * yaw)) < 1e-9
