"""Lenses: the projections of the reference implementations, and resampling that puts pixels where they belong."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from scenes.recordings import open_recording, write_nerfstudio
from scenes.recordings.formats.aria import open_aria
from scenes.recordings.inspection import depth_agreement
from scenes.recordings.reading.lens import BrownConradyLens, FisheyeLens, Rectifier, fisheye_from_aria
from scenes.types import Camera
from tests.scenes.recordings.files import MARK, frames_equal, pixel_of, write_depth, write_transforms
from tests.scenes.recordings.formats import write_aria


def pixel(lens: BrownConradyLens | FisheyeLens, point: tuple[float, float, float], k: tuple[float, ...]) -> list[float]:
    ideal = torch.tensor([[point[0] / point[2], point[1] / point[2]]], dtype=torch.float64)
    x, y = lens.distort(ideal)[0].tolist()
    return [k[0] * x + k[2], k[1] * y + k[3]]


@pytest.mark.parametrize(
    ("lens", "k", "point", "expected"),
    [
        # cv2.projectPoints of OpenCV 4.
        (
            BrownConradyLens(k1=0.2624, k2=-0.9531, p1=-0.0054, p2=0.0026, k3=1.1633),
            (517.3, 516.5, 318.6, 255.3),
            (0.3, -0.2, 1.0),
            (477.732919587719, 149.12925373566998),
        ),
        (
            BrownConradyLens(k1=0.2624, k2=-0.9531, p1=-0.0054, p2=0.0026, k3=1.1633),
            (517.3, 516.5, 318.6, 255.3),
            (0.05, 0.4, 0.8),
            (351.89180026795526, 517.7865827349558),
        ),
        # cv2.fisheye.projectPoints.
        (
            FisheyeLens(radial=(0.1, -0.02, 0.003, -0.0004)),
            (300.0, 301.0, 320.0, 240.0),
            (0.3, -0.2, 1.0),
            (407.3885700554464, 181.54675647402362),
        ),
        (
            FisheyeLens(radial=(0.1, -0.02, 0.003, -0.0004)),
            (300.0, 301.0, 320.0, 240.0),
            (0.05, 0.4, 0.8),
            (337.7305944963184, 382.3175718237826),
        ),
        # CameraProjection(FISHEYE624).project of projectaria_tools.
        (
            fisheye_from_aria(
                [600, 700, 710, 0.4, -0.5, 0.17, 1.1, -1.7, 0.65, 6e-4, 2e-5, -1e-5, 2.6e-4, -6.6e-4, 4e-5]
            ),
            (600.0, 600.0, 700.0, 710.0),
            (0.3, -0.2, 1.0),
            (879.9878513476873, 589.9910428473767),
        ),
        (
            fisheye_from_aria(
                [600, 700, 710, 0.4, -0.5, 0.17, 1.1, -1.7, 0.65, 6e-4, 2e-5, -1e-5, 2.6e-4, -6.6e-4, 4e-5]
            ),
            (600.0, 600.0, 700.0, 710.0),
            (0.05, 0.9, 0.8),
            (732.7895679152396, 1291.3696119567107),
        ),
    ],
)
def test_a_lens_projects_as_its_reference_does(
    lens: BrownConradyLens | FisheyeLens,
    k: tuple[float, ...],
    point: tuple[float, float, float],
    expected: tuple[float, float],
) -> None:
    assert pixel(lens, point, k) == pytest.approx(expected, abs=1e-9)


def test_no_distortion_changes_nothing() -> None:
    camera = Camera(width=9, height=7, fx=8.0, fy=8.0, cx=4.2, cy=3.3)
    rectifier = Rectifier(camera, BrownConradyLens(), camera)
    rgb = torch.randint(0, 256, (7, 9, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert torch.equal(rectifier.colour(rgb), rgb)
    assert torch.equal(rectifier.nearest(rgb[..., 0].float()), rgb[..., 0].float())


def test_rectified_pixels_show_what_lies_on_their_ray() -> None:
    lens = BrownConradyLens(k1=0.3, k2=-0.1, p1=0.01, p2=-0.005)
    camera = Camera(width=160, height=120, fx=100.0, fy=100.0, cx=80.0, cy=60.0)
    # Each source pixel's brightness says where it is, so that the resampled image says where it came from.
    u, v = np.meshgrid(np.arange(160) + 0.5, np.arange(120) + 0.5)
    rgb = torch.from_numpy(np.stack([u, v, np.zeros_like(u)], axis=-1).round().astype(np.uint8))
    out = Rectifier(camera, lens, camera).colour(rgb)
    for column, row in ((80, 60), (120, 30), (20, 90)):
        expected = pixel(lens, ((column + 0.5 - 80) / 100, (row + 0.5 - 60) / 100, 1.0), (100, 100, 80, 60))
        assert out[row, column, :2].tolist() == pytest.approx(expected, abs=1.1)


def test_a_quarter_turn_moves_the_right_edge_to_the_bottom() -> None:
    camera = Camera(width=4, height=4, fx=4.0, fy=4.0, cx=2.0, cy=2.0)
    turn = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    image = torch.arange(16.0).reshape(4, 4)
    turned = Rectifier(camera, BrownConradyLens(), camera, turn).nearest(image)
    assert torch.equal(turned, torch.rot90(image, -1))


def test_what_the_lens_did_not_see_is_black_and_without_depth() -> None:
    lens = FisheyeLens(radial=(0.0, 0.0, 0.0, 0.0))
    source = Camera(width=40, height=40, fx=20.0, fy=20.0, cx=20.0, cy=20.0)
    wide = Camera(width=40, height=40, fx=5.0, fy=5.0, cx=20.0, cy=20.0)
    rectifier = Rectifier(source, lens, wide)
    assert math.atan(19.5 / 5) > 1.0, "the middle of the edge lies outside the source's one radian"
    assert not bool(rectifier.inside[20, 0])
    assert bool(rectifier.inside[20, 20])
    assert rectifier.colour(torch.full((40, 40, 3), 255, dtype=torch.uint8))[20, 0].tolist() == [0, 0, 0]
    assert float(rectifier.nearest(torch.ones(40, 40))[20, 0]) == 0.0


def test_nerfstudio_distortion_is_removed(tmp_path: Path) -> None:
    write_transforms(tmp_path, camera_model="OPENCV", k1=0.4, k2=0.0, p1=0.0, p2=0.0)
    for name in ("a", "b"):
        steps = np.arange(48).reshape(6, 8) + 1000
        write_depth(tmp_path / "depth" / f"{name}.png", steps)
    frame = open_recording(tmp_path)[0]
    assert frame.depth_m is not None
    # The middle of pixel (6, 1) is bent outwards to 4 + 2.5 (1 + 0.4 r^2), 3 - 1.5 (1 + 0.4 r^2) with r^2 = 0.1328.
    r2 = (2.5 / 8) ** 2 + (1.5 / 8) ** 2
    column, row = int(4 + 2.5 * (1 + 0.4 * r2)), int(3 - 1.5 * (1 + 0.4 * r2))
    assert float(frame.depth_m[1, 6]) == pytest.approx((1000 + 8 * row + column) / 1000)


def test_an_unknown_lens_is_refused(tmp_path: Path) -> None:
    write_transforms(tmp_path, camera_model="EQUIRECTANGULAR")
    with pytest.raises(ValueError, match="EQUIRECTANGULAR"):
        open_recording(tmp_path)


def test_aria_projects_a_known_point_to_the_marked_pixel(tmp_path: Path) -> None:
    # A point 0.3 right, 0.2 up and 1 ahead of the eye. Upright right is the sensor's -y, upright down its x; the
    # fisheye puts it focal x angle from the middle: atan(0.3606) = 0.3460, so 34.6 pixels towards (-0.2, -0.3).
    reach = 100 * math.atan(math.hypot(0.3, 0.2)) / math.hypot(0.3, 0.2)
    mark = (int(80 - 0.2 * reach), int(60 - 0.3 * reach))
    assert mark == (60, 31)
    write_aria(tmp_path, size=(160, 120), focal=100.0, mark=mark)
    frame = open_recording(tmp_path)[0]
    assert pixel_of(frame, (0.3, 1.8, -1.0)) == pytest.approx((60 + 30, 80 - 20))
    painted = (frame.rgb == torch.tensor(MARK, dtype=torch.uint8)).all(-1).nonzero().double()
    assert (painted.mean(0) + 0.5).tolist() == pytest.approx([60, 90], abs=0.8)


def test_aria_frames_read_back_equal(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    write_aria(tmp_path / "r", frames=2)
    recording = open_recording(tmp_path / "r")
    write_nerfstudio(tmp_path / "copy", recording, gravity=recording.gravity)
    again = open_recording(tmp_path / "copy")
    assert [frames_equal(a, b) for a, b in zip(recording, again, strict=True)] == [True, True]


def test_aria_frames_are_upright_pinhole_images(tmp_path: Path) -> None:
    write_aria(tmp_path)
    recording = open_recording(tmp_path)
    frame = recording[0]
    assert (frame.camera.width, frame.camera.height) == (6, 8)
    assert frame.world_from_camera is not None
    # Down in the image is down in the world, right is right, ahead is -z.
    assert frame.world_from_camera[:3, :3].tolist() == [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
    assert (frame.time_s, frame.depth_time_s) == (1.0, 1.0001)
    assert frame.depth_m is not None
    assert float(frame.depth_m[4, 3]) == 1.5


def test_aria_calibration_of_another_model_is_refused(tmp_path: Path) -> None:
    write_aria(tmp_path)
    text = (tmp_path / "calib_poses.json").read_text()
    (tmp_path / "calib_poses.json").write_text(text.replace("FISHEYE624", "KANNALA"))
    with pytest.raises(ValueError, match="FISHEYE624"):
        open_recording(tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize("other", ["camera-slam-left", "camera-slam-right"])
def test_rectified_aria_cameras_agree_with_each_other(shared_data: Path, other: str) -> None:
    colour, slam = open_aria(shared_data / "aria"), open_aria(shared_data / "aria", other)
    compared = depth_agreement(colour[0], slam[0])
    assert compared is not None
    expected, measured, _ = compared
    # Depth of one fisheye carried into another, through both lenses and the extrinsics between them.
    assert float((expected - measured).abs().median()) < 0.003
    assert float(((expected - measured).abs() < 0.01).double().mean()) > 0.85
