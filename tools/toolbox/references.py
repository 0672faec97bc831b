"""A tool argument to one object: an id, a name, or ``gaze``; or a reason why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from scenes.types import SceneObject
from scenes.vocabulary import GAZE
from tools.errors import ToolError
from tools.geometry.directions import Point, Pose
from tools.search.name_matching import NameQuery, parse_query
from tools.search.queries import Selection, When, search
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact, Miss, ToolResult
from tools.toolbox.phrases import (
    MAX_ALTERNATIVES,
    asked_name,
    bearing_words,
    distinct_names,
    is_or_are,
    joined,
    plain_name,
    with_the,
)
from tools.toolbox.results import miss_result

MAX_CLAUSE_CHARS = 110
"""Longer alternatives would not leave room for a question of at most 175 characters."""
_ID = re.compile(r"o\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedReference:
    """The one object that an argument names."""

    object: SceneObject
    query: NameQuery

    @property
    def name(self) -> str:
        """Its name as the answer says it: with article, and the colour that was asked for."""
        return with_the(plain_name(self.object, self.query.color))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnresolvedReference:
    """Why an argument names no object, or not just one."""

    miss: Miss
    facts: tuple[Fact, ...] = ()
    """Where each of several choices is."""
    artifact: dict[str, Any] = field(default_factory=dict)

    def result(self) -> ToolResult:
        """The tool result that says so."""
        return miss_result(self.miss, self.facts, self.artifact)


def wearer_position(ctx: ToolContext) -> Point | None:
    """World position of the wearer's eyes, metres; None when the wearer is not localised."""
    return None if ctx.world_from_camera is None else Pose.from_matrix(ctx.world_from_camera).origin


def find_one(
    ctx: ToolContext, text: str, when: When = "ever", *, dormant: bool = False
) -> ResolvedReference | UnresolvedReference:
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
            return not_localised(text)
        return ResolvedReference(object=ctx.graph.objects[text], query=NameQuery(text=text))
    if _ID.fullmatch(text):
        raise ToolError(
            "an object id from an earlier result, a name or 'gaze'", repr(text), sorted(ctx.graph.objects)[:8]
        )
    selection = find_many(ctx, text, when=when, dormant=dormant)
    if isinstance(selection, UnresolvedReference):
        return selection
    present = [o for o in selection.matches if o.present] or list(selection.matches)
    if len(present) == 1:
        return ResolvedReference(object=present[0], query=selection.query)
    return _ambiguous(ctx, text, present) if present else never_seen(selection)


def find_many(
    ctx: ToolContext, text: str, *, when: When = "now", room: str = "", dormant: bool = False
) -> Selection | UnresolvedReference:
    """All objects that an argument names; unresolved where it depends on a pose, a thing or a map that is not there."""
    query = parse_query(text)
    position = wearer_position(ctx)
    if query.rank in ("nearest", "farthest") and position is None:
        return not_localised(text)
    selection = search(ctx.graph, query, room=room, when=when, wearer=position, similarity=ctx.similarity)
    if selection.unknown_reference:
        reference = selection.unknown_reference
        return UnresolvedReference(miss=Miss(reason="never_seen", asked=reference, clause=asked_name(reference)))
    if not dormant and any(o.id in ctx.dormant for o in selection.matches):
        return not_localised(text)  # a count of another place's things would be a wrong answer about this one
    return selection


def not_localised(asked: str = "") -> UnresolvedReference:
    """The miss of whatever needs to know where the wearer is."""
    return UnresolvedReference(
        miss=Miss(reason="not_localised", asked=asked, clause="this view does not match the map")
    )


def never_seen(selection: Selection) -> UnresolvedReference:
    """The miss of a search that found nothing, with the nearest candidates and why they failed."""
    failed = [{"id": r.object.id, "label": r.object.label, "why": r.reason} for r in selection.rejected[:8]]
    query = selection.query
    return UnresolvedReference(
        miss=Miss(reason="never_seen", asked=query.text, clause=asked_name(query.core)),
        artifact={"query": query.text, "rejected": failed},
    )


def _gazed(ctx: ToolContext) -> ResolvedReference | UnresolvedReference:
    gaze = ctx.gaze()
    if gaze.object_id is None:
        clause = gaze.miss or "there is no object where you look"
        return UnresolvedReference(miss=Miss(reason=gaze.reason or "unsupported", asked=GAZE, clause=clause))
    seen = ctx.graph.objects.get(gaze.object_id)
    if seen is None:  # known to the map, but its surface is not confirmed yet, so it has no box to answer with
        clause = "what you look at was not seen well enough yet"
        return UnresolvedReference(miss=Miss(reason="unsupported", asked=GAZE, clause=clause))
    return ResolvedReference(object=seen, query=NameQuery(text=GAZE))


def _ambiguous(ctx: ToolContext, asked: str, objects: list[SceneObject]) -> UnresolvedReference:
    choices = distinct_names(ctx, objects)
    names = [with_the(n) for n in choices]
    shown = next((n for n in (MAX_ALTERNATIVES, 2) if sum(map(len, names[:n])) <= MAX_CLAUSE_CHARS), 1)
    clause = joined(names[:shown], last="or") + (", or another" if len(names) > shown else "")
    facts = []
    for obj, name in zip(objects[:shown], names, strict=False):
        bearing = bearing_words(ctx, obj.box.center) or "somewhere"
        text = f"{name} {is_or_are(plain_name(obj))} {bearing}"
        facts.append(Fact(id=obj.id, role="place", text=text, object_ids=(obj.id,)))
    return UnresolvedReference(
        miss=Miss(reason="ambiguous", asked=asked, clause=clause, choices=tuple(choices[:shown])),
        facts=tuple(facts),
        artifact={"candidates": [o.id for o in objects]},
    )
