"""The peer of localisation: OpenCV's RootSIFT, VLAD retrieval and PoseLib, as a plain pipeline puts them together.

Every frame of the map is a keyframe; its keypoints are lifted by its own depth. The three keyframes that look most like
a query are matched with it, and PoseLib makes a pose of all their matches. Colour only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from evals.bench.peers import RootSiftPose, missing_peers
from scenes.errors import InputError
from scenes.geometry import backproject, inverse, transform
from scenes.types import Frame
from tools.depth.estimate import estimate_depth
from tools.localisation.features import mutual_nearest_pairs
from tools.localisation.keyframe_index import depth_at_points
from tools.localisation.retrieval import visual_words, vlad

FEATURES = 2048
VIEWS = 3
RATIO = 0.85
"""Lowe's test, on distances."""
MIN_MATCHES = 6


class PeerLocaliser:
    """A map of posed frames with depth."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        """Describe the frames.

        Raises InputError: OpenCV or PoseLib is not installed, or a frame lacks a pose or depth.
        """
        missing = missing_peers(("opencv", "poselib"))
        if missing:
            raise InputError("; ".join(missing.values()))
        self._pose = RootSiftPose(FEATURES)
        self._views = [self._view(frame) for frame in frames]
        self._words = visual_words(torch.cat([descriptors for descriptors, _ in self._views]))
        self._vlads = torch.stack([vlad(descriptors, self._words) for descriptors, _ in self._views])

    def localise(self, frame: Frame) -> tuple[Tensor | None, float]:
        """``world_from_camera`` (4, 4) float64 of an image, None where too few match, and milliseconds."""
        start = time.perf_counter()
        uv, descriptors = (torch.from_numpy(x) for x in self._pose.describe(frame.rgb.numpy()))
        nearest = (self._vlads @ vlad(descriptors, self._words)).topk(min(VIEWS, len(self._views))).indices
        pixels, points = [uv[:0]], [torch.zeros(0, 3, dtype=torch.float64)]
        for view in nearest.tolist():
            theirs, places = self._views[view]
            row, column = mutual_nearest_pairs(descriptors @ theirs.T, ratio=RATIO).unbind(-1)
            pixels.append(uv[row])
            points.append(places[column])
        found = None
        matched = torch.cat(pixels).double()
        if len(matched) >= MIN_MATCHES:
            camera_from_world = self._pose.pose(matched.numpy(), torch.cat(points).numpy(), frame.camera)
            found = inverse(torch.from_numpy(camera_from_world).double())
        return found, 1e3 * (time.perf_counter() - start)

    def _view(self, frame: Frame) -> tuple[Tensor, Tensor]:
        """Descriptors (N, 128) and world points (N, 3) float64 of the keypoints that have a depth."""
        estimate = estimate_depth(frame)
        if estimate is None or frame.world_from_camera is None:
            raise InputError(f"frame {frame.id}: expected a pose and depth, got a frame without")
        uv, descriptors = (torch.from_numpy(x) for x in self._pose.describe(frame.rgb.numpy()))
        depth, known = depth_at_points(estimate.depth_m, uv.float())
        p_camera = backproject(frame.camera, uv[known].double(), depth[known].double())
        return descriptors[known], transform(frame.world_from_camera.double(), p_camera)
