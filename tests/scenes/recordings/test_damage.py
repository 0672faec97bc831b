"""Every reader under the same damage: a typed error that names the file, or the frame left out and counted."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from scenes.geometry import look_at
from scenes.recordings import RecordingError, open_recording
from scenes.recordings.reading.indexed import IndexedRecording
from tests.scenes.recordings.files import write_hololens, write_matrix, write_seven_scenes, write_transforms
from tests.scenes.recordings.formats import (
    record3d_metadata,
    sens_bytes,
    write_aria,
    write_arkitscenes,
    write_polycam,
    write_record3d,
    write_sens,
    write_stray,
    write_tum,
)

POSE = look_at(torch.tensor([0.0, 1.0, 0.0]).double(), torch.tensor([0.0, 1.0, -1.0]).double())


def nerfstudio(folder: Path) -> Path:
    write_transforms(folder)
    return folder


def hololens(folder: Path) -> Path:
    write_hololens(folder)
    return folder


def seven_scenes(folder: Path) -> Path:
    write_seven_scenes(folder, POSE, [np.full((480, 640), 2000)] * 2)
    return folder


def aria(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    write_aria(folder, frames=2)
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    "nerfstudio": nerfstudio,
    "hololens": hololens,
    "7scenes": seven_scenes,
    "aria": aria,
    "tum": write_tum,
    "sens": write_sens,
    "arkitscenes": write_arkitscenes,
    "stray": write_stray,
    "record3d": write_record3d,
    "polycam": write_polycam,
}


def edit(path: Path, change: Callable[[dict], object]) -> None:
    """Change a JSON file in place."""
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def edit_rows(path: Path, change: Callable[[np.ndarray], None]) -> None:
    rows = np.loadtxt(path, ndmin=2)
    change(rows)
    write_matrix(path, rows)


def spoil(rows: np.ndarray) -> None:
    rows[0, 3] = math.nan


def edit_zip(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def polycam_camera(folder: Path) -> Path:
    return min((folder / "keyframes" / "corrected_cameras").iterdir())


def set_metadata(members: dict[str, bytes], **changes: object) -> None:
    members["metadata"] = json.dumps(record3d_metadata() | changes).encode()


def swap(path: Path, first: int = 1) -> None:
    """Two lines of a text file change places."""
    lines = path.read_text().splitlines()
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    path.write_text("\n".join(lines) + "\n")


def nan_pose(path: Path) -> None:
    quaternion = [math.nan, 0, 0, 1, 0, 0, 0]
    {
        "nerfstudio": lambda: edit(
            path / "transforms.json", lambda t: t["frames"][0]["transform_matrix"][0].__setitem__(3, math.nan)
        ),
        "hololens": lambda: edit_rows(path / "poses.txt", spoil),
        "7scenes": lambda: edit_rows(path / "frame-000000.pose.txt", spoil),
        "aria": lambda: edit(
            path / "calib_poses.json", lambda t: t["world_from_device"][0]["T"][0].__setitem__(3, math.nan)
        ),
        "tum": lambda: edit_rows(path / "groundtruth.txt", spoil),
        "sens": lambda: path.write_bytes(sens_bytes(lost=0)),
        "arkitscenes": lambda: edit_rows(path / "lowres_wide.traj", spoil),
        "stray": lambda: (path / "odometry.csv").write_text(
            (path / "odometry.csv").read_text().replace(" 000000, ", " 000000, nan, ", 1).replace("nan, 0.0", "nan", 1)
        ),
        "record3d": lambda: edit_zip(path, lambda m: set_metadata(m, poses=[quaternion, quaternion])),
        "polycam": lambda: edit(polycam_camera(path), lambda t: t.__setitem__("t_03", math.nan)),
    }[layout_of(path)]()


def zero_frames(path: Path) -> None:
    def emptied(*names: str) -> None:
        for name in names:
            (path / name).write_text("")

    def without(pattern: str) -> None:
        for item in path.rglob(pattern):
            item.unlink()

    {
        "nerfstudio": lambda: edit(path / "transforms.json", lambda t: t.__setitem__("frames", [])),
        "hololens": lambda: without("*.png"),
        "7scenes": lambda: without("*.pose.txt"),
        "aria": lambda: without("*.png"),
        "tum": lambda: emptied("rgb.txt"),
        "sens": lambda: path.write_bytes(sens_bytes(frames=0)),
        "arkitscenes": lambda: without("*.png"),
        "stray": lambda: (path / "odometry.csv").write_text("timestamp, frame, x, y, z, qx, qy, qz, qw\n"),
        "record3d": lambda: edit_zip(path, lambda m: set_metadata(m, poses=[])),
        "polycam": lambda: without("*.json"),
    }[layout_of(path)]()


def no_depth(path: Path) -> None:
    """The first frame's depth is missing."""
    if layout_of(path) == "record3d":
        edit_zip(path, lambda m: m.pop("rgbd/0.depth"))
        return
    first = {
        "nerfstudio": "depth/a.png",
        "hololens": "depth/00003.png",
        "7scenes": "frame-000000.depth.png",
        "aria": "camera-rgb_1000100000_depth.png",
        "tum": "depth/10.005000.png",
        "arkitscenes": "lowres_depth/123_100.000.png",
        "stray": "depth/000000.png",
        "polycam": "keyframes/depth/44855231543.png",
    }[layout_of(path)]
    (path / first).unlink()


def other_resolution(path: Path) -> None:
    """Intrinsics of an image ten times as large."""
    large = "80, 0, 40\n0, 80, 30\n0, 0, 1"

    def ten_times(rows: np.ndarray) -> None:
        rows[:2] *= 10

    {
        "nerfstudio": lambda: edit(
            path / "transforms.json", lambda t: t.update(cx=40.0, cy=30.0, fl_x=80.0, fl_y=80.0)
        ),
        "hololens": lambda: edit_rows(path / "K.txt", ten_times),
        "aria": lambda: edit(path / "calib_poses.json", lambda t: t["cameras"]["camera-rgb"].update(size=[80, 60])),
        "arkitscenes": lambda: [f.write_text("80 60 80 80 40 30") for f in (path / "lowres_wide_intrinsics").iterdir()],
        "stray": lambda: (path / "camera_matrix.csv").write_text(large),
        "record3d": lambda: edit_zip(path, lambda m: set_metadata(m, K=[80.0, 0, 0, 0, 80.0, 0, 40.0, 30.0, 1.0])),
        "polycam": lambda: edit(polycam_camera(path), lambda t: t.update(width=80, height=60, cx=40.0, cy=30.0)),
    }[layout_of(path)]()


def out_of_order(path: Path) -> None:
    """The second frame's time or line comes first."""
    {
        "nerfstudio": lambda: edit(
            path / "transforms.json", lambda t: [f.update(timestamp=2.0 - i) for i, f in enumerate(t["frames"])]
        ),
        "tum": lambda: swap(path / "rgb.txt"),
        "stray": lambda: swap(path / "odometry.csv"),
        "arkitscenes": lambda: swap(path / "lowres_wide.traj", 0),
    }[layout_of(path)]()


def layout_of(path: Path) -> str:
    return next(part for part in path.parts if part in WRITERS)


def damaged(tmp_path: Path, layout: str, damage: Callable[[Path], None]) -> Path:
    (tmp_path / layout).mkdir()
    path = WRITERS[layout](tmp_path / layout)
    damage(path)
    return path


def outcome(path: Path) -> tuple[str, IndexedRecording | None]:
    """(the refusal, None), or ("", the recording), all of whose frames load."""
    try:
        recording = open_recording(path)
        for _ in recording:
            pass
    except RecordingError as error:
        return str(error), None
    return "", recording


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_is_whole_before_the_damage(tmp_path: Path, layout: str) -> None:
    (tmp_path / layout).mkdir()
    text, recording = outcome(WRITERS[layout](tmp_path / layout))
    assert text == ""
    assert recording is not None
    assert (recording.format, len(recording), recording.skipped) == (layout, 2, ())


@pytest.mark.parametrize("layout", WRITERS)
def test_a_pose_that_is_not_a_number_is_refused_or_counted(tmp_path: Path, layout: str) -> None:
    text, recording = outcome(damaged(tmp_path, layout, nan_pose))
    assert "\n" not in text
    if recording is None:
        assert layout in text
        assert "nan" in text.lower() or "finite" in text
    else:
        assert len(recording) == 1
        assert len(recording.skipped) == 1


@pytest.mark.parametrize("layout", WRITERS)
def test_a_recording_without_frames_is_refused(tmp_path: Path, layout: str) -> None:
    text, recording = outcome(damaged(tmp_path, layout, zero_frames))
    assert recording is None
    assert "expected" in text
    assert layout in text


@pytest.mark.parametrize("layout", [name for name in WRITERS if name != "sens"])
def test_a_frame_without_depth_keeps_its_colour_and_is_noted(tmp_path: Path, layout: str) -> None:
    text, recording = outcome(damaged(tmp_path, layout, no_depth))
    assert recording is not None, text
    assert [frame.depth_m is None for frame in recording] == [True, False]
    assert any("depth" in note for note in recording.notes)


@pytest.mark.parametrize("layout", ["nerfstudio", "hololens", "aria", "arkitscenes", "stray", "record3d", "polycam"])
def test_a_calibration_of_another_resolution_is_refused(tmp_path: Path, layout: str) -> None:
    text, recording = outcome(damaged(tmp_path, layout, other_resolution))
    assert recording is None
    assert "resolution" in text or "expected" in text


@pytest.mark.parametrize("layout", ["nerfstudio", "tum", "stray", "arkitscenes"])
def test_times_out_of_order_come_out_in_order(tmp_path: Path, layout: str) -> None:
    text, recording = outcome(damaged(tmp_path, layout, out_of_order))
    if recording is None:
        assert "order" in text
    else:
        times = [frame.time_s for frame in recording]
        assert times == sorted(times)
        assert len(times) == 2
