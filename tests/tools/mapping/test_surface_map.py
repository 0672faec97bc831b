from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.core.blocks import block_of_cell, cell_of_block
from tools.mapping.surface_map import SurfaceMap

VOXEL_M = 0.03


def mapped(scene, poses, *, voxel_m=VOXEL_M):
    surface_map = SurfaceMap(map_id="test", voxel_m=voxel_m, compile=False)
    for i, world_from_camera in enumerate(poses):
        assert surface_map.integrate(scene.frame(world_from_camera, id=i)).ok
    return surface_map


@pytest.fixture(scope="module")
def room_map(room, orbit):
    return mapped(room, orbit)


def test_ray_cast_depth_matches_the_analytic_scene(room, room_map, camera, make_pose):
    unseen = make_pose((0.8, 1.3, 1.0), (0.2, 0.9, -0.6))
    view = room_map.raycast(camera, unseen)
    error = (view.depth_m - room.depth(camera, unseen)).abs()[view.valid]
    assert view.valid.float().mean() > 0.9
    assert error.median() < 0.1 * VOXEL_M
    assert error.quantile(0.95) < 0.5 * VOXEL_M


def test_ray_cast_normals_are_unit_and_face_the_camera(room_map, camera, orbit):
    view = room_map.raycast(camera, orbit[2])
    normal = view.normal[view.valid]
    torch.testing.assert_close(normal.norm(dim=-1), torch.ones(len(normal)), atol=1e-4, rtol=0)
    forward = orbit[2][:3, 2].float()
    assert ((normal @ forward) < 0.3).float().mean() > 0.99
    assert not view.normal[~view.valid].any()


def test_ray_cast_normals_match_the_walls(room, room_map, camera, make_pose):
    view = room_map.raycast(camera, make_pose((0.3, 1.2, 1.0), (0.3, 1.0, -1.5)))
    back_wall = view.valid & (view.depth_m - room.depth(camera, make_pose((0.3, 1.2, 1.0), (0.3, 1.0, -1.5)))).abs().lt(
        0.01
    )
    facing = view.normal[..., 2][back_wall]
    assert facing.quantile(0.5) > 0.99


def test_ray_cast_color_is_the_scene_s(room, room_map, camera, orbit):
    view = room_map.raycast(camera, orbit[1])
    truth = room.frame(orbit[1]).rgb
    difference = (view.rgb.int() - truth.int()).abs()[view.valid].float()
    assert difference.mean() < 4


def test_mesh_lies_on_the_surface_and_faces_free_space(room, room_map):
    mesh = room_map.mesh()
    distance = room.distance(mesh.vertices)
    assert distance.median() < 0.1 * VOXEL_M
    assert distance.quantile(0.95) < 0.5 * VOXEL_M
    corner = mesh.vertices[mesh.triangles]
    normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    outward = corner.mean(1) - torch.tensor(room.sphere_center)
    on_sphere = (outward.norm(dim=-1) - room.sphere_radius).abs() < 0.01
    assert on_sphere.sum() > 100
    assert ((outward * normal).sum(-1)[on_sphere] > 0).float().mean() > 0.99
    assert mesh.triangles.max() < len(mesh.vertices)


def test_mesh_is_closed_inside_the_observed_space(room_map):
    """A grid edge makes one quad, so an inner mesh edge belongs to exactly two triangles (never more than four)."""
    triangles = room_map.mesh().triangles
    edges = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).sort(-1).values
    _, count = edges.unique(dim=0, return_counts=True)
    assert (count <= 2).float().mean() > 0.99
    assert (count == 1).float().mean() < 0.1


def test_the_order_of_frames_does_not_matter(room, orbit):
    forward, backward = mapped(room, orbit), mapped(room, orbit[::-1])
    a, b = forward.mesh(), backward.mesh()
    assert abs(len(a.vertices) - len(b.vertices)) <= 0.01 * len(a.vertices)
    by_block = {tuple(x): i for i, x in enumerate(forward.volume.block_xyz[: forward.volume.count].tolist())}
    rows = [by_block[tuple(x)] for x in backward.volume.block_xyz[: backward.volume.count].tolist()]
    assert len(rows) == forward.volume.count
    difference = (forward.volume.tsdf[rows].float() - backward.volume.tsdf[: backward.volume.count].float()).abs()
    # What differs is only that a block exists, and so can be carved, from the first frame that touches it.
    same = forward.volume.weight[rows] == backward.volume.weight[: backward.volume.count]
    assert same.float().mean() > 0.9
    assert difference[same].max() < 0.01


def test_a_moved_object_is_carved_away(room, room_with_box, camera, make_pose):
    view_pose = make_pose((0.4, 1.5, 1.0), (-0.7, 0.3, -0.7))
    surface_map = mapped(room_with_box, [view_pose] * 10)
    before = surface_map.raycast(camera, view_pose)
    assert (before.depth_m - room_with_box.depth(camera, view_pose)).abs()[before.valid].median() < 0.01
    for i in range(20):
        surface_map.integrate(room.frame(view_pose, id=100 + i))
    after = surface_map.raycast(camera, view_pose)
    was_box = room_with_box.depth(camera, view_pose) < room.depth(camera, view_pose) - 0.05
    error = (after.depth_m - room.depth(camera, view_pose)).abs()
    assert was_box.sum() > 300
    assert (after.valid & (error < VOXEL_M))[was_box].float().mean() > 0.9


def test_what_was_never_seen_is_not_rendered(room_map, camera, make_pose):
    view = room_map.raycast(camera, make_pose((0.0, 1.2, 0.0), (0.0, 1.2, 1.5)))
    assert view.valid.float().mean() < 0.05
    empty = SurfaceMap(compile=False).raycast(camera, make_pose((0.0, 1.2, 0.0), (0.0, 1.2, 1.5)))
    assert not empty.valid.any()


def test_memory_follows_the_surface_not_the_space(room, orbit):
    near = mapped(room, orbit[:1])
    far_apart = mapped(room, orbit[:1])
    moved = orbit[0].clone()
    moved[0, 3] += 2000.0
    far_apart.integrate(replace(room.frame(orbit[0]), world_from_camera=moved))
    assert far_apart.volume.bytes_used <= 2.1 * near.volume.bytes_used


def test_floor_height_is_found(room, orbit, make_pose):
    down = [make_pose((0.8, 1.4, 1.0), (-0.4 + 0.2 * i, 0.0, -0.3)) for i in range(3)]
    height = mapped(room, [*orbit, *down]).floor_height()
    assert height is not None
    assert abs(height) < 0.02
    assert SurfaceMap(compile=False).floor_height() is None


def test_frames_that_cannot_be_fused_say_why_and_change_nothing(room, orbit):
    surface_map = mapped(room, orbit[:1])
    before = surface_map.volume.tsdf[: surface_map.volume.count].clone()
    frame = room.frame(orbit[1])
    nan_pose, mirrored = orbit[1].clone(), orbit[1].clone()
    nan_pose[0, 3] = float("nan")
    mirrored[:3, 0] *= -1
    bad = {
        "no_pose": replace(frame, world_from_camera=None),
        "no_depth": replace(frame, depth_m=None, depth_camera=None),
        "no_valid_depth": replace(frame, depth_m=torch.zeros_like(frame.depth_m)),
        "bad_pose": replace(frame, world_from_camera=nan_pose),
    }
    for status, broken in bad.items():
        result = surface_map.integrate(broken)
        assert (result.status, result.ok, result.blocks) == (status, False, 0)
    assert surface_map.integrate(replace(frame, world_from_camera=mirrored)).status == "bad_pose"
    assert (
        surface_map.integrate(replace(frame, depth_m=torch.full_like(frame.depth_m, torch.nan))).status
        == "no_valid_depth"
    )
    assert torch.equal(before, surface_map.volume.tsdf[: surface_map.volume.count])
    assert surface_map.frames == 1


@pytest.mark.parametrize("settings", [{"voxel_m": 0.0}, {"voxel_m": float("nan")}, {"max_depth_m": -1.0}])
def test_settings_outside_their_range_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        SurfaceMap(**settings)


@given(
    st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=20),
    st.tuples(*[st.integers(-1000, 1000)] * 3),
)
@settings(max_examples=50, deadline=None)
def test_cells_and_blocks_are_inverse(offsets, corner):
    origin = torch.tensor(corner, dtype=torch.int32)
    size = torch.tensor([10, 11, 12], dtype=torch.int32)
    block = torch.tensor(offsets, dtype=torch.int32) + origin
    x, y, z = block.unbind(-1)
    cell = cell_of_block((x, y, z), origin, size)
    assert (cell > 0).all()
    assert torch.equal(block_of_cell(cell.long(), origin, size), block)
    x, y, z = (block + size).unbind(-1)
    assert (cell_of_block((x, y, z), origin, size) == 0).all()


@pytest.mark.realdata
def test_kitchen_map_agrees_with_its_sensor(kitchen_frame):
    surface_map = SurfaceMap(voxel_m=0.02, compile=False)
    for i in range(0, 20, 4):
        assert surface_map.integrate(kitchen_frame(i)).ok
    held_out = kitchen_frame(10)
    view = surface_map.raycast(held_out.depth_camera, held_out.world_from_depth, color=False)
    both = view.valid & (held_out.depth_m > 0)
    error = (view.depth_m - held_out.depth_m).abs()[both]
    assert both.sum() > 0.85 * (held_out.depth_m > 0).sum()
    assert error.median() < 0.008


@pytest.mark.realdata
def test_headworn_map_agrees_with_its_sensor(headworn_frame):
    surface_map = SurfaceMap(voxel_m=0.03, compile=False)
    for i in range(0, 20, 4):
        assert surface_map.integrate(headworn_frame(i)).ok
    held_out = headworn_frame(10)
    view = surface_map.raycast(held_out.camera, held_out.world_from_camera, color=False)
    both = view.valid & (held_out.depth_m > 0)
    assert both.sum() > 0.8 * (held_out.depth_m > 0).sum()
    assert (view.depth_m - held_out.depth_m).abs()[both].median() < 0.012
