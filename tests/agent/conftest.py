"""A random model of the embedded class, small enough for a test, and a model that plays a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from torch import Tensor

from agent.model.interface import Reply
from agent.model.protocol import Message, ToolCall, ToolSchema, hermes
from agent.model.recogniser import Recogniser
from agent.prompts import UNCLEAR
from finetune.language.embedded import embedded_config, new_model, save_embedded
from finetune.language.tokenizer import generated_text, save_tokenizer, train_tokenizer
from finetune.recipes.base import load_tokenizer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary model folder with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tokenizer(train_tokenizer(generated_text(0, 20), 600), folder)
    tokenizer = load_tokenizer(folder)
    config = embedded_config(tokenizer, hidden=64, layers=2, vision_hidden=64, vision=1)
    save_embedded(new_model(config, seed=0), tokenizer, folder)
    return folder


@dataclass
class ScriptedVlm:
    """``Vlm`` that plays a list of calls (or plain texts) and keeps what it was shown."""

    script: list[ToolCall | str | Exception]
    base: str = "scripted"
    adapter: str | None = None
    backend: str = "test"
    recogniser: Recogniser | None = None
    shown: list[tuple[list[Message], list[Tensor], list[ToolSchema]]] = field(default_factory=list)

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = 256,
    ) -> Reply:
        self.shown.append((list(messages), list(images), list(tools)))
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, str):
            return Reply(text=said, problem="expected one tool call")
        return Reply(text=hermes(said), call=said, prefill_ms=1.0, decode_ms=2.0)

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """It names nothing; what it says of pictures is no part of its script."""
        return [Reply(text=UNCLEAR) for _ in pictures]


@pytest.fixture
def scripted() -> type[ScriptedVlm]:
    """The class of scripted models."""
    return ScriptedVlm
