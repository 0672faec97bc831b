"""Learned local features behind the interface of ``tools.localisation.features``: any SuperPoint-shaped checkpoint.

The class is transformers' ``SuperPointForKeypointDetection``. No weights ship with this project and none are fetched:
the user names a folder. Mind their licence: Magic Leap's own weights are for non-commercial use; retrained ones of
the same architecture are not bound to that.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from scenes.errors import InputError
from tools.core.pooled_gradients import luma
from tools.localisation.descriptor_codes import UNIT_VECTOR_LEVELS
from tools.localisation.features import FeatureExtractor, Features, PooledGradients, RootSift, check_size

PREFIX = "superpoint"
WEIGHTS = "model.safetensors"
SCALE_PX = 1.5
"""Scale of every keypoint: the network places them on whole pixels."""


class LearnedFeatures:
    """Keypoints and descriptors of a network."""

    min_side_px = 64
    levels = UNIT_VECTOR_LEVELS
    min_similarity = 0.6

    def __init__(self, folder: Path, *, keypoints: int = 1200) -> None:
        """Load a model folder. Raises InputError: not there, another architecture, or weights that do not fit."""
        from transformers import SuperPointConfig, SuperPointForKeypointDetection

        weights = folder / WEIGHTS
        if not weights.is_file() or not (folder / "config.json").is_file():
            raise InputError(f"{folder}: expected a model folder with config.json and {WEIGHTS}, got none")
        config = SuperPointConfig.from_pretrained(folder)
        if config.model_type != PREFIX:
            raise InputError(f"{folder}: expected a {PREFIX} model, got {config.model_type}")
        try:
            model = SuperPointForKeypointDetection.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except (OSError, RuntimeError) as error:
            raise InputError(f"{folder}: expected {PREFIX} weights, got: {str(error).splitlines()[0]}") from error
        self._model = model.eval()
        self.keypoints = keypoints
        mark = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
        self.name = f"{PREFIX} {mark} {folder.resolve()}"

    @torch.no_grad()
    def __call__(self, rgb: Tensor) -> Features:
        """Up to ``keypoints`` features, strongest first; see ``PooledGradients``."""
        check_size(rgb, self.min_side_px)
        height, width = (side // 8 * 8 for side in rgb.shape[:2])  # the network sees whole cells of 8 pixels
        gray = luma(rgb[:height, :width])
        found = self._model(gray.expand(1, 3, height, width))
        there = found.mask[0].bool()
        order = found.scores[0][there].argsort(descending=True)
        chosen = order[: self.keypoints]
        relative, descriptors = found.keypoints[0][there][chosen], found.descriptors[0][there][chosen]
        # Keypoints come as shares of the size, counted from the first pixel's centre.
        uv = relative * torch.tensor([width, height]) + 0.5
        return Features(uv=uv, descriptors=descriptors, scale=torch.full((len(chosen),), SCALE_PX))


def extractor_named(name: str) -> FeatureExtractor:
    """The extractor that a map's keyframes were made with, by the name that they carry.

    Raises InputError: an unknown name, or learned weights that are missing or have changed.
    """
    for offline in (PooledGradients, RootSift):
        if name == offline.name:
            return offline()
    kind, _, rest = name.partition(" ")
    _, _, folder = rest.partition(" ")
    if kind != PREFIX or not folder:
        raise InputError(f"expected features {PooledGradients.name} or {PREFIX}, got {name!r}; map again")
    learned = LearnedFeatures(Path(folder))
    if learned.name != name:
        raise InputError(f"{folder}: expected the weights that made the map, got others; restore them or map again")
    return learned
