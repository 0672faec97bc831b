"""Pictures: packing keeps them, augmentation keeps their meaning, the tower learns, scores count what they say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import Idefics3ForConditionalGeneration

from agent.model.protocol import NAME_SYSTEM, UNCLEAR
from agent.model.vlm import LocalVlm
from finetune.language.collate import Encoder
from finetune.language.data import Group
from finetune.language.embedded import IMAGE_TOKENS
from finetune.language.generic import generic_pack
from finetune.language.train import TrainConfig
from finetune.recipes.base import load_tokenizer
from finetune.recipes.evaluate import exact_scores, naming_scores
from finetune.recipes.vision import (
    CropBatch,
    VisionLoss,
    VisionSettings,
    deepened,
    export_vision,
    mimetic_start,
    train_vision,
)
from finetune.vision.augment import augmented, augmented_batch
from finetune.vision.crop_chats import COLOR_QUESTIONS, THING_QUESTIONS, naming_chat
from finetune.vision.crops import CropFile, LabelledCrop, save_shard

SIZE = 128


def square(color: tuple[int, int, int]) -> torch.Tensor:
    """A coloured square on gray."""
    image = torch.full((SIZE, SIZE, 3), 128, dtype=torch.uint8)
    image[32:96, 32:96] = torch.tensor(color, dtype=torch.uint8)
    return image


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Twenty shards, so that one is held out."""
    for seed in range(20):
        images = torch.stack([square((255, 0, 0)), square((0, 0, 255)), torch.full_like(square((0, 0, 0)), 128)])
        save_shard(tmp_path / f"crops-{seed:05d}.safetensors", images, ["box", "ball", ""], ["red", "blue", ""])
    return tmp_path


def test_packed_crops_come_back_and_whole_worlds_are_held_out(crops: Path) -> None:
    train, unseen = CropFile(crops), CropFile(crops, held_out=True)
    assert (len(train), len(unseen)) == (57, 3)
    assert train.names == ("ball", "box")
    assert torch.equal(train[0].image, square((255, 0, 0)))
    assert [train[i].caption for i in range(3)] == ["box, red", "ball, blue", UNCLEAR]


def test_an_empty_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `finetune crops` first"):
        CropFile(tmp_path)


@pytest.mark.parametrize(
    ("question", "said"),
    [("", "mug, red"), (COLOR_QUESTIONS[0], "red"), (THING_QUESTIONS[0], "a mug")],
)
def test_questions_about_a_crop_get_their_own_answers(question: str, said: str) -> None:
    crop = LabelledCrop(image=square((255, 0, 0)), name="mug", color="red")
    nothing = LabelledCrop(image=square((0, 0, 0)), name="", color="")
    assert naming_chat(crop, question).messages[-1]["content"] == said
    assert naming_chat(nothing, question).messages[-1]["content"] == UNCLEAR


def test_augmentation_keeps_form_and_label_or_says_unclear() -> None:
    crop = LabelledCrop(image=square((255, 0, 0)), name="box", color="red")
    seen = [augmented(crop, crop, random.Random(i)) for i in range(80)]
    assert {(c.image.shape, c.image.dtype) for c in seen} == {((SIZE, SIZE, 3), torch.uint8)}
    assert {(c.name, c.color) for c in seen} == {("box", "red"), ("", "")}
    assert all(torch.equal(a.image, augmented(crop, crop, random.Random(i)).image) for i, a in enumerate(seen[:5]))


def test_batched_augmentation_is_seeded_and_marks_what_it_spoils() -> None:
    images = torch.stack([square((255, 0, 0))] * 64).permute(0, 3, 1, 2)
    first, spoiled = augmented_batch(images, torch.Generator().manual_seed(1))
    again, _ = augmented_batch(images, torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    assert first.shape == images.shape
    assert 0 < int(spoiled.sum()) < 32
    red = first[~spoiled].float().mean((2, 3))
    assert bool((red[:, 0] > red[:, 2]).all())


def test_the_tower_learns_two_things_and_is_exported(tiny_folder: Path, crops: Path, tmp_path: Path) -> None:
    settings = VisionSettings(base=tiny_folder, crops=crops, out=tmp_path / "vision", layers=2)
    config = TrainConfig(steps=30, rows=16, lr=2e-3, warmup=3, compile=False, eval_every=30)
    assert train_vision(settings, config) == 30
    lines = (settings.out / "progress.jsonl").read_text()
    folder = export_vision(settings)
    before = Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32)
    after = Idefics3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    assert '"held_out"' in lines
    assert torch.equal(before.model.text_model.embed_tokens.weight, after.model.text_model.embed_tokens.weight)
    key = "embeddings.patch_embedding.weight"
    assert not torch.equal(before.model.vision_model.state_dict()[key], after.model.vision_model.state_dict()[key])
    assert len(after.model.vision_model.encoder.layers) == 2
    # The exported folder names things by itself: the two colours of the crops are two names.
    recogniser = LocalVlm.load(str(folder), None, name="trained").recogniser
    assert recogniser is not None
    red, blue = recogniser.recognise([[square((255, 0, 0))], [square((0, 0, 255))]])
    assert red.names["box"] > blue.names["box"]


def test_a_grown_tower_sees_the_same(tiny_folder: Path) -> None:
    tower = Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).model.vision_model
    deeper = deepened(tower, 3, seed=0)
    pixels = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    assert len(deeper.encoder.layers) == 3
    assert torch.allclose(
        deeper(pixel_values=pixels).last_hidden_state, tower(pixel_values=pixels).last_hidden_state, atol=1e-5
    )
    with pytest.raises(ValueError, match="at least the 3 layers"):
        deepened(deeper, 2, seed=0)


def test_vision_loss_falls_on_a_fixed_batch(tiny_folder: Path) -> None:
    tower = Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).model.vision_model
    mimetic_start(tower, 0)
    module = VisionLoss(tower, 64, names=2, colors=2, compile_tower=False)
    images = torch.stack([square((255, 0, 0)), square((0, 0, 255))]).permute(0, 3, 1, 2)
    batch = CropBatch(images=images, names=torch.tensor([1, 2]), colors=torch.tensor([0, -100]))
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3)
    losses = []
    for _ in range(20):
        loss = module(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_scores_of_an_untrained_model_are_zero_and_count_everything(tiny_folder: Path, crops: Path) -> None:
    encoder = Encoder(load_tokenizer(tiny_folder), image_tokens=IMAGE_TOKENS)
    model = Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    pack = generic_pack(random.Random(0), 5)
    from finetune.language.data import Chat

    group = Group(chats=tuple(Chat(messages=turn, family="x") for turn in pack.conversations), tools=pack.tools)
    record = exact_scores(model, encoder, [group], length=1536).record()
    written = sum(message["role"] == "assistant" for turn in pack.conversations for message in turn)
    assert record["all"]["turns"] == 5
    assert record["all"]["messages"] == written
    assert record["all"]["turn_exact"] == 0
    naming = naming_scores(model, encoder, CropFile(crops), 30, NAME_SYSTEM)
    assert naming["crops"] == 30
    assert naming["name"] == 0


def test_a_perfect_model_scores_one(tiny_folder: Path) -> None:
    """The oracle: first choices that are the targets themselves."""
    from finetune.language.data import Chat
    from finetune.recipes import evaluate

    encoder = Encoder(load_tokenizer(tiny_folder), image_tokens=IMAGE_TOKENS)
    pack = generic_pack(random.Random(0), 3)
    group = Group(chats=tuple(Chat(messages=turn, family="x") for turn in pack.conversations), tools=pack.tools)
    original = evaluate.first_choices
    try:
        evaluate.first_choices = lambda model, encoder, batch: batch.targets
        record = exact_scores(torch.nn.Identity(), encoder, [group], length=1536).record()
    finally:
        evaluate.first_choices = original
    assert record["all"]["turn_exact"] == record["all"]["message_exact"] == 1
