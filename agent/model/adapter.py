"""A PEFT LoRA folder -> merged weights, without importing PEFT (which costs a second of start-up).

Only what PEFT's plain LoRA does is understood: ``W + scale * B A`` on linear layers, with ``scale = alpha / r`` (or
``alpha / sqrt(r)`` with rsLoRA), and modules that were trained whole. Anything else is refused by name.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

_UNSUPPORTED = (
    *("use_dora", "layer_replication", "alora_invocation_tokens", "lora_bias", "rank_pattern", "alpha_pattern"),
    *("target_parameters", "trainable_token_indices", "fan_in_fan_out"),
)


def merge_adapter(model: nn.Module, folder: Path) -> int:
    """Add an adapter's updates to the model's weights, in place; returns how many layers got a low-rank update.

    Raises:
        OSError: the folder lacks a file.
        ValueError: another kind of adapter, or one for another model.
    """
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    if config.get("peft_type") != "LORA":
        raise ValueError(f"expected a LoRA adapter in {folder}, got {config.get('peft_type')}")
    odd = [key for key in _UNSUPPORTED if config.get(key)]
    if odd or config.get("bias", "none") != "none":
        raise ValueError(f"expected plain LoRA in {folder}, got {', '.join(odd) or 'trained biases'}; merge it by PEFT")
    stored = load_file(folder / "adapter_model.safetensors")
    layers = {name.removesuffix(".lora_A.weight") for name in stored if name.endswith(".lora_A.weight")}
    whole = {name: value for name, value in stored.items() if ".lora_" not in name}
    if len(stored) != 2 * len(layers) + len(whole):
        raise ValueError(f"expected pairs of lora_A and lora_B in {folder}, got {len(stored)} tensors")
    for name, value in whole.items():
        _replace(model, name.removeprefix("base_model.model."), value)
    for layer in sorted(layers):
        _merge_layer(model, layer, stored[f"{layer}.lora_A.weight"], stored[f"{layer}.lora_B.weight"], config)
    return len(layers)


def _merge_layer(model: nn.Module, layer: str, down: torch.Tensor, up: torch.Tensor, config: dict[str, object]) -> None:
    name = layer.removeprefix("base_model.model.")
    try:
        target = model.get_submodule(name)
    except AttributeError as error:
        raise ValueError(f"expected an adapter for this model, got one with a layer {name!r}") from error
    weight = getattr(target, "weight", None)
    if not isinstance(weight, nn.Parameter) or weight.shape != (up.shape[0], down.shape[1]):
        raise ValueError(f"expected an update of shape {tuple(getattr(weight, 'shape', ()))} for {name}")
    rank, alpha = down.shape[0], float(config["lora_alpha"])  # type: ignore[arg-type]
    scale = alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
    with torch.no_grad():
        weight += (scale * (up.float() @ down.float())).to(weight.dtype)


def _replace(model: nn.Module, name: str, value: torch.Tensor) -> None:
    """Put a weight that was trained whole in place of the base's."""
    target = dict(model.named_parameters()).get(name)
    if target is None or target.shape != value.shape:
        raise ValueError(f"expected an adapter for this model, got one with a weight {name!r} {tuple(value.shape)}")
    with torch.no_grad():
        target.copy_(value.to(target.dtype))
