"""Names of crops: batched is the same as one by one, hesitation lowers the confidence, "cannot say" is kept.

The recogniser's oracles are a tower that reads one pixel, and the algebra of averaged log-probabilities.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from agent.model.grammar import NAME_GRAMMAR
from agent.model.interface import ModelError, Reply
from agent.model.namer import VlmNamer, combine_guesses, name_confidence, parse_guess
from agent.model.recogniser import HEADS_FILE, Recogniser, Recognition
from agent.model.vlm import LocalVlm
from agent.prompts import NAME_QUESTION, NAME_SYSTEM
from tools.scene_graph.object_names import NameGuess

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
    together = VlmNamer(vlm).name([[picture] for picture in PICTURES])
    alone = [parse_guess(vlm.reply(asked, [p], grammar=NAME_GRAMMAR, limit=24)) for p in PICTURES]
    assert [(g.label, g.color) for g in together] == [(g.label, g.color) for g in alone]
    assert [g.confidence for g in together] == pytest.approx([g.confidence for g in alone], abs=1e-4)


def test_the_confidence_is_that_of_the_name_not_of_the_colour() -> None:
    reply = Reply(text="wine glass, red", pieces=(("wine", 0.5), (" glass", 0.8), (",", 0.9), (" red", 0.1)))
    assert name_confidence(reply) == pytest.approx(0.36)
    guess = parse_guess(reply)
    assert (guess.label, guess.color) == ("wine glass", "red")


def test_unclear_is_the_empty_label() -> None:
    assert parse_guess(Reply(text="unclear", pieces=(("unclear", 0.7),))).label == ""


@pytest.mark.parametrize(("said", "expected"), [("a mug", "a mug"), ("unclear", "")])
def test_looking_says_what_the_model_says_or_nothing(scripted: Any, said: str, expected: str) -> None:
    assert VlmNamer(scripted([said])).look(PICTURES[0], "what is this?") == expected


def test_no_crops_no_names(scripted: Any, tiny_folder: Path) -> None:
    vlm = LocalVlm.load(str(tiny_folder), None, name="tiny")
    assert VlmNamer(vlm).name([]) == []


class OnePixel:
    """A "vision tower" whose mean patch is the colour of the first pixel, 0..255."""

    def __call__(self, pixel_values: torch.Tensor) -> Any:
        return SimpleNamespace(last_hidden_state=pixel_values[:, None, :, 0, 0])


def unprepared(pictures: list[list[Any]], return_tensors: str) -> dict[str, torch.Tensor]:
    """An "image processor" that changes nothing."""
    assert return_tensors == "pt"
    return {"pixel_values": torch.stack([torch.from_numpy(p).permute(2, 0, 1)[None].float() for (p,) in pictures])}


def two_names(temperature: float = 1.0) -> Recogniser:
    """Scores: "" 0, ball = red, cube = green, as they stand."""
    weight = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    heads = {
        "name_head.weight": weight,
        "name_head.bias": torch.zeros(3),
        "color_head.weight": weight[1:],
        "color_head.bias": torch.zeros(2),
    }
    return Recogniser(
        OnePixel(), unprepared, heads, names=["ball", "cube"], colors=["red", "green"], temperature=temperature
    )


def flat(red: int, green: int) -> torch.Tensor:
    return torch.tensor([red, green, 0], dtype=torch.uint8).expand(4, 4, 3).contiguous()


def test_views_of_one_thing_vote_together() -> None:
    one, two = two_names().recognise([[flat(3, 0), flat(0, 1)], [flat(0, 2)]])
    # Mean scores of the first: ball (3 + 0) / 2, cube (0 + 1) / 2, up to each view's own constant.
    expected = torch.tensor([0.0, 1.5, 0.5]).softmax(0)
    assert list(one.names.values()) == pytest.approx(expected.tolist(), abs=1e-6)
    assert (one.best[0], one.color) == ("ball", "red")
    assert (two.best[0], two.color) == ("cube", "green")


def test_a_higher_temperature_is_less_sure_of_the_same_name() -> None:
    (cold,), (warm,) = two_names().recognise([[flat(3, 0)]]), two_names(2.0).recognise([[flat(3, 0)]])
    assert cold.best[0] == warm.best[0] == "ball"
    assert warm.best[1] < cold.best[1]


def test_decoder_and_recogniser_share_the_say() -> None:
    seen = Recognition(names={"": 0.1, "ball": 0.8, "cube": 0.1}, color="red")
    agreed = combine_guesses(NameGuess(label="ball", confidence=0.9, color="blue"), seen)
    assert (agreed.label, agreed.color, agreed.source) == ("ball", "blue", "vlm")
    overruled = combine_guesses(NameGuess(label="melon", confidence=0.3), seen)
    assert (overruled.label, overruled.color, overruled.source) == ("ball", "red", "detector")
    assert overruled.confidence < agreed.confidence
    unknown = combine_guesses(
        NameGuess(label="melon", confidence=0.9), Recognition(names={"": 0.6, "ball": 0.4}, color="red")
    )
    assert (unknown.label, unknown.color, unknown.source) == ("", "", "detector")


def test_heads_of_another_tower_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    heads = {"name_head.weight": torch.zeros(3, 7), "name_head.bias": torch.zeros(3)}
    save_file(heads, folder / HEADS_FILE, metadata={"names": '["a", "b"]', "colors": "[]"})
    with pytest.raises(ModelError, match="3 x 64 name weights"):
        LocalVlm.load(str(folder), None, name="odd")
