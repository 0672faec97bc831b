"""Names for things: crops in, label, confidence and colour out.

Two sources. The vision-language model is asked for a name; its confidence is the product of the probabilities of the
name's own tokens, so it falls when the model hesitates. Where the model brings a recogniser, that sees every view of a
thing, and the two guesses are averaged. A picture that shows nothing nameable gives the label ``""``.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from agent.model.grammar import NAME_GRAMMAR
from agent.model.interface import Reply, Vlm
from agent.model.protocol import Message
from agent.model.recogniser import Recognition
from agent.prompts import NAME_QUESTION, NAME_SYSTEM, UNCLEAR
from tools.scene_graph.object_names import NameGuess

LOOK_TOKENS = 24
DECODER_WEIGHT = 0.35
"""Weight of the decoder's name beside the recogniser's, chosen on validation worlds (``finetune/LOG.md``)."""


class VlmNamer:
    """Names crops with a model; fills ``tools.scene_graph.object_names.Namer``."""

    def __init__(self, model: Vlm) -> None:
        self._model = model

    def name(self, things: Sequence[Sequence[Tensor]]) -> list[NameGuess]:
        """The views of each thing, (H, W, 3) uint8, best first -> guesses, in order."""
        best = [views[0] for views in things]
        replies = self._model.replies(_ask(NAME_QUESTION), best, grammar=NAME_GRAMMAR, limit=LOOK_TOKENS)
        decoded = [parse_guess(reply) for reply in replies]
        recogniser = self._model.recogniser
        if recogniser is None:
            return decoded
        return [
            combine_guesses(guess, recognised)
            for guess, recognised in zip(decoded, recogniser.recognise(things), strict=True)
        ]

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


def parse_guess(reply: Reply) -> NameGuess:
    """``mug, red`` as a guess; ``unclear`` is the empty label."""
    label, _, color = reply.text.strip().partition(", ")
    if label == UNCLEAR:
        return NameGuess(label="", confidence=reply.confidence)
    return NameGuess(label=label, confidence=name_confidence(reply), color=color)


def combine_guesses(decoded: NameGuess, recognised: Recognition) -> NameGuess:
    """The decoder's and the recogniser's guesses as one; the source is the one that was surer of the winning name."""
    shares = {name: (1 - DECODER_WEIGHT) * share for name, share in recognised.names.items()}
    shares[decoded.label] = shares.get(decoded.label, 0.0) + DECODER_WEIGHT * decoded.confidence
    label = max(shares, key=lambda name: shares[name])
    said = label == decoded.label and decoded.confidence >= recognised.names.get(label, 0.0)
    color = "" if not label else (decoded.color or recognised.color) if said else recognised.color
    return NameGuess(label=label, confidence=shares[label], color=color, source="vlm" if said else "detector")


def name_confidence(reply: Reply) -> float:
    """Product of the probabilities of the name's tokens, up to and with the comma that ends it."""
    confidence = 1.0
    for text, probability in reply.pieces:
        confidence *= probability
        if "," in text:
            break
    return confidence
