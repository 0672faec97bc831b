"""A tool argument to one object: an id, a name, or ``gaze``; or a reason why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from scenes.records import Reason
from scenes.types import SceneObject
from tools.errors import ToolError
from tools.geometry.directions import Point, Pose
from tools.search.matching import Query, parse_query
from tools.search.queries import Selection, When, search
from tools.toolbox.context import Fact, ToolContext, ToolResult
from tools.toolbox.phrases import (
    MANY,
    asked_for,
    bearing_words,
    distinct_names,
    is_or_are,
    joined,
    plain_name,
    with_the,
)

GAZE = "gaze"
CLAUSE_CHARS = 110
"""Longer alternatives would not leave room for a question of at most 175 characters."""
_ID = re.compile(r"o\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Exactly one object."""

    object: SceneObject
    query: Query

    @property
    def name(self) -> str:
        """Its name as the answer says it: with article, and the colour that was asked for."""
        return with_the(plain_name(self.object, self.query.color))


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """No object, or several."""

    reason: Reason
    clause: str
    """Ends the line ``none: <reason>: <clause>``."""
    facts: tuple[Fact, ...] = ()
    artifact: dict[str, Any] = field(default_factory=dict)

    def result(self) -> ToolResult:
        """The tool result that says so."""
        lines = [f"none: {self.reason.replace('_', ' ')}: {self.clause}", *(f.line for f in self.facts)]
        artifact = {"reason": self.reason, **self.artifact}
        return ToolResult(text="\n".join(lines), facts=self.facts, reason=self.reason, artifact=artifact)


def wearer_position(ctx: ToolContext) -> Point | None:
    """The eye in the world, or None when the wearer is not localised."""
    return None if ctx.world_from_camera is None else Pose.from_matrix(ctx.world_from_camera).origin


def find_one(ctx: ToolContext, text: str, when: When = "ever", *, dormant: bool = False) -> Found | Miss:
    """The object that an argument names. Things that have moved away still count, after those that have not.

    ``dormant``: whether a thing counts whose map the wearer is not yet known to be in.
    Raises ToolError for an empty argument or an id that is not in the graph.
    """
    text = text.strip()
    if not text:
        raise ToolError("an object id, a name or 'gaze'", "an empty text")
    if text.lower() == GAZE:
        return _gazed(ctx)
    if text in ctx.graph.objects:
        if text in ctx.dormant and not dormant:
            return not_localised()
        return Found(object=ctx.graph.objects[text], query=Query(text=text))
    if _ID.fullmatch(text):
        raise ToolError(
            "an object id from an earlier result, a name or 'gaze'", repr(text), sorted(ctx.graph.objects)[:8]
        )
    selection = find_many(ctx, text, when=when, dormant=dormant)
    if isinstance(selection, Miss):
        return selection
    present = [o for o in selection.matches if o.present] or list(selection.matches)
    if len(present) == 1:
        return Found(object=present[0], query=selection.query)
    return _ambiguous(ctx, present) if present else never_seen(selection)


def find_many(
    ctx: ToolContext, text: str, *, when: When = "now", room: str = "", dormant: bool = False
) -> Selection | Miss:
    """All objects that an argument names; a Miss where it depends on a pose, a thing or a map that is not there."""
    query = parse_query(text)
    position = wearer_position(ctx)
    if query.rank in ("nearest", "farthest") and position is None:
        return not_localised()
    selection = search(ctx.graph, query, room=room, when=when, wearer=position, similarity=ctx.similarity)
    if selection.unknown_reference:
        return Miss(reason="never_seen", clause=asked_for(selection.unknown_reference))
    if not dormant and any(o.id in ctx.dormant for o in selection.matches):
        return not_localised()  # a count of another place's things would be a wrong answer about this one
    return selection


def not_localised() -> Miss:
    """The Miss for whatever needs to know where the wearer is."""
    return Miss(reason="not_localised", clause="this view does not match the map")


def never_seen(selection: Selection) -> Miss:
    """The Miss for a search that found nothing, with the nearest candidates and why they failed."""
    failed = [{"id": r.object.id, "label": r.object.label, "why": r.reason} for r in selection.rejected[:8]]
    return Miss(
        reason="never_seen",
        clause=asked_for(selection.query.core),
        artifact={"query": selection.query.text, "rejected": failed},
    )


def _gazed(ctx: ToolContext) -> Found | Miss:
    gaze = ctx.gaze()
    if gaze.object_id is None:
        return Miss(reason=gaze.reason or "unsupported", clause=gaze.miss or "there is no object where you look")
    return Found(object=ctx.graph.objects[gaze.object_id], query=Query(text=GAZE))


def _ambiguous(ctx: ToolContext, objects: list[SceneObject]) -> Miss:
    names = distinct_names(ctx, objects)
    shown = next((n for n in (MANY, 2) if sum(map(len, names[:n])) <= CLAUSE_CHARS), 1)
    clause = joined(names[:shown], last="or") + (", or another" if len(names) > shown else "")
    facts = []
    for obj, name in zip(objects[:shown], names, strict=False):
        bearing = bearing_words(ctx, obj.box.center) or "somewhere"
        facts.append(Fact(id=obj.id, text=f"{name} {is_or_are(plain_name(obj))} {bearing}", object_ids=(obj.id,)))
    return Miss(
        reason="ambiguous",
        clause=clause,
        facts=tuple(facts),
        artifact={"candidates": [o.id for o in objects]},
    )
