"""Depth of one image from a depth-estimation model of transformers, in metres by calibration.

A model's output is relative (or metric of some other camera): its scale, and for relative models its shift, are fitted
to the depth that is known from the map or from posed neighbours.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from scenes.errors import InputError
from scenes.types import Frame
from tools.depth.estimate import DepthEstimate

DEFAULT_MODEL = "depth-anything/Depth-Anything-V2-Small-hf"
SHORT_SIDE = 252
"""Shorter side of the model's input in pixels: half of that in training, for a quarter of the time."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours, as the published models expect."""
MIN_KNOWN_PIXELS = 200
"""Least number of pixels of known depth for a calibration."""
MAX_MEDIAN_ERROR = 0.15
"""Largest median error of a calibration that is used, relative to depth."""


class DepthModel:
    """A depth-estimation model with its weights."""

    def __init__(self, model: Any) -> None:
        """``model``: a transformers depth-estimation model in evaluation mode."""
        self._model = model
        patch = getattr(model.config, "patch_size", None) or 14
        self._multiple = int(patch if isinstance(patch, int) else patch[0])
        self._metric = getattr(model.config, "depth_estimation_type", "relative") == "metric"

    @classmethod
    def load(cls, name: str = DEFAULT_MODEL) -> DepthModel:
        """A model from a folder or the hub.

        Raises:
            InputError: it cannot be found or is no depth-estimation model.
        """
        from transformers import AutoModelForDepthEstimation

        try:
            model = AutoModelForDepthEstimation.from_pretrained(name)
        except (OSError, ValueError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(
                f"expected a depth-estimation model in {name!r}: {first}; give a folder, or a hub id while online"
            ) from error
        return cls(model.eval())

    def estimate(self, frame: Frame, known: DepthEstimate | None) -> DepthEstimate | None:
        """Metric depth of a frame, calibrated against ``known`` depth of the same frame (sweep or map).

        None when there is too little known depth, or the model does not agree with it.
        """
        if known is None or int(known.valid.sum()) < MIN_KNOWN_PIXELS:
            return None
        raw = self._predict(frame.rgb)
        fitted = calibrate_depth(raw, known, metric=self._metric)
        if fitted is None:
            return None
        depth_m, sigma_m = fitted
        valid = depth_m > 0
        return DepthEstimate(camera=frame.camera, depth_m=depth_m, valid=valid, sigma_m=sigma_m, source="model")

    def _predict(self, rgb: Tensor) -> Tensor:
        """(H, W, 3) uint8 -> (H, W) float32, the model's own output."""
        height, width = rgb.shape[:2]
        scale = SHORT_SIDE / min(height, width)
        size = [max(self._multiple, round(side * scale / self._multiple) * self._multiple) for side in (height, width)]
        image = rgb.permute(2, 0, 1)[None].float() / 255
        image = functional.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
        image = (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        with torch.inference_mode():
            predicted = self._model(pixel_values=image).predicted_depth
        predicted = predicted.reshape(1, 1, *predicted.shape[-2:]).float()
        return functional.interpolate(predicted, (height, width), mode="bilinear", align_corners=False)[0, 0]


def calibrate_depth(raw: Tensor, known: DepthEstimate, *, metric: bool) -> tuple[Tensor, Tensor] | None:
    """Depth and sigma (H, W) in metres of a model's output; None when it contradicts the known depth.

    A relative model gives inverse depth up to scale and shift, a metric one depth up to scale: the least absolute
    deviations from the known inverse depth decide (by reweighting).
    """
    x = 1 / raw.clamp_min(1e-6) if metric else raw
    known_inverse = 1 / known.depth_m[known.valid]
    at = x[known.valid].double()
    columns = [at] if metric else [at, torch.ones_like(at)]
    design, target = torch.stack(columns, dim=-1), known_inverse.double()
    weight = torch.ones_like(target)
    solution = torch.zeros(len(columns), dtype=torch.float64)
    for _ in range(10):
        scaled = design * weight[:, None]
        normal = scaled.T @ design + 1e-9 * torch.eye(len(columns), dtype=torch.float64)
        solution = torch.linalg.solve(normal, scaled.T @ target)
        weight = 1 / (design @ solution - target).abs().clamp_min(1e-3)
    residual = (design @ solution - target).abs()
    if float(solution[0]) <= 0 or float((residual / target).median()) > MAX_MEDIAN_ERROR:
        return None
    inverse_depth = (x.double() * solution[0] + (0.0 if metric else solution[1])).float()
    usable = inverse_depth > 1 / 50
    depth_m = torch.where(usable, 1 / inverse_depth.clamp_min(1 / 50), 0.0)
    # Median absolute deviation to sigma: 1.4826.
    sigma_m = depth_m.square() * (1.4826 * float(residual.median()))
    return depth_m, sigma_m
