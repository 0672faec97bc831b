"""One turn of a conversation: what is asked, and how its outcome becomes a ``GroundedAnswer``.

Knows the tools' facts and the answer contract; nothing of graphs or models. Value, anchors and citations are derived
from what was cited, never from the model's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from agent.model.protocol import Message, ToolSchema
from scenes.records import FrameRef, GroundedAnswer, ModelRef, Reason, Status, Timings, ToolCallRecord, TypedValue
from scenes.types import Frame
from tools.toolbox.answers import (
    ANSWER_NAME,
    AnswerArguments,
    check_answer,
    derive_anchors,
    derive_citations,
    derive_value,
)
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact
from tools.toolbox.toolbox import tool_schemas


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TurnInput:
    """What the wearer said, and the frame that they saw when they said it."""

    text: str
    frame: Frame
    """The frame that it is about."""
    gaze: bool = False
    """Whether a gaze point came with it; the point itself is the tool context's."""

    @property
    def prompt(self) -> str:
        """The words with the time in front: ``[12.4 s, gaze] what is this?``."""
        return f"[{self.frame.time_s:.1f} s{', gaze' if self.gaze else ''}] {self.text.strip()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A finished turn."""

    answer: GroundedAnswer
    messages: tuple[Message, ...]
    """The turn in canonical form, without its picture: history for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a turn ended, before it becomes a record."""

    status: Status
    text: str
    reason: Reason | None = None
    cite: tuple[str, ...] = ()


def tools_for(facts: Sequence[Fact]) -> list[ToolSchema]:
    """All tools; ``answer`` may cite exactly what this turn returned so far."""
    schemas = tool_schemas()
    known = list(dict.fromkeys(fact.id for fact in facts))
    for index, schema in enumerate(schemas):
        if schema["function"]["name"] == ANSWER_NAME:
            schemas[index] = _with_citation_rules(schema, known)
    return schemas


def _with_citation_rules(schema: ToolSchema, known: list[str]) -> ToolSchema:
    """The ``answer`` tool with the rules of the contract that a schema can say.

    An answered question cites at least one of ``known``, an abstention has a reason. The properties stay as they are,
    because they are what the prompt shows.
    """
    function = schema["function"]
    parameters = function["parameters"]
    plain = parameters["properties"]
    cite = {**plain["cite"], "items": {"type": "string", "enum": known}} if known else plain["cite"]
    some, any_number = {**cite, "minItems": 1, "maxItems": len(known)}, {**cite, "maxItems": len(known)}
    variants = [
        _ending(plain, "abstained", reason=plain["reason"], cite=any_number),
        _ending(plain, "clarify", optional=("reason",), reason=plain["reason"], cite=any_number),
    ]
    if known:
        variants.insert(0, _ending(plain, "answered", cite=some))
    return {**schema, "function": {**function, "parameters": {**parameters, "anyOf": variants}}}


def _ending(plain: dict[str, Any], status: str, optional: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """One way to end a turn; the fields in the order of training."""
    properties = {"status": {"type": "string", "enum": [status]}, **fields, "text": plain["text"]}
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def checked_outcome(arguments: Mapping[str, Any], facts: Sequence[Fact]) -> Outcome | str:
    """The model's closing call as an outcome, or the complaint about it."""
    try:
        answer = AnswerArguments.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or ANSWER_NAME
        return f"{where}: {first['msg'].lower()}."
    complaint = check_answer(answer, facts)
    if complaint is not None:
        return complaint
    return Outcome(status=answer.status, text=answer.text.strip(), reason=answer.reason, cite=answer.cite)


def to_grounded_answer(
    outcome: Outcome,
    question: TurnInput,
    facts: Sequence[Fact],
    context: ToolContext,
    *,
    calls: Sequence[ToolCallRecord],
    timings: Timings,
    model: ModelRef,
) -> GroundedAnswer:
    """The record of a turn."""
    pose = question.frame.world_from_camera
    rows = None if pose is None else tuple(_four(row) for row in pose.tolist())
    return GroundedAnswer(
        answer=outcome.text,
        status=outcome.status,
        reason=outcome.reason,
        value=derive_value(outcome.cite, facts) if outcome.status == "answered" else None,
        anchors=derive_anchors(outcome.cite, facts, context),
        citations=derive_citations(outcome.cite, facts),
        tool_calls=tuple(calls),
        frame=FrameRef(id=question.frame.id, time_s=question.frame.time_s, world_from_camera=rows),
        timings_ms=timings,
        model=model,
    )


def _four(row: list[float]) -> tuple[float, float, float, float]:
    a, b, c, d = row
    return a, b, c, d


def fact_to_json(fact: Fact) -> dict[str, Any]:
    """A fact as graph state holds it."""
    value = None if fact.value is None else fact.value.model_dump()
    return asdict(fact) | {"value": value, "object_ids": list(fact.object_ids)}


def fact_from_json(raw: Mapping[str, Any]) -> Fact:
    """The reverse of ``fact_to_json``."""
    value = None if raw["value"] is None else TypedValue.model_validate(raw["value"])
    return Fact(
        id=raw["id"],
        text=raw["text"],
        role=raw["role"],
        short=raw["short"],
        value=value,
        object_ids=tuple(raw["object_ids"]),
    )
