"""``sightline questions``: generated questions as canonical JSONL, a contact sheet to check by eye, and the balance.

One line a dialog: ``{"id", "split", "messages", "tools", "questions"}``. A user message carries an image part that
names its frame (world seed, visit, frame number); ``questions`` are the gold records.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from finetune.questions.writer import write_dialog
from scenes.errors import InputError
from scenes.questions.generate import FAMILIES, visit_questions
from scenes.questions.visits import Visit, make_visits
from scenes.records import Question
from scenes.worlds.world import make_world
from tools.toolbox.toolbox import tool_schemas

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSummary:
    """What was written."""

    dialogs: int
    questions: int
    families: dict[str, int]
    """Questions per family, most frequent first."""
    splits: dict[str, int]
    disagreements: tuple[str, ...]
    """Questions whose gold answer and whose tools differ; their dialogs are left out."""
    left_out: dict[str, int]
    """Questions per family in those dialogs; a family that is not in ``families`` was left out altogether."""
    never_asked: tuple[str, ...]
    """Families for which no world offered a moment to ask."""
    majority: float
    """Share of questions that the most frequent answer of their family would get right, averaged over families."""
    majority_by_family: dict[str, float]
    """The same for each family; without those in ``ONE_ANSWER_FAMILIES``."""

    def mean_of(self, *, yes_no: bool) -> float:
        """Mean of the baseline over the families with two answers, or over the others."""
        shares = [share for name, share in self.majority_by_family.items() if (name in YES_NO_FAMILIES) == yes_no]
        return sum(shares) / len(shares) if shares else 0.0


def write_questions(
    out: Path,
    seeds: Sequence[int],
    *,
    dialogs_per_world: int = 40,
    visits: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> QuestionSummary:
    """Write the questions of some worlds to ``out``, which appears only when it is complete.

    ``progress`` is called with the number of finished worlds. Raises InputError where ``out`` exists or there is no
    seed.
    """
    if out.exists():
        raise InputError(f"expected a new file, {out} exists; name another or delete it")
    if not seeds:
        raise InputError("expected at least one world seed, got none")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(out.suffix + ".partial")
    written: list[Question] = []
    left: list[Question] = []
    wrong: list[str] = []
    dialogs = 0
    with partial.open("w", encoding="utf-8") as lines:
        for done, seed in enumerate(seeds, start=1):
            for visit, dialog in _dialogs(seed, dialogs_per_world, visits):
                conversation = write_dialog(dialog, visit)
                wrong.extend(conversation.disagreements)
                if conversation.disagreements:
                    left.extend(dialog)
                    continue
                lines.write(json.dumps(dialog_record(dialog, conversation.writer.messages), ensure_ascii=False) + "\n")
                written.extend(dialog)
                dialogs += 1
            progress(done)
    partial.replace(out)
    for complaint in wrong:
        log.warning("left out: %s", complaint)
    return QuestionSummary(
        dialogs=dialogs,
        questions=len(written),
        families=dict(Counter(q.family for q in written).most_common()),
        splits=dict(Counter(q.split for q in written)),
        disagreements=tuple(wrong),
        left_out=dict(Counter(q.family for q in left).most_common()),
        never_asked=never_asked((*written, *left)),
        majority=majority_baseline(written),
        majority_by_family=majority_by_family(written),
    )


def never_asked(questions: Sequence[Question]) -> tuple[str, ...]:
    """Families without a question, in their order; a family counts by the name of its opening turn."""
    asked = {OPENING_FAMILY.get(q.family, q.family) for q in questions}
    return tuple(name for name, _ in FAMILIES if name not in asked)


def dialog_record(dialog: Sequence[Question], messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One JSONL object; each user message gets the image part of its frame."""
    turns = iter(dialog)
    with_images = []
    for message in messages:
        if message["role"] == "user":
            q = next(turns)
            frame = {"world": q.world_seed, "visit": q.visit, "frame": q.frame_id}
            message = {**message, "content": [{"type": "image", "source": frame}, *message["content"]]}
        with_images.append(message)
    return {
        "id": dialog[0].dialog,
        "split": dialog[0].split,
        "messages": with_images,
        "tools": tool_schemas(),
        "questions": [q.model_dump(mode="json", exclude_none=True) for q in dialog],
    }


def majority_baseline(questions: Sequence[Question]) -> float:
    """Blind baseline: the most frequent gold answer among the other questions of the family. Mean over families.

    Each question is left out of its own vote, or a family of one question would always be guessed right. An answer is
    the status, the reason, and the value as it would be judged: lengths in steps of 10%, directions in sectors of 45
    degrees, times in steps of 5 s, and the objects.
    """
    shares = majority_by_family(questions).values()
    return sum(shares) / len(shares) if shares else 0.0


def majority_by_family(questions: Sequence[Question]) -> dict[str, float]:
    """The blind baseline of each family, without those in ``ONE_ANSWER_FAMILIES``."""
    votes: dict[str, Counter[tuple[object, ...]]] = {}
    for q in questions:
        votes.setdefault(q.family, Counter())[answer_key(q)] += 1
    asked = {name: count for name, count in votes.items() if name not in ONE_ANSWER_FAMILIES}
    return {name: _expected_right_guesses(count) / count.total() for name, count in asked.items()}


def _expected_right_guesses(votes: Counter[tuple[object, ...]]) -> float:
    """Expected number of right guesses, each by the vote of the others, ties broken by chance."""
    right = 0.0
    for answer, count in votes.items():
        others = {a: c - (a == answer) for a, c in votes.items()}
        top = max(others.values())
        if top and others[answer] == top:
            right += count / sum(c == top for c in others.values())
    return right


YES_NO_FAMILIES = frozenset({"exist", "exist_relation", "fit_on", "fit_in", "moved_since"})
"""Families with two answers: a guess is right half of the time at least."""
OPENING_FAMILY = {"annotate": "note"}
"""Family of a first turn, and the name in ``FAMILIES`` that it is asked under where they differ."""
ONE_ANSWER_FAMILIES = frozenset({"greeting", "thanks", "unsupported", "never_present", "not_yet_seen", "forget"})
"""Families with one right answer, so that guessing it says nothing: they have no baseline."""


def answer_key(question: Question) -> tuple[object, ...]:
    """What two gold answers are compared by: status, reason, and the value or objects, lengths and angles rounded."""
    value = question.value
    if value is None:
        said: object = question.objects
    elif value.kind == "length_m":
        said = round(math.log(max(float(value.value), 0.01)) / math.log(1.1))
    elif value.kind == "direction":
        said = round(float(value.value) / 45)
    elif value.kind == "duration_s":
        said = round(float(value.value) / 5)
    else:
        said = value.value
    return (question.status, question.reason, said)


def _dialogs(seed: int, count: int, visits: int) -> Iterator[tuple[Visit, list[Question]]]:
    for visit in make_visits(make_world(seed), visits):
        for _, dialog in groupby(visit_questions(visit, max(1, count // visits)), key=lambda q: q.dialog):
            yield visit, list(dialog)
