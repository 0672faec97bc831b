"""Tiny recordings with a known answer, written to a temporary folder by the tests of the readers.

The scene of all of them is one wall: a plane across the world's Z axis, so every pixel's depth can be written down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from scenes.geometry import inverse, look_at, project, transform
from scenes.recordings import RecordingError, open_recording
from scenes.types import Camera, Frame

MARK = (200, 40, 10)
"""Colour of the pixel on which a fixture's known point falls."""


def write_rgb(path: Path, width: int, height: int, mark_px: tuple[int, int] | None = None) -> None:
    """A grey PNG, with the pixel ``mark_px`` (column, row) in ``MARK``."""
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    if mark_px is not None:
        pixels[mark_px[1], mark_px[0]] = MARK
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_depth(path: Path, steps: np.ndarray) -> None:
    """A 16-bit grey PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(steps.astype(np.uint16)).save(path)


def write_matrix(path: Path, matrix: np.ndarray | Tensor) -> None:
    """Rows of numbers with all their digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    path.write_text("\n".join(" ".join(repr(float(x)) for x in row) for row in rows) + "\n")


def pixel_of(frame: Frame, p_world: tuple[float, float, float]) -> tuple[float, float]:
    """Where a world point falls in the colour image; fails outside it."""
    assert frame.world_from_camera is not None
    point = torch.tensor([p_world], dtype=torch.float64)
    uv, valid = project(frame.camera, transform(inverse(frame.world_from_camera), point))
    assert bool(valid), f"{p_world} projects to {uv.tolist()}, outside the image"
    return float(uv[0, 0]), float(uv[0, 1])


def marked_pixel(frame: Frame) -> tuple[int, int]:
    """(column, row) of the one pixel in ``MARK``."""
    hits = (frame.rgb == torch.tensor(MARK, dtype=torch.uint8)).all(-1).nonzero()
    assert hits.shape[0] == 1
    return int(hits[0, 1]), int(hits[0, 0])


def frames_equal(a: Frame, b: Frame) -> bool:
    """All fields equal, tensors bit by bit."""
    for name in Frame.__slots__:
        left, right = getattr(a, name), getattr(b, name)
        same = torch.equal(left, right) if isinstance(left, Tensor) and isinstance(right, Tensor) else left == right
        if not same:
            return False
    return True


def write_transforms(folder: Path, **changes: Any) -> None:
    """A nerfstudio recording of two 8x6 frames; ``changes`` replace fields of the file (None removes one).

    The second camera stands at (0, 0, 1) in the file's world (Z up), level, looking along its +Y.
    """
    pose = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    first = [[*row[:3], row[3] - (0.5 if i == 0 else 0.0)] for i, row in enumerate(pose)]
    for name in ("a", "b"):
        write_rgb(folder / "images" / f"{name}.png", 8, 6, mark_px=(6, 1))
        write_depth(folder / "depth" / f"{name}.png", np.full((6, 8), 2000))
    table: dict[str, Any] = {
        "w": 8, "h": 6, "fl_x": 8.0, "fl_y": 8.0, "cx": 4.0, "cy": 3.0,
        "frames": [
            {"file_path": "images/a.png", "depth_file_path": "depth/a.png", "transform_matrix": first},
            {"file_path": "images/b.png", "depth_file_path": "depth/b.png", "transform_matrix": pose},
        ],
    }  # fmt: skip
    table |= changes
    (folder / "transforms.json").write_text(json.dumps({k: v for k, v in table.items() if v is not None}))


def write_hololens(folder: Path, count: int = 2) -> None:
    """A HoloLens recording of 8x6 frames; frame i stands at (0, 0, -i), level, looking along the world's -Z."""
    rows = []
    for i in range(count):
        write_rgb(folder / "images" / f"{i + 3:05d}.png", 8, 6, mark_px=(6, 1))
        write_depth(folder / "depth" / f"{i + 3:05d}.png", np.full((6, 8), 2000))
        pose = look_at(torch.tensor([0.0, 0.0, -i]).double(), torch.tensor([0.0, 0.0, -i - 1.0]).double())
        rows.append(pose.reshape(16).numpy())
    write_matrix(folder / "K.txt", np.array([[8.0, 0, 3.5], [0, 8.0, 2.5], [0, 0, 1]]))
    write_matrix(folder / "poses.txt", np.stack(rows))


def write_seven_scenes(folder: Path, world_from_depth: Tensor, depth_mm: list[np.ndarray]) -> None:
    """A 7-Scenes sequence of 640x480 frames, all from one pose."""
    for i, steps in enumerate(depth_mm):
        name = f"frame-{2 * i:06d}"
        write_rgb(folder / f"{name}.color.png", 640, 480)
        write_depth(folder / f"{name}.depth.png", steps)
        write_matrix(folder / f"{name}.pose.txt", world_from_depth)


def example_frame(identity: int = 0, **changes: Any) -> Frame:
    """A frame with every field set; ``changes`` replace some."""
    generator = torch.Generator().manual_seed(identity)
    depth_camera = Camera(width=6, height=4, fx=5.0, fy=5.1, cx=3.2, cy=1.9)
    fields: dict[str, Any] = {
        "id": identity,
        "time_s": 0.1 * identity + 1 / 3,
        "camera": Camera(width=8, height=6, fx=8.1, fy=8.2, cx=4.1, cy=2.9),
        "rgb": torch.randint(0, 256, (6, 8, 3), generator=generator, dtype=torch.uint8),
        "world_from_camera": look_at(
            torch.tensor([0.1 * identity, 1.6, 0.3]).double(), torch.tensor([1.0, 1.1, -2.0]).double()
        ),
        "depth_m": torch.randint(0, 4000, (4, 6), generator=generator).float() / 1000,
        "depth_camera": depth_camera,
        "camera_from_depth": look_at(torch.tensor([0.02, 0.0, 0.0]).double(), torch.tensor([0.03, 0.1, 1.0]).double()),
        "depth_time_s": 0.1 * identity + 0.35,
    }
    return Frame(**(fields | changes))


def refused(path: Path) -> str:
    """The text of the refusal, which must be one line."""
    with pytest.raises(RecordingError) as caught:
        for _ in open_recording(path):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)
