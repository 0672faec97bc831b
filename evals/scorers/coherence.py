"""Are all answers about one thing right? As Beacon3D counts objects (Huang et al., 2025): knowing a thing is more than
guessing one of its properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evals.scorers.headline import HEADLINE, ItemScores

AT_LEAST = 2
"""Questions about a thing before it counts; Beacon3D asks three about each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coherence:
    """Things asked about more than once."""

    things: int
    all_right: int
    cluster_of: tuple[str, ...]
    """The scene of each thing, and in the same order"""
    right: tuple[bool, ...]
    """whether all its answers are right."""

    @property
    def share(self) -> float | None:
        """Of things with all answers right; None where no thing was asked about twice."""
        return self.all_right / self.things if self.things else None


def coherence(items: Sequence[ItemScores], scorer: str = HEADLINE) -> Coherence:
    """Group items whose answer is about exactly one thing by that thing."""
    groups: dict[tuple[str, str], list[bool]] = {}
    for s in items:
        value = s.value(scorer)
        if value is not None and len(s.item.gold.boxes) == 1:
            key = (s.item.cluster, next(iter(s.item.gold.boxes)))
            groups.setdefault(key, []).append(value >= 1.0)
    kept = {key: values for key, values in groups.items() if len(values) >= AT_LEAST}
    right = tuple(all(values) for values in kept.values())
    return Coherence(
        things=len(kept), all_right=sum(right), cluster_of=tuple(cluster for cluster, _ in kept), right=right
    )
