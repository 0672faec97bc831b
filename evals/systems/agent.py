"""The agent as it ships: LangGraph, tools, grammar, checker."""

from __future__ import annotations

from collections.abc import Sequence

from agent.conversation.graph import answer_question, build_assistant
from agent.conversation.turn import Turn
from agent.model.vlm import Vlm
from evals.systems.base import Asked
from evals.systems.recording import RecordingVlm


class AgentSystem:
    """One model behind the real graph of a turn."""

    def __init__(self, vlm: Vlm) -> None:
        self.model = RecordingVlm(vlm)
        self._assistant = build_assistant(self.model)

    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        """See ``System.answer``."""
        return answer_question(self._assistant, asked.question, asked.context, history)
