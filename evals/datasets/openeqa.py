"""OpenEQA (``open-eqa-v0.json``): open questions about episodes, with one answer and sometimes more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evals.datasets.reading import entries, unique

CATEGORIES = (
    "object recognition",
    "object localization",
    "attribute recognition",
    "spatial understanding",
    "object state recognition",
    "functional reasoning",
    "world knowledge",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEqaQuestion:
    """One question."""

    id: str
    question: str
    answers: tuple[str, ...]
    """The answer, then the extra ones."""
    category: str
    episode: str


def load_openeqa(path: Path) -> list[OpenEqaQuestion]:
    """All questions in order. Raises DatasetError."""
    found, seen = [], set()
    for entry in entries(path):
        category = entry.text("category")
        if category not in CATEGORIES:
            raise entry.wrong("category", f"one of {', '.join(CATEGORIES)}")
        question = OpenEqaQuestion(
            id=entry.text("question_id"),
            question=entry.text("question"),
            answers=(entry.text("answer"), *entry.texts("extra_answers", ())),
            category=category,
            episode=entry.text("episode_history"),
        )
        unique(entry.where, question.id, seen)
        found.append(question)
    return found
