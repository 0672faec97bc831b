"""The best pictures of an object: which frames show it well, and a crop of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenes.types import Frame
from tools.geometry.quantiles import percentiles
from tools.geometry.surfaces import Bools, SurfaceImage, project_points

MAX_VIEWS = 3
MAX_CROP_PX = 192
"""Longer side of a stored crop: what a small vision model takes in, and 40 kB as JPEG at most."""
CROP_MARGIN = 0.12
"""Share of the longer side of its bounding box that is left around an object."""
NEW_VIEW_FACTOR = 1.15
"""A view replaces a worse one only when it is clearly better: every replacement cuts a new crop."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectView:
    """One frame that shows an object well."""

    frame_id: int
    time_s: float
    box_px: tuple[int, int, int, int]
    """left, top, right, bottom in colour pixels, margin included."""
    score: float
    """Visible reduced pixels, less where the image border cuts the object."""
    crop: NDArray[np.uint8]
    """(s, s, 3)."""


@dataclass(slots=True)
class ObjectViews:
    """The few best views, best first."""

    best: list[ObjectView] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Score of the best view, 0 for none."""
        return self.best[0].score if self.best else 0.0

    def consider(self, frame: Frame, surface: SurfaceImage, mask: Bools) -> bool:
        """Keep a frame that shows the object in an (h, w) mask if it is better than what is kept; returns whether."""
        score = _score(mask)
        full = len(self.best) >= MAX_VIEWS
        if score <= 0 or (full and score < NEW_VIEW_FACTOR * self.best[-1].score):
            return False
        recent = [v for v in self.best if abs(v.time_s - frame.time_s) < 1.0]
        if recent and score < NEW_VIEW_FACTOR * recent[0].score:
            return False
        box = color_box(frame, surface, mask)
        if box is None:
            return False
        keep = [v for v in self.best if v not in recent]
        view = ObjectView(frame_id=frame.id, time_s=frame.time_s, box_px=box, score=score, crop=square_crop(frame, box))
        self.best = sorted([*keep, view], key=lambda v: -v.score)[:MAX_VIEWS]
        return True


def _score(mask: Bools) -> float:
    visible = float(mask.sum())
    cut_px = float(mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum())
    return visible * (1.0 - min(1.0, 2.0 * cut_px / max(np.sqrt(visible), 1.0)) * 0.7)


def color_box(frame: Frame, surface: SurfaceImage, mask: Bools) -> tuple[int, int, int, int] | None:
    """Bounding box in colour pixels of a surface mask, with a margin; None when it is outside the colour image."""
    uv, ahead = project_points(frame, surface.points[mask])
    uv = uv[ahead]
    if len(uv) == 0:
        return None
    low, high = percentiles(uv, (1.0, 99.0))
    margin = CROP_MARGIN * (high - low).max() + 2
    left, top = np.maximum(low - margin, 0)
    right, bottom = np.minimum(high + margin, (frame.camera.width, frame.camera.height))
    if right - left < 4 or bottom - top < 4:
        return None
    return int(left), int(top), int(right), int(bottom)


def square_crop(frame: Frame, box_px: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The square colour crop around a box, reduced to ``MAX_CROP_PX``.

    A square shows what stands around a narrow object and keeps its proportions: vision models squeeze a picture into
    their own square. Where it leaves the image, the border's pixels are repeated.
    """
    from PIL import Image

    left, top, right, bottom = box_px
    side = max(right - left, bottom - top)
    rows = np.clip(np.arange(side) + (top + bottom - side) // 2, 0, frame.camera.height - 1)
    columns = np.clip(np.arange(side) + (left + right - side) // 2, 0, frame.camera.width - 1)
    crop = frame.rgb.numpy()[rows[:, None], columns]
    if side <= MAX_CROP_PX:
        return crop
    return np.asarray(Image.fromarray(crop).resize((MAX_CROP_PX, MAX_CROP_PX), Image.Resampling.BOX))
