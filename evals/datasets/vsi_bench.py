"""VSI-Bench (``test.jsonl``): questions about videos of rooms, with a number or a choice as the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from evals.datasets.reading import line_entries, unique
from evals.scorers.official.answers.vsi_bench import CHOICE_TYPES, NUMBER_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class VsiQuestion:
    """One question."""

    id: str
    source: str
    """arkitscenes, scannet or scannetpp."""
    scene: str
    kind: str
    """One of ``CHOICE_TYPES`` or ``NUMBER_TYPES``."""
    question: str
    truth: str
    """A number in digits, or a letter."""
    options: tuple[str, ...]
    """Lines like ``A. chair``; empty for numbers."""


def load_vsi_bench(path: Path) -> list[VsiQuestion]:
    """All questions in order. Raises DatasetError."""
    found, seen = [], set()
    for entry in line_entries(path):
        kind = entry.text("question_type")
        if kind not in CHOICE_TYPES and kind not in NUMBER_TYPES:
            raise entry.wrong("question_type", f"one of {', '.join((*CHOICE_TYPES, *NUMBER_TYPES))}")
        options = entry.texts("options", ()) if entry.values.get("options") is not None else ()
        truth = entry.text("ground_truth")
        if kind in CHOICE_TYPES and truth not in {o[:1] for o in options}:
            raise entry.wrong("ground_truth", "the letter of an option")
        if kind in NUMBER_TYPES and not _is_number(truth):
            raise entry.wrong("ground_truth", "a number")
        question = VsiQuestion(
            id=entry.text("id"),
            source=entry.text("dataset"),
            scene=entry.text("scene_name"),
            kind=kind,
            question=entry.text("question"),
            truth=truth,
            options=options,
        )
        unique(entry.where, question.id, seen)
        found.append(question)
    return found


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
