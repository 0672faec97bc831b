"""The training loop: a resumed run is the uninterrupted run, bit for bit."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from finetune.language.collate import Batch, Encoder, make_batch
from finetune.language.data import CopySource, Mixture
from finetune.language.embedded import IMAGE_TOKENS, embedded_config, new_model
from finetune.language.train import PackedLoss, TrainConfig, checkpoints, learning_rate, load_weights, train
from finetune.recipes.base import load_tokenizer

CONFIG = TrainConfig(steps=6, rows=1, row_tokens=192, lr=1e-3, warmup=2, decay=2, compile=False, log_every=2)


def run(folder: Path, out: Path, *stops: int | None) -> dict[str, torch.Tensor]:
    """Train to each stop in turn, every time from a new model, as a new process would."""
    tokenizer = load_tokenizer(folder)
    encoder = Encoder(tokenizer, image_tokens=IMAGE_TOKENS)
    mixture = Mixture([(CopySource(), 1)])

    def batch_at(step: int, rows: range) -> Batch:
        return make_batch(mixture, encoder, seed=0, step=step, rows=rows, length=CONFIG.row_tokens)

    model = torch.nn.Module()
    for number, stop in enumerate(stops):
        model = new_model(embedded_config(tokenizer, hidden=64, layers=1, vision_hidden=64, vision=1), seed=number)
        module = PackedLoss(model, image_id=encoder.image_id, compile_text=False)
        train(module, batch_at, CONFIG, out, stop_after=stop)
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_a_resumed_run_equals_an_uninterrupted_one(tiny_folder: Path, tmp_path: Path) -> None:
    straight = run(tiny_folder, tmp_path / "a", None)
    broken = run(tiny_folder, tmp_path / "b", 2, 3, None)
    assert all(torch.equal(straight[name], broken[name]) for name in straight)


def test_a_checkpoint_is_safetensors_and_json_and_old_ones_go(tiny_folder: Path, tmp_path: Path) -> None:
    run(tiny_folder, tmp_path, 1, 2, 3, None)
    kept = checkpoints(tmp_path)
    assert [path.name for path in kept] == ["checkpoint-0000003", "checkpoint-0000006"]
    assert {f.suffix for path in kept for f in path.iterdir()} == {".safetensors", ".json"}
    assert json.loads((kept[-1] / "state.json").read_text())["step"] == 6
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert any(line.get("per_s", 0) > 0 for line in lines)


def test_the_rate_warms_up_stays_and_falls() -> None:
    config = TrainConfig(steps=100, lr=1.0, warmup=10, decay=20)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert set(rates[10:80]) == {1.0}
    assert all(a > b for a, b in pairwise(rates[80:]))
    assert rates[-1] == pytest.approx(0.05 + 0.95 / 20)


def test_weights_of_another_model_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    run(tiny_folder, tmp_path, 1)
    with pytest.raises(ValueError, match="expected the parameters of this model"):
        load_weights(checkpoints(tmp_path)[-1], torch.nn.Linear(2, 2))
