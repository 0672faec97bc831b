"""ScanQA (``ScanQA_v1.0_val.json``): questions about ScanNet scenes, with answers and the objects they are about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evals.datasets.reading import entries, unique


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanQaQuestion:
    """One question."""

    id: str
    scene: str
    question: str
    answers: tuple[str, ...]
    """Empty in the test files, whose answers are not public."""
    object_ids: tuple[int, ...]
    object_names: tuple[str, ...]


def load_scanqa(path: Path) -> list[ScanQaQuestion]:
    """All questions in order. Raises DatasetError."""
    found, seen = [], set()
    for entry in entries(path):
        question = ScanQaQuestion(
            id=entry.text("question_id"),
            scene=entry.text("scene_id"),
            question=entry.text("question"),
            answers=entry.texts("answers", ()),
            object_ids=entry.integers("object_ids", ()),
            object_names=entry.texts("object_names", ()),
        )
        unique(entry.where, question.id, seen)
        found.append(question)
    return found
