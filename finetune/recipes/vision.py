"""The recipe of the vision tower: it learns names and colours of crops by plain classification.

Naming through the decoder gives a tower that starts from random weights little gradient: one caption is a handful of
tokens. With two linear heads on the mean patch every picture counts fully and costs a third. The heads ship beside
the tower (``agent.model.recogniser`` reads them over several views); the adapter's training teaches the connector to
speak of what the tower sees.

A tower can go on from the base's own one, and grow: every new layer starts as the identity, so nothing is forgotten.
Most steps see smaller pictures, which cost half; the last ones see the full size.

A fresh start follows "mimetic initialisation" (Trockman & Kolter 2023): sinusoidal positions, query-key products near
the identity and value-output products near its negative, which is what trained attention looks like. It lets small
vision transformers learn from little data.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Idefics3ForConditionalGeneration

from agent.model.recogniser import HEADS_FILE
from finetune.language.embedded import save_embedded
from finetune.language.train import TrainConfig, checkpoints, train
from finetune.recipes.base import load_tokenizer
from finetune.vision.augment import augmented_batch
from finetune.vision.crops import CropFile
from finetune.vision.muon import MuonAdamW

SMALL_SIZE = 96
"""Edge of the smaller pictures, pixels: 36 patches instead of 64."""
SMALL_SHARE = 0.65
"""Share of the steps that see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropBatch:
    """Pictures with class numbers."""

    images: Tensor
    """(N, 3, S, S) uint8."""
    names: Tensor
    """(N,) int64; 0 = unclear."""
    colors: Tensor
    """(N,) int64; -100 where there is none."""

    @property
    def size(self) -> int:
        """Pictures."""
        return len(self.images)

    def to(self, device: torch.device) -> CropBatch:
        """The batch on a device."""
        return CropBatch(images=self.images.to(device), names=self.names.to(device), colors=self.colors.to(device))


class CropSampler:
    """Random labelled crops by seed, step and row, augmented as a batch."""

    def __init__(
        self, crops: CropFile, names: tuple[str, ...], colors: tuple[str, ...], seed: int, *, small_until: int = 0
    ) -> None:
        self._crops, self._seed, self._small_until = crops, seed, small_until
        self._name_ids = {name: i for i, name in enumerate(("", *names))}
        self._color_ids = {color: i for i, color in enumerate(colors)}

    def __call__(self, step: int, rows: range) -> CropBatch:
        rng = random.Random(f"vision/{self._seed}/{step}/{rows.start}")
        batch = self._batch([rng.randrange(len(self._crops)) for _ in rows])
        size = SMALL_SIZE if step < self._small_until else batch.images.shape[-1]
        images, spoiled = augmented_batch(batch.images, torch.Generator().manual_seed(rng.getrandbits(62)), size)
        return CropBatch(
            images=images,
            names=batch.names.masked_fill(spoiled, 0),
            colors=batch.colors.masked_fill(spoiled, -100),
        )

    def plain(self, count: int) -> CropBatch:
        """The same crops every time, as they are."""
        rng = random.Random("vision/plain")
        return self._batch([rng.randrange(len(self._crops)) for _ in range(count)])

    def _batch(self, indices: list[int]) -> CropBatch:
        crops = [self._crops[index] for index in indices]
        return CropBatch(
            images=torch.stack([crop.image for crop in crops]).permute(0, 3, 1, 2),
            names=torch.tensor([self._name_ids[crop.name] for crop in crops]),
            colors=torch.tensor([self._color_ids.get(crop.color, -100) for crop in crops]),
        )


class VisionLoss(nn.Module):
    """A vision tower with a head for names and one for colours."""

    def __init__(self, tower: nn.Module, width: int, names: int, colors: int, *, compile_tower: bool) -> None:
        super().__init__()
        self.tower = tower
        self.name_head = nn.Linear(width, names + 1)
        self.color_head = nn.Linear(width, colors)
        self._seen = torch.compile(self._eager_seen, dynamic=False) if compile_tower else self._eager_seen

    def forward(self, batch: CropBatch) -> Tensor:
        """Cross-entropy of the name plus half that of the colour; scalar."""
        names, colors = self._seen(batch.images.float() / 127.5 - 1.0)
        name_loss = nn.functional.cross_entropy(names.float(), batch.names, label_smoothing=0.05)
        color_loss = nn.functional.cross_entropy(colors.float(), batch.colors, ignore_index=-100)
        return name_loss + 0.5 * color_loss

    def _eager_seen(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.tower(pixel_values=pixels).last_hidden_state.mean(1)
        return self.name_head(mean), self.color_head(mean)


@torch.no_grad()
def mimetic_start(tower: Any, seed: int) -> None:
    """Re-initialise attention and positions of an Idefics3 vision tower, in place."""
    generator = torch.Generator().manual_seed(seed)
    width = tower.config.hidden_size
    side = tower.config.image_size // tower.config.patch_size
    tower.embeddings.position_embedding.weight.copy_(_sinusoidal(side, width))
    for layer in tower.encoder.layers:
        attention = layer.self_attn
        heads = attention.num_heads
        size = width // heads
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            noise = torch.randn(width, width, generator=generator) / math.sqrt(width)
            u, s, vt = torch.linalg.svd(0.7 * noise + 0.7 * torch.eye(width))
            root = s[:size].sqrt()[:, None]
            attention.q_proj.weight[rows] = root * u.T[:size]
            attention.k_proj.weight[rows] = root * vt[:size]
        noise = torch.randn(width, width, generator=generator) / math.sqrt(width)
        u, s, vt = torch.linalg.svd(0.4 * noise - 0.4 * torch.eye(width))
        attention.v_proj.weight.copy_(s.sqrt()[:, None] * vt)
        attention.out_proj.weight.copy_(u * s.sqrt())


def _sinusoidal(side: int, width: int) -> Tensor:
    """(side * side, width): sines and cosines of both axes."""
    quarter = width // 4
    rates = 1.0 / 10000 ** (torch.arange(quarter) / quarter)
    axis = torch.arange(side)[:, None] * rates
    waves = torch.cat([axis.sin(), axis.cos()], -1)  # (side, width / 2)
    y = waves[:, None].expand(side, side, width // 2)
    x = waves[None].expand(side, side, width // 2)
    return torch.cat([y, x], -1).reshape(side * side, -1)[:, :width] * 0.5


@torch.no_grad()
def deepened(tower: Any, layers: int, seed: int) -> Any:
    """A deeper Idefics3 vision tower that computes the same: each new layer starts as the identity.

    Raises:
        ValueError: fewer layers than there are.
    """
    old = list(tower.encoder.layers)
    if layers < len(old):
        raise ValueError(f"expected at least the {len(old)} layers of the base's tower, got {layers}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        deeper = type(tower)(type(tower.config)(**{**tower.config.to_dict(), "num_hidden_layers": layers}))
    kept = [round(i * layers / len(old)) for i in range(len(old))]
    rest = {n: v for n, v in tower.state_dict().items() if not n.startswith("encoder.layers.")}
    deeper.load_state_dict(rest, strict=False)
    for number, layer in enumerate(deeper.encoder.layers):
        if number in kept:
            layer.load_state_dict(old[kept.index(number)].state_dict())
            continue
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            last.weight.zero_()
            last.bias.zero_()
    return deeper


def vision_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Muon on the matrices of the layers; AdamW on embeddings, heads and vectors."""
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    inner = {n for n, p in named if p.ndim == 2 and ".layers." in n}
    return MuonAdamW(
        [p for n, p in named if n in inner],
        [p for n, p in named if n not in inner],
        lr=config.lr,
        weight_decay=config.weight_decay,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSettings:
    """Which vision tower to train, and on what."""

    base: Path
    """Model folder whose tower is trained."""
    crops: Path
    """Pictures made by ``finetune crops``."""
    out: Path
    """Checkpoints, progress, and in the end ``model/``: the base with the new tower and its heads."""
    layers: int = 8
    """Depth of the tower."""
    fresh: bool = False
    """Start the tower from nothing instead of from the base's own."""


def train_vision(settings: VisionSettings, config: TrainConfig, *, stop_after: int | None = None) -> int:
    """Train the tower (``config.rows`` pictures a step); returns the last step."""
    crops, unseen = CropFile(settings.crops), CropFile(settings.crops, held_out=True)
    names, colors = crops.names, crops.colors
    base = Idefics3ForConditionalGeneration.from_pretrained(
        settings.base, dtype=torch.float32, attn_implementation="eager"
    )
    tower = deepened(base.model.vision_model, settings.layers, config.seed)
    if settings.fresh:
        mimetic_start(tower, config.seed)
    out, width = settings.out, tower.config.hidden_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        module = VisionLoss(tower, width, len(names), len(colors), compile_tower=config.compile)
    out.mkdir(parents=True, exist_ok=True)
    (out / "classes.json").write_text(json.dumps({"names": names, "colors": colors}))
    sampler = CropSampler(crops, names, colors, config.seed, small_until=int(SMALL_SHARE * config.steps))
    held_out = {"crops": CropSampler(unseen, names, colors, config.seed).plain(256)}
    optimizer = vision_optimizer(module, config)
    return train(module, sampler, config, out, held_out=held_out, stop_after=stop_after, optimizer=optimizer)


def export_vision(settings: VisionSettings) -> Path:
    """The base with the newest checkpoint's tower and the heads that name and colour, ``out/model``."""
    found = checkpoints(settings.out)
    if not found:
        raise FileNotFoundError(f"expected a checkpoint in {settings.out}, found none; train first")
    model: Any = Idefics3ForConditionalGeneration.from_pretrained(settings.base, dtype=torch.float32)
    stored = load_file(found[-1] / "weights.safetensors")
    inner = {n.removeprefix("tower."): v for n, v in stored.items() if n.startswith("tower.")}
    tower = deepened(model.model.vision_model, settings.layers, 0)
    tower.load_state_dict(inner)
    model.model.vision_model = tower
    model.config.vision_config.num_hidden_layers = settings.layers
    save_embedded(model, load_tokenizer(settings.base), settings.out / "model")
    heads = {n: v.to(torch.bfloat16) for n, v in stored.items() if n.startswith(("name_head.", "color_head."))}
    classes = json.loads((settings.out / "classes.json").read_text())
    meta = {key: json.dumps(classes[key]) for key in ("names", "colors")}
    if settings.crops.is_dir():
        meta["temperature"] = f"{_temperature(settings, classes, tower, stored):.3f}"
    save_file(heads, settings.out / "model" / HEADS_FILE, metadata=meta)
    return settings.out / "model"


@torch.no_grad()
def _temperature(
    settings: VisionSettings, classes: dict[str, list[str]], tower: nn.Module, stored: dict[str, Tensor]
) -> float:
    """The divisor of the name scores that fits held-out worlds best, so that a confidence is a share of right names."""
    sampler = CropSampler(CropFile(settings.crops, held_out=True), tuple(classes["names"]), tuple(classes["colors"]), 0)
    batch = sampler.plain(1024)
    tower.eval()
    parts = [tower(pixel_values=p.float() / 127.5 - 1.0).last_hidden_state.mean(1) for p in batch.images.split(64)]
    scores = nn.functional.linear(torch.cat(parts), stored["name_head.weight"], stored["name_head.bias"])
    choices = [0.5 + 0.05 * i for i in range(31)]
    return min(choices, key=lambda t: float(nn.functional.cross_entropy(scores / t, batch.names)))
