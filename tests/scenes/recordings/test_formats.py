"""The readers of phones, benchmarks and depth cameras: golden pixels, round trips, and refusals."""

from __future__ import annotations

import json
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scenes.geometry import backproject, transform
from scenes.recordings import RecordingError, open_recording, write_nerfstudio
from scenes.types import Frame
from tests.scenes.recordings.files import frames_equal, marked_pixel, pixel_of, refused, write_depth
from tests.scenes.recordings.formats import (
    MARK_PX,
    POINT,
    TUM_MARK_PX,
    TUM_POINT,
    sens_bytes,
    write_arkitscenes,
    write_polycam,
    write_record3d,
    write_sens,
    write_stray,
    write_tum,
)

LAYOUTS = {
    "tum": write_tum,
    "sens": write_sens,
    "arkitscenes": write_arkitscenes,
    "stray": write_stray,
    "record3d": write_record3d,
    "polycam": write_polycam,
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def middle_of_depth(frame: Frame) -> torch.Tensor:
    """The world point under the middle of the depth image's lower right quarter."""
    assert frame.depth_m is not None
    assert frame.depth_camera is not None
    assert frame.world_from_depth is not None
    row, column = frame.depth_m.shape[0] * 3 // 4, frame.depth_m.shape[1] * 3 // 4
    uv = torch.tensor([[column + 0.5, row + 0.5]], dtype=torch.float64)
    point = backproject(frame.depth_camera, uv, frame.depth_m[row, column].double()[None])
    return transform(frame.world_from_depth, point)[0]


@every_layout
def test_a_known_point_falls_on_the_marked_pixel(tmp_path: Path, layout: str) -> None:
    recording = open_recording(LAYOUTS[layout](made(tmp_path)))
    assert recording.format == layout
    point, mark = (TUM_POINT, TUM_MARK_PX) if layout == "tum" else (POINT, MARK_PX)
    for frame in recording:
        assert marked_pixel(frame) == mark
        assert pixel_of(frame, point) == pytest.approx((mark[0] + 0.5, mark[1] + 0.5), abs=1e-4)
        assert float(middle_of_depth(frame)[2]) == pytest.approx(-2.0, abs=2e-4), "the wall is 2 m ahead"
    assert recording.frame_ids == (0, 1)
    assert recording.skipped == ()
    assert recording[0].time_s < recording[1].time_s


def made(tmp_path: Path) -> Path:
    (tmp_path / "r").mkdir()
    return tmp_path / "r"


@every_layout
def test_any_layout_reads_back_equal(tmp_path: Path, layout: str) -> None:
    recording = open_recording(LAYOUTS[layout](made(tmp_path)))
    write_nerfstudio(tmp_path / "copy", recording, gravity=recording.gravity)
    again = open_recording(tmp_path / "copy")
    assert [frames_equal(a, b) for a, b in zip(recording, again, strict=True)] == [True, True]


def test_low_confidence_is_no_depth(tmp_path: Path) -> None:
    recording = open_recording(write_stray(tmp_path))
    first, second = recording[0].depth_m, recording[1].depth_m
    assert first is not None
    assert second is not None
    assert first.tolist() == [[2.0] * 4] * 3
    assert second.tolist() == [[0.0, 0.0, 2.0, 2.0]] * 3


def test_record3d_nan_and_low_confidence_are_no_depth(tmp_path: Path) -> None:
    depth = open_recording(write_record3d(tmp_path))[0].depth_m
    assert depth is not None
    assert (depth == 0).nonzero().tolist() == [[0, 0], [2, 0]]


def test_record3d_without_a_depth_size_takes_it_from_the_data(tmp_path: Path) -> None:
    depth = open_recording(write_record3d(tmp_path, dw=None, dh=None))[0].depth_m
    assert depth is not None
    assert tuple(depth.shape) == (3, 4)


def test_record3d_intrinsics_per_frame_win(tmp_path: Path) -> None:
    rows = [[8.0, 8.0, 4.0, 3.0], [9.0, 9.0, 4.0, 3.0]]
    recording = open_recording(write_record3d(tmp_path, perFrameIntrinsicCoeffs=rows))
    assert [frame.camera.fx for frame in recording] == [8.0, 9.0]


def test_record3d_opens_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_record3d(tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked")
    packed, unpacked = open_recording(tmp_path / "capture.r3d"), open_recording(tmp_path / "unpacked")
    assert all(frames_equal(a, b) for a, b in zip(packed, unpacked, strict=True))


def test_stray_intrinsics_per_frame_win(tmp_path: Path) -> None:
    write_stray(tmp_path)
    lines = (tmp_path / "odometry.csv").read_text().splitlines()
    lines[0] += ", fx, fy, cx, cy"
    lines[1:] = [line + f", {8 + i}, {8 + i}, 4, 3" for i, line in enumerate(lines[1:])]
    (tmp_path / "odometry.csv").write_text("\n".join(lines))
    assert [frame.camera.fx for frame in open_recording(tmp_path)] == [8.0, 9.0]


def test_stray_video_is_decoded_frame_by_frame(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    write_stray(tmp_path)
    (tmp_path / "camera_matrix.csv").write_text("64, 0, 32\n0, 64, 24\n0, 0, 1\n")
    for image in (tmp_path / "rgb").iterdir():
        image.unlink()
    writer = cv2.VideoWriter(str(tmp_path / "rgb.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 60, (64, 48))
    for level in (40, 200):
        writer.write(np.full((48, 64, 3), level, dtype=np.uint8))
    writer.release()
    recording = open_recording(tmp_path)
    assert (recording[0].camera.width, recording[0].camera.height) == (64, 48)
    brightness = [float(recording[i].rgb.double().mean()) for i in (1, 0, 1)]
    assert brightness == pytest.approx([200, 40, 200], abs=6), "also backwards"


def test_a_video_without_a_decoder_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stray(tmp_path)
    for image in (tmp_path / "rgb").iterdir():
        image.unlink()
    (tmp_path / "rgb.mp4").write_bytes(b"0")
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "pip install opencv-python-headless" in refused(tmp_path)


def test_tum_interpolates_the_pose(tmp_path: Path) -> None:
    write_tum(tmp_path)
    lines = (tmp_path / "groundtruth.txt").read_text().splitlines()
    # Between 10.020 and 10.040 the camera moves 0.2 m along x; colour is at 10.033.
    cells = lines[-1].split()
    lines[-1] = " ".join([cells[0], str(float(cells[1]) + 0.2), *cells[2:]])
    (tmp_path / "groundtruth.txt").write_text("\n".join(lines))
    pose = open_recording(tmp_path)[1].world_from_camera
    assert pose is not None
    assert float(pose[0, 3]) == pytest.approx(0.2 * 13 / 20)


def test_tum_lens_is_removed_by_the_folders_name(tmp_path: Path) -> None:
    plain = open_recording(write_tum(made(tmp_path)))
    named = tmp_path / "rgbd_dataset_freiburg1_desk"
    (tmp_path / "r").rename(named)
    bent = open_recording(named)
    assert any("ROS default" in note for note in plain.notes)
    assert bent.notes == ()
    assert bent[0].camera.fx == 517.3
    assert bent[0].camera.cx == 319.1


def test_depth_carries_its_own_time(tmp_path: Path) -> None:
    frame = open_recording(write_sens(tmp_path))[0]
    assert (frame.time_s, frame.depth_time_s) == (1.0, 1.005)


def test_sens_frames_without_tracking_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.sens").write_bytes(sens_bytes(frames=3, lost=1))
    recording = open_recording(tmp_path / "a.sens")
    assert recording.frame_ids == (0, 2)
    assert recording.skipped == ("frame 1: tracking was lost, no pose",)


def test_opening_a_long_file_reads_no_images(tmp_path: Path) -> None:
    frames = 400
    (tmp_path / "a.sens").write_bytes(sens_bytes(frames=frames))
    big = tmp_path / "b.sens"
    # The same frames with a megabyte of padding each, which only a reader of whole frames would load.
    data, head = sens_bytes(frames=frames), len(sens_bytes(frames=0))
    size = (len(data) - head) // frames
    with big.open("wb") as file:
        file.write(data[:head])
        for i in range(frames):
            frame = data[head + i * size : head + (i + 1) * size]
            sizes = struct.unpack("<QQ", frame[80:96])
            file.write(frame[:88] + struct.pack("<Q", sizes[1] + 2**20) + frame[96:])
            file.seek(2**20, 1)
        file.truncate(file.tell())
    tracemalloc.start()
    recording = open_recording(big)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(recording) == frames
    # Gravity looks at 16 frames one after the other; all of the images together are 400 MiB.
    assert peak < 40 * 2**20


@pytest.mark.parametrize(
    ("write", "break_it", "word"),
    [
        (write_tum, lambda p: (p / "groundtruth.txt").unlink(), "groundtruth.txt"),
        (write_tum, lambda p: (p / "groundtruth.txt").write_text("10 0 0 nan 0 0 0 1\n"), "NaN"),
        (write_tum, lambda p: (p / "groundtruth.txt").write_text("10 0 0 0 0 0 0 2\n"), "unit quaternions"),
        (write_tum, lambda p: (p / "groundtruth.txt").write_text("900 0 0 0 0 0 0 1\n"), "got none"),
        (write_tum, lambda p: (p / "rgb.txt").write_text("10.0 ../../etc/passwd\n"), "inside"),
        (write_tum, lambda p: (p / "rgb.txt").write_text("soon rgb/a.png\n"), "rgb.txt:1"),
        (write_arkitscenes, lambda p: (p / "lowres_wide.traj").unlink(), "lowres_wide.traj"),
        (write_arkitscenes, lambda p: (p / "lowres_wide.traj").write_text("1 2 3\n"), "7 numbers"),
        (
            write_arkitscenes,
            lambda p: next((p / "lowres_wide_intrinsics").iterdir()).write_text("8 6 8 8 90 3"),
            "cent",
        ),
        (write_stray, lambda p: (p / "odometry.csv").write_text("timestamp, frame, x\n"), "no y"),
        (write_stray, lambda p: (p / "odometry.csv").write_text(""), "columns"),
        (write_stray, lambda p: (p / "camera_matrix.csv").write_text("1, 2\n"), "3x3"),
        (write_stray, lambda p: (p / "camera_matrix.csv").write_text("80,0,40\n0,80,30\n0,0,1"), "another resolution"),
        (write_stray, lambda p: write_depth(p / "depth" / "000001.png", np.ones((4, 4))), "got 4x4"),
        (write_polycam, lambda p: next((p / "keyframes/corrected_cameras").iterdir()).write_text("{}"), "'width'"),
        (write_polycam, lambda p: write_depth(p / "keyframes/depth/44855231543.png", np.ones((4, 4))), "got 4x4"),
    ],
)
def test_damage_is_refused_by_name(
    tmp_path: Path, write: Callable[[Path], Path], break_it: Callable[[Path], object], word: str
) -> None:
    break_it(write(tmp_path))
    assert word in refused(tmp_path)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (sens_bytes(version=5), "version 4, got 5"),
        (sens_bytes(frames=0), "got none"),
        (sens_bytes(frames=1, lost=0), "1 left out"),
        (sens_bytes(promised=9), "frame 2"),
        (sens_bytes()[:-10], "cut short"),
        (sens_bytes()[:50], "header"),
        (sens_bytes(shift=0.0), "depth shift"),
        (b"", "header"),
    ],
)
def test_damaged_sens_files_are_refused(tmp_path: Path, data: bytes, word: str) -> None:
    (tmp_path / "a.sens").write_bytes(data)
    assert word in refused(tmp_path / "a.sens")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"K": [1, 2]}, "K"),
        ({"K": None}, "K"),
        ({"poses": None}, "poses"),
        ({"poses": []}, "got none"),
        ({"poses": [[0, 0, 0, 1, 0, 0, float("nan")]]}, "finite"),
        ({"poses": [[0, 0, 0, 9, 0, 0, 0]]}, "unit quaternion"),
        ({"w": 80}, "another resolution"),
        ({"w": "wide"}, "'w'"),
        ({"dw": 5}, "got 12 values"),
        ({"dw": -5}, "depth size"),
        ({"fps": 0}, "fps"),
        ({"perFrameIntrinsicCoeffs": [[1, 2]]}, "perFrameIntrinsicCoeffs"),
    ],
)
def test_wrong_metadata_of_record3d_is_refused(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    # A new width needs a K that does not fit it.
    if changes.get("w") == 80:
        changes = changes | {"K": [8.0, 0, 0, 0, 8.0, 0, 400.0, 3.0, 1.0]}
    assert word in refused(write_record3d(tmp_path, **changes))


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = write_record3d(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    assert "zip" in refused(path)


def test_a_zip_without_metadata_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.r3d", "w") as archive:
        archive.writestr("rgbd/0.jpg", b"x")
    assert "metadata" in refused(tmp_path / "a.r3d")


def test_damaged_depth_of_record3d_is_refused(tmp_path: Path) -> None:
    path = write_record3d(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["rgbd/1.depth"] = members["rgbd/1.depth"][:30]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "rgbd/1.depth" in refused(path)


def test_missing_frames_of_any_layout_are_counted(tmp_path: Path) -> None:
    write_stray(tmp_path / "s")
    (tmp_path / "s" / "rgb" / "000000.png").unlink()
    assert open_recording(tmp_path / "s").skipped == ("frame 0: no image",)
    write_polycam(tmp_path / "p")
    (tmp_path / "p/keyframes/corrected_images/44855231543.jpg").unlink()
    assert len(open_recording(tmp_path / "p").skipped) == 1
    write_arkitscenes(tmp_path / "a")
    (tmp_path / "a/lowres_wide_intrinsics/123_100.017.pincam").unlink()
    assert "no intrinsics" in open_recording(tmp_path / "a").skipped[0]
    (tmp_path / "a/lowres_depth/123_100.000.png").unlink()
    recording = open_recording(tmp_path / "a")
    assert recording[0].depth_m is None
    assert any("no depth" in note for note in recording.notes)


def test_confidence_of_another_size_is_refused(tmp_path: Path) -> None:
    write_stray(tmp_path)
    Image.fromarray(np.zeros((2, 2), dtype=np.uint8)).save(tmp_path / "confidence" / "000001.png")
    assert "confidence" in refused(tmp_path)


def test_metadata_that_is_not_json_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.r3d", "w") as archive:
        archive.writestr("metadata", json.dumps([1]))
    with pytest.raises(RecordingError, match="JSON object"):
        open_recording(tmp_path / "a.r3d")
