"""Tools that find: objects by name and place, one object's place and looks, and the wearer's own place.

Every tool function takes the context, the number of the next fact and its checked arguments, and returns a
``ToolResult``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scenes.records import TypedValue
from scenes.types import Room, SceneObject
from scenes.vocabulary import GAZE
from tools.errors import ToolError
from tools.geometry.directions import Pose, direction_to, direction_words, length_words
from tools.search.name_matching import parse_query, plural
from tools.search.queries import MOVED_AWAY, STALE_S, Selection, When, find_room
from tools.toolbox.change_facts import change_fact, change_rows, group_facts, names_fact, names_with_counts
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact, Miss, ToolResult
from tools.toolbox.phrases import (
    bearing_words,
    distinct_names,
    in_room,
    is_or_are,
    is_plural,
    place_words,
    plain_name,
    room_name,
    seen_words,
    size_words,
    with_article,
    with_the,
)
from tools.toolbox.references import (
    ResolvedReference,
    UnresolvedReference,
    find_many,
    find_one,
    never_seen,
    not_localised,
    wearer_position,
)
from tools.toolbox.results import miss_result, moved_away_fact, result_of
from tools.toolbox.routes import room_center

CHANGED = ("moved", "changed")
"""Searches for what is otherwise than when the visit began."""
MAX_OBJECT_LINES = 3
"""At most this many object lines in one result; the count says how many there are."""


def where_is(ctx: ToolContext, number: int, object: str) -> ToolResult:
    """Place, distance and direction of one object, or of a room. Of a dormant thing only its place in its map."""
    found = find_one(ctx, object, dormant=ctx.world_from_camera is None)
    if isinstance(found, UnresolvedReference):
        room = find_room(ctx.graph, object) if found.miss.reason == "never_seen" else None
        return _where_is_room(ctx, number, room) if room else found.result()
    obj, name = found.object, found.name
    place, bearing, seen = place_words(ctx.graph, obj), bearing_words(ctx, obj.box.center), seen_words(ctx, obj)
    if not obj.present:
        return result_of(moved_away_fact(ctx, obj, name), reason="moved")
    are = is_or_are(plain_name(obj))
    if not bearing:
        short = f"{name} {are} {place or 'on the map'}"
        text = f"{short}; not localised, so no direction"
        return result_of(_place(obj, text, short), reason="not_localised")
    where = ", ".join(x for x in (bearing, place) if x)
    if ctx.time_s - obj.last_seen_s > STALE_S:
        short = f"{name} {'were' if is_plural(plain_name(obj)) else 'was'} {where}; {seen}"
        return result_of(_place(obj, f"{short}; not seen again", short), reason="not_reobserved")
    short = f"{name} {are} {where}"
    return result_of(_place(obj, f"{short}; {seen}", short, _direction(ctx, obj)))


def find_objects(
    ctx: ToolContext,
    number: int,
    query: str,
    relation: str | None = None,
    reference: str | None = None,
    room: str | None = None,
    when: When = "now",
) -> ToolResult:
    """A count, the names, and a line for each of the nearest objects that fit.

    ``when="moved"`` finds what is not where it was when the visit began; asked of objects in general it also tells
    what is new, opened or closed.
    """
    if (relation is None) != (reference is None):
        raise ToolError("relation and reference together", "only one of them")
    text = f"{query} {relation} {reference}" if relation else query
    if when == "moved" and ctx.graph.changes is not None and not parse_query(text).words:
        when = "changed"
    selection = find_many(ctx, text, when=when, room=room or "")
    if isinstance(selection, UnresolvedReference):
        return selection.result()
    matches, artifact = selection.matches, _search_artifact(selection)
    if not matches:
        return _nothing_fits(ctx, number, selection, when)
    if selection.query.rank:
        name = f"the {selection.query.rank} {plain_name(matches[0], selection.query.color)}"
        return result_of(_object_fact(ctx, matches[0], name, when), artifact=artifact)
    what = _kind(selection) or "object"
    counted = f"{len(matches)} {what if len(matches) == 1 else plural(what)}{_suffix(selection, when)}"
    facts = [_count(number, counted, matches)]
    if when in CHANGED:
        artifact["changes"] = change_rows(ctx, matches)
    if when in CHANGED and not selection.query.words:
        grouped, artifact["kinds"] = group_facts(ctx, number + 1, matches, _place_suffix(selection))
        facts += grouped
    elif not selection.query.words:
        listed = f"{_place_suffix(selection).strip() or 'I know'}: {names_with_counts(matches)}"
        facts.append(names_fact(f"f{number + 1}", listed, matches))
    near = matches[:MAX_OBJECT_LINES]
    names = distinct_names(ctx, near) if len(near) > 1 else [plain_name(o, selection.query.color) for o in near]
    facts += [_object_fact(ctx, o, with_the(n), when) for o, n in zip(near, names, strict=True)]
    return result_of(*facts, artifact=artifact)


def _nothing_fits(ctx: ToolContext, number: int, selection: Selection, when: When) -> ToolResult:
    """A search without a match: the things are elsewhere now, were never seen, or there are none at the place."""
    artifact, named = _search_artifact(selection), bool(selection.query.words)
    gone = [r.object for r in selection.rejected if r.reason == MOVED_AWAY]
    if gone and named:
        name = with_the(plain_name(gone[0], selection.query.color))
        return result_of(moved_away_fact(ctx, gone[0], name), reason="moved", artifact=artifact)
    if not selection.rejected and named:
        return never_seen(selection).result()
    text = f"no {_kind(selection) or 'objects'}{_suffix(selection, when)}"
    return result_of(_count(number, text, ()), artifact=artifact)


def describe(ctx: ToolContext, number: int, object: str) -> ToolResult:
    """Name, colour, size and place of one object; by name also its room and when it was seen."""
    found = find_one(ctx, object)
    if isinstance(found, UnresolvedReference):
        return found.result()
    obj, name, place = found.object, plain_name(found.object), place_words(ctx.graph, found.object)
    tail = ", ".join(x for x in (size_words(obj), place) if x)
    if object.strip().lower() == GAZE:
        return result_of(*_gazed_facts(number, obj, tail))
    color = TypedValue(kind="color", value=obj.color) if obj.color else None
    short = f"{found.name} {is_or_are(name)} {obj.color}" if obj.color else ""
    text = f"{short}, {tail}" if obj.color else f"{found.name} {is_or_are(name)} {tail}"
    looks = Fact(id=obj.id, role="description", text=text, short=short, value=color, object_ids=(obj.id,))
    return result_of(looks, *_room_and_time(ctx, number, obj, found.name))


def _gazed_facts(number: int, obj: SceneObject, tail: str) -> list[Fact]:
    """What the thing at the gaze is called, and its colour where that is known. ``tail``: its size and place."""
    ids, many = (obj.id,), is_plural(plain_name(obj))
    if obj.label:
        short = f"{'these are' if many else 'this is'} {with_article(plain_name(obj, obj.color))}"
        value = TypedValue(kind="label", value=plain_name(obj))
        facts = [Fact(id=obj.id, role="name", text=f"{short}, {tail}", short=short, value=value, object_ids=ids)]
    else:
        facts = [Fact(id=obj.id, role="unnamed", text=f"this thing has no name; it is {tail}", object_ids=ids)]
    if obj.color:
        text, value = f"{'they are' if many else 'it is'} {obj.color}", TypedValue(kind="color", value=obj.color)
        facts.append(Fact(id=f"f{number}", role="color", text=text, value=value, object_ids=ids))
    return facts


def _room_and_time(ctx: ToolContext, number: int, obj: SceneObject, name: str) -> list[Fact]:
    """The room of an object, where known, and when it was seen, as two facts of their own."""
    facts, room, many = [], ctx.graph.rooms.get(obj.room), is_plural(plain_name(obj))
    was, now = ("were", "are") if many else ("was", "is")
    if room and room.label:
        text = f"{name} {now if obj.present else was} in {room_name(room)}"
        value = TypedValue(kind="room", value=room.label)
        facts.append(Fact(id=f"f{number}", role="room", text=text, value=value, object_ids=(obj.id,)))
    seen, age = seen_words(ctx, obj), max(0.0, ctx.time_s - obj.last_seen_s)
    text = f"{name} {now} in view now" if seen == "in view" else f"{name} {was} last {seen}"
    value = TypedValue(kind="duration_s", value=round(age, 1), unit="s")
    fact_id = f"f{number + len(facts)}"
    facts.append(Fact(id=fact_id, role="seen", text=text, value=value, object_ids=(obj.id,)))
    return facts


def where_am_i(ctx: ToolContext, number: int) -> ToolResult:
    """The wearer's room and the nearest thing with a name."""
    position = wearer_position(ctx)
    if position is None:
        return not_localised().result()
    room = next((r for r in ctx.graph.rooms.values() if in_room(r, position)), None)
    named = [o for o in ctx.graph.objects.values() if o.label and o.present]
    near = min(named, key=lambda o: math.dist(o.box.center, position), default=None)
    parts = [f"in {room_name(room)}"] if room else []
    if near:
        parts.append(f"{length_words(math.dist(near.box.center, position))} from {with_the(plain_name(near))}")
    if not parts:
        return miss_result(Miss(reason="not_localised", clause="the map is still empty"))
    value = TypedValue(kind="room", value=room.label) if room else None
    ids = (near.id,) if near else ()
    text = f"you are {', '.join(parts)}"
    return result_of(Fact(id=f"f{number}", role="wearer", text=text, value=value, object_ids=ids))


def look(ctx: ToolContext, number: int, target: str, question: str) -> ToolResult:
    """Ask the vision model about a thing's best view, or about what is at the gaze."""
    found = find_one(ctx, target)
    if isinstance(found, UnresolvedReference) and not (target.strip().lower() == GAZE and ctx.gaze().point is not None):
        return found.result()
    obj = found.object if isinstance(found, ResolvedReference) else None
    said = ctx.look(obj.id if obj else None, question).strip()
    if not said:
        return miss_result(Miss(reason="unsupported", asked=target, clause="the picture does not show it"))
    ids = (obj.id,) if obj else ()
    text, value = f"the picture shows {said}", TypedValue(kind="text", value=said)
    return result_of(Fact(id=f"f{number}", role="picture", text=text, value=value, object_ids=ids))


def _where_is_room(ctx: ToolContext, number: int, room: Room) -> ToolResult:
    position = wearer_position(ctx)
    if position is None:
        return not_localised(room.label).result()
    value = TypedValue(kind="room", value=room.label)
    if in_room(room, position):
        return result_of(Fact(id=f"f{number}", role="wearer", text=f"you are in {room_name(room)}", value=value))
    text = f"{room_name(room)} is {bearing_words(ctx, room_center(room, position[1]))}"
    return result_of(Fact(id=f"f{number}", role="place", text=text, value=value))


def _place(obj: SceneObject, text: str, short: str = "", value: TypedValue | None = None) -> Fact:
    return Fact(id=obj.id, role="place", text=text, short=short, value=value, object_ids=(obj.id,))


def _count(number: int, text: str, objects: Sequence[SceneObject]) -> Fact:
    value, ids = TypedValue(kind="count", value=len(objects)), tuple(o.id for o in objects)
    return Fact(id=f"f{number}", role="count", text=text, value=value, object_ids=ids)


def _object_fact(ctx: ToolContext, obj: SceneObject, name: str, when: When) -> Fact:
    where = bearing_words(ctx, obj.box.center) or place_words(ctx.graph, obj) or "on the map"
    if when in CHANGED:
        return change_fact(ctx, obj, name, where)
    return _place(obj, f"{name} {is_or_are(plain_name(obj))} {where}", value=_direction(ctx, obj))


def _direction(ctx: ToolContext, obj: SceneObject) -> TypedValue | None:
    if ctx.world_from_camera is None:
        return None
    direction = direction_to(Pose.from_matrix(ctx.world_from_camera), ctx.camera, obj.box.center)
    return TypedValue(kind="direction", value=direction_words(direction))


def _kind(selection: Selection) -> str:
    """The asked kind in the singular as it will be counted: ``red mug``."""
    query = selection.query
    return " ".join(x for x in (query.rank, query.color, *query.words) if x) if query.words else ""


def _suffix(selection: Selection, when: When) -> str:
    return (f" that {when}" if when in CHANGED else "") + _place_suffix(selection)


def _place_suffix(selection: Selection) -> str:
    query, reference = selection.query, selection.reference
    if reference is None:
        return ""
    if isinstance(reference, Room):
        return f" in {room_name(reference)}"
    return f" {query.relation} {with_the(plain_name(reference))}"


def _search_artifact(selection: Selection) -> dict[str, Any]:
    return {
        "matches": [o.id for o in selection.matches],
        "rejected": [{"id": r.object.id, "why": r.reason} for r in selection.rejected[:8]],
    }
