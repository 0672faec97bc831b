from __future__ import annotations

import torch

from scenes.geometry import backproject, pixel_grid
from tools.core.backproject import backproject_normals, pad_with_invalid
from tools.mapping.rendering import intrinsics_of


def test_points_agree_with_the_reference_projection(room, camera, orbit):
    depth = room.depth(camera, orbit[0]).float()
    points = backproject_normals(pad_with_invalid(depth), intrinsics_of(camera))[0].permute(1, 2, 0)
    expected = backproject(camera, pixel_grid(camera.width, camera.height), depth)
    torch.testing.assert_close(points, expected, atol=1e-5, rtol=1e-5)


def test_normals_of_a_tilted_plane_are_exact(camera):
    normal = torch.nn.functional.normalize(torch.tensor([0.3, -0.2, -1.0]), dim=0)
    rays = backproject(camera, pixel_grid(camera.width, camera.height), torch.ones(camera.height, camera.width))
    depth = -2.0 / (rays @ normal)
    _, found, valid = backproject_normals(pad_with_invalid(depth), intrinsics_of(camera))
    found = found.permute(1, 2, 0)
    assert valid.all()
    torch.testing.assert_close(found, normal.expand_as(found), atol=1e-3, rtol=0)


def test_normals_of_a_sphere_point_away_from_its_centre(room, camera, orbit):
    depth = room.depth(camera, orbit[0])
    points, normal, valid = backproject_normals(pad_with_invalid(depth.float()), intrinsics_of(camera))
    points, normal = points.permute(1, 2, 0), normal.permute(1, 2, 0)
    centre = orbit[0][:3, :3].T @ (torch.tensor(room.sphere_center).double() - orbit[0][:3, 3])
    outward = points - centre.float()
    on_sphere = (valid > 0) & ((outward.norm(dim=-1) - room.sphere_radius).abs() < 1e-3)
    facing = (torch.nn.functional.normalize(outward, dim=-1) * normal).sum(-1)[on_sphere]
    assert on_sphere.sum() > 200
    # At the silhouette a pixel spans a large part of the sphere, so judge the bulk.
    assert facing.quantile(0.1) > 0.99
    assert facing.median() > 0.999


def test_invalid_pixels_and_jumps_have_no_normal(camera):
    depth = torch.full((camera.height, camera.width), 2.0)
    depth[:, 80:] = 3.0
    depth[10, 10] = 0.0
    points, normal, valid = backproject_normals(pad_with_invalid(depth), intrinsics_of(camera))
    points, normal = points.permute(1, 2, 0), normal.permute(1, 2, 0)
    assert not valid[10, 10]
    assert torch.equal(points[10, 10], torch.zeros(3))
    assert torch.equal(normal[10, 10], torch.zeros(3))
    # One-sided differences keep the normals on both sides of the jump, and each is its own plane's.
    torch.testing.assert_close(normal[60, 78:82], torch.tensor([0.0, 0.0, -1.0]).expand(4, 3), atol=1e-4, rtol=0)
