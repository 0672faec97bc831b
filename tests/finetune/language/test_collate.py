"""Packing: a conversation behind a shared prefix is what it would be alone; only the assistant's words are targets."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import Idefics3ForConditionalGeneration

from agent.model.protocol import render
from finetune.language.collate import Encoder, attention_mask, make_batch
from finetune.language.data import Chat, CopySource, GenericSource, Group, Mixture
from finetune.language.embedded import IMAGE_TOKENS
from finetune.language.train import PackedLoss
from finetune.recipes.base import load_tokenizer
from finetune.vision.crop_chats import naming_chat
from finetune.vision.crops import LabelledCrop


@pytest.fixture(scope="module")
def encoder(tiny_folder: Path) -> Encoder:
    return Encoder(load_tokenizer(tiny_folder), image_tokens=IMAGE_TOKENS)


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> Idefics3ForConditionalGeneration:
    return Idefics3ForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).eval()


class Fixed:
    """Deals one group, again and again."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def __call__(self, rng: random.Random) -> Group:
        return self.group


def crop_chat(seed: int) -> Chat:
    image = torch.randint(0, 256, (128, 128, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return naming_chat(LabelledCrop(image=image, name="mug", color="red"))


def loss_of(model: Idefics3ForConditionalGeneration, encoder: Encoder, group: Group, length: int) -> float:
    """Packed loss of a row that holds the group once."""
    batch = make_batch(Mixture([(Fixed(group), 1)]), encoder, seed=0, step=0, rows=range(1), length=length)
    with torch.inference_mode():
        return float(PackedLoss(model, image_id=encoder.image_id, compile_text=False)(batch))


def plain_losses(model: Idefics3ForConditionalGeneration, encoder: Encoder, group: Group, chat: Chat) -> torch.Tensor:
    """Reference: one conversation through the model's own causal forward; losses where the assistant wrote."""
    prefix, own = encoder.prefix(group), encoder.chat(chat)
    ids = torch.tensor([prefix.ids + own.ids])
    inputs: dict[str, torch.Tensor] = {}
    if chat.images:
        pixels = torch.stack([image.permute(2, 0, 1) for image in chat.images]).float() / 127.5 - 1.0
        inputs["pixel_values"] = pixels[None]
    with torch.inference_mode():
        logits = model(input_ids=ids, **inputs).logits[0, :-1]
    losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
    weights = torch.tensor((prefix.weights + own.weights)[1:])
    return losses[weights > 0]


@pytest.mark.parametrize("kind", ["generic", "reading", "pictures"])
def test_packed_loss_equals_plain_sequences(
    model: Idefics3ForConditionalGeneration, encoder: Encoder, kind: str
) -> None:
    rng = random.Random(4)
    group = {
        "generic": GenericSource(3)(rng),
        "reading": CopySource(3)(rng),
        "pictures": Group(chats=(crop_chat(1), crop_chat(2), crop_chat(3)), system="Look."),
    }[kind]
    sizes = [len(encoder.chat(chat).ids) for chat in group.chats]
    length = len(encoder.prefix(group).ids) + sum(sizes)
    reference = torch.cat([plain_losses(model, encoder, group, chat) for chat in group.chats]).mean()
    assert loss_of(model, encoder, group, length) == pytest.approx(float(reference), abs=2e-4)


def test_targets_are_exactly_what_the_assistant_wrote(encoder: Encoder) -> None:
    group = GenericSource(2)(random.Random(1))
    batch = make_batch(Mixture([(Fixed(group), 1)]), encoder, seed=0, step=0, rows=range(1), length=900)
    first = (batch.segments[0] == 1) & (batch.groups[0] == 0) & (batch.weights[0] > 0)
    written = "".join(span.text for span in render(group.chats[0].messages) if span.written)
    assert encoder.tokenizer.decode(batch.targets[0][first].tolist()) == written


def test_images_are_never_targets(encoder: Encoder) -> None:
    eager = Encoder(encoder.tokenizer, image_tokens=IMAGE_TOKENS, context_weight=0.5)
    chat = crop_chat(0)
    encoded = eager.chat(chat)
    assert encoded.ids.count(eager.image_id) == IMAGE_TOKENS
    assert all(w == 0 for w, token in zip(encoded.weights, encoded.ids, strict=True) if token == eager.image_id)
    assert set(encoded.weights) == {0.0, 0.5, 1.0}


def test_pieces_of_a_conversation_tokenise_as_the_whole(encoder: Encoder) -> None:
    rng = random.Random(5)
    for chat in GenericSource(6)(rng).chats + CopySource(6)(rng).chats:
        whole = encoder.ids("".join(span.text for span in render(chat.messages)[1:]))
        assert encoder.chat(chat).ids == whole


def test_the_mask_shows_prefix_and_own_conversation_only() -> None:
    groups = torch.tensor([[0, 0, 0, 0, 0, 1, 1, -1]])
    segments = torch.tensor([[0, 0, 1, 2, 2, 0, 1, 0]])
    seen = attention_mask(groups, segments)[0, 0]
    expected = {0: {0}, 1: {0, 1}, 2: {0, 1, 2}, 3: {0, 1, 3}, 4: {0, 1, 3, 4}, 5: {5}, 6: {5, 6}, 7: {7}}
    assert {row: set(seen[row].nonzero().flatten().tolist()) for row in range(8)} == expected


def test_a_batch_depends_on_seed_step_and_row_only(encoder: Encoder) -> None:
    mixture = Mixture([(GenericSource(), 0.5), (CopySource(), 0.5)])
    both = make_batch(mixture, encoder, seed=1, step=7, rows=range(2), length=512)
    second = make_batch(mixture, encoder, seed=1, step=7, rows=range(1, 2), length=512)
    other = make_batch(mixture, encoder, seed=1, step=8, rows=range(1, 2), length=512)
    assert torch.equal(both.ids[1:], second.ids)
    assert not torch.equal(other.ids, second.ids)


def test_a_conversation_that_does_not_fit_a_row_is_left_out_whole(encoder: Encoder) -> None:
    group = GenericSource(8)(random.Random(2))
    whole = {tuple(encoder.chat(chat).ids) for chat in group.chats}
    length = len(encoder.prefix(group).ids) + sum(map(len, whole)) // 2
    batch = make_batch(Mixture([(Fixed(group), 1.0)]), encoder, seed=0, step=0, rows=range(1), length=length)
    ids, segments = batch.ids[0][batch.groups[0] == 0], batch.segments[0][batch.groups[0] == 0]
    packed = [tuple(ids[segments == n].tolist()) for n in range(1, int(segments.max()) + 1)]
    assert 0 < len(packed) < len(whole)
    assert set(packed) <= whole
