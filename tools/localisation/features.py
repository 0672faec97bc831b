"""Local features of an image behind one small interface; the default extractor needs no weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tools.core import pooled_gradients
from tools.core.pooled_gradients import luma
from tools.kernels import compiled
from tools.localisation.descriptor_codes import ROOT_HISTOGRAM_LEVELS, QuantisationLevels


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Keypoints of one image."""

    uv: Tensor
    """(N, 2) float32, ``uv_px``."""
    descriptors: Tensor
    """(N, D) float32, unit length: the dot product of two is their similarity."""
    scale: Tensor
    """(N,) float32, pixels: size of the keypoint; large ones are located less exactly."""

    def __len__(self) -> int:
        return len(self.uv)

    def chosen(self, keep: Tensor) -> Features:
        """The features that a mask or index selects."""
        return Features(uv=self.uv[keep], descriptors=self.descriptors[keep], scale=self.scale[keep])


class FeatureExtractor(Protocol):
    """What a learned extractor (XFeat, ALIKED) must offer to take the default's place."""

    name: str
    """Stored with a map: descriptors of different extractors cannot be compared."""
    min_side_px: int
    """Least length of both sides of an image."""
    levels: QuantisationLevels
    """How its descriptors are quantised for storage."""
    min_similarity: float
    """Least dot product of two descriptors that are taken for one place near a known pose."""

    def __call__(self, rgb: Tensor) -> Features:
        """Features of an (H, W, 3) uint8 image."""
        ...


class PooledGradients:
    """The offline default: see ``tools.core.pooled_gradients``."""

    name = "pooled-gradients-2"
    min_side_px = 128
    levels = ROOT_HISTOGRAM_LEVELS
    min_similarity = 0.8
    """Unrelated square-rooted histograms have 0.4 to 0.75."""

    def __init__(self, *, keypoints: int = 2500, compile: bool | None = None) -> None:
        """``compile`` as for ``SurfaceMap``."""
        self.keypoints = keypoints
        self._kernels = compiled.kernels(compile)

    @torch.no_grad()
    def __call__(self, rgb: Tensor) -> Features:
        """Up to ``keypoints`` features; none for an image without texture.

        Raises:
            ValueError: the image is smaller than ``min_side_px`` on a side.
        """
        check_size(rgb, self.min_side_px)
        kernels = self._kernels
        uv, scale, descriptors, valid = pooled_gradients.pooled_gradients(
            kernels.luma(rgb),
            self.keypoints,
            keypoints=kernels.level_keypoints,
            descriptors=kernels.keypoint_descriptors,
        )
        return Features(uv=uv, descriptors=descriptors, scale=scale).chosen(valid)


def check_size(rgb: Tensor, min_side_px: int) -> None:
    """Raises ValueError for an image with a side shorter than ``min_side_px``."""
    if min(rgb.shape[:2]) < min_side_px:
        raise ValueError(
            f"expected an image of at least {min_side_px}x{min_side_px} pixels, got {rgb.shape[1]}x{rgb.shape[0]}"
        )


class RootSift:
    """Upright DoG keypoints with RootSIFT descriptors; see ``tools.core.root_sift``."""

    name = "upright-rootsift-1"
    min_side_px = 64
    levels = ROOT_HISTOGRAM_LEVELS
    min_similarity = 0.8

    def __init__(self, *, keypoints: int = 1024, compile: bool | None = None) -> None:
        """``compile`` as for ``SurfaceMap``."""
        self.keypoints = keypoints
        self._kernels = compiled.kernels(compile)

    def __call__(self, rgb: Tensor) -> Features:
        """Up to ``keypoints`` features, strongest first; none for an image without texture.

        Raises:
            ValueError: the image is smaller than 64 pixels on a side.
        """
        check_size(rgb, self.min_side_px)
        gray = luma(rgb)
        uv, scale, descriptors, valid = self._kernels.detect_and_describe(gray, self.keypoints)
        return Features(uv=uv, descriptors=descriptors, scale=scale).chosen(valid)


def mutual_nearest_pairs(similarity: Tensor, *, ratio: float = 0.9) -> Tensor:
    """Mutual nearest neighbours: pairs (M, 2) int64 of rows and columns of a similarity matrix (N, K).

    ``ratio``: a pair's distance must be this much below that of the row's second choice (Lowe's test).
    """
    rows, columns = similarity.shape
    if rows == 0 or columns < 2:
        return torch.zeros(0, 2, dtype=torch.int64)
    best, column = similarity.max(1)
    # Mutual where a column's highest value is the row's, too; comparing argmax indices would take ten times as long.
    row = (similarity.amax(0)[column] == best).nonzero()[:, 0]
    best, column = best[row], column[row]
    second = similarity[row].scatter_(1, column[:, None], -torch.inf).amax(1)
    distance, next_distance = ((2 - 2 * value).clamp_min(0).sqrt() for value in (best, second))
    clear = distance < ratio * next_distance
    return torch.stack([row[clear], column[clear]], dim=-1)
