"""ARKitScenes (Baruch et al., 2021): ``lowres_wide/ lowres_depth/ lowres_wide_intrinsics/ lowres_wide.traj``.

- Files are named ``<video>_<seconds>.png`` and ``.pincam`` (``width height fx fy cx cy``), 60 or 10 a second.
- ``lowres_wide.traj`` has rows ``time rx ry rz tx ty tz`` at 10 a second: **camera-from-world**, the rotation as an
  axis times an angle, OpenCV axes, world with Z up. Poses are interpolated between neighbours at most 0.3 s apart.
- Depth is millimetres, 0 = none, registered to colour; with a ``confidence/`` folder, low confidence (0) is dropped.
- Principal points are measured from the image's corner, as Apple's calibration is; nothing is added.
- Frame ids count the colour images in order of time.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import torch

from scenes.geometry import quaternion_to_matrix
from scenes.recordings.formats.nerfstudio import ZUP_FROM_YUP
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.confidence import read_confident_depth
from scenes.recordings.reading.folder import read_matrix
from scenes.recordings.reading.images import check_size, read_rgb
from scenes.recordings.reading.indexed import FrameSource, IndexedRecording
from scenes.recordings.reading.trajectory import Trajectory, nearest_within
from scenes.types import Camera

FORMAT = "arkitscenes"
POSE_GAP_S = 0.3
SAME_FRAME_S = 0.002
"""File names are rounded to a millisecond, and not always alike."""
_NAME = re.compile(r".*_(\d+\.\d+)\.(?:png|pincam)$")


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout, whole or with a part missing."""
    return path.is_dir() and ((path / "lowres_wide").is_dir() or (path / "lowres_wide.traj").exists())


def open_arkitscenes(path: Path) -> IndexedRecording:
    """One video of ARKitScenes. Raises RecordingError."""
    trajectory = _trajectory(path / "lowres_wide.traj")
    colour = _by_time(path / "lowres_wide")
    intrinsics = _by_time(path / "lowres_wide_intrinsics")
    depth, confidence = _by_time(path / "lowres_depth"), _by_time(path / "confidence")
    cameras: dict[Camera, Camera] = {}
    sources: list[FrameSource] = []
    skipped: list[str] = []
    notes: list[str] = []
    for number, (time_s, image) in enumerate(colour):
        calibration = _at(intrinsics, time_s)
        pose = trajectory.pose_at(time_s, POSE_GAP_S)
        if calibration is None or pose is None:
            skipped.append(f"frame {number} ({image.name}): no {'pose' if pose is None else 'intrinsics'} at its time")
            continue
        camera = _camera(calibration)
        camera = cameras.setdefault(camera, camera)
        check_size(image, camera, "colour")
        depth_image = _at(depth, time_s)
        if depth_image is None:
            notes.append(f"frame {number}: no depth, colour only")
        else:
            check_size(depth_image, camera, "depth")
        reader = partial(read_confident_depth, depth_image, _at(confidence, time_s), camera) if depth_image else None
        sources.append(
            FrameSource(
                id=number,
                time_s=time_s,
                camera=camera,
                read_rgb=partial(read_rgb, image, camera),
                world_from_camera=ZUP_FROM_YUP.T @ pose,
                depth_camera=None if depth_image is None else camera,
                read_depth=reader,
            )
        )
    return IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="format", confidence=1.0),
        sources=tuple(sources),
        skipped=tuple(skipped),
        notes=tuple(notes),
        world_from_source=ZUP_FROM_YUP.T.contiguous(),
    )


def _by_time(folder: Path) -> list[tuple[float, Path]]:
    if not folder.is_dir():
        return []
    return sorted((float(match[1]), item) for item in folder.iterdir() if (match := _NAME.match(item.name)))


def _at(files: list[tuple[float, Path]], time_s: float) -> Path | None:
    index = nearest_within([time for time, _ in files], time_s, SAME_FRAME_S)
    return None if index is None else files[index][1]


def _camera(path: Path) -> Camera:
    row = read_matrix(path, columns=6)[0]
    if not np.isfinite(row).all():
        raise RecordingError(f"{path}: expected finite intrinsics, got {row.tolist()}")
    width, height, fx, fy, cx, cy = (float(x) for x in row)
    if not (0 < cx < width and 0 < cy < height and fx > 0 and fy > 0):
        raise RecordingError(f"{path}: expected a centre inside {width:g}x{height:g}, got ({cx:g}, {cy:g})")
    return Camera(width=int(width), height=int(height), fx=fx, fy=fy, cx=cx, cy=cy)


def _trajectory(path: Path) -> Trajectory:
    """World-from-camera poses; the file holds their inverses."""
    rows = read_matrix(path, columns=7)
    if not np.isfinite(rows).all():
        bad = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise RecordingError(f"{path}: expected finite poses, got NaN or infinity in pose {bad}")
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    quaternions = np.concatenate([-_half_turns(rows[:, 1:4]), np.cos(_half_angles(rows[:, 1:4]))], axis=1)
    rotations = quaternion_to_matrix(torch.from_numpy(quaternions)).numpy()
    return Trajectory(
        times_s=rows[:, 0],
        positions=-np.einsum("nij,nj->ni", rotations, rows[:, 4:7]),
        quaternions_xyzw=quaternions,
    )


def _half_angles(turns: np.ndarray) -> np.ndarray:
    """(N, 3) axes times angles -> (N, 1) half angles."""
    return np.linalg.norm(turns, axis=1, keepdims=True) / 2


def _half_turns(turns: np.ndarray) -> np.ndarray:
    """(N, 3) axes times angles -> (N, 3) vector parts of their quaternions: axis times sin(angle / 2)."""
    # np.sinc(x) is sin(pi x) / (pi x), which is 1 at 0.
    return turns / 2 * np.sinc(_half_angles(turns) / np.pi)
