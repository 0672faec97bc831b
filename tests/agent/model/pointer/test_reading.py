"""What the encoder reads, and the text that each of its pieces came from."""

from __future__ import annotations

from tokenizers import Tokenizer

from agent.model.pointer.reading import MAX_TOKENS, Kind, question_of, read
from agent.model.protocol import Message, ToolCall, call_message, tool_message, user_message


def turn(question: str, *more: Message) -> list[Message]:
    return [user_message(question), *more]


def test_spans_are_the_original_letters(tokenizer: Tokenizer) -> None:
    source = read(turn("[3.0 s] Where is Granny's Zorblat?"), tokenizer)
    asked = source.tokens_of(Kind.QUESTION)
    assert source.text(asked[0], asked[-1]) == "Where is Granny's Zorblat?"
    start = next(i for i in asked if source.text(i, i) == "Gran" or source.text(i, i).startswith("Granny"))
    assert source.text(start, asked[-2]) == "Granny's Zorblat"


def test_the_time_is_left_out_and_gaze_is_told(tokenizer: Tokenizer) -> None:
    with_gaze = read(turn("[3.0 s, gaze] what is this"), tokenizer)
    without = read(turn("[3.0 s] what is this"), tokenizer)
    assert [part.text for part in with_gaze.parts] == ["gaze", "what is this"]
    assert [part.text for part in without.parts] == ["what is this"]
    assert question_of(turn("[3.0 s, gaze] what is this")) == "what is this"


def test_lines_of_this_turn_are_known_by_their_ids(tokenizer: Tokenizer) -> None:
    result = "none: ambiguous: the mug or the cup\no5 the mug is 2 m away\no7 the cup is 3 m away"
    messages = turn("the mug", call_message(ToolCall(name="where_is", arguments={"object": "mug"})))
    source = read([*messages, tool_message("where_is", result)], tokenizer)
    assert list(source.lines()) == ["o5", "o7"]
    assert {source.parts[source.part_of[i]].kind for i in source.tokens_of(Kind.HEADER)} == {Kind.HEADER}


def test_lines_of_earlier_turns_cannot_be_cited(tokenizer: Tokenizer) -> None:
    call = ToolCall(name="where_is", arguments={"object": "mug"})
    before = turn("the mug", call_message(call), tool_message("where_is", "o5 the mug is 2 m away"))
    end = call_message(ToolCall(name="answer", arguments={"status": "answered", "cite": ["o5"], "text": "There."}))
    source = read([*before, end, user_message("and its color")], tokenizer)
    assert not source.lines()
    assert source.parts[0].text == "and its color"
    assert "There." in [part.text for part in source.parts if part.kind is Kind.HISTORY]


def test_a_long_history_is_cut_and_the_question_is_not(tokenizer: Tokenizer) -> None:
    long = [user_message("word " * 200), {"role": "assistant", "content": "yes " * 200}]
    source = read([*long, user_message("where is the mug")], tokenizer)
    assert len(source) <= MAX_TOKENS
    assert source.text(1, 4) == "where is the mug"


def test_every_piece_lies_inside_its_part(tokenizer: Tokenizer) -> None:
    source = read(turn("t-shirt, café: 2.5 m"), tokenizer)
    for i, part in enumerate(source.part_of):
        if part >= 0:
            assert 0 <= source.starts[i] < source.ends[i] <= len(source.parts[part].text)
