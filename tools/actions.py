"""What each tool does: pure reading of the context, except for remember, forget and annotate.

Every function takes checked arguments, the context and the number of the next fact, and returns a ``ToolResult``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from scenes.records import TypedValue
from scenes.types import Room, SceneObject
from tools.box_measures import box_gap, width_depth_height
from tools.context import Fact, ToolContext, ToolResult
from tools.directions import Pose, ago_words, direction_to, direction_words, length_words
from tools.errors import ToolError
from tools.matching import plural
from tools.phrases import (
    a,
    be,
    bearing_words,
    distinct_names,
    is_plural,
    joined,
    place_words,
    plain_name,
    room_name,
    seen_words,
    size_words,
    the,
)
from tools.queries import MOVED_AWAY, Selection, When, find_room
from tools.references import GAZE, Found, Miss, find_many, find_one, never_seen, wearer_position
from tools.routes import path_length, room_center, route_words

LISTED = 3
"""At most this many object lines in one result; the count says how many there are."""
STALE_S = 12 * 3600.0
"""A place that was last observed longer ago is reported as past, not as present: a person's day has gone by."""
LISTED_NAMES = 4
"""At most this many different names in a list."""


def where_is(ctx: ToolContext, number: int, object: str) -> ToolResult:
    """Place, distance and direction of one object, or of a room."""
    found = find_one(ctx, object)
    if isinstance(found, Miss):
        room = find_room(ctx.graph, object) if found.reason == "never_seen" else None
        return _where_is_room(ctx, number, room) if room else found.result()
    obj, name = found.object, found.name
    place, bearing, seen = place_words(ctx.graph, obj), bearing_words(ctx, obj.box.center), seen_words(ctx, obj)
    are = be(plain_name(obj))
    if not obj.present:
        return _result(_moved_line(ctx, obj, name), reason="moved")
    if not bearing:
        text = f"{name} {are} {place or 'on the map'}; not localised, so no direction"
        return _result(Fact(id=obj.id, text=text, object_ids=(obj.id,)), reason="not_localised")
    where = ", ".join(x for x in (bearing, place) if x)
    if ctx.time_s - obj.last_seen_s > STALE_S:
        text = f"{name} {'were' if are == 'are' else 'was'} {where}; {seen}; not seen again"
        return _result(Fact(id=obj.id, text=text, object_ids=(obj.id,)), reason="not_reobserved")
    return _result(
        Fact(id=obj.id, text=f"{name} {are} {where}; {seen}", value=_direction(ctx, obj), object_ids=(obj.id,))
    )


def find_objects(
    ctx: ToolContext,
    number: int,
    query: str,
    relation: str | None = None,
    reference: str | None = None,
    room: str | None = None,
    when: When = "now",
) -> ToolResult:
    """A count, the names, and a line for each of the nearest objects that fit."""
    if (relation is None) != (reference is None):
        raise ToolError("relation and reference together", "only one of them")
    text = f"{query} {relation} {reference}" if relation else query
    selection = find_many(ctx, text, when=when, room=room or "")
    if isinstance(selection, Miss):
        return selection.result()
    suffix = _suffix(selection, when)
    matches, artifact = selection.matches, _search_artifact(selection)
    if not matches:
        gone = [r.object for r in selection.rejected if r.reason == MOVED_AWAY]
        if gone and selection.query.words:
            name = the(plain_name(gone[0], selection.query.color))
            return _result(_moved_line(ctx, gone[0], name), reason="moved", artifact=artifact)
        if not selection.rejected and selection.query.words:
            return never_seen(selection).result()
        what = "no " + (_kind(selection) or "objects")
        value = TypedValue(kind="count", value=0)
        return _result(Fact(id=f"f{number}", text=f"{what}{suffix}", value=value), artifact=artifact)
    if selection.query.rank:
        name = f"the {selection.query.rank} {plain_name(matches[0], selection.query.color)}"
        return _result(_object_line(ctx, matches[0], name), artifact=artifact)
    ids = tuple(o.id for o in matches)
    what = _kind(selection) or "object"
    counted = f"{len(matches)} {what if len(matches) == 1 else plural(what)}{suffix}"
    facts: list[Fact] = []
    value = TypedValue(kind="count", value=len(matches))
    facts.append(Fact(id=f"f{number}", text=counted, value=value, object_ids=ids))
    if not selection.query.words:
        listed = f"{suffix.strip().removeprefix('that ') or 'I know'}: {_listed(matches)}"
        value = TypedValue(kind="text", value=", ".join(plain_name(o) for o in matches))
        facts.append(Fact(id=f"f{number + 1}", text=listed, value=value, object_ids=ids))
    near = matches[:LISTED]
    names = distinct_names(ctx, near) if len(near) > 1 else [the(plain_name(o, selection.query.color)) for o in near]
    facts += [_object_line(ctx, o, n) for o, n in zip(near, names, strict=True)]
    return _result(*facts, artifact=artifact)


def describe(ctx: ToolContext, number: int, object: str) -> ToolResult:
    """Name, colour, size and place of one object; by name also its room and when it was seen."""
    found = find_one(ctx, object)
    if isinstance(found, Miss):
        return found.result()
    obj, name, place = found.object, plain_name(found.object), place_words(ctx.graph, found.object)
    value = TypedValue(kind="color", value=obj.color) if obj.color else None
    tail = ", ".join(x for x in (size_words(obj), place) if x)
    if object.strip().lower() != GAZE:
        look = f"{obj.color}, {tail}" if obj.color else tail
        looks = Fact(id=obj.id, text=f"{found.name} {be(name)} {look}", value=value, object_ids=(obj.id,))
        return _result(looks, *_whereabouts(ctx, number, obj, found.name))
    if not obj.label:
        text = f"this thing has no name; it is {obj.color + ', ' if obj.color else ''}{tail}"
    else:
        shown = plain_name(obj, obj.color)
        text = f"{'these are' if is_plural(name) else 'this is'} {a(shown)}, {tail}"
        value = TypedValue(kind="label", value=name)
    return _result(Fact(id=obj.id, text=text, value=value, object_ids=(obj.id,)))


def _whereabouts(ctx: ToolContext, number: int, obj: SceneObject, name: str) -> list[Fact]:
    """The room of an object, where known, and when it was seen, as two facts of their own."""
    facts, room, many = [], ctx.graph.rooms.get(obj.room), be(plain_name(obj)) == "are"
    was, now = ("were", "are") if many else ("was", "is")
    if room and room.label:
        text = f"{name} {now if obj.present else was} in {room_name(room)}"
        value = TypedValue(kind="room", value=room.label)
        facts.append(Fact(id=f"f{number}", text=text, value=value, object_ids=(obj.id,)))
    seen, age = seen_words(ctx, obj), max(0.0, ctx.time_s - obj.last_seen_s)
    text = f"{name} {now} in view now" if seen == "in view" else f"{name} {was} last {seen}"
    value = TypedValue(kind="duration_s", value=round(age, 1), unit="s")
    facts.append(Fact(id=f"f{number + len(facts)}", text=text, value=value, object_ids=(obj.id,)))
    return facts


def measure(ctx: ToolContext, number: int, kind: str, a: str, b: str | None = None) -> ToolResult:
    """Distance from the wearer or between two things, or the size of one."""
    fit = kind in ("fit_on", "fit_in")
    if b is not None and kind != "distance" and not fit:
        raise ToolError("b only with kind 'distance', 'fit_on' or 'fit_in'", f"kind {kind!r} and b {b!r}")
    if b is None and fit:
        raise ToolError("b, the thing to fit on or in", "no b")
    first = find_one(ctx, a)
    if isinstance(first, Miss):
        point = ctx.gaze().point if a.strip().lower() == GAZE and kind == "distance" and b is None else None
        return _distance_to_point(ctx, number, point) if point else first.result()
    second = find_one(ctx, b) if b is not None else None
    if isinstance(second, Miss):
        return second.result()
    if kind == "distance":
        return _distance(ctx, number, first, second)
    if second is not None:
        return _fit(number, first, second, kind.removeprefix("fit_"))
    obj, are = first.object, be(plain_name(first.object))
    width, depth, height = width_depth_height(obj.box)
    if kind == "size":
        text, value = (
            size_words(obj),
            TypedValue(kind="text", value=f"{width:.3f} x {depth:.3f} x {height:.3f}", unit="m"),
        )
    else:
        metres = height if kind == "height" else width
        word = {"height": "tall", "width": "wide", "length": "long"}[kind]
        text, value = f"{length_words(metres)} {word}", _length(metres)
    return _result(Fact(id=f"f{number}", text=f"{first.name} {are} {text}", value=value, object_ids=(obj.id,)))


def measure_depth(ctx: ToolContext, number: int, u: float, v: float) -> ToolResult:
    """Depth at a pixel of the asked frame."""
    if ctx.camera is None or not ctx.camera.contains(u, v):
        size = [ctx.camera.width, ctx.camera.height] if ctx.camera else None
        return Miss(
            reason="out_of_range", clause="that pixel is outside the image", artifact={"image_size": size}
        ).result()
    depth = ctx.depth_at(u, v)
    if depth is None:
        return Miss(reason="no_depth", clause="there is no depth at that pixel").result()
    return _result(
        Fact(id=f"f{number}", text=f"the depth at ({u:g}, {v:g}) is {length_words(depth)}", value=_length(depth))
    )


def where_am_i(ctx: ToolContext, number: int) -> ToolResult:
    """The wearer's room and the nearest named thing."""
    position = wearer_position(ctx)
    if position is None:
        return Miss(reason="not_localised", clause="this view does not match the map").result()
    room = next((r for r in ctx.graph.rooms.values() if _inside(r, position)), None)
    named = [o for o in ctx.graph.objects.values() if o.label and o.present]
    near = min(named, key=lambda o: math.dist(o.box.center, position), default=None)
    parts = [f"in {room_name(room)}"] if room else []
    if near:
        parts.append(f"{length_words(math.dist(near.box.center, position))} from {the(plain_name(near))}")
    if not parts:
        return Miss(reason="not_localised", clause="the map is still empty").result()
    value = TypedValue(kind="room", value=room.label) if room else None
    ids = (near.id,) if near else ()
    return _result(Fact(id=f"f{number}", text=f"you are {', '.join(parts)}", value=value, object_ids=ids))


def route_to(ctx: ToolContext, number: int, target: str) -> ToolResult:
    """Walking instructions: the legs of a free path over the floor."""
    found = find_one(ctx, target)
    room = find_room(ctx.graph, target) if isinstance(found, Miss) and found.reason == "never_seen" else None
    if isinstance(found, Miss) and room is None:
        return found.result()
    if ctx.world_from_camera is None:
        return Miss(reason="not_localised", clause="this view does not match the map").result()
    pose = Pose.from_matrix(ctx.world_from_camera)
    obj = found.object if isinstance(found, Found) else None
    goal = obj.box.center if obj else room_center(room, pose.origin[1]) if room else pose.origin
    path = ctx.route(goal)
    if not path:
        name = found.name if isinstance(found, Found) else room_name(room) if room else target
        return Miss(reason="unsupported", clause=f"I know no free way to {name}").result()
    metres = path_length(path)
    value = _length(metres)
    fact = Fact(id=f"f{number}", text=route_words(pose, path), value=value, object_ids=(obj.id,) if obj else ())
    return _result(fact, artifact={"path": [list(p) for p in path], "length_m": round(metres, 3)})


def look(ctx: ToolContext, number: int, target: str, question: str) -> ToolResult:
    """Ask the vision model about a crop."""
    found = find_one(ctx, target)
    if isinstance(found, Miss) and not (target.strip().lower() == GAZE and ctx.gaze().point is not None):
        return found.result()
    obj = found.object if isinstance(found, Found) else None
    said = ctx.look(obj.id if obj else None, question).strip()
    if not said:
        return Miss(reason="unsupported", clause="the picture does not show it").result()
    ids = (obj.id,) if obj else ()
    return _result(
        Fact(
            id=f"f{number}", text=f"the picture shows {said}", value=TypedValue(kind="text", value=said), object_ids=ids
        )
    )


def recall(ctx: ToolContext, number: int, query: str, when: str | None = None) -> ToolResult:
    """Notes that fit a query."""
    notes = ctx.recall(query, when)[:LISTED]
    if not notes:
        return Miss(reason="never_seen", clause=f"a note about {the(query.strip().lower())}").result()
    facts = []
    for k, note in enumerate(notes):
        obj = ctx.graph.objects.get(note.object_id) if note.object_id else None
        about = f" on {the(plain_name(obj))}" if obj else ""
        text = f"note{about}, {ago_words(ctx.time_s - note.time_s)}: {note.text}"
        value = TypedValue(kind="text", value=note.text)
        facts.append(Fact(id=f"f{number + k}", text=text, value=value, object_ids=(obj.id,) if obj else ()))
    return _result(*facts)


def remember(ctx: ToolContext, number: int, name: str, target: str) -> ToolResult:
    """Teach a name."""
    name = " ".join(name.lower().split())
    if not name:
        raise ToolError("a name", "an empty text")
    found = find_one(ctx, target, when="now")
    if isinstance(found, Miss):
        return found.result()
    ctx.remember(name, found.object.id)
    text = f"saved as {the(name)}"
    value = TypedValue(kind="label", value=name)
    return _result(Fact(id=found.object.id, text=text, value=value, object_ids=(found.object.id,)))


def forget(ctx: ToolContext, number: int, target: str) -> ToolResult:
    """Delete a taught name and the notes of its object."""
    found = find_one(ctx, target)
    if isinstance(found, Miss):
        return found.result()
    ctx.forget(found.object.id)
    text = f"{found.name} {be(plain_name(found.object))} forgotten"
    return _result(Fact(id=f"f{number}", text=text, value=TypedValue(kind="bool", value=True)))


def annotate(ctx: ToolContext, number: int, target: str, text: str) -> ToolResult:
    """Attach a note."""
    found = find_one(ctx, target)
    if isinstance(found, Miss):
        return found.result()
    note = " ".join(text.split())
    if not note:
        raise ToolError("the text of the note", "an empty text")
    ctx.annotate(found.object.id, note)
    value = TypedValue(kind="text", value=note)
    return _result(
        Fact(id=found.object.id, text=f"noted on {found.name}: {note}", value=value, object_ids=(found.object.id,))
    )


def _moved_line(ctx: ToolContext, obj: SceneObject, name: str) -> Fact:
    place, bearing = place_words(ctx.graph, obj), bearing_words(ctx, obj.box.center)
    was = ", ".join(x for x in (place, bearing) if x) or "somewhere else"
    have, were = ("have", "they were") if be(plain_name(obj)) == "are" else ("has", "it was")
    return Fact(id=obj.id, text=f"{name} {have} moved; {were} {was}; {seen_words(ctx, obj)}", object_ids=(obj.id,))


def _where_is_room(ctx: ToolContext, number: int, room: Room) -> ToolResult:
    position = wearer_position(ctx)
    if position is None:
        return Miss(reason="not_localised", clause="this view does not match the map").result()
    value = TypedValue(kind="room", value=room.label)
    if _inside(room, position):
        return _result(Fact(id=f"f{number}", text=f"you are in {room_name(room)}", value=value))
    center = room_center(room, position[1])
    return _result(Fact(id=f"f{number}", text=f"{room_name(room)} is {bearing_words(ctx, center)}", value=value))


def _distance(ctx: ToolContext, number: int, first: Found, second: Found | None) -> ToolResult:
    are = be(plain_name(first.object))
    ids = (first.object.id,)
    if second is None:
        position = wearer_position(ctx)
        if position is None:
            return Miss(reason="not_localised", clause="this view does not match the map").result()
        metres = math.dist(first.object.box.center, position)
        text = f"{first.name} {are} {length_words(metres)} away"
    else:
        ids = (first.object.id, second.object.id)
        metres = box_gap(first.object.box, second.object.box)
        text = f"{first.name} {are} {length_words(metres)} from {second.name}"
        if metres < 0.005:
            text = f"{first.name} {'touch' if are == 'are' else 'touches'} {second.name}"
    return _result(Fact(id=f"f{number}", text=text, value=_length(metres), object_ids=ids))


def _fit(number: int, first: Found, second: Found, where: str) -> ToolResult:
    """On: the footprint is no larger than the other's; in: every edge is shorter. What lies there is ignored."""
    small, large = width_depth_height(first.object.box), width_depth_height(second.object.box)
    if where == "on":
        small, large = small[:2], large[:2]
    fits = all(x <= y for x, y in zip(sorted(small), sorted(large), strict=True))
    many = be(plain_name(first.object)) == "are"
    verb = ("fit" if many else "fits") if fits else ("do not fit" if many else "does not fit")
    text = f"{'yes' if fits else 'no'}, {first.name} {verb} {where} {second.name}"
    ids = (first.object.id, second.object.id)
    artifact = {"small_m": list(small), "large_m": list(large)}
    fact = Fact(id=f"f{number}", text=text, value=TypedValue(kind="bool", value=fits), object_ids=ids)
    return _result(fact, artifact=artifact)


def _distance_to_point(ctx: ToolContext, number: int, point: tuple[float, float, float]) -> ToolResult:
    position = wearer_position(ctx)
    if position is None:
        return Miss(reason="not_localised", clause="this view does not match the map").result()
    metres = math.dist(point, position)
    return _result(
        Fact(id=f"f{number}", text=f"the point you look at is {length_words(metres)} away", value=_length(metres))
    )


def _object_line(ctx: ToolContext, obj: SceneObject, name: str) -> Fact:
    where = bearing_words(ctx, obj.box.center) or place_words(ctx.graph, obj) or "on the map"
    text = f"{name} {be(plain_name(obj))} {where}"
    return Fact(id=obj.id, text=text, value=_direction(ctx, obj), object_ids=(obj.id,))


def _listed(objects: Sequence[SceneObject]) -> str:
    """``2 mugs, a book and 4 more``: names with their number, in the given order."""
    counts = Counter(plain_name(o) for o in objects)
    names = [a(n) if k == 1 else f"{k} {plural(n)}" for n, k in counts.items()][:LISTED_NAMES]
    rest = len(objects) - sum(list(counts.values())[:LISTED_NAMES])
    return joined([*names, f"{rest} more"] if rest else names)


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
    query, reference = selection.query, selection.reference
    moved = " that moved" if when == "moved" else ""
    if reference is None:
        return moved
    if isinstance(reference, Room):
        return f"{moved} in {room_name(reference)}"
    return f"{moved} {query.relation} {the(plain_name(reference))}"


def _search_artifact(selection: Selection) -> dict[str, Any]:
    return {
        "matches": [o.id for o in selection.matches],
        "rejected": [{"id": r.object.id, "why": r.reason} for r in selection.rejected[:8]],
    }


def _inside(room: Room, position: tuple[float, float, float]) -> bool:
    """Even-odd rule in the floor plane."""
    x, _, z = position
    polygon = room.floor_polygon
    inside = False
    for (x0, z0), (x1, z1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (z0 > z) != (z1 > z) and x < (x1 - x0) * (z - z0) / (z1 - z0) + x0:
            inside = not inside
    return inside


def _length(metres: float) -> TypedValue:
    return TypedValue(kind="length_m", value=round(metres, 4), unit="m")


def _result(*facts: Fact, reason: Any = None, artifact: dict[str, Any] | None = None) -> ToolResult:
    values = {f.id: f.value.model_dump() for f in facts if f.value is not None}
    return ToolResult(
        text="\n".join(f.line for f in facts),
        facts=facts,
        reason=reason,
        artifact={"values": values, **({"reason": reason} if reason else {}), **(artifact or {})},
    )


__all__ = [
    "annotate",
    "describe",
    "find_objects",
    "forget",
    "look",
    "measure",
    "measure_depth",
    "recall",
    "remember",
    "route_to",
    "where_am_i",
    "where_is",
]
