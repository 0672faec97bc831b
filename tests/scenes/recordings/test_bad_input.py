"""Recordings that cannot be trusted are refused in one line that names the file; tolerable gaps are counted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scenes.recordings import open_recording
from scenes.recordings.reading import folder
from tests.scenes.recordings.files import (
    refused,
    write_depth,
    write_hololens,
    write_rgb,
    write_seven_scenes,
    write_transforms,
)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "empty folder" in refused(tmp_path)


def test_an_unknown_layout_is_refused_with_the_choices(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("x")
    text = refused(tmp_path)
    assert "transforms.json" in text
    assert "holiday.txt" in text
    assert "got a file" in refused(tmp_path / "holiday.txt")


def break_pose(path: Path, change: Callable[[np.ndarray], None]) -> None:
    rows = np.loadtxt(path / "poses.txt")
    matrix = rows[1].reshape(4, 4)
    change(matrix)
    np.savetxt(path / "poses.txt", rows)


def not_a_number(matrix: np.ndarray) -> None:
    matrix[0, 3] = math.nan


def mirrored(matrix: np.ndarray) -> None:
    matrix[:3, 0] *= -1


def stretched(matrix: np.ndarray) -> None:
    matrix[:3, :3] *= 1.1


def projective(matrix: np.ndarray) -> None:
    matrix[3, 0] = 0.5


@pytest.mark.parametrize(
    ("change", "word"),
    [(not_a_number, "NaN"), (mirrored, "reflection"), (stretched, "stretches"), (projective, "last row")],
)
def test_an_impossible_pose_is_refused(tmp_path: Path, change: Callable[[np.ndarray], None], word: str) -> None:
    write_hololens(tmp_path)
    break_pose(tmp_path, change)
    text = refused(tmp_path)
    assert word in text
    assert "poses.txt row 2" in text


def test_hololens_files_must_be_complete(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    (tmp_path / "poses.txt").write_text((tmp_path / "poses.txt").read_text().splitlines()[0] + "\n")
    assert "a row for each of 2 images, got 1" in refused(tmp_path)
    (tmp_path / "poses.txt").unlink()
    assert "poses.txt" in refused(tmp_path)


def test_words_among_the_numbers_are_refused(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    (tmp_path / "K.txt").write_text("8 0 x\n0 8 2.5\n0 0 1\n")
    assert "K.txt:1" in refused(tmp_path)


@pytest.mark.parametrize("layout", ["hololens", "nerfstudio", "7scenes"])
def test_a_depth_image_of_the_wrong_size_is_refused(tmp_path: Path, layout: str) -> None:
    if layout == "hololens":
        write_hololens(tmp_path)
        wrong = tmp_path / "depth" / "00004.png"
    elif layout == "nerfstudio":
        write_transforms(tmp_path)
        wrong = tmp_path / "depth" / "b.png"
    else:
        write_seven_scenes(tmp_path, torch.eye(4).double(), [np.full((480, 640), 1000)])
        wrong = tmp_path / "frame-000000.depth.png"
    write_depth(wrong, np.full((6, 6), 1000))
    text = refused(tmp_path)
    assert wrong.name in text
    assert "got 6x6" in text


def test_intrinsics_of_another_resolution_are_refused(tmp_path: Path) -> None:
    write_hololens(tmp_path / "h")
    np.savetxt(tmp_path / "h" / "K.txt", np.array([[80.0, 0, 35], [0, 80, 25], [0, 0, 1]]))
    assert "another resolution" in refused(tmp_path / "h")
    write_transforms(tmp_path / "n", w=80, h=60, cx=40.0, cy=30.0)
    assert "expected 80x60" in refused(tmp_path / "n")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"frames": None}, "'frames'"),
        ({"frames": {"a": 1}}, "'frames'"),
        ({"frames": []}, "got none"),
        ({"frames": [{"file_path": "images/a.png"}]}, "transform_matrix"),
        ({"frames": [{"file_path": 7}]}, "file_path"),
        ({"frames": [{"file_path": "../secret.png"}]}, "inside"),
        ({"frames": [{"file_path": "/etc/passwd"}]}, "inside"),
        ({"frames": [{"file_path": "images/a.png", "transform_matrix": [[1, 2], [3]]}]}, "matrix"),
        ({"fl_x": None}, "fl_x"),
        ({"fl_x": "wide"}, "fl_x"),
        ({"fl_x": -8.0}, "positive"),
        ({"cx": 400.0}, "another resolution"),
        ({"k1": "much"}, "k1"),
        ({"camera_model": "OPENCV", "k4": 0.2}, "undistort"),
        ({"sightline": {"version": 99}}, "version"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    write_transforms(tmp_path, **changes)
    text = refused(tmp_path)
    assert "transforms.json" in text or "images" in text or str(tmp_path) in text
    assert word in text


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    write_rgb(tmp_path / "secret.png", 8, 6)
    write_transforms(tmp_path / "r")
    (tmp_path / "r" / "images" / "a.png").unlink()
    (tmp_path / "r" / "images" / "a.png").symlink_to(tmp_path / "secret.png")
    assert "inside" in refused(tmp_path / "r")


def test_malformed_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text('{"frames": [')
    assert "syntax error" in refused(tmp_path)
    (tmp_path / "transforms.json").write_text("[" * 100_000)
    assert "syntax error" in refused(tmp_path)
    (tmp_path / "transforms.json").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in refused(tmp_path)


def test_a_giant_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "transforms.json").open("wb") as file:
        file.truncate(4 * 2**30)  # sparse: takes no room on the disk
    assert "got 4096 MiB" in refused(tmp_path)
    assert folder.MAX_JSON_BYTES < 2**30


def test_a_truncated_image_is_refused_by_name(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    image = tmp_path / "images" / "00004.png"
    image.write_bytes(image.read_bytes()[:60])
    assert "00004.png" in refused(tmp_path)


def test_colour_in_the_place_of_depth_is_refused(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    write_rgb(tmp_path / "depth" / "00004.png", 8, 6)
    assert "16-bit" in refused(tmp_path)


def test_missing_frames_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    write_transforms(tmp_path / "n")
    (tmp_path / "n" / "images" / "a.png").unlink()
    recording = open_recording(tmp_path / "n")
    assert (len(recording), len(recording.skipped)) == (1, 1)
    assert "images/a.png" in recording.skipped[0]
    write_seven_scenes(tmp_path / "s", torch.eye(4).double(), [np.full((480, 640), 1000)] * 3)
    (tmp_path / "s" / "frame-000002.pose.txt").unlink()
    recording = open_recording(tmp_path / "s")
    assert recording.frame_ids == (0, 4)
    assert recording.skipped == ("frame 2: no pose file",)


def test_a_frame_without_depth_keeps_its_colour(tmp_path: Path) -> None:
    write_hololens(tmp_path)
    (tmp_path / "depth" / "00003.png").unlink()
    recording = open_recording(tmp_path)
    assert recording[0].depth_m is None
    assert recording[1].depth_m is not None
    assert any("frame 3" in note for note in recording.notes)


def test_times_out_of_order_are_sorted_and_said(tmp_path: Path) -> None:
    write_transforms(tmp_path)
    table = json.loads((tmp_path / "transforms.json").read_text())
    table["frames"][0]["timestamp"], table["frames"][1]["timestamp"] = 2.0, 1.0
    (tmp_path / "transforms.json").write_text(json.dumps(table))
    recording = open_recording(tmp_path)
    assert [frame.time_s for frame in recording] == [1.0, 2.0]
    assert any("sorted" in note for note in recording.notes)
