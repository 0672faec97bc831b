"""Qwen-VL input without torchvision: pictures through the PIL image processor, text through the tokenizer.

The family's own processor insists on a video processor, which needs torchvision, even when no video is shown. What it
does for pictures is small: each ``<|image_pad|>`` becomes one token per merged patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

PAD = "<|image_pad|>"
MODEL_TYPES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")


class QwenProcessor:
    """The part of the family's processor that pictures need."""

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self._pad_id = tokenizer.convert_tokens_to_ids(PAD)

    @classmethod
    def from_pretrained(cls, source: str | Path) -> QwenProcessor:
        """Image settings and tokenizer of a model folder or hub id."""
        from transformers import AutoImageProcessor, AutoTokenizer

        return cls(AutoImageProcessor.from_pretrained(source), AutoTokenizer.from_pretrained(source))

    def apply_chat_template(self, messages: list[dict[str, Any]], **options: Any) -> Any:
        """The tokenizer's chat template."""
        return self.tokenizer.apply_chat_template(messages, **options)

    def __call__(self, text: Sequence[str], images: Sequence[Any] | None = None, return_tensors: str = "pt") -> Any:
        """One prompt with its pictures -> ids, mask, pixel values, grids.

        Raises:
            ValueError: more than one prompt, or a number of pictures that the prompt does not have.
        """
        if len(text) != 1:
            raise ValueError(f"expected one prompt, got {len(text)}")
        pictures = self.image_processor(images=list(images), return_tensors=return_tensors) if images else {}
        parts = text[0].split(PAD)
        grids = pictures["image_grid_thw"] if images else ()
        if len(parts) != len(grids) + 1:
            raise ValueError(f"expected {len(parts) - 1} pictures for the prompt, got {len(grids)}")
        whole = parts[0]
        for grid, part in zip(grids, parts[1:], strict=True):
            whole += PAD * (int(grid.prod()) // self.image_processor.merge_size**2) + part
        batch = dict(self.tokenizer([whole], return_tensors=return_tensors))
        batch["mm_token_type_ids"] = (batch["input_ids"] == self._pad_id).to(torch.int64)
        return batch | dict(pictures)
