"""The scorer of whole turns: gold that is played is right, and what differs in substance is not."""

from __future__ import annotations

import pytest

from agent.conversation.graph import build_assistant
from agent.model.protocol import ToolCall
from finetune.pointer.turns import GoldTurn, gold_turns, is_right, run_turn, score_turns
from tests.agent.conftest import ScriptedVlm


@pytest.fixture(scope="module")
def turns() -> list[GoldTurn]:
    return gold_turns("val", 60, seed=1)


def played(turn: GoldTurn, calls: tuple[ToolCall, ...]) -> bool:
    # An answer that is sent back is asked for again.
    assistant = build_assistant(ScriptedVlm(script=[*calls, calls[-1], calls[-1]]))
    return is_right(turn, run_turn(assistant, turn))


def test_gold_that_is_played_is_right(turns: list[GoldTurn]) -> None:
    wrong = [turn.family for turn in turns if not played(turn, turn.calls)]
    assert not wrong


def test_the_opposite_of_yes_is_wrong(turns: list[GoldTurn]) -> None:
    flipped = 0
    for turn in turns:
        end = turn.calls[-1]
        text = str(end.arguments["text"])
        if text.startswith(("Yes, ", "No, ")):
            other = text.replace("Yes, ", "No, ", 1) if text.startswith("Yes") else text.replace("No, ", "Yes, ", 1)
            said = ToolCall(name=end.name, arguments={**end.arguments, "text": other})
            assert not played(turn, (*turn.calls[:-1], said))
            flipped += 1
    assert flipped > 5


def test_small_talk_with_a_tool_call_is_wrong(turns: list[GoldTurn]) -> None:
    talks = [turn for turn in turns if turn.family == "small_talk"]
    assert talks
    for turn in talks:
        assert not played(turn, (ToolCall(name="where_am_i", arguments={}), turn.calls[-1]))


def test_scores_are_shares_of_all_turns(turns: list[GoldTurn]) -> None:
    few = turns[:5]
    script = [call for turn in few for call in turn.calls]
    record, wrong = score_turns(ScriptedVlm(script=list(script)), few, show=3)
    assert record["right"] == 100.0
    assert record["turns"] == 5
    assert not wrong
