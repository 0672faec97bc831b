"""The renderer against analytic scenes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from scenes.geometry import backproject, inverse, look_at, pixel_grid, project, transform
from scenes.rendering.mesh import Finish, box, cylinder, join
from scenes.rendering.render import RenderedFrame, Renderer
from scenes.rendering.shading import Instance
from scenes.types import Camera

CAMERA = Camera(width=80, height=60, fx=60.0, fy=60.0, cx=40.0, cy=30.0)
GREY = Finish((0.5, 0.5, 0.5))


def pose(eye: tuple[float, float, float], target: tuple[float, float, float]) -> torch.Tensor:
    return look_at(torch.tensor(eye, dtype=torch.float64), torch.tensor(target, dtype=torch.float64))


def points_of(rendered: RenderedFrame) -> torch.Tensor:
    frame = rendered.frame
    assert frame.depth_m is not None
    assert frame.world_from_camera is not None
    grid = pixel_grid(frame.camera.width, frame.camera.height, torch.float64)
    p_camera = backproject(frame.camera, grid, frame.depth_m.double()).reshape(-1, 3)
    return transform(frame.world_from_camera, p_camera)


def test_depth_is_distance_from_the_camera_plane_not_along_the_ray() -> None:
    wall = box((10.0, 10.0, 0.1), GREY, (0.0, -5.0, 3.0))
    rendered = Renderer([Instance(number=0, mesh=wall)], [(0, 1, 0)]).render(CAMERA, pose((0, 0, 0), (0, 0, 1)))
    depth = rendered.frame.depth_m
    assert depth is not None
    torch.testing.assert_close(depth, torch.full_like(depth, 2.95), atol=1e-4, rtol=0)


@pytest.mark.parametrize("target", [(1.0, 1.3, 0.7), (-0.5, 0.2, 1.0), (0.3, 2.4, -0.4)])
def test_all_pixels_of_a_box_room_lie_on_its_six_planes(target: tuple[float, float, float]) -> None:
    room = box((4.0, 2.5, 3.0), GREY)
    rendered = Renderer([Instance(number=0, mesh=room)], [(0, 2, 0)]).render(CAMERA, pose((0.2, 1.5, 0.1), target))
    p = points_of(rendered)
    distances = torch.stack(
        [(p[:, 0].abs() - 2).abs(), p[:, 1].abs(), (p[:, 1] - 2.5).abs(), (p[:, 2].abs() - 1.5).abs()]
    )
    assert float(distances.min(0).values.max()) < 1e-4


def test_a_point_renders_at_the_pixel_that_projection_gives() -> None:
    small = box((0.02, 0.02, 0.02), GREY, (0.7, 0.99, 2.0))
    view = pose((0.1, 1.4, -0.3), (0.4, 1.0, 2.0))
    rendered = Renderer([Instance(number=9, mesh=small)], [(0, 2, 0)]).render(CAMERA.resized(320, 240), view)
    rows, columns = np.nonzero(rendered.instance_ids == 9)
    center = transform(inverse(view), torch.tensor([[0.7, 1.0, 2.0]], dtype=torch.float64))
    uv, valid = project(CAMERA.resized(320, 240), center)
    assert bool(valid)
    assert columns.mean() + 0.5 == pytest.approx(float(uv[0, 0]), abs=0.6)
    assert rows.mean() + 0.5 == pytest.approx(float(uv[0, 1]), abs=0.6)


def test_nearer_instances_hide_farther_ones_and_misses_are_marked() -> None:
    near, far = box((0.4, 0.4, 0.1), GREY, (0, -0.2, 1.0)), box((2.0, 0.4, 0.1), GREY, (0, -0.2, 2.0))
    scene = Renderer([Instance(number=1, mesh=near), Instance(number=2, mesh=far)], [(0, 2, 0)])
    rendered = scene.render(CAMERA, pose((0, 0, 0), (0, 0, 1)))
    ids = rendered.instance_ids
    assert ids[30, 40] == 1
    assert ids[30, 10] == 2
    assert ids[0, 0] == -1
    assert rendered.frame.depth_m is not None
    assert float(rendered.frame.depth_m[0, 0]) == 0
    assert rendered.pixel_counts() == {1: int((ids == 1).sum()), 2: int((ids == 2).sum())}


def test_colour_of_a_face_shows_and_winding_does_not_matter() -> None:
    red = Finish((0.8, 0.1, 0.1), "glow")
    for turned in (0.0, math.pi):
        panel = box((2, 2, 0.02), red).turned("y", turned).moved((0, -1, 1.5))
        scene = Renderer([Instance(number=1, mesh=panel)], [(0, 0, 0)])
        rgb = scene.render(CAMERA, pose((0, 0, 0), (0, 0, 1))).frame.rgb[30, 40].tolist()
        assert rgb[0] > 2 * rgb[1]
        assert rgb[0] > 150


def test_texture_moves_with_its_object() -> None:
    crate = join(box((0.5, 0.5, 0.5), Finish((0.6, 0.4, 0.2), "wood")), cylinder(0.1, 0.3, GREY, (0, 0.5, 0)))
    pictures = []
    for offset in ((0.0, 0.0, 0.0), (1.37, 0.0, -0.61)):
        eye, target = np.array((0.8, 1.2, 1.5)) + offset, np.array((0.0, 0.3, 0.0)) + offset
        instance = Instance(number=1, mesh=crate.moved(offset), origin=offset)
        # A light far away, so that its direction is the same at both places.
        scene = Renderer([instance], [(offset[0], 1e3, offset[2])])
        view = pose((eye[0], eye[1], eye[2]), (target[0], target[1], target[2]))
        pictures.append(scene.render(CAMERA, view).frame.rgb.float())
    different = (pictures[0] - pictures[1]).abs().max(-1).values > 12
    assert float(different.float().mean()) < 0.02


def test_a_renderer_needs_something_to_draw() -> None:
    with pytest.raises(ValueError, match="at least one instance"):
        Renderer([], [(0, 0, 0)])
