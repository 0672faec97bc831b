"""Tools that measure: distances, sizes, whether a thing fits, depth at a pixel, and the way to walk."""

from __future__ import annotations

import math

from scenes.records import TypedValue
from scenes.vocabulary import GAZE
from tools.errors import ToolError
from tools.geometry.box_measures import box_gap, width_depth_height
from tools.geometry.directions import Pose, length_words
from tools.search.queries import find_room
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact, Miss, ToolResult
from tools.toolbox.phrases import (
    is_or_are,
    is_plural,
    plain_name,
    room_name,
    size_words,
)
from tools.toolbox.references import (
    ResolvedReference,
    UnresolvedReference,
    find_one,
    not_localised,
    wearer_position,
)
from tools.toolbox.results import length_value, miss_result, moved_away_fact, result_of
from tools.toolbox.routes import path_length, room_center, route_words

TOUCHING_M = 0.005
"""Two things with a smaller gap between their boxes are said to touch: less than a map resolves."""


def measure(ctx: ToolContext, number: int, kind: str, a: str, b: str | None = None) -> ToolResult:
    """Distance from the wearer or between two things, or the size of one."""
    fit = kind in ("fit_on", "fit_in")
    if b is not None and kind != "distance" and not fit:
        raise ToolError("b only with kind 'distance', 'fit_on' or 'fit_in'", f"kind {kind!r} and b {b!r}")
    if b is None and fit:
        raise ToolError("b, the thing to fit on or in", "no b")
    first = find_one(ctx, a)
    if isinstance(first, UnresolvedReference):
        point = ctx.gaze().point if a.strip().lower() == GAZE and kind == "distance" and b is None else None
        return _distance_to_point(ctx, number, point) if point else first.result()
    if kind == "distance" and not first.object.present:
        return result_of(moved_away_fact(ctx, first.object, first.name), reason="moved")
    second = find_one(ctx, b) if b is not None else None
    if isinstance(second, UnresolvedReference):
        return second.result()
    if kind == "distance":
        return _distance(ctx, number, first, second)
    if second is not None:
        return _fit(number, first, second, kind.removeprefix("fit_"))
    obj, are = first.object, is_or_are(plain_name(first.object))
    width, depth, height = width_depth_height(obj.box)
    if kind == "size":
        text = size_words(obj)
        value = TypedValue(kind="text", value=f"{width:.3f} x {depth:.3f} x {height:.3f}", unit="m")
    else:
        metres = height if kind == "height" else width
        word = {"height": "tall", "width": "wide", "length": "long"}[kind]
        text, value = f"{length_words(metres)} {word}", length_value(metres)
    text = f"{first.name} {are} {text}"
    return result_of(Fact(id=f"f{number}", role="size", text=text, value=value, object_ids=(obj.id,)))


def measure_depth(ctx: ToolContext, number: int, u: float, v: float) -> ToolResult:
    """Depth at a pixel of the asked frame."""
    pixel = f"({u:g}, {v:g})"
    if ctx.camera is None or not ctx.camera.contains(u, v):
        size = [ctx.camera.width, ctx.camera.height] if ctx.camera else None
        outside = Miss(reason="out_of_range", asked=pixel, clause="that pixel is outside the image")
        return miss_result(outside, artifact={"image_size": size})
    depth = ctx.depth_at(u, v)
    if depth is None:
        return miss_result(Miss(reason="no_depth", asked=pixel, clause="there is no depth at that pixel"))
    text = f"the depth at {pixel} is {length_words(depth)}"
    return result_of(Fact(id=f"f{number}", role="depth", text=text, value=length_value(depth)))


def route_to(ctx: ToolContext, number: int, target: str) -> ToolResult:
    """Walking instructions: the legs of a free path over the floor."""
    found = find_one(ctx, target)
    if isinstance(found, UnresolvedReference):
        room = find_room(ctx.graph, target) if found.miss.reason == "never_seen" else None
        if room is None:
            return found.result()
        obj, name = None, room_name(room)
    else:
        room, obj, name = None, found.object, found.name
    if ctx.world_from_camera is None:
        return not_localised(target).result()
    pose = Pose.from_matrix(ctx.world_from_camera)
    if obj and not obj.present:
        return result_of(moved_away_fact(ctx, obj, name), reason="moved")
    goal = obj.box.center if obj else room_center(room, pose.origin[1]) if room else pose.origin
    path = ctx.route(goal)
    if not path:
        return miss_result(Miss(reason="unsupported", asked=target, clause=f"I know no free way to {name}"))
    metres, ids = path_length(path), (obj.id,) if obj else ()
    text, value = route_words(pose, path), length_value(metres)
    fact = Fact(id=f"f{number}", role="route", text=text, value=value, object_ids=ids)
    return result_of(fact, artifact={"path": [list(p) for p in path], "length_m": round(metres, 3)})


def _distance(ctx: ToolContext, number: int, first: ResolvedReference, second: ResolvedReference | None) -> ToolResult:
    are = is_or_are(plain_name(first.object))
    ids = (first.object.id,)
    if second is None:
        position = wearer_position(ctx)
        if position is None:
            return not_localised(first.name).result()
        metres = math.dist(first.object.box.center, position)
        text = f"{first.name} {are} {length_words(metres)} away"
    else:
        ids = (first.object.id, second.object.id)
        metres = box_gap(first.object.box, second.object.box)
        text = f"{first.name} {are} {length_words(metres)} from {second.name}"
        if metres < TOUCHING_M:
            text = f"{first.name} {'touch' if is_plural(plain_name(first.object)) else 'touches'} {second.name}"
    return result_of(Fact(id=f"f{number}", role="distance", text=text, value=length_value(metres), object_ids=ids))


def _fit(number: int, first: ResolvedReference, second: ResolvedReference, where: str) -> ToolResult:
    """On: the footprint is no larger than the other's; in: every edge is shorter. What lies there is ignored."""
    small, large = width_depth_height(first.object.box), width_depth_height(second.object.box)
    if where == "on":
        small, large = small[:2], large[:2]
    fits = all(x <= y for x, y in zip(sorted(small), sorted(large), strict=True))
    many = is_plural(plain_name(first.object))
    verb = ("fit" if many else "fits") if fits else ("do not fit" if many else "does not fit")
    text = f"{'yes' if fits else 'no'}, {first.name} {verb} {where} {second.name}"
    ids = (first.object.id, second.object.id)
    artifact = {"small_m": list(small), "large_m": list(large)}
    fact = Fact(id=f"f{number}", role="fit", text=text, value=TypedValue(kind="bool", value=fits), object_ids=ids)
    return result_of(fact, artifact=artifact)


def _distance_to_point(ctx: ToolContext, number: int, point: tuple[float, float, float]) -> ToolResult:
    position = wearer_position(ctx)
    if position is None:
        return not_localised(GAZE).result()
    metres = math.dist(point, position)
    text = f"the point you look at is {length_words(metres)} away"
    return result_of(Fact(id=f"f{number}", role="distance", text=text, value=length_value(metres)))
