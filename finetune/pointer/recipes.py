"""The two training runs: a base on invented tools, then an adapter on Sightline's."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer

from agent.model.pointer.choices import Vocabulary
from agent.model.pointer.network import PointerConfig, PointerNetwork, load_network, new_network, save_network
from finetune.pointer.batches import Batches
from finetune.pointer.examples import Pack, Runner
from finetune.pointer.low_rank import add_low_rank, save_low_rank
from finetune.pointer.train import Trainer, TrainSettings
from finetune.pointer.vocabulary import words


def train_base(
    pack: Path,
    work: Path,
    out: Path,
    *,
    layers: int,
    settings: TrainSettings,
    tokens: int,
    most: int,
    threads: int = 1,
    device: str = "cpu",
    export: bool = False,
) -> None:
    """Decoder and heads, whole; the encoder stays as it is packaged. Writes a model folder."""
    torch.set_num_threads(threads)
    network, tokenizer = new_network(PointerConfig(words=words(), layers=layers), settings.seed)
    network.encoder.requires_grad_(False)
    trainer = Trainer(network.to(device), settings, work, frozen_encoder=True)
    if not export:
        _run(trainer, pack, tokenizer, settings, tokens, most, device)
    save_network(network.cpu(), out)


def train_adapter(
    pack: Path,
    work: Path,
    out: Path,
    *,
    base: Path,
    rank: int,
    alpha: int,
    settings: TrainSettings,
    tokens: int,
    most: int,
    threads: int = 1,
    device: str = "cpu",
    export: bool = False,
) -> None:
    """LoRA on encoder and decoder. Writes a PEFT folder."""
    torch.set_num_threads(threads)
    network, tokenizer = load_network(base)
    torch.manual_seed(settings.seed)
    if settings.bf16:
        network.to(torch.bfloat16)
    updates = add_low_rank(network, rank=rank, alpha=alpha)
    trainer = Trainer(network.to(device), settings, work, frozen_encoder=False)
    if not export:
        _run(trainer, pack, tokenizer, settings, tokens, most, device)
    save_low_rank(updates, out, rank=rank, alpha=alpha, base=base.name)


def _run(
    trainer: Trainer,
    pack: Path,
    tokenizer: Tokenizer,
    settings: TrainSettings,
    tokens: int,
    most: int,
    device: str,
) -> None:
    network: PointerNetwork = trainer.network
    examples = Pack.load(pack)
    vocabulary = Vocabulary(network.config.words)
    runner = Runner(examples.tool_sets, vocabulary, tokenizer)
    batches = Batches(
        examples,
        runner,
        tokenizer,
        tokens=tokens,
        seed=settings.seed,
        vocabulary=len(vocabulary.words),
        most=most,
    )
    trainer.run(batches.from_step(trainer.step), device)
