"""The keyframes of a map: adding, refining, moving, saving and loading them, and their look-up tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from scenes.geometry import backproject, pose_error, transform
from scenes.types import Camera, Frame
from tools.depth.estimate import estimate_depth
from tools.localisation.depth_correction import MIN_CORRECTION_DEPTHS, DepthCorrection, undistorted
from tools.localisation.features import FeatureExtractor
from tools.localisation.keyframe_tables import KeyframeTables
from tools.localisation.keyframes import Keyframe, KeyframeHeader, StoredKeyframes, write
from tools.localisation.retrieval import visual_words, vlad
from tools.localisation.triangulation import TriangulationView, triangulate_depths
from tools.mapping.map_file import MapError

KEYFRAME_SPACING_M, KEYFRAME_SPACING_RAD = 0.08, 0.08
"""A frame at least this far away, or turned by this much (5 degrees), from every keyframe becomes one."""
SAME_CAMERA_FOCAL_SHARE = 0.01
"""Cameras whose focal lengths, in image widths, differ by a smaller share are taken for the same camera."""
DEPTH_EDGE_M = 0.05
"""A keypoint whose four surrounding depths differ by more lies on a depth edge and has no known position."""
MIN_FEATURES = 16
"""Least number of features of known depth in a keyframe."""


class KeyframeIndex:
    """The keyframes of one map, in order of capture."""

    def __init__(self, extractor: FeatureExtractor, *, map_id: str) -> None:
        """An empty index whose features come from ``extractor``."""
        self.extractor = extractor
        self.map_id = map_id
        self.correction = DepthCorrection()
        """Correction of the depth sensor, fitted by ``refine_points``."""
        self._stored: StoredKeyframes | None = None
        """The file that holds the keyframes, while nothing was added or moved since it was read."""
        self._loaded: list[Keyframe] | None = []
        """The keyframes in memory; None while they are only in ``_stored``."""
        self._vocabulary: tuple[Tensor, Tensor] | None = None
        self._tables: KeyframeTables | None = None

    def __len__(self) -> int:
        return len(self._stored) if self._loaded is None and self._stored is not None else len(self.keyframes)

    @property
    def keyframes(self) -> list[Keyframe]:
        """All keyframes; do not change the list in place. Raises MapError: their file is damaged."""
        if self._loaded is None:
            self._loaded = [] if self._stored is None else self._stored.read()
        return self._loaded

    @property
    def camera(self) -> Camera | None:
        """The colour camera of the newest keyframe; None for an empty index."""
        if self._stored is not None:
            return self._stored.header.cameras[-1] if len(self._stored) else None
        return self.keyframes[-1].camera if self.keyframes else None

    def offer(self, frame: Frame) -> bool:
        """Add a posed frame with depth if its view is new (``KEYFRAME_SPACING_M``); whether it was added."""
        if frame.world_from_camera is None or frame.depth_m is None or not self._is_new(frame.world_from_camera):
            return False
        return self.add(frame)

    def add(self, frame: Frame) -> bool:
        """Add a frame; False when it has no pose, no depth, or too few features of known depth."""
        estimate = estimate_depth(frame)
        if estimate is None or frame.world_from_camera is None or min(frame.rgb.shape[:2]) < self.extractor.min_side_px:
            return False
        features = self.extractor(frame.rgb)
        straight = self.undistorted(features.uv, frame.camera)
        depth, known = depth_at_points(estimate.depth_m, straight)
        if int(known.sum()) < MIN_FEATURES:
            return False
        features, depth, straight = features.chosen(known), depth[known], straight[known].double()
        rays = backproject(frame.camera, straight, torch.ones(len(straight), dtype=torch.float64))
        p_camera = rays * self.correction(depth.double(), rays)[:, None]
        new = Keyframe(
            frame_id=frame.id,
            world_from_camera=frame.world_from_camera.double(),
            camera=frame.camera,
            uv=features.uv,
            scale=features.scale,
            codes=self.extractor.levels.encode(features.descriptors),
            depth_m=depth,
            points=transform(frame.world_from_camera.double(), p_camera).float(),
        )
        self._replace_keyframes([*self.keyframes, new])
        return True

    def refine_points(self, first: int = 0, progress: Callable[[int, int], None] | None = None) -> DepthCorrection:
        """Triangulate the points of the keyframes from ``first`` on; see ``tools.localisation.triangulation``.

        Meant for the end of a visit: a pair of keyframes costs about 20 ms. ``progress`` is called with the pairs done
        and their number. Returns the correction of the depth sensor, which is kept from earlier keyframes where these
        are too few to fit one.
        """
        views = [
            TriangulationView(
                world_from_camera=k.world_from_camera,
                intrinsics=torch.tensor([k.camera.fx, k.camera.fy, k.camera.cx, k.camera.cy], dtype=torch.float64),
                uv=k.uv,
                descriptors=self.extractor.levels.decode(k.codes),
                depth_m=k.depth_m.double(),
            )
            for k in self.keyframes
        ]
        if first < len(views):
            depths, correction = triangulate_depths(views, first=first, progress=progress)
            if correction.count >= MIN_CORRECTION_DEPTHS or first == 0:
                self.correction = correction
            refined = [
                replace(k, points=replace(view, radial=correction.radial).points(depth).float())
                for k, view, depth in zip(self.keyframes[first:], views[first:], depths, strict=True)
            ]
            self._replace_keyframes([*self.keyframes[:first], *refined])
        return self.correction

    def undistorted(self, uv: Tensor, camera: Camera) -> Tensor:
        """(N, 2) keypoints without radial distortion if ``camera`` is the keyframes' own, else unchanged."""
        own = self.camera
        if (
            own is None
            or abs(camera.fx / camera.width - own.fx / own.width) > SAME_CAMERA_FOCAL_SHARE * own.fx / own.width
        ):
            return uv
        return undistorted(uv, camera, self.correction.radial)

    def tables(self) -> KeyframeTables:
        """The look-up tables of localisation, made when first needed after a change; there must be a keyframe.

        Raises MapError: the keyframes' file is damaged.
        """
        if self._tables is None:
            self._tables = KeyframeTables.of(self.keyframes, self.extractor.levels, self._vocabulary_and_vlads())
            if self._stored is not None:
                self._loaded = None  # the tables hold the same data; do not keep it twice
        return self._tables

    def move(self, new_from_old: Tensor) -> None:
        """Move every keyframe into a corrected map frame by a (4, 4) float64 rigid transform."""
        vocabulary = self._vocabulary_and_vlads() if self.keyframes else None
        moved = [
            replace(
                k,
                world_from_camera=new_from_old @ k.world_from_camera,
                points=transform(new_from_old, k.points.double()).float(),
            )
            for k in self.keyframes
        ]
        self._replace_keyframes(moved)
        self._vocabulary = vocabulary

    def _replace_keyframes(self, keyframes: list[Keyframe]) -> None:
        self._loaded = keyframes
        self._stored = self._vocabulary = self._tables = None

    def _is_new(self, world_from_camera: Tensor) -> bool:
        if len(self) == 0:
            return True
        poses = (
            torch.stack([k.world_from_camera for k in self.keyframes]) if self._stored is None else self._stored.poses
        )
        distance, angle = pose_error(poses, world_from_camera.double().expand_as(poses))
        return bool(((distance > KEYFRAME_SPACING_M) | (angle > KEYFRAME_SPACING_RAD)).all())

    def _vocabulary_and_vlads(self) -> tuple[Tensor, Tensor]:
        """Visual words and one VLAD vector per keyframe, made when first needed after a change."""
        if self._vocabulary is None and self._stored is not None:
            self._vocabulary = self._stored.vocabulary()
        if self._vocabulary is None:
            descriptors = [self.extractor.levels.decode(k.codes) for k in self.keyframes]
            words = visual_words(torch.cat(descriptors))
            self._vocabulary = (words, torch.stack([vlad(own, words) for own in descriptors]))
        return self._vocabulary

    def save(self, folder: Path) -> None:
        """Write the index beside the map, crash-safe; writes nothing where the folder holds it already, unchanged.

        Raises:
            MapError: it cannot be written; an older index is intact.
        """
        if self._stored is not None and self._stored.is_still_in(folder):
            return
        header = KeyframeHeader(
            map_id=self.map_id,
            extractor=self.extractor.name,
            levels=self.extractor.levels,
            correction=self.correction,
            cameras=tuple(k.camera for k in self.keyframes),
        )
        write(folder, header, self.keyframes, self._vocabulary_and_vlads() if self.keyframes else None)

    @classmethod
    def load(cls, folder: Path, extractor: FeatureExtractor) -> KeyframeIndex:
        """The index that ``save`` wrote; its features are read when first needed.

        Raises:
            MapError: none there, a damaged one, another version, or features of another extractor.
        """
        stored = StoredKeyframes(folder)
        header = stored.header
        if (header.extractor, header.levels) != (extractor.name, extractor.levels):
            raise MapError(
                f"{stored.path} holds keyframes of {header.extractor}, expected {extractor.name}; "
                "map again or choose that extractor"
            )
        index = cls(extractor, map_id=header.map_id)
        index.correction = header.correction
        index._stored, index._loaded = stored, None
        return index


def depth_at_points(depth_m: Tensor, uv: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) bilinear depth at (N, 2) ``uv_px``, and (N,) bool, where all four surrounding pixels lie on one surface."""
    height, width = depth_m.shape
    x, y = (uv[:, 0] - 0.5).clamp(0, width - 1.001), (uv[:, 1] - 0.5).clamp(0, height - 1.001)
    column, row = x.long(), y.long()
    corners = torch.stack([depth_m[row + i, column + j] for i in (0, 1) for j in (0, 1)])
    fx, fy = x - column, y - row
    weights = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
    known = (corners > 0).all(0) & (corners.amax(0) - corners.amin(0) < DEPTH_EDGE_M)
    return (corners * weights).sum(0), known
