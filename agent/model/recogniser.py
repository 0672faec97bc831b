"""Names from the vision tower alone: two linear heads on its mean patch, averaged over several views of one thing.

``finetune vision`` trains the heads together with the tower. They know a closed list of names and cost a fiftieth of
what the decoder needs for a sentence, so every view of a thing is read; what they cannot name is left to the decoder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

HEADS_FILE = "heads.safetensors"
"""Beside the model's weights; metadata: ``names``, ``colors`` (JSON lists) and ``temperature``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What several views of one thing look like."""

    names: dict[str, float]
    """Name -> probability, over all names; ``""`` = nothing nameable. Sums to 1."""
    color: str

    @property
    def best(self) -> tuple[str, float]:
        """The likeliest name and its probability."""
        name = max(self.names, key=lambda n: self.names[n])
        return name, self.names[name]


class Recogniser:
    """The heads of one model."""

    def __init__(
        self,
        tower: Any,
        prepare: Any,
        heads: dict[str, Tensor],
        *,
        names: Sequence[str],
        colors: Sequence[str],
        temperature: float = 1.0,
    ) -> None:
        """``prepare`` is the model's image processor; ``heads`` holds ``name_head`` and ``color_head`` weights."""
        self._tower, self._prepare = tower, prepare
        self._heads = {key: value.float() for key, value in heads.items()}
        self.names, self.colors = ("", *names), tuple(colors)
        self._temperature = temperature

    @classmethod
    def load(cls, folder: Path, model: Any, processor: Any) -> Recogniser | None:
        """The heads that lie beside a model; None for a model without.

        Raises:
            SafetensorError: a corrupt file.
            ValueError: heads of another tower, or without their lists.
        """
        file = folder / HEADS_FILE
        if not file.is_file():
            return None
        with safe_open(file, "pt") as stored:
            meta = stored.metadata() or {}
            heads = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 (not a mapping)
        width = model.config.vision_config.hidden_size
        names, colors = json.loads(meta.get("names", "[]")), json.loads(meta.get("colors", "[]"))
        shape = tuple(heads["name_head.weight"].shape) if "name_head.weight" in heads else ()
        if shape != (len(names) + 1, width):
            raise ValueError(f"expected {HEADS_FILE} with {len(names) + 1} x {width} name weights, got {shape}")
        temperature = float(meta.get("temperature", "1"))
        tower = model.model.vision_model
        return cls(tower, processor.image_processor, heads, names=names, colors=colors, temperature=temperature)

    @torch.inference_mode()
    def recognise(self, things: Sequence[Sequence[Tensor]]) -> list[Recognition]:
        """Views (H, W, 3) uint8 of each thing -> one recognition each; a thing has at least one view.

        The views' log-probabilities are averaged: an undecided view changes little, one that excludes a name much.
        """
        counts = [len(views) for views in things]
        if not counts:
            return []
        pictures = [[view.numpy()] for views in things for view in views]
        pixels = self._prepare(pictures, return_tensors="pt")["pixel_values"].flatten(0, 1)
        mean = self._tower(pixel_values=pixels).last_hidden_state.mean(1).float()
        names = functional.linear(mean, self._heads["name_head.weight"], self._heads["name_head.bias"])
        colors = functional.linear(mean, self._heads["color_head.weight"], self._heads["color_head.bias"])
        names = (names / self._temperature).log_softmax(-1)
        out: list[Recognition] = []
        for name, color in zip(names.split(counts), colors.log_softmax(-1).split(counts), strict=True):
            together = name.mean(0).softmax(-1)
            shares = dict(zip(self.names, together.tolist(), strict=True))
            out.append(Recognition(names=shares, color=self.colors[int(color.mean(0).argmax())]))
        return out
