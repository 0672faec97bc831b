"""The nerfstudio writer: what is written reads back equal, appears whole, and replaces nothing unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from scenes.recordings import Gravity, Recording, RecordingError, open_recording, write_nerfstudio
from scenes.types import Camera, Frame
from tests.scenes.recordings.files import (
    example_frame,
    frames_equal,
    write_hololens,
    write_seven_scenes,
    write_transforms,
)


def assert_reads_back(recording: Recording, folder: Path) -> None:
    write_nerfstudio(folder, recording, gravity=recording.gravity, skipped=recording.skipped)
    again = open_recording(folder)
    assert again.frame_ids == recording.frame_ids
    assert again.gravity == recording.gravity
    assert again.skipped == recording.skipped
    for ours, theirs in zip(recording, again, strict=True):
        assert frames_equal(ours, theirs), f"frame {ours.id}"


@pytest.mark.parametrize("layout", ["hololens", "nerfstudio", "7scenes"])
def test_any_recording_reads_back_equal(tmp_path: Path, layout: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    if layout == "hololens":
        write_hololens(source)
    elif layout == "nerfstudio":
        write_transforms(source)
    else:
        write_seven_scenes(source, torch.eye(4).double(), [np.full((480, 640), 1234)])
    assert_reads_back(open_recording(source), tmp_path / "copy")


def test_every_field_of_a_frame_survives(tmp_path: Path) -> None:
    frames = [
        example_frame(3),
        example_frame(5, world_from_camera=None),
        example_frame(7, depth_m=None, depth_camera=None, depth_time_s=None),
        example_frame(9, camera=Camera(width=8, height=6, fx=9.0, fy=9.0, cx=4.0, cy=3.0)),
    ]
    write_nerfstudio(tmp_path / "r", frames, gravity=Gravity(source="planes", confidence=0.7), notes=["a note"])
    recording = open_recording(tmp_path / "r")
    assert [frames_equal(a, b) for a, b in zip(frames, recording, strict=True)] == [True] * 4
    assert recording.gravity == Gravity(source="planes", confidence=0.7)
    assert recording.notes == ("a note",)


@pytest.mark.parametrize("steps_per_m", [1000.0, 5000.0, 3.3], ids=["millimetres", "tum", "neither"])
def test_depth_of_any_step_survives(tmp_path: Path, steps_per_m: float) -> None:
    steps = torch.arange(24, dtype=torch.float64).reshape(4, 6) * 97
    frame = example_frame(depth_m=(steps / steps_per_m).float())
    write_nerfstudio(tmp_path / "r", [frame])
    assert frames_equal(frame, open_recording(tmp_path / "r")[0])


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield example_frame(0)
        raise RecordingError("the camera fell into the soup")

    with pytest.raises(RecordingError, match="soup"):
        write_nerfstudio(tmp_path / "r", broken())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RecordingError, match="at least one frame"):
        write_nerfstudio(tmp_path / "r", [])
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_replaced_only_when_asked(tmp_path: Path) -> None:
    write_nerfstudio(tmp_path / "r", [example_frame(0)])
    with pytest.raises(RecordingError, match="overwrite"):
        write_nerfstudio(tmp_path / "r", [example_frame(1)])
    assert open_recording(tmp_path / "r").frame_ids == (0,)
    write_nerfstudio(tmp_path / "r", [example_frame(1)], overwrite=True)
    assert open_recording(tmp_path / "r").frame_ids == (1,)
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("x")
    with pytest.raises(RecordingError, match="other files"):
        write_nerfstudio(tmp_path / "letters", [example_frame(0)], overwrite=True)
    assert (tmp_path / "letters" / "love.txt").exists()


def test_repeated_frame_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="0 twice"):
        write_nerfstudio(tmp_path / "r", [example_frame(0), example_frame(0)])


def test_files_beside_the_recording_are_ignored(tmp_path: Path) -> None:
    write_nerfstudio(tmp_path / "r", [example_frame(0)])
    (tmp_path / "r" / "ground_truth").mkdir()
    (tmp_path / "r" / "ground_truth" / "objects.json").write_text("{}")
    assert len(open_recording(tmp_path / "r")) == 1


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["hololens", "redkitchen"])
def test_real_frames_read_back_equal(tmp_path: Path, shared_data: Path, name: str) -> None:
    recording = open_recording(shared_data / name)
    some = [recording[i] for i in (0, 100, 249)]
    write_nerfstudio(tmp_path / "r", some, gravity=recording.gravity)
    assert all(frames_equal(a, b) for a, b in zip(some, open_recording(tmp_path / "r"), strict=True))
