"""The recipe of the embedded base model: reading, copying, calling invented tools, naming what a picture shows.

It never sees Sightline's own tools: those are what the adapter teaches (``finetune.lora``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast

from finetune.collate import Batch, Encoder, make_batch
from finetune.data import CopySource, GenericSource, Mixture, Source
from finetune.embedded import IMAGE_TOKENS, embedded_config, new_model, save_embedded
from finetune.train import TrainConfig, checkpoints, load_weights, train

CONTEXT_WEIGHT = 0.1
"""Loss weight of what the user and the tools say: language is learnt from it too, but it is not what is written."""
TEXT_STEPS = 1500
"""Steps of the first stage, which has no pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSettings:
    """Where the base model comes from and goes to."""

    tokenizer: Path
    """Folder made by ``finetune tokenizer``."""
    out: Path
    """Checkpoints, progress, and in the end ``model/``."""
    crops: Path | None = None
    """Pictures made by ``finetune crops``; needed after the first stage."""


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, with its chat template."""
    return AutoTokenizer.from_pretrained(folder)


def text_sources() -> list[tuple[Source, float]]:
    """The first stage."""
    return [(GenericSource(), 0.85), (CopySource(), 0.15)]


def train_base(settings: BaseSettings, config: TrainConfig, *, stop_after: int | None = None) -> int:
    """Train, or go on training; returns the last step."""
    tokenizer = load_tokenizer(settings.tokenizer)
    encoder = Encoder(tokenizer, image_tokens=IMAGE_TOKENS, context_weight=CONTEXT_WEIGHT)
    judge = Encoder(tokenizer, image_tokens=IMAGE_TOKENS)
    first = Mixture(text_sources())
    model = new_model(embedded_config(tokenizer), config.seed)

    def batch_at(step: int, rows: range) -> Batch:
        return make_batch(first, encoder, seed=config.seed, step=step, rows=rows, length=config.row_tokens)

    def held_out(mixture: Mixture) -> Batch:
        return make_batch(mixture, judge, seed=-1, step=0, rows=range(4), length=config.row_tokens)

    return train(
        model,
        batch_at,
        config,
        settings.out,
        image_id=encoder.image_id,
        held_out={"generic": held_out(Mixture([(GenericSource(), 1)])), "copy": held_out(Mixture([(CopySource(), 1)]))},
        stop_after=stop_after,
    )


def export_base(settings: BaseSettings) -> Path:
    """The newest checkpoint as an ordinary model folder, ``out/model``."""
    tokenizer = load_tokenizer(settings.tokenizer)
    model = new_model(embedded_config(tokenizer), 0)
    found = checkpoints(settings.out)
    if not found:
        raise FileNotFoundError(f"expected a checkpoint in {settings.out}, found none; train first")
    load_weights(found[-1], model, prefix="model.")
    save_embedded(model, tokenizer, settings.out / "model")
    return settings.out / "model"
