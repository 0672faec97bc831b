"""Who names things: the interface to whatever can look at a picture and say what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

NAMED_FROM = 0.6
"""Below this confidence a thing stays unnamed: a wrong name is worse than none."""
PRIOR_WEIGHT = 0.3
"""Weight of "something else" in a label distribution, in units of one sure look."""
MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class NameGuess:
    """What one picture seems to show."""

    label: str
    """Lower case; ``""`` = cannot say."""
    confidence: float
    color: str = ""
    """A basic colour term, or ``""``."""


class Namer(Protocol):
    """Names pictures of things."""

    def name(self, crops: Sequence[Tensor]) -> Sequence[NameGuess]:
        """(H, W, 3) uint8 crops -> one guess each."""
        ...


@dataclass(slots=True)
class LabelVotes:
    """A label distribution that several looks add up to."""

    weights: dict[str, float] = field(default_factory=dict)

    def add(self, label: str, confidence: float) -> None:
        """One look's guess."""
        if label:
            self.weights[label] = self.weights.get(label, 0.0) + confidence

    def best(self) -> tuple[str, float]:
        """The leading label and its probability under a constant prior for "something else"; ("", 0) for none."""
        if not self.weights:
            return "", 0.0
        label = max(self.weights, key=lambda k: self.weights[k])
        return label, self.weights[label] / (sum(self.weights.values()) + PRIOR_WEIGHT)


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
