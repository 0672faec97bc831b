"""The weights: what is stored comes back, and masks hide padding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from agent.model.pointer.network import PointerConfig, load_network, new_network, padded, save_network, word_ids
from agent.model.pointer.reading import Kind
from tests.agent.model.pointer.conftest import WORDS, tiny_network


def test_stored_weights_come_back_within_half_a_step_of_their_row(tmp_path: Path) -> None:
    network, _ = new_network(PointerConfig(words=WORDS, layers=1), seed=2)
    save_network(network, tmp_path)
    loaded, _ = load_network(tmp_path)
    own = dict(network.named_parameters())
    for name, value in loaded.named_parameters():
        step = own[name].abs().amax(-1, keepdim=True) / 127 if value.ndim == 2 else own[name].abs() / 1000
        assert bool(((value - own[name]).abs() <= 0.51 * step + 1e-6).all()), name


def test_weights_that_are_stored_again_are_the_same(tmp_path: Path) -> None:
    """An adapter is trained on the stored weights, so another round must not move them."""
    network, _ = new_network(PointerConfig(words=WORDS, layers=1), seed=3)
    save_network(network, tmp_path / "a")
    save_network(load_network(tmp_path / "a")[0], tmp_path / "b")
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert all(torch.allclose(first[name].float(), second[name].float(), rtol=1e-6) for name in first)


def test_padding_changes_no_state(tokenizer: Tokenizer) -> None:
    network = tiny_network(tokenizer)
    short, long = [101, 2003, 102], [101, 2003, 2054, 2003, 2023, 102]
    kinds, _ = padded([[int(Kind.QUESTION)] * 3, [int(Kind.QUESTION)] * 6])
    ids, mask = padded([short, long])
    with torch.inference_mode():
        together = network.read(ids, kinds, mask)[0, :3]
        alone = network.read(ids[:1, :3], kinds[:1, :3], mask[:1, :3])[0]
        texts = network.read_items(ids, mask, torch.zeros(2, dtype=torch.long))[0]
        text = network.read_items(ids[:1, :3], mask[:1, :3], torch.zeros(1, dtype=torch.long))[0]
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(texts, text, atol=1e-5)


def test_pictures_stand_in_the_memory_where_the_config_has_them(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="picture_width"):
        tiny_network(tokenizer).read_pictures(torch.zeros(4, 8))


def test_a_word_that_is_no_piece_is_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="zorblatty"):
        word_ids(["the", "zorblatty"], tokenizer)
