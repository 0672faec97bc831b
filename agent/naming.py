"""Names for things from the vision-language model: crops in, label, confidence and colour out.

The confidence is the product of the probabilities of the name's own tokens, so it falls when the model hesitates; a
picture that shows nothing nameable gives the label ``""``.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from agent.grammar import NAME_GRAMMAR
from agent.protocol import NAME_QUESTION, NAME_SYSTEM, UNCLEAR, Message
from agent.vlm import Reply, Vlm
from tools.naming import NameGuess

LOOK_TOKENS = 24


class VlmNamer:
    """Names crops with a model; fills ``tools.naming.Namer``."""

    def __init__(self, model: Vlm) -> None:
        self._model = model

    def name(self, crops: Sequence[Tensor]) -> list[NameGuess]:
        """(H, W, 3) uint8 crops -> guesses, in order."""
        replies = self._model.replies(_ask(NAME_QUESTION), crops, grammar=NAME_GRAMMAR, limit=LOOK_TOKENS)
        return [guess_of(reply) for reply in replies]

    def look(self, crop: Tensor, question: str) -> str:
        """A short answer about one crop; ``""`` = cannot say."""
        reply = self._model.reply(_ask(question), [crop], grammar=NAME_GRAMMAR, limit=LOOK_TOKENS)
        said = reply.text.strip()
        return "" if said == UNCLEAR else said


def _ask(question: str) -> list[Message]:
    return [
        {"role": "system", "content": NAME_SYSTEM},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]},
    ]


def guess_of(reply: Reply) -> NameGuess:
    """``mug, red`` as a guess; ``unclear`` is the empty label."""
    label, _, color = reply.text.strip().partition(", ")
    if label == UNCLEAR:
        return NameGuess(label="", confidence=reply.confidence)
    return NameGuess(label=label, confidence=name_confidence(reply), color=color)


def name_confidence(reply: Reply) -> float:
    """Product of the probabilities of the name's tokens, up to and with the comma that ends it."""
    confidence = 1.0
    for text, probability in reply.pieces:
        confidence *= probability
        if "," in text:
            break
    return confidence
