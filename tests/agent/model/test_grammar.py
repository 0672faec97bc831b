"""Whatever the logits, what is written under the grammar is one valid call."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.conversation.turn import tools_for
from agent.model.grammar import GrammarError, Grammars, Matcher, greedy_choice
from agent.model.protocol import hermes, parse_call
from finetune.recipes.base import load_tokenizer
from tools.toolbox.answers import AnswerArguments
from tools.toolbox.facts import Fact
from tools.toolbox.toolbox import TOOLS, tool_schemas

FACTS = [Fact(id="o5", role="place", text="the mug"), Fact(id="f1", role="count", text="2 mugs")]


def write(matcher: Matcher, vocab: int, seed: int, limit: int = 400) -> list[int] | None:
    """Sample under the grammar from random logits; None where the limit came first."""
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    while len(ids) < limit:
        ids += matcher.forced()
        if matcher.finished:
            return ids
        token, _ = greedy_choice(matcher.constrain(torch.randn(vocab, generator=generator) * 3))
        matcher.accept(token)
        ids.append(token)
    return None


@pytest.fixture(scope="module")
def grammars(tiny_folder: Path) -> Grammars:
    tokenizer = load_tokenizer(tiny_folder)
    return Grammars(tokenizer, len(tokenizer))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_random_logits_never_give_an_invalid_call(grammars: Grammars, tiny_folder: Path, seed: int) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    ids = write(grammars.calls(tool_schemas()), len(tokenizer), seed)
    if ids is None:
        return
    call = parse_call(str(tokenizer.decode(ids)))
    models = {tool.name: tool.arguments for tool in TOOLS} | {"answer": AnswerArguments}
    try:
        models[call.name].model_validate(call.arguments)
    except ValidationError as error:
        pytest.fail(f"{call}: {error}")


def test_what_is_written_is_the_serialisation_of_training(grammars: Grammars, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    ids = write(grammars.calls(tool_schemas()), len(tokenizer), seed=3)
    assert ids is not None
    text = str(tokenizer.decode(ids))
    assert hermes(parse_call(text)) == text


def test_an_answer_can_cite_only_what_was_returned(grammars: Grammars, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    schemas = tools_for([*FACTS, Fact(id="o5", role="place", text="again")])
    answer = [schema for schema in schemas if schema["function"]["name"] == "answer"]
    cited: set[str] = set()
    for seed in range(12):
        ids = write(grammars.calls(answer), len(tokenizer), seed)
        if ids is not None:
            cited.update(parse_call(str(tokenizer.decode(ids))).arguments.get("cite", []))
    assert cited
    assert cited <= {"o5", "f1"}


def test_nothing_can_be_cited_before_a_tool_was_called(grammars: Grammars, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    answer = [schema for schema in tools_for([]) if schema["function"]["name"] == "answer"]
    for seed in range(6):
        ids = write(grammars.calls(answer), len(tokenizer), seed)
        assert ids is None or not parse_call(str(tokenizer.decode(ids))).arguments.get("cite")


def test_the_grammar_knows_the_rules_of_the_answer_contract(grammars: Grammars, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    facts = FACTS
    statuses: set[str] = set()
    for seed in range(30):
        schemas = tools_for(facts if seed % 2 else [])
        answer = [schema for schema in schemas if schema["function"]["name"] == "answer"]
        ids = write(grammars.calls(answer), len(tokenizer), seed)
        if ids is None:
            continue
        said = parse_call(str(tokenizer.decode(ids))).arguments
        statuses.add(said["status"])
        if said["status"] == "answered":
            assert seed % 2
            assert said["cite"]
        assert ("reason" in said) or said["status"] != "abstained"
        assert "reason" not in said or said["status"] != "answered"
    assert {"abstained", "clarify"} <= statuses


def test_most_of_a_call_is_forced(grammars: Grammars, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    matcher = grammars.calls(tool_schemas())
    forced = choices = 0
    text = '<tool_call>\n{"name": "where_am_i", "arguments": {}}\n</tool_call>'
    waiting = tokenizer.encode(text, add_special_tokens=False)
    while not matcher.finished:
        run = matcher.forced()
        forced += len(run)
        waiting = waiting[len(run) :]
        if waiting and not matcher.finished:
            matcher.accept(waiting.pop(0))
            choices += 1
    assert forced > 2 * choices


def test_a_forbidden_token_is_an_error(grammars: Grammars) -> None:
    matcher = grammars.calls(tool_schemas())
    with pytest.raises(GrammarError, match="expected an allowed token"):
        matcher.accept(0)


def test_a_keyword_that_cannot_be_enforced_is_refused(grammars: Grammars) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}, "required": ["a"]}
    tool = {"type": "function", "function": {"name": "x", "description": "", "parameters": schema}}
    with pytest.raises(GrammarError, match="expected a schema"):
        grammars.calls([tool])
