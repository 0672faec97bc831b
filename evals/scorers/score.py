"""What a scorer says of one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One judgement. ``value`` None = unscored: there was nothing to judge. That is not zero."""

    value: float | None
    """0..1 unless the scorer says otherwise."""
    answer: str = ""
    """What was judged, as it was read."""
    explanation: str = ""
    """Why, in words: what was expected and what came."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool | None:
        """Whether it is fully right; None = unscored."""
        return None if self.value is None else self.value >= 1.0


UNSCORED = Score(value=None)


def passed(ok: bool, *, answer: str = "", expected: str = "", **metadata: Any) -> Score:
    """1 or 0, with what was expected where it is 0."""
    explanation = "" if ok else f"expected {expected}, got {answer or 'nothing'}"
    return Score(value=float(ok), answer=answer, explanation=explanation, metadata=metadata)
