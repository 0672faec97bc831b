"""Adapters for transformers models that detect things in a colour image: boxes or masks, with or without names.

Each takes the model and its processor, so that a test can give it a tiny random one of the real class.
``load_detector`` reads both from a folder or the hub. Nothing here knows depth or poses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from scenes.errors import InputError

BOX_SCORE = 0.3
MASK_SCORE = 0.5
GRID = 12
"""Points per side of the grid that prompts a mask generator."""
POINTS_AT_ONCE = 48
SAME_MASK = 0.7
"""Masks that share this much of their union are one."""
MIN_SHARE = 0.0005
"""Regions of a smaller share of the image are noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """One thing in a colour image."""

    box_px: tuple[float, float, float, float]
    """left, top, right, bottom."""
    mask: NDArray[np.bool_] | None
    """(H, W), or None where the model gives boxes alone."""
    label: str
    """``""`` for models that know no names."""
    score: float


class Detector(Protocol):
    """Anything that detects things in an image."""

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """(H, W, 3) -> things, in any order."""
        ...


class ZeroShotDetector:
    """Boxes of named things: Grounding DINO, OWLv2 and their like."""

    def __init__(self, model: Any, processor: Any, names: Sequence[str], threshold: float = BOX_SCORE) -> None:
        self.model, self.processor = model.eval(), processor
        self.names, self.threshold = list(names), threshold

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        inputs = self.processor(images=_image(rgb), text=[self.names], return_tensors="pt")
        with torch.inference_mode():
            outputs = self.model(**inputs)
        result = self.processor.post_process_grounded_object_detection(
            outputs, threshold=self.threshold, target_sizes=[rgb.shape[:2]], text_labels=[self.names]
        )[0]
        names = result.get("text_labels") or [self.names[int(k)] for k in result["labels"]]
        out: list[Detection] = []
        for box, score, name in zip(result["boxes"].tolist(), result["scores"].tolist(), names, strict=True):
            # A phrase grounder may return a piece of a name, or several.
            label = next((n for n in self.names if n in (name or "")), name or "")
            out.append(Detection(box_px=_inside(box, rgb), mask=None, label=label, score=float(score)))
        return out


class MaskGenerator:
    """Masks without names, prompted by a grid of points: SAM and its like."""

    def __init__(self, model: Any, processor: Any, threshold: float = MASK_SCORE, grid: int = GRID) -> None:
        self.model, self.processor = model.eval(), processor
        self.threshold, self.grid = threshold, grid

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        h, w = rgb.shape[:2]
        step = (np.arange(self.grid) + 0.5) / self.grid
        points = [[float(x * w), float(y * h)] for y in step for x in step]
        detected: list[Detection] = []
        for start in range(0, len(points), POINTS_AT_ONCE):
            detected += self._prompted(rgb, points[start : start + POINTS_AT_ONCE])
        return drop_duplicate_masks(detected)

    def _prompted(self, rgb: NDArray[np.uint8], points: list[list[float]]) -> list[Detection]:
        inputs = self.processor(images=_image(rgb), input_points=[[[p] for p in points]], return_tensors="pt")
        with torch.inference_mode():
            outputs = self.model(**inputs)
        masks = self.processor.image_processor.post_process_masks(
            outputs.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )[0].numpy()
        scores = outputs.iou_scores[0].numpy()
        out: list[Detection] = []
        for k, best in enumerate(scores.argmax(1)):
            score, mask = float(scores[k, best]), masks[k, best] > 0
            if score >= self.threshold and mask.mean() >= MIN_SHARE:
                out.append(detection_of_mask(mask, "", score))
        return out


class PanopticDetector:
    """Panoptic masks with the model's own names: Mask2Former, OneFormer and their like."""

    def __init__(self, model: Any, processor: Any, threshold: float = MASK_SCORE) -> None:
        self.model, self.processor, self.threshold = model.eval(), processor, threshold

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        inputs = self.processor(images=_image(rgb), return_tensors="pt")
        with torch.inference_mode():
            outputs = self.model(**inputs)
        result = self.processor.post_process_panoptic_segmentation(
            outputs, threshold=self.threshold, label_ids_to_fuse=set(), target_sizes=[rgb.shape[:2]]
        )[0]
        segmentation = np.asarray(result["segmentation"])
        out: list[Detection] = []
        for info in result["segments_info"]:
            mask = segmentation == info["id"]
            if mask.mean() >= MIN_SHARE:
                out.append(detection_of_mask(mask, self.model.config.id2label[info["label_id"]], float(info["score"])))
        return out


class SemanticDetector:
    """Connected regions of one kind, with the model's own names: SegFormer and its like."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model.eval(), processor

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        inputs = self.processor(images=_image(rgb), return_tensors="pt")
        with torch.inference_mode():
            outputs = self.model(**inputs)
        kinds = np.asarray(self.processor.post_process_semantic_segmentation(outputs, [rgb.shape[:2]])[0])
        out: list[Detection] = []
        for kind in np.unique(kinds):
            regions, count = ndimage.label(kinds == kind)  # type: ignore[misc]
            sizes = np.bincount(regions.ravel(), minlength=count + 1)
            for region in range(1, count + 1):
                if sizes[region] >= MIN_SHARE * kinds.size:
                    out.append(detection_of_mask(regions == region, self.model.config.id2label[int(kind)], 0.5))
        return out


def detection_of_mask(mask: NDArray[np.bool_], label: str, score: float) -> Detection:
    """A mask that holds at least one pixel, with its box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Detection(box_px=box, mask=mask, label=label.lower(), score=score)


def drop_duplicate_masks(detections: Sequence[Detection]) -> list[Detection]:
    """Best first, without masks that repeat a better one. Raises ``ValueError`` for a detection without a mask."""
    kept: list[tuple[Detection, NDArray[np.bool_]]] = []
    for detection in sorted(detections, key=lambda d: -d.score):
        mask = detection.mask
        if mask is None:
            raise ValueError("expected detections with masks, received one with a box alone")
        if not any(_repeats(mask, better) for _, better in kept):
            kept.append((detection, mask))
    return [detection for detection, _ in kept]


def _repeats(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    shared = (mask & other).sum()
    return bool(shared >= SAME_MASK * (mask.sum() + other.sum() - shared))


def _image(rgb: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(rgb)


def _inside(box: Sequence[float], rgb: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    h, w = rgb.shape[:2]
    left, top, right, bottom = box
    return min(max(left, 0.0), w), min(max(top, 0.0), h), min(max(right, 0.0), w), min(max(bottom, 0.0), h)


KINDS = ("zero-shot", "masks", "universal", "semantic")


def load_detector(kind: str, source: str, names: Sequence[str]) -> Detector:
    """A detector from a folder or a hub id. Raises InputError: an unknown kind, or a model that does not load."""
    import transformers as tf

    loaders = {
        "zero-shot": tf.AutoModelForZeroShotObjectDetection,
        "masks": tf.AutoModelForMaskGeneration,
        "universal": tf.AutoModelForUniversalSegmentation,
        "semantic": tf.AutoModelForSemanticSegmentation,
    }
    if kind not in loaders:
        raise InputError(f"expected a kind of segmenter out of {', '.join(KINDS)}, got {kind!r}")
    try:
        model = loaders[kind].from_pretrained(source)
        whole = kind in ("zero-shot", "masks")
        processor = (tf.AutoProcessor if whole else tf.AutoImageProcessor).from_pretrained(source)
    except (OSError, ValueError, ImportError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"expected a {kind} model in {source!r}, got none that loads: {first}") from error
    if kind == "zero-shot":
        return ZeroShotDetector(model, processor, names)
    if kind == "masks":
        return MaskGenerator(model, processor)
    return PanopticDetector(model, processor) if kind == "universal" else SemanticDetector(model, processor)
