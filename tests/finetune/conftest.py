"""A tokenizer and a random model of the embedded class, small enough for a test; tools in other words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from finetune.language import trace_writer
from finetune.language.embedded import embedded_config, new_model, save_embedded
from finetune.language.tokenizer import generated_text, save_tokenizer, train_tokenizer
from finetune.recipes.base import load_tokenizer
from tools.toolbox.facts import ToolResult
from tools.toolbox.toolbox import run_tool


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary model folder with random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tokenizer(train_tokenizer(generated_text(0, 20), 600), folder)
    tokenizer = load_tokenizer(folder)
    config = embedded_config(tokenizer, hidden=64, layers=2, vision_hidden=64, vision=1)
    save_embedded(new_model(config, seed=0), tokenizer, folder)
    return folder


def reworded(text: str) -> str:
    """Other words in reverse order without punctuation between them; only numbers stay."""
    words = [word.strip(",;:.()") for word in text.split()]
    return " ".join(w if re.search(r"\d", w) else f"q{w}" for w in reversed(words) if w)


def reworded_result(result: ToolResult) -> ToolResult:
    """The same result in other words."""
    facts = tuple(replace(fact, text=reworded(fact.text), short=reworded(fact.short)) for fact in result.facts)
    miss = result.miss and replace(result.miss, clause=reworded(result.miss.clause))
    return replace(result, text="\n".join(fact.line for fact in facts), facts=facts, miss=miss)


@pytest.fixture
def reword_tools(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, every line that a gold trace reads is worded otherwise."""
    return lambda: monkeypatch.setattr(trace_writer, "run_tool", lambda *given: reworded_result(run_tool(*given)))
