"""The ``answer`` pseudo-tool that ends a turn, its checker, and what code derives from the cited facts.

Whatever the model says: every cited id was returned in this turn, and every number in its text occurs in a cited line.
Value, anchors and citations come from the facts, never from the model's words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from scenes.records import MAX_ANSWER_CHARS, Anchor, BoxRecord, Citation, Reason, Status, TypedValue
from scenes.types import SceneGraph
from tools.geometry.directions import Pose, direction_to
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact

ANSWER_NAME = "answer"
ANSWER_DESCRIPTION = "end the turn"

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORD = re.compile(r"\b(" + "|".join(_WORDS) + r")\b", re.IGNORECASE)


class AnswerArguments(BaseModel):
    """Arguments of ``answer``, in the order of its schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status = Field(json_schema_extra={"enum": ["answered", "abstained", "clarify"]})
    reason: Reason | None = None
    cite: tuple[str, ...] = Field(description="ids from this turn")
    text: str = Field(description="one sentence", max_length=MAX_ANSWER_CHARS)


def numbers_in(text: str) -> list[str]:
    """Numbers in a text as digits: ``2.4``, ``12``; words from two to twelve count, ids such as ``o5`` do not."""
    words = [str(_WORDS.index(w.lower()) + 2) for w in _NUMBER_WORD.findall(text)]
    return _NUMBER.findall(text) + words


def check_answer(answer: AnswerArguments, facts: Sequence[Fact]) -> str | None:
    """A complaint for the model, or None when the answer stands.

    ``facts`` are all facts of this turn, in order; the same object id may occur several times.
    """
    known = {f.id for f in facts}
    unknown = [i for i in answer.cite if i not in known]
    if unknown:
        returned = ", ".join(sorted(known)) or "nothing"
        return f"cite has {', '.join(unknown)}, which no tool returned in this turn. Returned: {returned}."
    if answer.status == "abstained" and answer.reason is None:
        return "an abstained answer needs a reason."
    if answer.status == "answered" and answer.reason is not None:
        return "an answered answer has no reason."
    if answer.status == "answered" and not answer.cite:
        return "an answered answer cites what a tool returned in this turn."
    text = answer.text.strip()
    if not text:
        return "text is empty."
    if len(text.split("\n", 1)[0]) > MAX_ANSWER_CHARS:
        return f"text is longer than {MAX_ANSWER_CHARS} characters."
    supported: set[str] = set()
    for fact in facts:
        if fact.id in answer.cite:
            supported.update(numbers_in(fact.text))
    unsupported = [n for n in numbers_in(text) if n not in supported]
    if unsupported:
        return f"text has {', '.join(unsupported)}, which no cited line has."
    return None


def cited_facts(cite: Sequence[str], facts: Sequence[Fact]) -> list[Fact]:
    """The cited facts in the order of citation; of an id that was returned twice, each line."""
    return [f for i in dict.fromkeys(cite) for f in facts if f.id == i]


def derive_value(cite: Sequence[str], facts: Sequence[Fact]) -> TypedValue | None:
    """The typed value of the first cited fact that has one."""
    return next((f.value for f in cited_facts(cite, facts) if f.value is not None), None)


def derive_citations(cite: Sequence[str], facts: Sequence[Fact]) -> tuple[Citation, ...]:
    """One citation per cited line."""
    return tuple(Citation(evidence=f.text, source=f.id) for f in cited_facts(cite, facts))


def derive_anchors(
    cite: Sequence[str], facts: Sequence[Fact], context: ToolContext, sigma_m: float = 0.05
) -> tuple[Anchor, ...]:
    """An anchor for each object that a cited fact is about, in order.

    ``sigma_m`` is one standard deviation of a box centre, from the map that the graph was built on.
    """
    ids = dict.fromkeys(i for f in cited_facts(cite, facts) for i in f.object_ids)
    graph, dormant = context.graph, context.dormant  # a dormant thing's box is in a map that the wearer may not be in
    return tuple(anchor_of(context, graph, i, sigma_m) for i in ids if i in graph.objects and i not in dormant)


def anchor_of(context: ToolContext, graph: SceneGraph, object_id: str, sigma_m: float) -> Anchor:
    """The anchor of one object as the wearer sees it now."""
    obj = graph.objects[object_id]
    pose = None if context.world_from_camera is None else Pose.from_matrix(context.world_from_camera)
    return Anchor(
        object_id=obj.id,
        label=obj.label,
        box=BoxRecord.from_box(obj.box),
        sigma_m=sigma_m,
        confidence=obj.confidence,
        first_seen_s=obj.first_seen_s,
        last_seen_s=obj.last_seen_s,
        evidence_frames=obj.evidence_frames,
        map_id=graph.map_id,
        direction=None if pose is None else direction_to(pose, context.camera, obj.box.center),
    )
