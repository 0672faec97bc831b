"""Our decode loop against plain forward passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from agent.model.decode import Prompt
from agent.model.vlm import LocalVlm
from tools.toolbox.toolbox import tool_schemas


@pytest.fixture(scope="module")
def vlm(tiny_folder: Path) -> LocalVlm:
    return LocalVlm.load(str(tiny_folder), None, name="tiny")


def picture(seed: int) -> Tensor:
    return torch.randint(0, 256, (48, 64, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def ask(text: str) -> list[dict]:
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


@torch.inference_mode()
def plain_greedy(vlm: LocalVlm, prompt: Prompt, count: int) -> list[int]:
    """Reference: the whole sequence afresh for every token."""
    ids = list(prompt.ids)
    for _ in range(count):
        logits = vlm.model(input_ids=torch.tensor([ids]), use_cache=False, **prompt.features).logits[0, -1]
        token = int(logits.argmax())
        if token in vlm.decoder.end_ids:
            break
        ids.append(token)
    return ids[len(prompt.ids) :]


@pytest.mark.parametrize("first", ["where is the mug", "where is", "something else entirely"])
def test_a_reused_prefix_changes_nothing(vlm: LocalVlm, first: str) -> None:
    vlm.decoder.drop_cache()
    vlm.decoder.run(vlm.prompt(ask(first), [picture(1)], tool_schemas()), limit=4)
    prompt = vlm.prompt(ask("where is the mug now"), [picture(1)], tool_schemas())
    again = vlm.decoder.run(prompt, limit=8)
    assert again.reused > 0
    assert list(again.ids) == plain_greedy(vlm, prompt, 8)


def test_another_picture_is_not_taken_from_the_cache(vlm: LocalVlm) -> None:
    vlm.decoder.drop_cache()
    vlm.decoder.run(vlm.prompt(ask("what is it"), [picture(1)], ()), limit=4)
    prompt = vlm.prompt(ask("what is it"), [picture(2)], ())
    again = vlm.decoder.run(prompt, limit=8)
    first_image = prompt.ids.index(prompt.image_token)
    assert again.reused <= first_image
    assert list(again.ids) == plain_greedy(vlm, prompt, 8)


def test_a_second_picture_is_read_behind_a_kept_first(vlm: LocalVlm) -> None:
    vlm.decoder.drop_cache()
    vlm.decoder.run(vlm.prompt(ask("one"), [picture(1)], ()), limit=2)
    messages = [*ask("one"), {"role": "assistant", "content": "ok"}, *ask("two")]
    prompt = vlm.prompt(messages, [picture(1), picture(2)], ())
    again = vlm.decoder.run(prompt, limit=8)
    assert again.reused > prompt.ids.index(prompt.image_token)
    assert list(again.ids) == plain_greedy(vlm, prompt, 8)


def test_forced_tokens_cost_no_choice_and_the_call_is_whole(vlm: LocalVlm) -> None:
    reply = vlm.reply(ask("where am I"), [picture(3)], [tool_schemas()[0]])
    assert [p for t, p in reply.pieces[:4]] == [1.0] * 4
    assert reply.call is not None or reply.problem


def test_an_empty_prompt_is_refused(vlm: LocalVlm) -> None:
    prompt = replace(vlm.prompt(ask("x"), [picture(1)], ()), ids=())
    with pytest.raises(ValueError, match="at least one prompt token"):
        vlm.decoder.run(prompt)
