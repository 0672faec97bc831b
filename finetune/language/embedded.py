"""The embedded model: Idefics3 (SigLIP-style vision, Qwen3-style decoder) with a tiny config, from scratch.

A 128x128 picture becomes 8x8 patches and, after the pixel shuffle, 16 tokens. About 7 million weights: 14 MB in
bfloat16. The folder it is saved to is an ordinary transformers folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Idefics3Config, Idefics3ForConditionalGeneration
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast

from agent.model.protocol import IMAGE

IMAGE_SIZE = 128
PATCH_SIZE = 16
SCALE_FACTOR = 2
IMAGE_TOKENS = (IMAGE_SIZE // PATCH_SIZE // SCALE_FACTOR) ** 2


def embedded_config(
    tokenizer: PreTrainedTokenizerFast, *, hidden: int = 256, layers: int = 6, vision_hidden: int = 192, vision: int = 4
) -> Idefics3Config:
    """The config; smaller numbers are for tests."""
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    text = {
        "model_type": "qwen3",
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": 3 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": max(hidden // 64, 1),
        "num_key_value_heads": max(hidden // 128, 1),
        "head_dim": 64,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "pad_token_id": pad,
        "bos_token_id": None,
        "eos_token_id": end,
    }
    vision_settings = {
        "hidden_size": vision_hidden,
        "intermediate_size": 3 * vision_hidden,
        "num_hidden_layers": vision,
        "num_attention_heads": max(vision_hidden // 64, 1),
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH_SIZE,
    }
    settings: dict[str, Any] = {
        "vision_config": vision_settings,
        "text_config": text,
        "scale_factor": SCALE_FACTOR,
        "tie_word_embeddings": True,
        "image_token_id": tokenizer.convert_tokens_to_ids(IMAGE),
        "pad_token_id": pad,
    }
    return Idefics3Config(**settings)


def new_model(config: Idefics3Config, seed: int) -> Idefics3ForConditionalGeneration:
    """Random weights from a seed, float32."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Idefics3ForConditionalGeneration(config)


def processor_for(tokenizer: PreTrainedTokenizerFast) -> Idefics3Processor:
    """Images squeezed to one square without splitting, pixels to -1..1.

    Raises:
        ValueError: the tokenizer has no chat template, or several.
    """
    images = Idefics3ImageProcessorPil(
        do_image_splitting=False,
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        max_image_size={"longest_edge": IMAGE_SIZE},
        resample=2,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    template = tokenizer.chat_template
    if not isinstance(template, str):
        raise ValueError(f"expected a tokenizer with one chat template, got {type(template).__name__}")
    return Idefics3Processor(images, tokenizer, image_seq_len=IMAGE_TOKENS, chat_template=template)


def save_embedded(model: Idefics3ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write model (bfloat16), tokenizer, template and image settings; the model itself is not changed."""
    # The output layer is the embedding table: it is stored once.
    state = {n: v.to(torch.bfloat16) for n, v in model.state_dict().items() if n != "lm_head.weight"}
    model.save_pretrained(folder, state_dict=state)
    processor_for(tokenizer).save_pretrained(folder)
