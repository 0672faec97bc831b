"""LoRA trained inside the weights, saved as PEFT saves it.

PEFT adds ``s B A x`` to each layer's output, which costs several passes over the activations; here ``W + s B A`` is
made once a step (a few million products) and the layers run as they are. The gradients are the same; on one CPU core a
step takes two thirds of the time. The folder that is written is an ordinary PEFT one.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

LAYERS = r"(encoder|decoder)\..*\.(query|key|value|dense)|feed_memory|feed_word|point_query|point_key|word_query"
"""Every linear layer but the picture's."""


class LowRank(nn.Module):
    """``W -> W + scale B A`` for a layer's weight (O, I); ``A`` (r, I) starts as in PEFT, ``B`` (O, r) at zero."""

    def __init__(self, outputs: int, inputs: int, rank: int, scale: float) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self._scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer uses."""
        return weight + (self._scale * (self.up @ self.down)).to(weight.dtype)


def add_low_rank(network: nn.Module, *, rank: int, alpha: int) -> dict[str, LowRank]:
    """Put a trained update into every layer of ``LAYERS`` and freeze all else; returns the updates by layer."""
    network.requires_grad_(False)
    out: dict[str, LowRank] = {}
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Linear) and re.fullmatch(LAYERS, name):
            update = LowRank(layer.out_features, layer.in_features, rank, alpha / rank)
            parametrize.register_parametrization(layer, "weight", update, unsafe=True)
            out[name] = update
    return out


def save_low_rank(updates: dict[str, LowRank], folder: Path, *, rank: int, alpha: int, base: str) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors``, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=LAYERS,
        bias="none",
        base_model_name_or_path=base,
        inference_mode=True,
    )
    config.save_pretrained(str(folder))
    stored: dict[str, Tensor] = {}
    for name, update in updates.items():
        stored[f"base_model.model.{name}.lora_A.weight"] = update.down.detach().to(torch.float16).contiguous()
        stored[f"base_model.model.{name}.lora_B.weight"] = update.up.detach().to(torch.float16).contiguous()
    save_file(stored, folder / "adapter_model.safetensors", metadata={"format": "pt"})
