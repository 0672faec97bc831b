"""The recipe of the embedded base model: reading, copying, calling invented tools, naming what a picture shows.

It never sees Sightline's own tools: those are what the adapter teaches (``finetune.recipes.lora``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast

from finetune.language.collate import Batch, Encoder, make_batch
from finetune.language.data import CopySource, GenericSource, Mixture, Source
from finetune.language.embedded import IMAGE_TOKENS, embedded_config, new_model, save_embedded
from finetune.language.train import PackedLoss, TrainConfig, checkpoints, load_weights, train
from finetune.vision.crop_chats import NamingSource
from finetune.vision.crops import CropFile

CONTEXT_WEIGHT = 0.1
"""Loss weight of what the user and the tools say: language is learnt from it too, but it is not what is written."""
TEXT_STEPS = 1000
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


def text_mixture() -> Mixture:
    """The first stage."""
    return Mixture([(GenericSource(), 0.6), (CopySource(), 0.4)])


def full_mixture(crops: CropFile) -> Mixture:
    """The second stage: half of it is pictures."""
    return Mixture([(NamingSource(crops), 0.5), (GenericSource(), 0.42), (CopySource(), 0.08)])


def train_base(settings: BaseSettings, config: TrainConfig, *, stop_after: int | None = None) -> int:
    """Train, or go on training; returns the last step."""
    tokenizer = load_tokenizer(settings.tokenizer)
    encoder = Encoder(tokenizer, image_tokens=IMAGE_TOKENS, context_weight=CONTEXT_WEIGHT)
    judge = Encoder(tokenizer, image_tokens=IMAGE_TOKENS)
    if settings.crops is None and (stop_after or config.steps) > TEXT_STEPS:
        raise ValueError(f"expected a folder of crops for the steps after {TEXT_STEPS}; run `finetune crops` first")
    first, second = text_mixture(), full_mixture(CropFile(settings.crops)) if settings.crops else None
    model = new_model(embedded_config(tokenizer), config.seed)

    def batch_at(step: int, rows: range) -> Batch:
        mixture = first if step < TEXT_STEPS or second is None else second
        return make_batch(mixture, encoder, seed=config.seed, step=step, rows=rows, length=config.row_tokens)

    def held_out(source: Source) -> Batch:
        return make_batch(Mixture([(source, 1)]), judge, seed=-1, step=0, rows=range(4), length=config.row_tokens)

    fixed = {"generic": held_out(GenericSource()), "copy": held_out(CopySource())}
    if settings.crops:
        fixed["naming"] = held_out(NamingSource(CropFile(settings.crops, held_out=True), augment=False))

    return train(
        PackedLoss(model, image_id=encoder.image_id, compile_text=config.compile),
        batch_at,
        config,
        settings.out,
        held_out=fixed,
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
