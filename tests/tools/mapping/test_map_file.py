from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tools.mapping import map_file
from tools.mapping.map_file import FILE_NAME, MapError
from tools.mapping.surface_map import SurfaceMap


@pytest.fixture
def small_map(room, orbit):
    surface_map = SurfaceMap(map_id="m1", voxel_m=0.05, max_depth_m=6.0, compile=False)
    surface_map.integrate(room.frame(orbit[0]))
    return surface_map


def test_a_loaded_map_is_the_saved_one(small_map, tmp_path, camera, orbit, room):
    small_map.save(tmp_path / "deep" / "map")
    loaded = SurfaceMap.load(tmp_path / "deep" / "map", compile=False)
    assert (loaded.map_id, loaded.voxel_m, loaded.max_depth_m, loaded.frames) == ("m1", 0.05, 6.0, 1)
    a, b = small_map.raycast(camera, orbit[1]), loaded.raycast(camera, orbit[1])
    assert torch.equal(a.depth_m, b.depth_m)
    assert torch.equal(a.rgb, b.rgb)
    for surface_map in (small_map, loaded):
        surface_map.integrate(room.frame(orbit[1]))
    assert torch.equal(small_map.mesh().vertices, loaded.mesh().vertices)


def test_an_empty_map_survives_a_restart(tmp_path):
    SurfaceMap(map_id="empty", compile=False).save(tmp_path)
    assert SurfaceMap.load(tmp_path, compile=False).is_empty


def test_a_missing_map_is_one_clear_line(tmp_path):
    with pytest.raises(MapError, match="expected a map in") as error:
        SurfaceMap.load(tmp_path / "nowhere")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 7, 100, -10])
def test_a_cut_off_file_is_refused(small_map, tmp_path, keep):
    small_map.save(tmp_path)
    content = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(content[:keep])
    with pytest.raises(MapError, match="damaged"):
        SurfaceMap.load(tmp_path)


def test_another_version_is_refused(small_map, tmp_path):
    small_map.save(tmp_path)
    header = json.dumps({"format_version": 99, "something": "else"})
    save_file(load_file(tmp_path / FILE_NAME), tmp_path / FILE_NAME, metadata={"sightline": header})
    with pytest.raises(MapError, match="map format 99"):
        SurfaceMap.load(tmp_path)


def test_a_foreign_file_is_refused(tmp_path):
    save_file({"x": torch.zeros(3)}, tmp_path / FILE_NAME)
    with pytest.raises(MapError, match="not a map"):
        SurfaceMap.load(tmp_path)


def test_tensors_of_a_wrong_shape_are_refused(small_map, tmp_path):
    small_map.save(tmp_path)
    tensors = load_file(tmp_path / FILE_NAME)
    with map_file.safe_open(tmp_path / FILE_NAME, framework="pt") as file:
        metadata = file.metadata()
    tensors["weight"] = tensors["weight"][:-1]
    save_file(tensors, tmp_path / FILE_NAME, metadata=metadata)
    with pytest.raises(MapError, match="expected weight"):
        SurfaceMap.load(tmp_path)


def test_a_failed_save_leaves_the_old_map_and_no_litter(small_map, tmp_path, monkeypatch):
    small_map.save(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(map_file, "save_file", full_disk)
    with pytest.raises(MapError, match="No space left"):
        small_map.save(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [FILE_NAME]
