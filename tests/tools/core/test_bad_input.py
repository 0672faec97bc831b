"""Input that a real recording can hold and that must not harm a map."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
import torch

from tools.depth.estimate import estimate_depth
from tools.depth.sweep import SweepView, sweep_depth
from tools.mapping import map_file
from tools.mapping.map_file import FILE_NAME, MapError
from tools.mapping.surface_map import SurfaceMap
from tools.mapping.tracking import Tracker

VOXEL_M = 0.04


@pytest.fixture
def room_map(room, orbit):
    surface_map = SurfaceMap(map_id="kept", voxel_m=VOXEL_M, compile=False)
    for i, world_from_camera in enumerate(orbit):
        surface_map.integrate(room.frame(world_from_camera, id=i))
    return surface_map


def content(surface_map):
    volume = surface_map.volume
    return [pool[: volume.count].clone() for pool in (volume.block_xyz, volume.tsdf, volume.weight, volume.color)]


def unchanged(surface_map, before):
    return all(torch.equal(a, b) for a, b in zip(content(surface_map), before, strict=True))


def test_a_pose_jump_of_three_metres_is_lost_and_leaves_the_map(room, room_map, orbit):
    tracker = Tracker(room_map, world_from_camera=orbit[1], compile=False)
    assert tracker.track(room.frame(orbit[1])).status == "tracked"
    before = content(room_map)
    away = orbit[1].clone()
    away[0, 3] -= 3.0
    jumped = room.depth(room.frame(orbit[1]).camera, orbit[4]).flip(1).float().contiguous()
    result = tracker.track(replace(room.frame(orbit[1]), depth_m=jumped, world_from_camera=away))
    assert result.status == "lost"
    assert result.world_from_camera is None
    assert unchanged(room_map, before)
    assert tracker.track(room.frame(orbit[1])).status == "tracked"


@pytest.mark.parametrize("level", [0, 255])
def test_a_lens_cap_gives_no_pose_and_no_depth(room, room_map, orbit, level):
    frame = room.frame(orbit[1])
    covered = replace(frame, rgb=torch.full_like(frame.rgb, level), depth_m=torch.zeros_like(frame.depth_m))
    before = content(room_map)
    assert room_map.integrate(covered).status == "no_valid_depth"
    assert Tracker(room_map, world_from_camera=orbit[1], compile=False).track(covered).status == "no_depth"
    views = [SweepView.of(replace(covered, world_from_camera=pose)) for pose in orbit]
    assert sweep_depth(covered, [view for view in views if view is not None], compile=False) is None
    assert unchanged(room_map, before)


def test_a_frame_of_pure_blur_has_no_swept_depth(room, orbit):
    frame = room.frame(orbit[1])
    binomial_blur = replace(frame, rgb=frame.rgb.float().mean((0, 1)).expand_as(frame.rgb).to(torch.uint8).contiguous())
    views = [SweepView.of(room.frame(pose)) for pose in orbit]
    assert sweep_depth(binomial_blur, [view for view in views if view is not None], compile=False) is None


def test_depth_that_contradicts_colour_is_not_believed_by_the_sweep(room, orbit):
    """Colour of one place with the depth and pose of another: the windows do not correlate."""
    noise = torch.randint(0, 255, (120, 160, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    wrong = replace(room.frame(orbit[1]), rgb=noise)
    views = [SweepView.of(room.frame(pose)) for pose in orbit]
    found = sweep_depth(wrong, [view for view in views if view is not None], compile=False)
    assert found is None or found.valid.float().mean() < 0.02


def test_depth_that_contradicts_the_map_is_lost_not_fused(room, room_map, orbit):
    frame = room.frame(orbit[1])
    before = content(room_map)
    nonsense = torch.rand(frame.depth_m.shape, generator=torch.Generator().manual_seed(0)) * 4 + 0.3
    assert (
        Tracker(room_map, world_from_camera=orbit[1], compile=False).track(replace(frame, depth_m=nonsense)).status
        == "lost"
    )
    assert unchanged(room_map, before)


def test_an_empty_map_answers_nothing(room, orbit, camera):
    empty = SurfaceMap(compile=False)
    assert not empty.raycast(camera, orbit[0]).valid.any()
    assert len(empty.mesh().vertices) == 0
    assert empty.floor_height() is None
    blind = replace(room.frame(orbit[0]), depth_m=None, depth_camera=None)
    assert estimate_depth(blind, empty) is None


def test_a_disk_that_fills_while_saving_leaves_the_old_map(room_map, tmp_path, monkeypatch):
    room_map.save(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(map_file, "save_file", full)
    with pytest.raises(MapError, match="No space left") as error:
        room_map.save(tmp_path)
    assert "\n" not in str(error.value)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [FILE_NAME]
    assert unchanged(SurfaceMap.load(tmp_path, compile=False), content(room_map))
