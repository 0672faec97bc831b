"""Floors: what the shipped model must reach in a gated suite, or the run ends with exit code 1.

``floors.json`` holds them. A floor is a measured mean minus two of its clustered standard errors, so that a model that
is as good as the measured one misses it in one of forty runs on other items, and never on the same items.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from evals.score import Scored
from scenes.records import Record

FILE = Path(__file__).parent / "floors.json"
ERRORS_BELOW = 2.0


class Floor(Record):
    """One scorer's floor, and the measurement that it comes from."""

    floor: float
    mean: float
    stderr: float
    n: int


_FLOORS: TypeAdapter[dict[str, dict[str, Floor]]] = TypeAdapter(dict[str, dict[str, Floor]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A floor that was not reached."""

    scorer: str
    floor: float
    value: float | None
    """None = nothing was scored."""

    def __str__(self) -> str:
        got = "nothing" if self.value is None else f"{self.value:.3f}"
        return f"expected {self.scorer} of at least {self.floor:.3f}, got {got}"


def floors_of(suite: str, path: Path = FILE) -> dict[str, Floor]:
    """Scorer -> floor; empty for a suite without a gate."""
    return _FLOORS.validate_json(path.read_bytes()).get(suite, {})


def missed(scored: Scored, floors: dict[str, Floor]) -> list[Missed]:
    """The floors that a run did not reach."""
    out = []
    for scorer, floor in floors.items():
        found = scored.whole.scores.get(scorer)
        if found is None or found.mean < floor.floor:
            out.append(Missed(scorer=scorer, floor=floor.floor, value=None if found is None else found.mean))
    return out


def measured(scored: Scored, scorers: tuple[str, ...]) -> dict[str, Floor]:
    """Floors from a run of the model that ships."""
    out = {}
    for scorer in scorers:
        found = scored.whole.scores[scorer]
        floor = max(0.0, found.mean - ERRORS_BELOW * found.stderr)
        out[scorer] = Floor(floor=round(floor, 4), mean=round(found.mean, 4), stderr=round(found.stderr, 4), n=found.n)
    return out
