"""A written world is a recording plus its truth; crops show what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scenes.recordings import open_recording
from scenes.recordings.reading.base import RecordingError
from scenes.types import Camera
from scenes.worlds.capture.crops import iter_object_crops
from scenes.worlds.capture.recorded import Recorder, iter_visit
from scenes.worlds.capture.sensors import SENSOR
from scenes.worlds.capture.truth import read_frames_truth, read_world_truth
from scenes.worlds.capture.writing import write_visit, write_world
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import Walk, make_walk
from scenes.worlds.world import make_world

SMALL = Camera(width=64, height=48, fx=46.0, fy=46.0, cx=32.0, cy=24.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(7, tmp_path_factory.mktemp("worlds") / "seven", fps=1.0, camera=SMALL)


def test_a_written_world_reads_back_equal(written: Path) -> None:
    recording = open_recording(written)
    walk = make_walk(make_world(7))
    assert len(recording) >= len(walk) // 5
    first = next(iter_visit(make_world(7), walk, SMALL))
    expected, frame = first.frame, recording[0]
    assert torch.equal(frame.rgb, expected.rgb)
    assert frame.depth_m is not None
    assert expected.depth_m is not None
    torch.testing.assert_close(frame.depth_m, expected.depth_m, atol=0.00051, rtol=0)
    assert frame.world_from_camera is not None
    torch.testing.assert_close(frame.world_from_camera, walk.world_from_camera[0], atol=1e-9, rtol=0)
    image = np.array(Image.open(written / "ground_truth" / "instances" / "frame_000000.png")).astype(np.int32)
    assert np.array_equal(np.where(image == 65535, -1, image), first.instance_ids)


def test_the_truth_on_disk_is_the_world(written: Path) -> None:
    truth, world = read_world_truth(written), make_world(7)
    assert truth.seed == 7
    assert truth.scene_graph() == world.scene_graph()
    frames = read_frames_truth(written).frames
    assert [f.frame_id for f in frames] == list(open_recording(written).frame_ids)
    for frame in frames[::20]:
        ids = np.array(Image.open(written / "ground_truth" / "instances" / f"frame_{frame.frame_id:06d}.png"))
        assert frame.pixels == {f"w{n}": int((ids == n).sum()) for n in np.unique(ids) if 0 < n < 65535}


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_world(7, tmp_path / "w", fps=1.0, camera=SMALL, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RecordingError, match="other files"):
        write_world(7, tmp_path, fps=1.0, camera=SMALL, overwrite=True)


def test_truth_that_is_missing_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="ground truth"):
        read_world_truth(tmp_path)


def test_crops_are_deterministic_and_show_their_object() -> None:
    crops, again = list(iter_object_crops(7, 60)), list(iter_object_crops(7, 60))
    assert all(torch.equal(a.rgb, b.rgb) and a.category == b.category for a, b in zip(crops, again, strict=True))
    world = make_world(7)
    for crop in crops:
        assert crop.rgb.shape == (128, 128, 3)
        assert crop.rgb.dtype == torch.uint8
        if crop.category:
            assert world.objects[crop.object_id].category == crop.category
            assert 0.3 <= crop.visible_fraction <= 1.0001
            assert crop.pixel_size >= 14
            # Half the silhouette or more is a different colour from a flat field.
            assert float(crop.rgb.float().std()) > 2
    assert 0 < sum(not c.category for c in crops) < 25
    assert len({c.category for c in crops}) > 20


@pytest.mark.slow
def test_any_number_of_processes_writes_the_same_bytes(tmp_path: Path) -> None:
    world = make_world(7)
    walk = make_walk(world)
    short = Walk(times_s=walk.times_s[:9], world_from_camera=walk.world_from_camera[:9], rooms=walk.rooms[:9])
    timeline = Timeline.unchanging(world)
    done: list[tuple[int, int]] = []
    contents = []
    for workers in (1, 2):
        out = write_visit(
            timeline,
            short,
            tmp_path / str(workers),
            sensor=SENSOR["headset"],
            camera=SMALL,
            workers=workers,
            progress=lambda *step: done.append(step),
        )
        contents.append({f.relative_to(out): f.read_bytes() for f in out.rglob("*") if f.is_file()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4 + 4 * 9
    assert done == [(k, 9) for k in range(1, 10)] * 2


def test_a_frame_is_the_same_whatever_came_before_it() -> None:
    world = make_world(7)
    walk = make_walk(world)
    recorder = Recorder(Timeline.unchanging(world), walk, SENSOR["headset"], SMALL)
    first, _ = recorder.frame(5)
    recorder.frame(9)
    again, _ = recorder.frame(5)
    assert torch.equal(first.rgb, again.rgb)
    assert first.depth_m is not None
    assert again.depth_m is not None
    assert torch.equal(first.depth_m, again.depth_m)


def test_a_wrong_number_of_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers"):
        write_world(7, tmp_path / "w", fps=0.2, camera=SMALL, workers=0)
    assert list(tmp_path.iterdir()) == []
