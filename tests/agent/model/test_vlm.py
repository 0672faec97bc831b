"""Loading models: folders, real hub classes, and what happens to broken files."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
import torch

from agent.model.interface import ModelError
from agent.model.protocol import user_message
from agent.model.vlm import LocalVlm, load_vlm
from tools.toolbox.toolbox import tool_schemas

PICTURE = torch.arange(64 * 96 * 3).reshape(64, 96, 3).to(torch.uint8)


def test_a_folder_is_a_model(tiny_folder: Path) -> None:
    vlm = load_vlm(str(tiny_folder))
    assert (vlm.base, vlm.adapter, vlm.backend) == (str(tiny_folder), None, "torch")
    reply = vlm.reply([user_message("hi")], [PICTURE], tool_schemas(), limit=40)
    assert reply.text.startswith('<tool_call>\n{"name": "')
    assert 0 <= reply.confidence <= 1


def test_auto_classes_load_the_folder(tiny_folder: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

    model = AutoModelForImageTextToText.from_pretrained(tiny_folder)
    processor = AutoProcessor.from_pretrained(tiny_folder)
    text = processor.apply_chat_template([user_message("hi")], tools=tool_schemas(), add_generation_prompt=True)
    batch = processor(text=[text], images=[PICTURE.numpy()], return_tensors="pt")
    assert "where_is(object: string)" in text
    assert model(**batch).logits.shape[-1] == len(AutoTokenizer.from_pretrained(tiny_folder))


@pytest.mark.parametrize("damage", ["truncated", "missing", "garbage"])
def test_broken_weights_are_one_line(tiny_folder: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    weights = folder / "model.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(b"not a tensor file" * 100)
    with pytest.raises(ModelError, match="expected a vision-language model in") as caught:
        load_vlm(str(folder))
    assert "\n" not in str(caught.value)


def test_nothing_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_vlm(str(tmp_path / "nothing"))
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def tiny_qwen(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalVlm:
    """The real class of a popular hub model with a tiny random config, made offline.

    The processor is made by hand from the class's own parts, because a hub folder would bring its own files.
    """
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from finetune.recipes.base import load_tokenizer

    tokenizer = load_tokenizer(tiny_folder)
    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    start, end, image, video = (tokenizer.get_vocab()[mark] for mark in marks)
    assert isinstance(tokenizer.chat_template, str)
    tokenizer.chat_template = tokenizer.chat_template.replace(
        '"<image>"', '"<|vision_start|><|image_pad|><|vision_end|>"'
    )
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 32,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 4, 4]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 64,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("qwen")
    Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    Qwen2VLImageProcessorPil(patch_size=16, size=size).save_pretrained(folder)
    return LocalVlm.load(str(folder), None, name="tiny-qwen")


def test_a_hub_class_reads_tools_and_pictures_and_writes_a_call(tiny_qwen: LocalVlm) -> None:
    prompt = tiny_qwen.prompt([user_message("hi")], [PICTURE], tool_schemas())
    assert "where_is(object: string)" in tiny_qwen.processor.tokenizer.decode(list(prompt.ids))
    assert "image_grid_thw" in prompt.features
    reply = tiny_qwen.reply([user_message("hi")], [PICTURE], tool_schemas(), limit=60)
    assert reply.text.startswith('<tool_call>\n{"name": "')
    assert reply.reused_tokens == 0


def test_a_hub_class_decodes_as_its_own_generate(tiny_qwen: LocalVlm) -> None:
    prompt = tiny_qwen.prompt([user_message("what is it?")], [PICTURE], ())
    ours = tiny_qwen.decoder.run(prompt, limit=12)
    ids = torch.tensor([prompt.ids])
    theirs = tiny_qwen.model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), **prompt.features, max_new_tokens=12, do_sample=False
    )[0, ids.shape[1] :].tolist()
    ends = tiny_qwen.decoder.end_ids
    # Greedy decoding stops at its own end; generate() knows only the model's end token and may run on.
    assert list(ours.ids) == list(itertools.takewhile(lambda token: token not in ends, theirs))
