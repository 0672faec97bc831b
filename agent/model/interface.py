"""What the assistant asks of a vision-language model: the ``Vlm`` protocol, its reply, its error.

Anything with these members can answer: ``agent.model.vlm`` runs weights in this process, ``agent.model.served`` asks a
server, tests play a script. Knows no model family.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from agent.model.protocol import Message, ToolCall, ToolSchema
from agent.model.recogniser import Recogniser
from scenes.errors import InputError

ANSWER_TOKENS = 256
"""Most tokens of a reply where the caller gives no limit."""


class ModelError(InputError):
    """A model that cannot be loaded or that failed; one line: expected, received, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model wrote for one prompt."""

    text: str
    """All of it, calls included."""
    call: ToolCall | None = None
    """The tool call in it; None when there is none or it is broken, which ``problem`` explains."""
    problem: str = ""
    pieces: tuple[tuple[str, float], ...] = ()
    """Each written token's text with its probability under the grammar; 1.0 where it was forced."""
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    reused_tokens: int = 0

    @property
    def confidence(self) -> float:
        """Product of the probabilities of all pieces."""
        return math.prod(probability for _, probability in self.pieces)


class Vlm(Protocol):
    """A vision-language model behind one call."""

    @property
    def base(self) -> str:
        """What was loaded, for the record."""
        ...

    @property
    def adapter(self) -> str | None:
        """What was merged into it, for the record."""
        ...

    @property
    def backend(self) -> str:
        """What runs it: ``torch``, ``openai``, ..."""
        ...

    @property
    def recogniser(self) -> Recogniser | None:
        """What names things by the vision tower alone, where the model brings that."""
        ...

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = ANSWER_TOKENS,
    ) -> Reply:
        """Continue a conversation. ``images``: (H, W, 3) uint8, one per image part, in order.

        With ``tools`` the reply is one call to one of them; with ``grammar`` (Lark) it is text of that form.
        """
        ...

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """The same messages about each picture in turn: short texts of the form of ``grammar``."""
        ...
