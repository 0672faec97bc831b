"""One training loop, for the base model and for adapters.

It knows packed batches and trainable parameters, not what they teach. Checkpoints are safetensors and JSON; a run
that stops is resumed by the same command and goes on with the very next batch. One process or many: through
accelerate, which also picks the device.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from finetune.language.collate import Batch, attention_mask

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How to train. The learning rate warms up, stays, and falls linearly over the last steps."""

    steps: int
    """Optimizer steps in all, also over resumes."""
    rows: int = 4
    """Rows of a step, over all processes."""
    row_tokens: int = 1024
    """Tokens of a row."""
    lr: float = 2e-3
    """Peak learning rate."""
    warmup: int = 100
    """Steps of linear warm-up."""
    decay: int = 0
    """Steps at the end over which the rate falls to a twentieth."""
    weight_decay: float = 0.05
    """Decoupled weight decay on matrices."""
    clip: float = 1.0
    """Largest gradient norm."""
    seed: int = 0
    """Of the data order; the model's own seed is given where it is made."""
    save_minutes: float = 5.0
    """Minutes between checkpoints."""
    log_every: int = 20
    """Steps between progress lines."""
    eval_every: int = 200
    """Steps between held-out losses."""
    compile: bool = True
    """Whether to compile the decoder's step."""


class PackedLoss(nn.Module):
    """A vision-language model of the Idefics3 class as a function from packed batch to weighted token loss."""

    def __init__(self, model: nn.Module, *, image_id: int, compile_text: bool) -> None:
        super().__init__()
        self.model = model
        self.image_id = image_id
        self._text_loss: Callable[..., Tensor] = self._eager_text_loss
        if compile_text:
            self._text_loss = torch.compile(self._eager_text_loss, dynamic=False)

    def forward(self, batch: Batch) -> Tensor:
        """Mean cross-entropy, weighted; scalar."""
        inner = _idefics(self.model)
        embeds = inner.model.text_model.embed_tokens(batch.ids)
        if len(batch.images):
            pixels = batch.images.float() / 127.5 - 1.0
            seen = inner.model.connector(inner.model.vision_model(pixel_values=pixels).last_hidden_state)
            spots = (batch.ids == self.image_id)[..., None].expand_as(embeds)
            embeds = embeds.masked_scatter(spots, seen.to(embeds.dtype))
        return self._text_loss(embeds, batch.positions, batch.groups, batch.segments, batch.targets, batch.weights)

    def _eager_text_loss(
        self, embeds: Tensor, positions: Tensor, groups: Tensor, segments: Tensor, targets: Tensor, weights: Tensor
    ) -> Tensor:
        inner = _idefics(self.model)
        hidden = inner.model.text_model(
            inputs_embeds=embeds,
            attention_mask=attention_mask(groups, segments),
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state
        logits = inner.lm_head(hidden).float()
        losses = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        weights = weights.flatten()
        return (losses * weights).sum() / weights.sum().clamp_min(1.0)


def _idefics(model: nn.Module) -> Any:
    """The Idefics3 model inside a PEFT wrapper, or itself."""
    unwrap: Any = getattr(model, "get_base_model", None)
    return model if unwrap is None else unwrap()


def learning_rate(step: int, config: TrainConfig) -> float:
    """Warm-up, plateau, linear decay to 5% (WSD)."""
    rate = min((step + 1) / max(config.warmup, 1), 1.0)
    left = config.steps - step
    if config.decay and left <= config.decay:
        rate *= 0.05 + 0.95 * left / config.decay
    return config.lr * rate


def new_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; vectors (norms, biases) are not decayed."""
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for _, p in named if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.95), eps=1e-9, fused=True)


class StepBatch(Protocol):
    """The data of one training step."""

    @property
    def size(self) -> int:
        """Tokens or pictures, for the progress line."""
        ...

    def to(self, device: torch.device) -> Self: ...


def train(
    module: nn.Module,
    batch_at: Callable[[int, range], StepBatch],
    config: TrainConfig,
    out: Path,
    *,
    held_out: Mapping[str, StepBatch] | None = None,
    stop_after: int | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> int:
    """Train what requires gradients, from the newest checkpoint in ``out`` if there is one; returns the last step.

    Args:
        module: maps a batch to its loss, e.g. ``PackedLoss``.
        batch_at: ``(step, global rows) -> batch``; must depend on nothing else.
        held_out: name -> fixed batch whose loss is reported.
        stop_after: stop (with a checkpoint) at this step although ``config.steps`` is larger.
        optimizer: over the module's parameters; AdamW by default.
    """
    # A step without pictures leaves the vision tower without gradients.
    ddp = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(mixed_precision="bf16", kwargs_handlers=[ddp])
    chosen = new_optimizer(module, config) if optimizer is None else optimizer
    step = load_checkpoint(out, module, chosen)
    module, prepared = accelerator.prepare(module, chosen)
    rows = _rows_of_this_process(config.rows, accelerator)
    last = min(config.steps, stop_after or config.steps)
    progress = _ProgressLog(out, accelerator.is_main_process)
    saved_at = time.monotonic()
    while step < last:
        module.train()
        for group in prepared.param_groups:
            group["lr"] = learning_rate(step, config)
        batch = batch_at(step, rows).to(accelerator.device)
        loss = module(batch)
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(module.parameters(), config.clip)
        prepared.step()
        prepared.zero_grad(set_to_none=True)
        step += 1
        progress.add_step(step, float(loss.detach()), batch.size * accelerator.num_processes)
        if not math.isfinite(progress.loss):
            raise FloatingPointError(f"expected a finite loss, got {progress.loss} at step {step}; lower the rate")
        if step % config.log_every == 0:
            progress.report(step, config, {"lr": learning_rate(step - 1, config), "norm": float(norm or 0.0)})
        if held_out and (step % config.eval_every == 0 or step == last):
            progress.write({"step": step, "held_out": evaluate_loss(accelerator, module, held_out)})
        due = time.monotonic() - saved_at > config.save_minutes * 60
        if accelerator.is_main_process and (due or step == last):
            save_checkpoint(out, accelerator.unwrap_model(module), prepared, step, config)
            saved_at = time.monotonic()
    return step


def _rows_of_this_process(rows: int, accelerator: Accelerator) -> range:
    if rows % accelerator.num_processes:
        raise ValueError(f"expected rows divisible by {accelerator.num_processes} processes, got {rows}")
    share = rows // accelerator.num_processes
    return range(accelerator.process_index * share, (accelerator.process_index + 1) * share)


@torch.no_grad()
def evaluate_loss(accelerator: Accelerator, module: nn.Module, held_out: Mapping[str, StepBatch]) -> dict[str, float]:
    """Held-out loss by name."""
    module.eval()
    return {name: round(float(module(batch.to(accelerator.device))), 4) for name, batch in held_out.items()}


class _ProgressLog:
    """Progress lines: to the log, and as JSON to ``progress.jsonl``."""

    def __init__(self, out: Path, writes: bool) -> None:
        self._path = out / "progress.jsonl" if writes else None
        self._tokens, self._losses, self._since = 0, 0.0, time.monotonic()
        self._count = 0
        self.loss = 0.0

    def add_step(self, step: int, loss: float, tokens: int) -> None:
        self.loss = loss
        self._tokens += tokens
        self._losses += loss
        self._count += 1

    def report(self, step: int, config: TrainConfig, extra: dict[str, float]) -> None:
        seconds = time.monotonic() - self._since
        rate = self._tokens / seconds
        line = {"step": step, "of": config.steps, "loss": round(self._losses / self._count, 4)}
        line |= {name: float(f"{value:.3g}") for name, value in extra.items()}
        line |= {"per_s": round(rate), "left_min": round((config.steps - step) * seconds / self._count / 60, 1)}
        self.write(line)
        self._tokens, self._losses, self._count, self._since = 0, 0.0, 0, time.monotonic()

    def write(self, line: dict[str, Any]) -> None:
        if self._path is None:
            return
        text = json.dumps(line)
        log.info("%s", text)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as out:
            out.write(text + "\n")


def _trainable(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.named_parameters() if value.requires_grad}


def save_checkpoint(
    out: Path, module: nn.Module, optimizer: torch.optim.Optimizer, step: int, config: TrainConfig
) -> Path:
    """Write ``out/checkpoint-STEP`` at once (rename), and drop all but the two newest."""
    final = out / f"checkpoint-{step:07d}"
    partial = out / f".partial-{step:07d}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    named = _trainable(module)
    save_file(
        {name: value.detach().contiguous().cpu() for name, value in named.items()}, partial / "weights.safetensors"
    )
    moments: dict[str, Tensor] = {}
    for name, value in named.items():
        for key, moment in optimizer.state.get(value, {}).items():
            moments[f"{name}|{key}"] = moment.detach().clone().contiguous().cpu()
    save_file(moments, partial / "optimizer.safetensors")
    (partial / "state.json").write_text(json.dumps({"step": step, "config": asdict(config)}, indent=1))
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    for old in checkpoints(out)[:-2]:
        shutil.rmtree(old)
    return final


def checkpoints(out: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(out.glob("checkpoint-*"))


def load_weights(checkpoint: Path, module: nn.Module, prefix: str = "", *, partly: bool = False) -> int:
    """Copy a checkpoint's weights into ``module``; returns its step.

    ``prefix`` is what the stored names have more. With ``partly`` the checkpoint may lack some parameters, which then
    keep their values; it may never hold unknown ones.

    Raises:
        ValueError: the names differ.
    """
    stored = {n.removeprefix(prefix): v for n, v in load_file(checkpoint / "weights.safetensors").items()}
    named = _trainable(module)
    if stored.keys() != named.keys() and not (partly and stored.keys() < named.keys()):
        odd = sorted(stored.keys() ^ named.keys())[:3]
        raise ValueError(f"expected the parameters of this model in {checkpoint}, got others, e.g. {odd}")
    with torch.no_grad():
        for name, value in stored.items():
            named[name].copy_(value)
    return int(json.loads((checkpoint / "state.json").read_text())["step"])


def load_checkpoint(out: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Weights and optimizer state of the newest checkpoint; returns the step to go on from, 0 without one."""
    found = checkpoints(out)
    if not found:
        return 0
    step = load_weights(found[-1], module)
    moments = load_file(found[-1] / "optimizer.safetensors")
    for name, value in _trainable(module).items():
        state = {key.split("|")[1]: m for key, m in moments.items() if key.split("|")[0] == name}
        optimizer.state[value] = {k: m if k == "step" else m.to(value.device) for k, m in state.items()}
    log.info("resumed %s at step %d", found[-1], step)
    return step
