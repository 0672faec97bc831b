"""A tokenizer and a random model of the embedded class, small enough for a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.language.embedded import embedded_config, new_model, save_embedded
from finetune.language.tokenizer import generated_text, save_tokenizer, train_tokenizer
from finetune.recipes.base import load_tokenizer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary model folder with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tokenizer(train_tokenizer(generated_text(0, 20), 600), folder)
    tokenizer = load_tokenizer(folder)
    config = embedded_config(tokenizer, hidden=64, layers=2, vision_hidden=64, vision=1)
    save_embedded(new_model(config, seed=0), tokenizer, folder)
    return folder
