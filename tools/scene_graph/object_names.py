"""Names of objects: who may guess them, how guesses add up, and what a name may look like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from torch import Tensor

MIN_NAME_CONFIDENCE = 0.6
"""Below this confidence an object stays unnamed: a wrong name is worse than none."""
PRIOR_WEIGHT = 0.3
"""Weight of "something else" in a label distribution, in units of one sure guess."""
MAX_NAME_CHARS = 80
NameSource = Literal["vlm", "detector"]
"""Who guessed: a language model that was asked, or a classifier with a closed list of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameGuess:
    """What an object seems to be."""

    label: str
    """Lower case; ``""`` = cannot say."""
    confidence: float
    color: str = ""
    """A basic colour term, or ``""``."""
    source: NameSource = "vlm"


class Namer(Protocol):
    """Names objects from pictures of them."""

    def name(self, things: Sequence[Sequence[Tensor]]) -> Sequence[NameGuess]:
        """The views of each object, (H, W, 3) uint8, best first, at least one -> one guess each."""
        ...


@dataclass(slots=True)
class LabelVotes:
    """A label distribution that several guesses add up to."""

    weights: dict[str, float] = field(default_factory=dict)

    def add(self, label: str, confidence: float) -> None:
        """Add one guess; ``""`` adds nothing."""
        if label:
            self.weights[label] = self.weights.get(label, 0.0) + confidence

    def best(self) -> tuple[str, float]:
        """The leading label and its probability under a constant prior for "something else"; ("", 0) for none."""
        if not self.weights:
            return "", 0.0
        label = max(self.weights, key=lambda k: self.weights[k])
        return label, self.weights[label] / (sum(self.weights.values()) + PRIOR_WEIGHT)

    def shares(self) -> dict[str, float]:
        """Probability of each label by all guesses together; less than 1 in sum where they are not sure."""
        total = max(1.0, sum(self.weights.values()))
        return {label: weight / total for label, weight in self.weights.items()}

    def likeness(self, other: LabelVotes) -> float | None:
        """Cosine between two distributions, 0..1; None where one of them is empty."""
        if not self.weights or not other.weights:
            return None
        product = sum(weight * other.weights.get(label, 0.0) for label, weight in self.weights.items())
        norms = [math.sqrt(sum(w * w for w in votes.weights.values())) for votes in (self, other)]
        return product / max(norms[0] * norms[1], 1e-12)


def clean_name(name: str) -> str:
    """A name as it is stored: one line, single spaces, at most ``MAX_NAME_CHARS``.

    Raises ``ValueError`` with a one-line text when nothing printable is left or when it is too long.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not text:
        raise ValueError("expected a name with at least one visible character, received none")
    if len(text) > MAX_NAME_CHARS:
        raise ValueError(f"expected a name of at most {MAX_NAME_CHARS} characters, received {len(text)}; shorten it")
    return text
