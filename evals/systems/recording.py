"""A model that is listened to: the confidence of each reply, which a grounded answer does not carry."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from agent.model.protocol import Message, ToolSchema
from agent.model.recogniser import Recogniser
from agent.model.vlm import ANSWER_TOKENS, Reply, Vlm


class RecordingVlm:
    """``Vlm`` that passes everything on and keeps the replies since ``start``."""

    def __init__(self, inner: Vlm) -> None:
        self._inner = inner
        self.replies_kept: list[Reply] = []

    @property
    def base(self) -> str:
        """See ``Vlm.base``."""
        return self._inner.base

    @property
    def adapter(self) -> str | None:
        """See ``Vlm.adapter``."""
        return self._inner.adapter

    @property
    def backend(self) -> str:
        """See ``Vlm.backend``."""
        return self._inner.backend

    @property
    def recogniser(self) -> Recogniser | None:
        """See ``Vlm.recogniser``."""
        return self._inner.recogniser

    def start(self) -> None:
        """Forget earlier replies: a turn begins."""
        self.replies_kept.clear()

    @property
    def confidence(self) -> float | None:
        """Product of the probabilities of all that was written since ``start``; None where the model tells none."""
        if not self.replies_kept or not all(reply.pieces for reply in self.replies_kept):
            return None
        return math.prod(reply.confidence for reply in self.replies_kept)

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
        reply = self._inner.reply(messages, images, tools, grammar=grammar, limit=limit)
        self.replies_kept.append(reply)
        return reply

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """See ``Vlm.replies``; naming is not part of a turn and is not kept."""
        return self._inner.replies(messages, pictures, grammar=grammar, limit=limit)
