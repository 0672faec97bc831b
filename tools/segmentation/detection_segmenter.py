"""The segmenter with a detector that a user brings: its masks or boxes on the surface, geometry where it sees none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenes.types import Frame
from tools.geometry.surfaces import Bools, SurfaceImage, project_points, surface_image
from tools.segmentation.base import GazeMiss, GazeSegment, Segments
from tools.segmentation.detectors import Detection, Detector
from tools.segmentation.geometric import FINE_LEVEL, GeometricSegmenter, drop_small_segments
from tools.segmentation.regions import border_sums
from tools.segmentation.structure import THING, UNSURE, Structure

MIN_SHARE_IN_BOX = 0.7
"""A piece belongs to a box that holds this share of its pixels."""
FLAT_SHARE = 0.8
"""What lies on wall or floor to this share is a flat thing there, such as a picture or a rug."""
BUILDING_WORDS = ("wall", "floor", "ceiling")
"""Words for what this map keeps as planes, not as things."""
MAX_SHARE_OF_VIEW = 0.6
"""A detection over more of the surface than this is the scene, not a thing in it."""


class DetectionSegmenter(GeometricSegmenter):
    """Masks or boxes of a detector, cut on the surface; one instance per map."""

    def __init__(self, detector: Detector, structure: Structure | None = None) -> None:
        super().__init__(structure)
        self.detector = detector

    def segment(self, frame: Frame) -> Segments:
        surface = surface_image(frame, self.width)
        background, tree, edge = self._analyse(surface)
        fine = drop_small_segments(tree.cut(FINE_LEVEL))
        drawn, detections, flat = self._draw(frame, surface, background, fine)
        labels = np.zeros(fine.shape, np.int32)
        rest = (drawn == 0) & (fine > 0)
        _, number = np.unique(fine[rest], return_inverse=True)
        labels[rest] = number + 1
        names: dict[int, tuple[str, float]] = {}
        first_flat = 1 << 30
        # Flat things last, because their labels are told apart by number.
        for k in sorted(range(len(detections)), key=lambda k: flat[k]):
            mask = drawn == k + 1
            if not mask.any():
                continue
            label = int(labels.max(initial=0)) + 1
            first_flat = min(first_flat, label) if flat[k] else first_flat
            labels[mask] = label
            if detections[k].label:
                names[label] = (detections[k].label, detections[k].score)
        pairs, sums = border_sums(labels, edge, surface)
        first_detected = len(np.unique(labels[rest])) + 1
        apart = (pairs >= first_detected).all(1)
        # Where the model sees two things, there is a border, whatever geometry says.
        sums[apart, 1] += 2.0 * sums[apart, 0]
        return Segments(
            surface=surface,
            labels=labels,
            background=np.where(labels >= first_flat, THING, background).astype(np.uint8),
            border_pairs=pairs,
            border_sums=sums,
            first_flat=first_flat,
            names=names,
        )

    def segment_at(self, frame: Frame, uv_px: tuple[float, float]) -> GazeSegment | GazeMiss:
        own = super().segment_at(frame, uv_px)
        if isinstance(own, GazeMiss) and own.reason in ("outside", "no_depth"):
            return own
        surface = surface_image(frame, self.gaze_width)
        at = surface.reduced_uv(frame, *uv_px)
        if at is None:
            return own
        background, tree, _ = self._analyse(surface)
        drawn, _, _ = self._draw(frame, surface, background, drop_small_segments(tree.cut(FINE_LEVEL)))
        column, row = at
        if drawn[row, column] == 0:
            return own
        mask = (drawn == drawn[row, column]) & surface.valid
        return GazeSegment(surface=surface, mask=mask, point=surface.points[row, column].copy(), persistence=1.0)

    def _draw(
        self, frame: Frame, surface: SurfaceImage, background: NDArray[np.uint8], fine: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], list[Detection], list[bool]]:
        """(h, w) number of the detection that each pixel shows (0 for none), all detections, and which are flat."""
        detections = [d for d in self.detector.detect(frame.rgb.numpy()) if d.label not in BUILDING_WORDS]
        uv, ahead = project_points(frame, surface.points)
        h, w = frame.rgb.shape[:2]
        column = np.clip(uv[..., 0].astype(np.int64), 0, w - 1)
        row = np.clip(uv[..., 1].astype(np.int64), 0, h - 1)
        seen = surface.valid & ahead & (uv[..., 0] >= 0) & (uv[..., 1] >= 0) & (uv[..., 0] < w) & (uv[..., 1] < h)
        free = (background == THING) | (background == UNSURE)
        masks, flat = [], []
        for detection in detections:
            if detection.mask is None:
                mask = _segments_in_box(detection, uv, seen, fine)
            else:
                mask = seen & detection.mask[row, column]
            lies_flat = bool(mask.any()) and bool((~free[mask]).mean() >= FLAT_SHARE)
            masks.append(mask if lies_flat else mask & free)
            flat.append(lies_flat)
        drawn = np.zeros(seen.shape, np.int32)
        # Small things are drawn over large ones: the mug over the table that it stands on.
        for k in sorted(range(len(detections)), key=lambda k: -int(masks[k].sum())):
            if masks[k].sum() <= MAX_SHARE_OF_VIEW * seen.size:
                drawn[masks[k]] = k + 1
        return drawn, detections, flat


def _segments_in_box(detection: Detection, uv: NDArray[np.float32], seen: Bools, fine: NDArray[np.int32]) -> Bools:
    """The geometric segments that lie in the box of a detection."""
    left, top, right, bottom = detection.box_px
    inside = seen & (uv[..., 0] >= left) & (uv[..., 0] < right) & (uv[..., 1] >= top) & (uv[..., 1] < bottom)
    size = np.bincount(fine.ravel())
    held = np.bincount(fine[inside], minlength=len(size))
    belongs = held >= MIN_SHARE_IN_BOX * np.maximum(size, 1)
    belongs[0] = False
    return inside & belongs[fine]
