"""The embedded model's tokenizer: byte-level BPE, trained on generated text only.

Digits stand alone, so a number is copied digit by digit and never half remembered as a chunk.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from agent.model.protocol import (
    CALL_CLOSE,
    CALL_OPEN,
    IMAGE,
    SYSTEM_PROMPT,
    TURN_CLOSE,
    TURN_OPEN,
    render,
    render_system,
)
from finetune.language import words
from finetune.language.generic import generic_pack
from tools.toolbox.toolbox import tool_schemas

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

_PLAIN_PHRASES = (
    "where is my bag? where did I leave my keys? where am I? what is this? what am I looking at? which room is this?",
    "how far away is the table? how big is it? how tall is that? how many chairs are there in the kitchen? is there",
    "remember that this is my bag. call this my mug. forget my bag. take me to the sofa. what color is it? thanks",
    "I have not seen a piano here. I have not seen an oven. I do not know that. Do you mean the red mug or the blue mug?",  # noqa: E501
    "The mug is on the table, 2.4 m away, in front of you to the left; in view. You are in the kitchen, near the sink.",
    "It was seen 12 s ago. There are two chairs. There is one lamp. There is no depth there. Saved. I will remember it.",  # noqa: E501
    "The sofa is 2.1 m wide, 90 cm deep and 80 cm tall. The picture shows a red mug. I cannot say. Noted. Forgotten.",
    "what is that thing? what color is my cup? is the door open? which is closer, the lamp or the desk? anything else?",
    "at 3 o'clock, slightly behind you, straight ahead, nearby, just now, one minute ago, last seen an hour ago",
    "a red mug. a blue cup. unclear. mug, red. chair, brown. unclear, gray. What is this? Name it and its color.",
)
"""Plain phrases, so that common words of questions and answers become whole tokens."""

TEMPLATE = Path(__file__).resolve().parents[2] / "agent" / "templates" / "chat_template.jinja"


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
    yield from (render_system(SYSTEM_PROMPT, tool_schemas()),) * 100
    yield from _PLAIN_PHRASES * 40


def build_tokenizer(folder: Path, *, vocab_size: int = 2560, seed: int = 0, packs: int = 2000) -> None:
    """Train on generated text and save: the whole of ``finetune tokenizer``."""
    save_tokenizer(train_tokenizer(generated_text(seed, packs), vocab_size), folder)
