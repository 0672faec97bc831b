"""What a system is: something that answers one turn, given the frame and the tools. Knows no gold answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.conversation.turn import Turn, TurnInput
from evals.items import Item
from evals.systems.recording import RecordingVlm
from tools.toolbox.context import ToolContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One turn as a system gets it."""

    question: TurnInput
    context: ToolContext
    item: Item
    """For the baselines that are told more: the family, or the right tool calls. Others do not read it."""
    last: bool = True
    """Whether this is the turn that is judged, and not one of the item's opening."""


class System(Protocol):
    """Answers turns. Raises ``agent.model.vlm.ModelError`` where its model fails."""

    @property
    def model(self) -> RecordingVlm | None:
        """The model inside, for the confidence of what it wrote; None without one."""
        ...

    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        """One turn, with the earlier turns of its dialog."""
        ...
