"""7-Scenes (Microsoft RGB-D Dataset, Shotton et al. 2013): ``frame-NNNNNN.{color.png,depth.png,pose.txt}``.

- Poses are camera-to-world of the **depth** camera, OpenCV axes, in a world that begins near the first camera:
  gravity is unknown and is found from the planes of the depth.
- Depth is millimetres; 0 and 65535 are "no depth". Colour is not registered to depth.
- The files hold no times: frame number / 30.
- One calibration serves all seven scenes. Depth: f = 585, centre (320, 240), from the dataset's page. Colour:
  f = 525.505, as bundle adjustment of redkitchen gave it. The transform between the two cameras is the Kinect
  calibration of LIRIS (projet.liris.cnrs.fr/voir/activities-dataset/kinect-calibration.html), which the
  pseudo-ground-truth study of the dataset uses (Brachmann et al., ICCV 2021).
- Pixel centres: the centre (320, 240) of a 640x480 image is nominal, not calibrated, and is the image's middle in
  our convention too; nothing is added.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import torch

from scenes.geometry import inverse, orthonormalised, rigid
from scenes.recordings.reading.base import Gravity, RecordingError
from scenes.recordings.reading.folder import read_matrix
from scenes.recordings.reading.gravity import aligned_to_gravity
from scenes.recordings.reading.images import check_size, read_depth, read_rgb
from scenes.recordings.reading.indexed import ASSUMED_HZ, FrameSource, IndexedRecording
from scenes.recordings.reading.poses import checked_pose
from scenes.types import Camera

FORMAT = "7scenes"
NO_DEPTH = 65535
DEPTH_CAMERA = Camera(width=640, height=480, fx=585.0, fy=585.0, cx=320.0, cy=240.0)
COLOUR_CAMERA = Camera(width=640, height=480, fx=525.505, fy=525.505, cx=320.0, cy=240.0)
CAMERA_FROM_DEPTH = rigid(
    orthonormalised(
        torch.tensor(
            [[0.99997, 0.00268, -0.00790], [-0.00274, 0.99996, -0.00815], [0.00788, 0.00817, 0.99994]],
            dtype=torch.float64,
        )
    ),
    torch.tensor([-0.0255, 0.0001, 0.0019], dtype=torch.float64),
)
_NAME = re.compile(r"frame-(\d{6,})\.(color\.(?:png|jpg)|depth\.png|pose\.txt)$")


def looks_like(path: Path) -> bool:
    """Whether a folder holds 7-Scenes frames."""
    return path.is_dir() and any(_NAME.match(item.name) for item in path.iterdir())


def open_seven_scenes(path: Path) -> IndexedRecording:
    """One sequence of 7-Scenes. Raises RecordingError."""
    frames: dict[int, dict[str, Path]] = {}
    for item in path.iterdir():
        if match := _NAME.match(item.name):
            frames.setdefault(int(match[1]), {})[match[2].split(".")[0]] = item
    sources: list[FrameSource] = []
    skipped: list[str] = []
    notes = [f"no times in the files: frame number / {ASSUMED_HZ:g}"]
    for number, files in sorted(frames.items()):
        missing = [kind for kind in ("color", "pose") if kind not in files]
        if missing:
            skipped.append(f"frame {number}: no {' and no '.join(missing)} file")
            continue
        if "depth" not in files:
            notes.append(f"frame {number}: no depth file, colour only")
        sources.append(_source(number, files))
    recording = IndexedRecording(
        path=path,
        format=FORMAT,
        gravity=Gravity(source="assumed", confidence=0.0),
        sources=tuple(sources),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )
    return aligned_to_gravity(recording)


def _source(number: int, files: dict[str, Path]) -> FrameSource:
    check_size(files["color"], COLOUR_CAMERA, "colour")
    depth = files.get("depth")
    if depth is not None:
        check_size(depth, DEPTH_CAMERA, "depth")
    rows = read_matrix(files["pose"], columns=4)
    if rows.shape != (4, 4):
        raise RecordingError(f"{files['pose']}: expected a 4x4 matrix, got {rows.shape[0]} rows")
    world_from_depth = checked_pose(rows, str(files["pose"]))
    return FrameSource(
        id=number,
        time_s=number / ASSUMED_HZ,
        camera=COLOUR_CAMERA,
        read_rgb=partial(read_rgb, files["color"], COLOUR_CAMERA),
        world_from_camera=world_from_depth @ inverse(CAMERA_FROM_DEPTH),
        depth_camera=None if depth is None else DEPTH_CAMERA,
        read_depth=None if depth is None else partial(read_depth, depth, DEPTH_CAMERA, invalid=NO_DEPTH),
        camera_from_depth=CAMERA_FROM_DEPTH,
    )
