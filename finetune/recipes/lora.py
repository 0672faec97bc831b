"""The recipe of the adapter: Sightline's own tools, questions and answers, by PEFT LoRA on the decoder's projections.

The connector between eyes and decoder is trained whole beside it, on names of crops; the vision tower and the
embeddings stay as the base model has them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import Idefics3ForConditionalGeneration

from agent.model.adapter import merge_adapter
from agent.model.protocol import NAME_SYSTEM
from finetune.language.collate import Batch, Encoder, make_batch
from finetune.language.data import Chat, Group, Mixture, Source
from finetune.language.embedded import IMAGE_TOKENS
from finetune.language.traces import Conversation, conversation
from finetune.language.train import PackedLoss, TrainConfig, checkpoints, load_weights, train
from finetune.recipes.base import load_tokenizer
from finetune.recipes.evaluate import exact_scores, naming_scores
from finetune.vision.crop_chats import NamingSource
from finetune.vision.crops import CropFile
from scenes.questions.phrasing import Split
from tools.toolbox.toolbox import tool_schemas

TARGETS = r".*text_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
"""The decoder's projections. PEFT's ``all-linear`` would also take the vision tower."""
NAMING_SHARE = 0.3
"""Share of groups that are crops to name."""
CONNECTOR = "connector"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """Which base, which pictures, how large an update."""

    base: Path
    """Model folder made by ``finetune export``, or any Idefics3 folder with our tokenizer."""
    crops: Path
    """Pictures made by ``finetune crops``."""
    out: Path
    """Checkpoints, progress, and in the end ``adapter/``."""
    rank: int = 64
    """Rank of the update."""
    alpha: int = 128
    """Scale of the update is alpha / rank."""
    start: Path | None = None
    """Checkpoint of another run, or an adapter folder, of the same rank, to start from."""


@dataclass(frozen=True, slots=True)
class TraceSource:
    """Conversations with real tool calls; half of them with a picture in front of the newest question."""

    crops: CropFile | None
    split: Split = "train"
    conversations: int = 10
    pictures: float = 0.5

    def __call__(self, rng: random.Random) -> Group:
        chats = tuple(self._chat(rng) for _ in range(self.conversations))
        return Group(chats=chats, tools=tuple(tool_schemas()))

    def _chat(self, rng: random.Random) -> Chat:
        chat = trace_chat(conversation(rng, self.split))
        if self.crops is None or rng.random() >= self.pictures:
            return chat
        return with_picture(chat, self.crops[rng.randrange(len(self.crops))].image)


def trace_chat(trace: Conversation) -> Chat:
    """A trace without pictures."""
    return Chat(messages=tuple(trace.messages), family=trace.families[0], families=tuple(trace.families))


def with_picture(chat: Chat, image: torch.Tensor) -> Chat:
    """The same chat with a picture in front of its last question, as the agent asks."""
    last = max(i for i, message in enumerate(chat.messages) if message["role"] == "user")
    message = chat.messages[last]
    asked = {**message, "content": [{"type": "image"}, *message["content"]]}
    return replace(chat, messages=(*chat.messages[:last], asked, *chat.messages[last + 1 :]), images=(image,))


def lora_config(settings: LoraSettings) -> LoraConfig:
    """Plain LoRA: what ``agent.model.adapter`` merges without PEFT."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=TARGETS,
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
        modules_to_save=[CONNECTOR],
    )


def with_new_adapter(settings: LoraSettings, seed: int) -> PeftModel:
    """The base in float32 with a fresh adapter."""
    model = Idefics3ForConditionalGeneration.from_pretrained(settings.base, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(model, lora_config(settings))  # type: ignore[return-value]


def warm_start(model: PeftModel, start: Path) -> None:
    """Take over the weights of a checkpoint or of an exported adapter.

    Raises:
        ValueError: another rank, or other modules.
    """
    if not (start / "adapter_config.json").is_file():
        load_weights(start, model, prefix="model.", partly=True)
        return
    stored = {name: value.float() for name, value in load_file(start / "adapter_model.safetensors").items()}
    named = get_peft_model_state_dict(model, save_embedding_layers=False)
    odd = sorted(n for n in stored.keys() | named.keys() if n not in stored or n not in named)
    odd += sorted(n for n in stored.keys() & named.keys() if stored[n].shape != named[n].shape)
    if odd:
        raise ValueError(f"expected an adapter with this run's rank and modules in {start}, got others, e.g. {odd[:3]}")
    set_peft_model_state_dict(model, stored)


def train_lora(settings: LoraSettings, config: TrainConfig, *, stop_after: int | None = None) -> int:
    """Train, or go on training; returns the last step."""
    encoder = Encoder(load_tokenizer(settings.base), image_tokens=IMAGE_TOKENS)
    crops = CropFile(settings.crops)
    sources: Sequence[tuple[Source, float]] = [
        (TraceSource(crops), 1 - NAMING_SHARE),
        (NamingSource(crops, conversations=24), NAMING_SHARE),
    ]
    mixture = Mixture(sources)

    def batch_at(step: int, rows: range) -> Batch:
        return make_batch(mixture, encoder, seed=config.seed, step=step, rows=rows, length=config.row_tokens)

    def held_out(source: Source) -> Batch:
        return make_batch(Mixture([(source, 1)]), encoder, seed=-1, step=0, rows=range(4), length=config.row_tokens)

    unseen = CropFile(settings.crops, held_out=True)
    fixed = {
        "traces": held_out(TraceSource(unseen, split="val")),
        "naming": held_out(NamingSource(unseen, augment=False)),
    }
    model = with_new_adapter(settings, config.seed)
    if settings.start is not None:
        warm_start(model, settings.start)
    module = PackedLoss(model, image_id=encoder.image_id, compile_text=config.compile)
    return train(module, batch_at, config, settings.out, held_out=fixed, stop_after=stop_after)


def export_lora(settings: LoraSettings) -> Path:
    """The newest checkpoint as an ordinary PEFT folder in bfloat16, ``out/adapter``."""
    found = checkpoints(settings.out)
    if not found:
        raise FileNotFoundError(f"expected a checkpoint in {settings.out}, found none; train first")
    model = with_new_adapter(settings, 0)
    load_weights(found[-1], model, prefix="model.")
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
    model.peft_config["default"].base_model_name_or_path = "embedded"
    # Without the last argument PEFT asks the hub for the base's config.
    model.save_pretrained(str(settings.out / "adapter"), save_embedding_layers=False)
    return settings.out / "adapter"


def evaluate_model(
    base: Path, adapter: Path | None, *, conversations: int, split: Split, seed: int, crops: Path | None
) -> dict[str, object]:
    """Scores on a split that was not trained on: see ``finetune.recipes.evaluate``."""
    tokenizer = load_tokenizer(base)
    encoder = Encoder(tokenizer, image_tokens=IMAGE_TOKENS)
    model = Idefics3ForConditionalGeneration.from_pretrained(base, dtype=torch.float32).eval()
    if adapter is not None:
        merge_adapter(model, adapter)
    rng = random.Random(f"{split}/{seed}")
    chats = [trace_chat(conversation(rng, split)) for _ in range(conversations)]
    group = Group(chats=tuple(chats), tools=tuple(tool_schemas()))
    scores = exact_scores(model, encoder, [group], length=2048).record()
    record: dict[str, object] = {"split": split, "seed": seed, "conversations": conversations, "traces": scores}
    if crops is not None:
        unseen = CropFile(crops, held_out=True)
        record["naming"] = naming_scores(model, encoder, unseen, min(len(unseen), 1000), NAME_SYSTEM)
    return record
