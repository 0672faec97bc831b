"""The loop that trains a base (decoder and heads; the encoder stays) or an adapter (LoRA on encoder and decoder).

A run is seeded and resumable: the same command goes on from its last checkpoint (safetensors and JSON) with the very
next batch.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

from agent.model.pointer.network import PointerNetwork
from finetune.pointer.batches import IGNORED, Batch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How to train; the rate warms up, stays, and falls linearly to a fiftieth over the last steps."""

    steps: int
    """In all; a stopped run may go on with another number, as long as its rate has not begun to fall."""
    decay: int
    """Steps at the end over which the rate falls."""
    lr: float
    warmup: int = 60
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    save_seconds: float = 240.0
    log_every: int = 20
    bf16: bool = True
    """Products in bfloat16: right where the processor or the GPU multiplies it in hardware.

    A base trains by autocast; an adapter has its frozen weights in bfloat16 and its own in single precision.
    """


def loss_of(network: PointerNetwork, batch: Batch, *, frozen_encoder: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean loss over all choices, and for each step (B, T) whether it counts and whether the best choice is right."""
    with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen_encoder):
        read = network.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        pooled = [_pooled(network, ids, mask) for ids, mask in zip(batch.item_ids, batch.item_masks, strict=True)]
    read = read + network.kind(batch.kinds)
    item = torch.cat(pooled)[batch.item_order] + network.kind(batch.item_kinds)
    count = len(batch.ids)
    memory = torch.cat([read, item.unsqueeze(0).expand(count, -1, -1)], dim=1)
    mask = torch.cat([batch.mask, batch.mask.new_ones((count, len(item)))], dim=1)
    scores = network(memory, mask, batch.words, batch.places).float().masked_fill(~batch.allowed, -torch.inf)
    counted = batch.right != IGNORED
    rows = scores[counted]
    right = batch.right[counted]
    loss = nn.functional.cross_entropy(rows, right) if len(right) else scores.new_zeros(()).requires_grad_()
    hit = torch.zeros_like(counted)
    hit[counted] = rows.argmax(-1) == right
    return loss, counted, hit


def _pooled(network: PointerNetwork, ids: Tensor, mask: Tensor) -> Tensor:
    """Mean states of texts, (N, D)."""
    states = network.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    weight = mask.unsqueeze(-1).to(states.dtype)
    return (states * weight).sum(1) / weight.sum(1)


class Trainer:
    """Trains the parameters that require a gradient."""

    def __init__(self, network: PointerNetwork, settings: TrainSettings, folder: Path, *, frozen_encoder: bool) -> None:
        self.network, self.settings, self.folder = network, settings, folder
        self._frozen = frozen_encoder
        self._named = {name: p for name, p in network.named_parameters() if p.requires_grad}
        matrices = [p for p in self._named.values() if p.ndim > 1]
        rest = [p for p in self._named.values() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.98))
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.json").is_file():
            self.resume()

    def run(self, batches: Iterator[Batch], device: str = "cpu") -> None:
        """Go on until all steps are done; ``batches`` begins with that of ``self.step``."""
        settings = self.settings
        saved = time.monotonic()
        totals: dict[str, float] = {}
        since = time.monotonic()
        self.network.train()
        for batch in batches:
            if self.step >= settings.steps:
                break
            for group in self._optimizer.param_groups:
                group["lr"] = settings.lr * self._rate(self.step)
            mixed = torch.autocast(device.split(":")[0], torch.bfloat16, enabled=settings.bf16 and self._frozen)
            with mixed, parametrize.cached():
                loss, counted, hit = loss_of(self.network, batch.to(device), frozen_encoder=self._frozen)
            loss.backward()
            nn.utils.clip_grad_norm_(list(self._named.values()), settings.clip)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            self.step += 1
            for name, value in (("loss", loss), ("choices", counted.sum()), ("right", hit.sum())):
                totals[name] = totals.get(name, 0.0) + float(value.detach())
            totals["examples"] = totals.get("examples", 0.0) + len(batch.ids)
            if self.step % settings.log_every == 0:
                seconds = time.monotonic() - since
                log.info(
                    "step %d/%d loss %.4f choices right %.4f, %.1f examples/s",
                    *(self.step, settings.steps, totals["loss"] / settings.log_every),
                    *(totals["right"] / max(totals["choices"], 1), totals["examples"] / seconds),
                )
                totals, since = {}, time.monotonic()
            if time.monotonic() - saved > settings.save_seconds:
                self.save()
                saved = time.monotonic()
        self.save()

    def _rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / max(self.settings.warmup, 1))
        left = (self.settings.steps - step) / max(self.settings.decay, 1)
        return warm * min(1.0, max(left, 0.02))

    def save(self) -> None:
        """Write the checkpoint: weights and moments, then the step, each file whole or not at all."""
        tensors = {f"weight/{name}": p.detach().cpu().contiguous() for name, p in self._named.items()}
        for name, parameter in self._named.items():
            for key, value in self._optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    tensors[f"{key}/{name}"] = value.detach().cpu().contiguous()
        fresh = self.folder / "state.new.safetensors"
        save_file(tensors, fresh)
        fresh.replace(self.folder / f"state.{self.step}.safetensors")
        state = self.folder / "state.new.json"
        state.write_text(json.dumps({"step": self.step, "settings": _said(self.settings)}))
        state.replace(self.folder / "state.json")
        for old in self.folder.glob("state.*.safetensors"):
            if old.name != f"state.{self.step}.safetensors":
                old.unlink()

    def resume(self) -> None:
        """Go back to the checkpoint. Raises ValueError where it is of a run with other settings."""
        state = json.loads((self.folder / "state.json").read_text())
        if state["settings"] != _said(self.settings):
            raise ValueError(f"expected the settings of the run in {self.folder}, got others; use another folder")
        tensors = load_file(self.folder / f"state.{state['step']}.safetensors")
        self.step = int(state["step"])
        self.load(tensors)
        for name, parameter in self._named.items():
            moments: dict[str, Any] = {}
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if f"{key}/{name}" in tensors:
                    value = tensors[f"{key}/{name}"]
                    moments[key] = value if key == "step" else value.to(parameter.device)
            if moments:
                self._optimizer.state[parameter] = moments
        log.info("resumed at step %d", self.step)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Weights of a checkpoint."""
        with torch.no_grad():
            for name, parameter in self._named.items():
                parameter.copy_(tensors[f"weight/{name}"])


def _said(settings: TrainSettings) -> dict[str, Any]:
    """What must be equal to go on with a run."""
    return {"lr": settings.lr, "warmup": settings.warmup, "seed": settings.seed}
