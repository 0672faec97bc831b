"""Gazes at things in real head-worn and hand-held recordings: one object each, where the person looked, that stays.

The clicks were chosen by eye on clear things; only frame positions and pixels are kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenes.errors import InputError
from scenes.recordings import Recording, open_recording
from scenes.types import Box3D
from tools.geometry.surfaces import surface_image
from tools.geometry.upright_boxes import contains
from tools.scene_graph.builder import SceneGraphBuilder
from tools.segmentation.base import Segmenter

CLICKS: tuple[tuple[str, int, tuple[float, float]], ...] = (
    ("hololens", 10, (262.0, 290.0)),
    ("hololens", 60, (490.0, 130.0)),
    ("hololens", 95, (285.0, 150.0)),
    ("hololens", 95, (120.0, 140.0)),
    ("hololens", 95, (220.0, 315.0)),
    ("hololens", 130, (495.0, 165.0)),
    ("hololens", 160, (182.0, 50.0)),
    ("hololens", 195, (120.0, 75.0)),
    ("redkitchen", 5, (387.0, 185.0)),
    ("redkitchen", 5, (572.0, 305.0)),
    ("redkitchen", 45, (455.0, 300.0)),
    ("redkitchen", 80, (205.0, 148.0)),
    ("redkitchen", 120, (243.0, 330.0)),
    ("redkitchen", 120, (487.0, 438.0)),
    ("redkitchen", 160, (426.0, 262.0)),
    ("redkitchen", 160, (581.0, 287.0)),
    ("redkitchen", 160, (190.0, 312.0)),
    ("redkitchen", 195, (153.0, 160.0)),
    ("redkitchen", 195, (287.0, 185.0)),
    ("redkitchen", 195, (376.0, 258.0)),
)
"""(recording, position in it, colour pixel): cartons, baskets, chairs, cups, books, a sofa, a toy."""
FRAMES_BEFORE, FRAMES_AFTER = 10, 50
"""Frames that are observed before and after the gaze."""
BOX_MARGIN_M = 0.03
MAX_LENGTH_M = 1.8
"""A longer box is that of the furniture under the thing, or of the room."""
MAX_DRIFT_M, MAX_GROWTH_M = 0.15, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeClick:
    """One gaze and its outcome."""

    recording: str
    index: int
    uv_px: tuple[float, float]
    object_id: str
    """``""`` when the gaze gave nothing."""
    why: str
    """What is wrong; ``""`` for nothing."""

    @property
    def good(self) -> bool:
        """One object, where the person looked, that stayed."""
        return not self.why


def run_clicks(data: Path, make: Callable[[], Segmenter]) -> list[GazeClick]:
    """All clicks; those of one frame share a map. Raises InputError when the recordings are not there."""
    out: list[GazeClick] = []
    recordings: dict[str, Recording] = {}
    for name, index in dict.fromkeys((name, index) for name, index, _ in CLICKS):
        if not (data / name).is_dir():
            raise InputError(f"expected the recording {name} in {data}, got none; say where it is")
        recording = recordings.setdefault(name, open_recording(data / name))
        spots = [uv for n, i, uv in CLICKS if (n, i) == (name, index)]
        out += _clicks_at(recording, name, index, spots, SceneGraphBuilder(name, None, make()))
    return out


def _clicks_at(
    recording: Recording, name: str, index: int, spots: list[tuple[float, float]], builder: SceneGraphBuilder
) -> list[GazeClick]:
    for k in range(max(0, index - FRAMES_BEFORE), index + 1):
        builder.observe(recording[k])
    frame = recording[index]
    surface = surface_image(frame, 240)
    first: list[tuple[str, Box3D | None, np.ndarray | None, str]] = []
    for uv in spots:
        at = surface.reduced_uv(frame, *uv)
        point = None if at is None else surface.points[at[1], at[0]]
        got = builder.object_at(frame, uv)
        if not isinstance(got, str):
            first.append(("", None, point, got.text))
            continue
        first.append((got, builder.snapshot().objects[got].box, point, ""))
    for k in range(index + 1, min(index + 1 + FRAMES_AFTER, len(recording))):
        builder.observe(recording[k])
    return [
        GazeClick(recording=name, index=index, uv_px=uv, object_id=i, why=why or _problem_of(builder, i, box, point))
        for uv, (i, box, point, why) in zip(spots, first, strict=True)
    ]


def _problem_of(builder: SceneGraphBuilder, object_id: str, first: Box3D | None, point: np.ndarray | None) -> str:
    """What is wrong with a thing fifty frames later; ``""`` for nothing."""
    now = builder.snapshot().objects.get(object_id)
    if first is None or point is None or now is None:
        return "the object is gone"
    if not contains(first, point[None], margin_m=BOX_MARGIN_M).all():
        return "its box does not hold the surface that was looked at"
    if max(first.size) > MAX_LENGTH_M:
        return f"it is {max(first.size):.1f} m long"
    if not now.present:
        return "it is thought to have left"
    if not contains(now.box, point[None], margin_m=BOX_MARGIN_M).all():
        return "its box no longer holds the surface that was looked at"
    drift = float(np.linalg.norm(np.subtract(now.box.center, first.center)))
    growth = float(np.abs(np.sort(now.box.size) - np.sort(first.size)).max())
    if drift > MAX_DRIFT_M or growth > MAX_GROWTH_M:
        return f"its box moved by {drift:.2f} m and changed by {growth:.2f} m"
    return ""
