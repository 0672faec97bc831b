"""One tiny recording in each of the other layouts: two frames of the same wall, from a known pose.

The camera stands at (0, 1, 0), level, and looks along the world's -Z at a wall 2 m ahead. Small images are 8x6 with
f = 8 and the centre in the middle, so the point ``POINT`` (2 m ahead, 0.625 m right, 0.375 m up) falls on the middle
of the pixel ``MARK_PX``, which is painted.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from scenes.geometry import inverse, look_at, matrix_to_quaternion
from scenes.recordings.formats.nerfstudio import OPENGL_FROM_OPENCV, ZUP_FROM_YUP
from tests.scenes.recordings.files import MARK, write_depth, write_matrix, write_rgb

POINT = (0.625, 1.375, -2.0)
MARK_PX = (6, 1)
WORLD_FROM_CAMERA = look_at(torch.tensor([0.0, 1.0, 0.0]).double(), torch.tensor([0.0, 1.0, -1.0]).double())
WALL_MM = np.full((6, 8), 2000)
SMALL_WALL_MM = np.full((3, 4), 2000)

TUM_MARK_PX = (451, 108)
TUM_POINT = (2 * (451.5 - 320) / 525, 1 - 2 * (108.5 - 240) / 525, -2.0)
"""The same for the 640x480 images of TUM with the ROS default intrinsics."""


def png(mark: bool = True, size: tuple[int, int] = (8, 6)) -> bytes:
    """The bytes of a colour PNG; Pillow goes by the content, so it may be named .jpg and stay exact."""
    pixels = np.full((size[1], size[0], 3), 90, dtype=np.uint8)
    if mark:
        pixels[MARK_PX[1], MARK_PX[0]] = MARK
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def lzfse_raw(data: bytes) -> bytes:
    """An LZFSE stream of one uncompressed block."""
    return b"bvx-" + struct.pack("<I", len(data)) + data + b"bvx$"


def xyzw_xyz(pose: torch.Tensor) -> list[float]:
    return [*matrix_to_quaternion(pose[:3, :3]).tolist(), *pose[:3, 3].tolist()]


def write_tum(folder: Path) -> Path:
    """Colour at 10.000 and 10.033, depth 5 ms later, ground truth around both."""
    pose = ZUP_FROM_YUP @ WORLD_FROM_CAMERA
    q = xyzw_xyz(pose)
    lines = {"rgb.txt": ["# colour"], "depth.txt": ["# depth"], "groundtruth.txt": ["# poses"]}
    for time_s in (10.0, 10.033):
        write_rgb(folder / "rgb" / f"{time_s:.6f}.png", 640, 480, TUM_MARK_PX)
        write_depth(folder / "depth" / f"{time_s + 0.005:.6f}.png", np.full((480, 640), 10_000))
        lines["rgb.txt"].append(f"{time_s:.6f} rgb/{time_s:.6f}.png")
        lines["depth.txt"].append(f"{time_s + 0.005:.6f} depth/{time_s + 0.005:.6f}.png")
    for time_s in (9.99, 10.0, 10.01, 10.02, 10.04):
        lines["groundtruth.txt"].append(" ".join(repr(float(x)) for x in (time_s, *q[4:], *q[:4])))
    for name, content in lines.items():
        (folder / name).write_text("\n".join(content) + "\n")
    return folder


def sens_bytes(
    *, version: int = 4, frames: int = 2, lost: int | None = None, promised: int | None = None, shift: float = 1000.0
) -> bytes:
    """A version-4 file: PNG colour, zlib depth at half the size; ``lost`` is a frame without a pose."""
    k = np.eye(4, dtype="<f4")
    k[0, 0], k[1, 1], k[0, 2], k[1, 2] = 8, 8, 3.5, 2.5
    k_depth = np.eye(4, dtype="<f4")
    k_depth[0, 0], k_depth[1, 1], k_depth[0, 2], k_depth[1, 2] = 4, 4, 1.5, 1.0
    eye = np.eye(4, dtype="<f4")
    out = [struct.pack("<IQ", version, 4), b"test"]
    out += [matrix.tobytes() for matrix in (k, eye, k_depth, eye)]
    out.append(struct.pack("<iiIIIIfQ", 1, 1, 8, 6, 4, 3, shift, frames if promised is None else promised))
    for number in range(frames):
        pose = np.full((4, 4), -np.inf) if number == lost else WORLD_FROM_CAMERA.numpy()
        colour, depth = png(), zlib.compress(SMALL_WALL_MM.astype("<u2").tobytes())
        stamps = (1_000_000 + 33_000 * number, 1_005_000 + 33_000 * number)
        out += [pose.astype("<f4").tobytes(), struct.pack("<QQQQ", *stamps, len(colour), len(depth)), colour, depth]
    return b"".join(out)


def write_sens(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "scene.sens").write_bytes(sens_bytes())
    return folder / "scene.sens"


def write_arkitscenes(folder: Path) -> Path:
    """Frames at 100.000 and 100.017, poses (camera-from-world) at 10 a second."""
    camera_from_world = inverse(ZUP_FROM_YUP @ WORLD_FROM_CAMERA).numpy()
    row = [*Rotation.from_matrix(camera_from_world[:3, :3]).as_rotvec(), *camera_from_world[:3, 3]]
    write_matrix(folder / "lowres_wide.traj", np.array([[t, *row] for t in (99.95, 100.05)]))
    for stamp in ("100.000", "100.017"):
        write_rgb(folder / "lowres_wide" / f"123_{stamp}.png", 8, 6, MARK_PX)
        write_depth(folder / "lowres_depth" / f"123_{stamp}.png", WALL_MM)
        write_matrix(folder / "lowres_wide_intrinsics" / f"123_{stamp}.pincam", np.array([[8, 6, 8.0, 8.0, 4.0, 3.0]]))
    return folder


def write_stray(folder: Path) -> Path:
    """With extracted frames; the second frame's left half has low confidence."""
    q = xyzw_xyz(WORLD_FROM_CAMERA)
    lines = ["timestamp, frame, x, y, z, qx, qy, qz, qw"]
    for number in range(2):
        write_rgb(folder / "rgb" / f"{number:06d}.png", 8, 6, MARK_PX)
        write_depth(folder / "depth" / f"{number:06d}.png", SMALL_WALL_MM)
        levels = np.full((3, 4), 2, dtype=np.uint8)
        levels[:, :2] = 2 - 2 * number
        (folder / "confidence").mkdir(exist_ok=True)
        Image.fromarray(levels).save(folder / "confidence" / f"{number:06d}.png")
        cells = [repr(50.0 + number / 60), f"{number:06d}", *(repr(x) for x in (*q[4:], *q[:4]))]
        lines.append(", ".join(cells))
    (folder / "odometry.csv").write_text("\n".join(lines) + "\n")
    (folder / "camera_matrix.csv").write_text("8.0, 0.0, 4.0\n0.0, 8.0, 3.0\n0.0, 0.0, 1.0\n")
    return folder


def record3d_metadata() -> dict[str, object]:
    pose = xyzw_xyz(WORLD_FROM_CAMERA @ OPENGL_FROM_OPENCV)
    k_by_columns = [8.0, 0.0, 0.0, 0.0, 8.0, 0.0, 4.0, 3.0, 1.0]
    return {"w": 8, "h": 6, "dw": 4, "dh": 3, "fps": 60, "K": k_by_columns, "poses": [pose, pose]}


def write_record3d(folder: Path, **changes: object) -> Path:
    """A .r3d file; depth is float32 metres with one NaN. ``changes`` replace metadata (None removes)."""
    folder.mkdir(exist_ok=True)
    depth = (SMALL_WALL_MM / 1000 + 0.0001234).astype("<f4")
    depth[0, 0] = np.nan
    table = {key: value for key, value in (record3d_metadata() | changes).items() if value is not None}
    with zipfile.ZipFile(folder / "capture.r3d", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata", json.dumps(table))
        for number in range(2):
            archive.writestr(f"rgbd/{number}.jpg", png())
            archive.writestr(f"rgbd/{number}.depth", lzfse_raw(depth.tobytes()))
            archive.writestr(f"rgbd/{number}.conf", lzfse_raw(bytes([2] * 8 + [0] + [2] * 3)))
    return folder / "capture.r3d"


def write_polycam(folder: Path) -> Path:
    pose = (WORLD_FROM_CAMERA @ OPENGL_FROM_OPENCV).tolist()
    for stamp in ("44855231543", "44855331543"):
        image = folder / "keyframes" / "corrected_images" / f"{stamp}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png())
        write_depth(folder / "keyframes" / "depth" / f"{stamp}.png", SMALL_WALL_MM)
        table = {"fx": 8.0, "fy": 8.0, "cx": 4.0, "cy": 3.0, "width": 8, "height": 6}
        table |= {f"t_{i}{j}": pose[i][j] for i in range(3) for j in range(4)}
        camera = folder / "keyframes" / "corrected_cameras" / f"{stamp}.json"
        camera.parent.mkdir(exist_ok=True)
        camera.write_text(json.dumps(table))
    return folder


def write_aria(
    folder: Path,
    *,
    frames: int = 1,
    size: tuple[int, int] = (8, 6),
    focal: float = 8.0,
    mark: tuple[int, int] | None = None,
) -> None:
    """Frames that are upright after rectification: a sensor on its side, no distortion beyond the fisheye's own.

    ``mark`` is a sensor pixel around which 5x5 pixels are painted.
    """
    width, height = size
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    if mark is not None:
        pixels[mark[1] - 2 : mark[1] + 3, mark[0] - 2 : mark[0] + 3] = MARK
    # The sensor's x points down in the world, its y to the left, so that the upright image is level.
    world_from_device = [[0, -1, 0, 0], [-1, 0, 0, 1.6], [0, 0, -1, 0], [0, 0, 0, 1]]
    camera = {
        "model": "CameraModelType.FISHEYE624",
        "params": [focal, width / 2 - 0.5, height / 2 - 0.5, *[0.0] * 12],
        "size": [width, height],
        "T_device_camera": np.eye(4).tolist(),
    }
    poses: list[dict[str, object]] = []
    for k in range(frames):
        time_ns = 1_000_000_000 + 100_000_000 * k
        Image.fromarray(pixels).save(folder / f"camera-rgb_{time_ns}.png")
        write_depth(folder / f"camera-rgb_{time_ns + 100_000}_depth.png", np.full((height, width), 1500))
        poses.append({"t_ns": time_ns + 100_000, "T": world_from_device})
    table = {"world_from_device": poses, "cameras": {"camera-rgb": camera}}
    (folder / "calib_poses.json").write_text(json.dumps(table))
