"""The loop at toy size: it learns, stops and goes on as if it had not, and its adapter is PEFT's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from agent.model.adapter import merge_adapter
from agent.model.pointer.choices import Vocabulary
from agent.model.pointer.network import PointerConfig, PointerNetwork, packaged_encoder, word_ids
from finetune.pointer.batches import IGNORED, Batch, Batches, planned
from finetune.pointer.examples import Pack, Runner, own_pack
from finetune.pointer.low_rank import LAYERS, add_low_rank, save_low_rank
from finetune.pointer.train import Trainer, TrainSettings, loss_of
from finetune.pointer.vocabulary import words


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return packaged_encoder()[1]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return own_pack(160, "train", 4)


def tiny(tokenizer: Tokenizer, seed: int = 0) -> PointerNetwork:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config._attn_implementation = "eager"
    shape = PointerConfig(words=words(), layers=2)
    network = PointerNetwork(shape, BertModel(config, add_pooling_layer=False), word_ids(words(), tokenizer))
    network.start_from_encoder()
    return network


def batches(pack: Pack, tokenizer: Tokenizer, step: int) -> Iterator[Batch]:
    vocabulary = Vocabulary(words())
    runner = Runner(pack.tool_sets, vocabulary, tokenizer)
    made = Batches(pack, runner, tokenizer, tokens=600, seed=0, vocabulary=len(vocabulary.words))
    return made.from_step(step)


def test_groups_hold_every_example_once_and_keep_to_their_size(pack: Pack) -> None:
    groups = planned(pack, tokens=600, seed=1, most=20)
    assert sorted(k for group in groups for k in group) == list(range(len(pack.examples)))
    assert max(map(len, groups)) <= 20


def test_the_right_choice_is_always_allowed(pack: Pack, tokenizer: Tokenizer) -> None:
    batch = next(batches(pack, tokenizer, 0))
    counted = batch.right != IGNORED
    assert counted.any()
    assert bool(batch.allowed[counted].gather(1, batch.right[counted].unsqueeze(1)).all())


def test_a_few_steps_lower_the_loss(pack: Pack, tokenizer: Tokenizer, tmp_path: Path) -> None:
    network = tiny(tokenizer)
    batch = next(batches(pack, tokenizer, 0))
    before = float(loss_of(network, batch, frozen_encoder=False)[0].detach())
    settings = TrainSettings(steps=25, decay=5, lr=3e-3, warmup=3, bf16=False)
    Trainer(network, settings, tmp_path, frozen_encoder=False).run(iter([batch] * 25))
    assert float(loss_of(network, batch, frozen_encoder=False)[0].detach()) < 0.7 * before


def test_a_stopped_run_goes_on_as_if_it_had_not(pack: Pack, tokenizer: Tokenizer, tmp_path: Path) -> None:
    def run(folder: Path, stop: int | None) -> PointerNetwork:
        network = tiny(tokenizer)
        settings = TrainSettings(steps=6, decay=2, lr=1e-3, warmup=2, bf16=False)
        trainer = Trainer(network, settings, folder, frozen_encoder=False)
        taken = batches(pack, tokenizer, trainer.step)
        trainer.run(taken if stop is None else (batch for batch, _ in zip(taken, range(stop), strict=False)))
        return network

    whole = run(tmp_path / "whole", None)
    run(tmp_path / "parts", 3)
    parts = run(tmp_path / "parts", None)
    for (name, a), (_, b) in zip(whole.named_parameters(), parts.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_another_rate_does_not_go_on_with_a_run(tokenizer: Tokenizer, tmp_path: Path) -> None:
    settings = TrainSettings(steps=6, decay=2, lr=1e-3, bf16=False)
    Trainer(tiny(tokenizer), settings, tmp_path, frozen_encoder=False).save()
    with pytest.raises(ValueError, match="settings of the run"):
        Trainer(tiny(tokenizer), TrainSettings(steps=6, decay=2, lr=2e-3), tmp_path, frozen_encoder=False)


def test_an_update_inside_the_weights_is_what_peft_adds_and_what_is_merged(
    pack: Pack, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """One adapter folder, three ways: trained in place, loaded by PEFT, merged by the product."""
    from peft import PeftModel

    inside = tiny(tokenizer)
    updates = add_low_rank(inside, rank=4, alpha=8)
    generator = torch.Generator().manual_seed(1)
    for update in updates.values():
        up = 0.1 * torch.randn(update.up.shape, generator=generator)
        update.up.data.copy_(up.half().float())
        update.down.data.copy_(update.down.data.half().float())
    save_low_rank(updates, tmp_path, rank=4, alpha=8, base="tiny")
    merged = tiny(tokenizer)
    assert merge_adapter(merged, tmp_path) == len(updates) > 30
    wrapped = PeftModel.from_pretrained(tiny(tokenizer), str(tmp_path))  # type: ignore[arg-type]
    batch = next(batches(pack, tokenizer, 0))
    inner = wrapped.base_model.model
    assert isinstance(inner, PointerNetwork)
    with torch.inference_mode():
        losses = [
            float(loss_of(network, batch, frozen_encoder=True)[0])
            for network in (inside, merged, inner, tiny(tokenizer))
        ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    assert losses[2] == pytest.approx(losses[0], abs=1e-4)
    assert abs(losses[3] - losses[0]) > 1e-3


def test_only_the_updates_are_trained(tokenizer: Tokenizer) -> None:
    network = tiny(tokenizer)
    add_low_rank(network, rank=4, alpha=8)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.endswith((".up", ".down")) for name in trained)
    assert "picture" not in LAYERS


def test_a_batch_travels_between_processes_unchanged(pack: Pack, tokenizer: Tokenizer) -> None:
    import pickle

    from finetune.pointer.gpu import _packed, _unpacked

    batch = next(batches(pack, tokenizer, 0))
    again = _unpacked(pickle.loads(pickle.dumps(_packed(batch))))
    assert torch.equal(again.allowed, batch.allowed)
    assert torch.equal(again.right, batch.right)
    assert all(torch.equal(a, b) for a, b in zip(again.item_ids, batch.item_ids, strict=True))
