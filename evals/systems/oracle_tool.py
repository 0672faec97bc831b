"""Baseline: the right tool calls are made for the model, and it only writes the answer. What is left is its writing."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from agent.conversation.graph import answer_question, build_assistant
from agent.conversation.turn import Turn
from agent.model.protocol import Message, ToolCall, ToolSchema, hermes
from agent.model.vlm import ANSWER_TOKENS, Reply, Vlm
from evals.items import Item
from evals.scorers.headline import needs_no_evidence
from evals.systems.base import Asked
from evals.systems.recording import RecordingVlm
from tools.toolbox.answers import ANSWER_NAME


class OracleVlm(RecordingVlm):
    """Plays the calls of ``item``'s trace, then lets the model close the turn; without a trace the model is free."""

    def __init__(self, inner: Vlm) -> None:
        super().__init__(inner)
        self.item: Item | None = None

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = ANSWER_TOKENS,
    ) -> Reply:
        """See ``Vlm.reply``."""
        trace = () if self.item is None else self.item.trace
        done = _calls_made(messages)
        if done < len(trace):
            call = ToolCall(name=trace[done].name, arguments=dict(trace[done].arguments))
            return Reply(text=hermes(call), call=call)
        if trace or (self.item is not None and needs_no_evidence(self.item)):
            tools = [tool for tool in tools if tool["function"]["name"] == ANSWER_NAME]
        return super().reply(messages, images, tools, grammar=grammar, limit=limit)


def _calls_made(messages: Sequence[Message]) -> int:
    """Tool results since the newest question, complaints about an answer not counted."""
    count = 0
    for message in reversed(messages):
        if message["role"] == "user":
            break
        count += message["role"] == "tool" and message["name"] != ANSWER_NAME
    return count


class OracleToolSystem:
    """The real graph of a turn around an ``OracleVlm``."""

    def __init__(self, vlm: Vlm) -> None:
        self.model = OracleVlm(vlm)
        self._assistant = build_assistant(self.model)

    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        """See ``System.answer``; in an item's opening the model is free."""
        self.model.item = asked.item if asked.last else None
        return answer_question(self._assistant, asked.question, asked.context, history)
