"""TUM RGB-D (Sturm et al., IROS 2012): ``rgb.txt depth.txt groundtruth.txt`` with ``rgb/`` and ``depth/``.

- Each list holds ``time file`` lines; ground truth holds ``time tx ty tz qx qy qz qw``, camera-to-world, OpenCV axes,
  in the frame of a motion-capture system with Z up.
- Depth is a 16-bit PNG in steps of 1/5000 m, 0 = none, already registered to colour.
- Intrinsics are not in the folder. They are those of the dataset's page: by "freiburg1", "freiburg2" or "freiburg3"
  in a folder's name, with the lens distortion removed here; otherwise the page's ROS default, with a note. The page
  counts pixel centres from 0 (its default centre is 319.5, 239.5), so 0.5 is added.
- Colour, depth and poses have their own clocks' ticks: depth is the nearest within 20 ms (the dataset's own tool),
  the pose is interpolated between neighbours at most 100 ms apart.
- A frame's id is its line in ``rgb.txt``, from 0.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from scenes.recordings.formats.nerfstudio import ZUP_FROM_YUP
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.folder import inside, read_matrix, read_text
from scenes.recordings.reading.images import check_size, read_depth, read_rgb
from scenes.recordings.reading.indexed import FrameSource, IndexedRecording, in_time_order
from scenes.recordings.reading.lens import BrownConradyLens, rectified
from scenes.recordings.reading.trajectory import Trajectory, nearest_within
from scenes.types import Camera

FORMAT = "tum"
DEPTH_UNIT_M = 1 / 5000
DEPTH_TOLERANCE_S = 0.02
POSE_GAP_S = 0.1


def _camera(fx: float, fy: float, cx: float, cy: float) -> Camera:
    return Camera(width=640, height=480, fx=fx, fy=fy, cx=cx + 0.5, cy=cy + 0.5)


# From the dataset's page, "Intrinsic camera calibration of the Kinect", colour cameras.
CAMERAS: dict[str, tuple[Camera, BrownConradyLens | None]] = {
    "freiburg1": (
        _camera(517.3, 516.5, 318.6, 255.3),
        BrownConradyLens(k1=0.2624, k2=-0.9531, p1=-0.0054, p2=0.0026, k3=1.1633),
    ),
    "freiburg2": (
        _camera(520.9, 521.0, 325.1, 249.7),
        BrownConradyLens(k1=0.2312, k2=-0.7849, p1=-0.0033, p2=-0.0001, k3=0.9172),
    ),
    "freiburg3": (_camera(535.4, 539.2, 320.1, 247.6), None),
}
DEFAULT_CAMERA = _camera(525.0, 525.0, 319.5, 239.5)


def looks_like(path: Path) -> bool:
    """Whether a folder has this layout, whole or with a file missing."""
    return path.is_dir() and (
        (path / "rgb.txt").exists() and ((path / "depth.txt").exists() or (path / "groundtruth.txt").exists())
    )


def open_tum(path: Path) -> IndexedRecording:
    """A sequence of TUM RGB-D. Raises RecordingError."""
    notes: list[str] = []
    camera, lens = _calibration(path, notes)
    trajectory = _trajectory(path / "groundtruth.txt")
    colour = _listed(path, "rgb.txt")
    depth = sorted(_listed(path, "depth.txt")) if (path / "depth.txt").exists() else []
    depth_times = [time_s for time_s, _ in depth]
    sources: list[FrameSource] = []
    skipped: list[str] = []
    for number, (time_s, image) in enumerate(colour):
        pose = trajectory.pose_at(time_s, POSE_GAP_S)
        if pose is None or not image.is_file():
            reason = "no such image" if pose is not None else f"no pose within {1000 * POSE_GAP_S / 2:g} ms"
            skipped.append(f"frame {number} ({image.name}): {reason}")
            continue
        check_size(image, camera, "colour")
        matched = nearest_within(depth_times, time_s, DEPTH_TOLERANCE_S)
        depth_image = depth[matched][1] if matched is not None else None
        if depth_image is None or not depth_image.is_file():
            notes.append(f"frame {number}: no depth within {1000 * DEPTH_TOLERANCE_S:g} ms, colour only")
            depth_image = None
        else:
            check_size(depth_image, camera, "depth")
        sources.append(
            FrameSource(
                id=number,
                time_s=time_s,
                camera=camera,
                read_rgb=partial(_read_colour, image, camera, lens),
                world_from_camera=ZUP_FROM_YUP.T @ pose,
                depth_camera=None if depth_image is None else camera,
                read_depth=None if depth_image is None else partial(_read_depth, depth_image, camera, lens),
                depth_time_s=None if depth_image is None or matched is None else depth_times[matched],
            )
        )
    return IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="format", confidence=1.0),
        sources=in_time_order(sources, notes),
        skipped=tuple(skipped),
        notes=tuple(notes),
        world_from_source=ZUP_FROM_YUP.T.contiguous(),
    )


def _calibration(path: Path, notes: list[str]) -> tuple[Camera, BrownConradyLens | None]:
    names = "/".join(path.resolve().parts[-2:])
    for key, calibration in CAMERAS.items():
        if key in names:
            return calibration
    notes.append("no freiburg1, freiburg2 or freiburg3 in the folder's name: the ROS default intrinsics are used")
    return DEFAULT_CAMERA, None


def _listed(path: Path, name: str) -> list[tuple[float, Path]]:
    """(time, file) of each line of a list."""
    out: list[tuple[float, Path]] = []
    for number, line in enumerate(read_text(path / name).splitlines(), start=1):
        content = line.split("#", 1)[0].split(maxsplit=1)
        if not content:
            continue
        where = f"{path / name}:{number}"
        try:
            time_s = float(content[0])
        except ValueError:
            time_s = math.nan
        if len(content) != 2 or not math.isfinite(time_s):
            raise RecordingError(f"{where}: expected a time and a file name, got {line[:60]!r}")
        out.append((time_s, inside(path, content[1].strip(), where)))
    return out


def _trajectory(path: Path) -> Trajectory:
    rows = read_matrix(path, columns=8)
    if not np.isfinite(rows).all():
        bad = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise RecordingError(f"{path}: expected finite poses, got NaN or infinity in pose {bad}")
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    norms = np.linalg.norm(rows[:, 4:8], axis=1)
    if np.abs(norms - 1).max() > 0.01:
        bad = int(np.abs(norms - 1).argmax())
        raise RecordingError(f"{path}: expected unit quaternions, got one of length {norms[bad]:.3g} in pose {bad}")
    return Trajectory(times_s=rows[:, 0], positions=rows[:, 1:4], quaternions_xyzw=rows[:, 4:8] / norms[:, None])


def _read_colour(path: Path, camera: Camera, lens: BrownConradyLens | None) -> Tensor:
    return rectified(camera, lens, read_rgb(path, camera))


def _read_depth(path: Path, camera: Camera, lens: BrownConradyLens | None) -> Tensor:
    return rectified(camera, lens, read_depth(path, camera, unit_m=DEPTH_UNIT_M))
