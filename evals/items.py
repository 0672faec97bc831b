"""One thing to be answered and what is true of it: the items of every suite that asks questions.

An item knows nothing of systems or scores. Its gold answer was computed apart from the tools, from ground truth or by
annotators; ids in it are those of the truth (``w12`` of a generated world), not those of a map.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pydantic import Field

from scenes.records import BoxRecord, Direction, Question, Reason, Record, Status, ToolStep, TypedValue

FORMAT_VERSION = 1


class Gold(Record):
    """The right answer."""

    status: Status
    reason: Reason | None = None
    value: TypedValue | None = None
    """None where no value is asked for, or none can be known."""
    lists: bool = False
    """Whether the value is a list of names: ``mug, mug, table``."""
    direction: Direction | None = None
    """Of the one gold object from the wearer."""
    boxes: dict[str, BoxRecord] = Field(default_factory=dict)
    """Id of each thing that the answer should point at -> its true box where it was last seen."""
    points: bool = True
    """Whether it is judged what the answer points at; not for "where am I" or small talk."""
    no_tool: bool = False
    """Small talk: any reply that calls no tool and claims nothing is right."""
    accepted: tuple[str, ...] = ()
    """Answers in words that annotators gave, for data sets without typed values."""


class Item(Record):
    """One question of one suite."""

    id: str
    """Unique in its suite."""
    dialog: str
    """Items of one dialog are turns of one conversation, in the order of ``turn``."""
    turn: int = 0
    cluster: str
    """The scene; standard errors are clustered by it."""
    family: str
    wording: str
    """Whose words: ``grammar``, ``human``, or a data set's name."""
    opening: tuple[str, ...] = ()
    """What is said first, in turns of their own that are not judged."""
    text: str
    gaze_px: tuple[float, float] | None = None
    """Where the wearer looks while the first of all this is said."""
    gazed: str | None = None
    """Id of the true thing under the gaze."""
    frame_id: int
    time_s: float
    place: dict[str, Any] = Field(default_factory=dict)
    """What a stage needs to find the moment: a world's seed and visit, a scan's name and pose."""
    gold: Gold
    trace: tuple[ToolStep, ...] = ()
    """Tool calls that answer it, for the baseline with the right tool choice; empty where unknown."""


def item_of(question: Question, boxes: Mapping[str, BoxRecord], *, wording: str, points: bool, lists: bool) -> Item:
    """The item of a generated question. ``boxes``: true boxes of its gold objects; for the rest see ``Gold``."""
    return Item(
        id=f"{wording[0]}:{question.id}",
        dialog=f"{wording[0]}:{question.dialog}",
        turn=question.turn,
        cluster=f"w{question.world_seed}",
        family=question.family,
        wording=wording,
        text=question.text,
        gaze_px=question.gaze_px,
        gazed=question.objects[0] if question.gaze_px is not None else None,
        frame_id=question.frame_id,
        time_s=question.time_s,
        place={"world": question.world_seed, "visit": question.visit},
        gold=Gold(
            status=question.status,
            reason=question.reason,
            value=question.value,
            direction=question.direction,
            lists=lists,
            boxes=dict(boxes),
            points=points,
        ),
        trace=question.trace,
    )


def dialogs(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items that follow each other and share a dialog, as lists."""
    for _, group in groupby(items, key=lambda item: item.dialog):
        yield list(group)


def digest(value: Any) -> str:
    """Sixteen hex digits of a JSON value, the same for equal values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def items_digest(items: Sequence[Item]) -> str:
    """The digest of a suite's items in order."""
    return digest([item.model_dump(mode="json", exclude_defaults=True) for item in items])
