"""Names of crops: batched is the same as one by one, hesitation lowers the confidence, "cannot say" is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from agent.grammar import NAME_GRAMMAR
from agent.naming import VlmNamer, guess_of, name_confidence
from agent.protocol import NAME_QUESTION, NAME_SYSTEM
from agent.vlm import LocalVlm, Reply

PICTURES = [
    torch.randint(0, 256, (40 + 8 * i, 64, 3), generator=torch.Generator().manual_seed(i), dtype=torch.uint8)
    for i in range(5)
]


def test_names_side_by_side_are_names_one_by_one(tiny_folder: Path) -> None:
    vlm = LocalVlm.load(str(tiny_folder), None, name="tiny")
    asked = [
        {"role": "system", "content": NAME_SYSTEM},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": NAME_QUESTION}]},
    ]
    together = VlmNamer(vlm).name(PICTURES)
    alone = [guess_of(vlm.reply(asked, [p], grammar=NAME_GRAMMAR, limit=24)) for p in PICTURES]
    assert [(g.label, g.color) for g in together] == [(g.label, g.color) for g in alone]
    assert [g.confidence for g in together] == pytest.approx([g.confidence for g in alone], abs=1e-4)


def test_the_confidence_is_that_of_the_name_not_of_the_colour() -> None:
    reply = Reply(text="wine glass, red", pieces=(("wine", 0.5), (" glass", 0.8), (",", 0.9), (" red", 0.1)))
    assert name_confidence(reply) == pytest.approx(0.36)
    guess = guess_of(reply)
    assert (guess.label, guess.color) == ("wine glass", "red")


def test_unclear_is_the_empty_label() -> None:
    assert guess_of(Reply(text="unclear", pieces=(("unclear", 0.7),))).label == ""


@pytest.mark.parametrize(("said", "expected"), [("a mug", "a mug"), ("unclear", "")])
def test_looking_says_what_the_model_says_or_nothing(scripted: Any, said: str, expected: str) -> None:
    assert VlmNamer(scripted([said])).look(PICTURES[0], "what is this?") == expected


def test_no_crops_no_names(scripted: Any, tiny_folder: Path) -> None:
    vlm = LocalVlm.load(str(tiny_folder), None, name="tiny")
    assert VlmNamer(vlm).name([]) == []
