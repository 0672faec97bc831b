"""The embedded model's tokenizer: byte-level BPE, trained on generated text only.

Digits stand alone, so a number is copied digit by digit and never half remembered as a chunk.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from agent.protocol import CALL_CLOSE, CALL_OPEN, IMAGE, TURN_CLOSE, TURN_OPEN, render
from finetune import words
from finetune.generic import generic_pack

PAD = "<|endoftext|>"
IMAGE_EDGE, IMAGE_GLOBAL = "<fake_token_around_image>", "<global-img>"
SPECIAL_TOKENS = (
    PAD,
    TURN_OPEN,
    TURN_CLOSE,
    IMAGE,
    IMAGE_EDGE,
    IMAGE_GLOBAL,
    "<end_of_utterance>",  # Idefics3Processor insists on it
    CALL_OPEN,
    CALL_CLOSE,
)
"""Ids 0, 1, 2, ... in this order."""

TEMPLATE = Path(__file__).resolve().parents[1] / "agent" / "templates" / "chat_template.jinja"


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE over ``texts``; single digits; special tokens first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write an ordinary Hugging Face tokenizer folder with the chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_CLOSE,
        pad_token=PAD,
        additional_special_tokens=[token for token in SPECIAL_TOKENS if token not in (PAD, TURN_CLOSE)],
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )
    wrapped.chat_template = TEMPLATE.read_text(encoding="utf-8")
    wrapped.save_pretrained(folder)


def generated_text(seed: int, packs: int) -> Iterator[str]:
    """Text of generic packs and word lists: what the tokenizer is trained on beside the traces."""
    rng = random.Random(seed)
    for _ in range(packs):
        pack = generic_pack(rng, 4)
        for turn in pack.conversations:
            yield "".join(span.text for span in render(turn, pack.tools))
    for name in (*words.THINGS, *words.COLORS, *words.PLACES):
        # A name is read after a space and written after a quote: both forms should be one token.
        yield from (f'the {name} my {name}? "{name}" {words.plural(name)}. {name.capitalize()}',) * 12


def special_token_ids(folder: Path) -> dict[str, int]:
    """Token -> id of the special tokens of a saved tokenizer."""
    added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    return {entry["content"]: entry["id"] for entry in added}
