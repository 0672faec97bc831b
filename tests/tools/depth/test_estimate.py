from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from scenes.types import Camera
from tools.depth.estimate import DepthEstimate, estimate_depth, register_depth
from tools.mapping.surface_map import SurfaceMap


def test_depth_of_an_aligned_camera_is_untouched(room, orbit):
    frame = room.frame(orbit[0])
    estimate = estimate_depth(frame, compile=False)
    assert estimate is not None
    assert estimate.source == "sensor"
    assert torch.equal(estimate.depth_m, frame.depth_m)


def test_registered_depth_matches_the_analytic_depth_of_the_colour_camera(room, orbit):
    """Depth and colour cameras differ in place, focal length and resolution."""
    depth_camera = Camera(width=160, height=120, fx=150.0, fy=150.0, cx=80.0, cy=60.0)
    color_camera = Camera(width=320, height=240, fx=260.0, fy=260.0, cx=160.0, cy=120.0)
    camera_from_depth = torch.eye(4, dtype=torch.float64)
    camera_from_depth[:3, 3] = torch.tensor([-0.03, 0.01, 0.005])
    world_from_camera = orbit[0]
    frame = replace(
        room.frame(world_from_camera, camera=color_camera),
        depth_m=room.depth(depth_camera, world_from_camera @ camera_from_depth).float(),
        depth_camera=depth_camera,
        camera_from_depth=camera_from_depth,
    )
    registered = register_depth(frame, compile=False)
    assert registered is not None
    truth = room.depth(color_camera, world_from_camera)
    seen = registered > 0
    inner = seen[40:200, 40:280]
    assert inner.float().mean() > 0.97
    error = (registered - truth).abs()[seen]
    assert error.median() < 0.01
    assert error.quantile(0.9) < 0.04


def test_a_frame_without_depth_takes_the_map_s(room, orbit):
    surface_map = SurfaceMap(voxel_m=0.03, compile=False)
    surface_map.integrate(room.frame(orbit[0]))
    blind = replace(room.frame(orbit[0]), depth_m=None, depth_camera=None)
    estimate = estimate_depth(blind, surface_map)
    assert estimate is not None
    assert estimate.source == "map"
    assert (estimate.depth_m - room.frame(orbit[0]).depth_m).abs()[estimate.valid].median() < 0.005
    assert estimate_depth(blind) is None
    assert estimate_depth(replace(blind, world_from_camera=None), surface_map) is None
    assert estimate_depth(blind, SurfaceMap(compile=False)) is None


def test_all_invalid_sensor_depth_falls_to_the_map(room, orbit):
    surface_map = SurfaceMap(voxel_m=0.05, compile=False)
    surface_map.integrate(room.frame(orbit[0]))
    frame = room.frame(orbit[0])
    estimate = estimate_depth(replace(frame, depth_m=torch.zeros_like(frame.depth_m)), surface_map)
    assert estimate is not None
    assert estimate.source == "map"


def estimate_of(depth_m):
    camera = Camera(width=depth_m.shape[1], height=depth_m.shape[0], fx=100.0, fy=100.0, cx=20.0, cy=20.0)
    sigma = torch.where(depth_m > 0, 0.005, 0.0)
    return DepthEstimate(camera=camera, depth_m=depth_m, valid=depth_m > 0, sigma_m=sigma, source="sensor")


def test_depth_at_ignores_a_single_wrong_pixel_and_a_hole():
    depth = torch.full((40, 40), 2.0)
    depth[20, 20] = 2.15
    assert estimate_of(depth).depth_at(20.5, 20.5).depth_m == pytest.approx(2.0)
    depth[19:22, 19:22] = 0.0
    assert estimate_of(depth).depth_at(20.5, 20.5).depth_m == pytest.approx(2.0)


def test_depth_at_an_edge_is_the_near_or_the_far_side_never_between():
    depth = torch.full((40, 40), 1.0)
    depth[:, 20:] = 3.0
    assert estimate_of(depth).depth_at(19.5, 20.5).depth_m == pytest.approx(1.0)
    assert estimate_of(depth).depth_at(20.5, 20.5).depth_m == pytest.approx(3.0)


def test_depth_at_says_why_there_is_none():
    depth = torch.zeros(40, 40)
    assert estimate_of(depth).depth_at(20.5, 20.5).reason == "no_depth_there"
    assert estimate_of(depth).depth_at(40.0, 20.5).reason == "outside_image"
    assert estimate_of(depth).depth_at(float("nan"), 20.5).reason == "outside_image"
    depth[20, 20] = 1.0
    assert estimate_of(depth).depth_at(20.5, 20.5).reason == "depth_edge"


def test_sigma_grows_with_depth_and_with_scatter():
    flat, far = torch.full((40, 40), 1.0), torch.full((40, 40), 4.0)
    noisy = 1.0 + 0.03 * torch.randn(40, 40, generator=torch.Generator().manual_seed(0))
    of_noisy, of_flat, of_far = (estimate_of(depth).depth_at(20, 20).sigma_m for depth in (noisy, flat, far))
    assert of_noisy is not None
    assert of_flat is not None
    assert of_far is not None
    assert of_noisy > of_flat
    assert of_far >= of_flat


@pytest.mark.realdata
def test_kitchen_depth_registers_to_colour(kitchen_frame):
    """The shift of the registered depth against the raw one is the 25 mm baseline's disparity, not zero."""
    frame = kitchen_frame(0)
    registered = register_depth(frame, compile=False)
    assert registered is not None
    seen = registered > 0
    assert seen.float().mean() > 0.6
    assert (registered - frame.depth_m).abs()[seen & (frame.depth_m > 0)].median() > 0.001
