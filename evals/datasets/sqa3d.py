"""SQA3D: questions of somebody who stands somewhere in a ScanNet scene and looks somewhere.

Two files belong together: ``..._questions_..._scannetv2.json`` and ``..._sqa_annotations_..._scannetv2.json``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from evals.datasets.reading import DatasetError, Entry, entries, unique

QUESTION_KINDS = ("what", "is", "how", "can", "which", "other")
"""By first word, as the paper reports them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SituatedQuestion:
    """One question."""

    id: str
    scene: str
    situation: str
    """Where the asker is, in words."""
    other_situations: tuple[str, ...]
    question: str
    answers: tuple[str, ...]
    position: tuple[float, float, float]
    """Metres, Z up, in the frame of the data set."""
    heading_rad: float
    """About Z from +X towards +Y: which way the asker looks."""

    @property
    def kind(self) -> str:
        """One of ``QUESTION_KINDS``."""
        word = self.question.strip().split(" ")[0].lower()
        return word if word in QUESTION_KINDS else "other"


def load_sqa3d(questions: Path, annotations: Path) -> list[SituatedQuestion]:
    """All questions in order. Raises DatasetError, also where the two files do not belong together."""
    asked: dict[str, Entry] = {}
    seen: set[str] = set()
    for entry in entries(questions, "questions"):
        key = entry.text("question_id")
        unique(entry.where, key, seen)
        asked[key] = entry
    found = []
    for entry in entries(annotations, "annotations"):
        key = entry.text("question_id")
        if key not in asked:
            raise DatasetError(f"{entry.where}: expected a question of {questions.name}, got {key!r}")
        found.append(_question(key, asked.pop(key), entry))
    if asked:
        raise DatasetError(
            f"{annotations.name}: expected an annotation of each question, {next(iter(asked))!r} has none"
        )
    return found


def _question(key: str, asked: Entry, entry: Entry) -> SituatedQuestion:
    answers = entry.values.get("answers")
    if not isinstance(answers, list) or not answers or not all(isinstance(a, dict) for a in answers):
        raise entry.wrong("answers", "at least one answer")
    texts = tuple(Entry(where=entry.where, values=a).text("answer") for a in answers)
    if asked.text("scene_id") != entry.text("scene_id"):
        raise entry.wrong("scene_id", f"the scene of the question ({asked.text('scene_id')})")
    x, y, z = entry.numbers("position", ("x", "y", "z"))
    turn_x, turn_y, turn_z, turn_w = entry.numbers("rotation", ("_x", "_y", "_z", "_w"))
    if not math.isclose(math.hypot(turn_x, turn_y, turn_z, turn_w), 1.0, abs_tol=1e-3):
        raise entry.wrong("rotation", "a unit quaternion")
    if abs(turn_x) > 1e-3 or abs(turn_y) > 1e-3:
        raise entry.wrong("rotation", "a turn about the vertical")
    # The data do not say which way an asker without rotation looks. Of the four axes, only -X agrees with what the
    # situations say is in front, behind, left and right (see ``situated_frames``: 0.69 against 0.32 to 0.48).
    heading = 2 * math.atan2(turn_z, turn_w) + math.pi
    return SituatedQuestion(
        id=key,
        scene=entry.text("scene_id"),
        situation=asked.text("situation"),
        other_situations=asked.texts("alternative_situation", ()),
        question=asked.text("question"),
        answers=texts,
        position=(x, y, z),
        heading_rad=math.remainder(heading, 2 * math.pi),
    )
