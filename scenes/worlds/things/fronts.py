"""Drawers and hinged doors: built closed into a shape, and opened or closed later.

Builders make furniture closed and solid. A ``Front`` says which vertices of that mesh move, and what shows once they
have: the box of a drawer, or a hollow body with a shelf behind a door. One front of a thing is open at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from scenes.rendering.mesh import Finish, Mesh, Vec3, axis_rotation, box, join
from scenes.worlds.things.shapes import Appearance, Front, Shape, Span, Surface

OPEN_RAD = math.radians(100.0)
"""How far a door stands open: a little more than square, as hinges of cupboards allow."""
BOARD_M = 0.014
"""Thickness of the boards inside."""
MARGIN_M = 0.02


def spans(parts: Sequence[Mesh]) -> list[Span]:
    """Where the vertices of each part lie once the parts are joined."""
    ends = list(accumulate(len(part.vertices) for part in parts))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def drawer(
    number: int, part: Span, *, at: Vec3, size: tuple[float, float], depth: float, finish: Finish, slide: float = 0.65
) -> Front:
    """A drawer counted from below.

    Args:
        number: from 1, the lowest.
        part: vertices of its panel and handle.
        at: middle of the lower edge of its panel, closed, on the front plane of the body.
        size: inner width and height.
        depth: how deep the body is behind the front plane.
        finish: of its box.
        slide: share of the depth by which it comes out.
    """
    (x, y, z), (w, h), out = at, size, depth * slide
    middle = z + out / 2
    parts = [box((w, BOARD_M, out), finish, (x, y, middle))]
    parts += [box((BOARD_M, h, out), finish, (x + s * (w / 2 - BOARD_M / 2), y, middle)) for s in (-1, 1)]
    half = w / 2 - BOARD_M - MARGIN_M
    inside = Surface(
        y=y + BOARD_M,
        x=(x - half, x + half),
        z=(z + MARGIN_M, z + out - MARGIN_M),
        headroom=h - BOARD_M,
        predicate="in",
        front=f"drawer {number}",
    )
    return Front(name=f"drawer {number}", part=part, slide_m=out, lining=join(*parts), surfaces=(inside,))


def door(
    name: str,
    part: Span,
    *,
    body: Span,
    outer: tuple[Vec3, Vec3],
    opening: tuple[float, float],
    hinge: tuple[float, float],
    right: bool,
    shelves: Sequence[float],
    finish: Finish,
) -> Front:
    """A door that turns about an upright axis before a body, which turns out to be hollow.

    Args:
        name: ``door 1`` or the like.
        part: vertices of its panel and handle.
        body: vertices of the solid body.
        outer: the body's size, and the middle of its base.
        opening: from and to which x things inside can be reached.
        hinge: (x, z) of the axis.
        right: whether the axis is at the door's right edge, as seen from the front.
        shelves: heights of the boards inside above the body's base, the lowest 0.
        finish: of the inside.
    """
    (w, h, d), (x, y, z) = outer
    t = BOARD_M
    parts = [box((w, h, t), finish.shade(0.8), (x, y, z - d / 2 + t / 2)), box((w, t, d), finish, (x, y + h - t, z))]
    parts += [box((t, h, d), finish, (x + s * (w / 2 - t / 2), y, z)) for s in (-1, 1)]
    parts += [box((w - 2 * t, t, d - 0.02), finish.shade(0.9), (x, y + level, z - 0.01)) for level in shelves]
    low = max(opening[0], x - w / 2 + t) + MARGIN_M
    high = min(opening[1], x + w / 2 - t) - MARGIN_M
    tops = [*shelves[1:], h - t]
    surfaces = tuple(
        Surface(
            y=y + level + t,
            x=(low, high),
            z=(z - d / 2 + t + MARGIN_M, z + d / 2 - MARGIN_M),
            headroom=above - level - t - MARGIN_M,
            predicate="in",
            front=name,
        )
        for level, above in zip(shelves, tops, strict=True)
    )
    return Front(
        name=name,
        part=part,
        hinge=hinge,
        angle=OPEN_RAD if right else -OPEN_RAD,
        lining=join(*parts),
        body=body,
        surfaces=surfaces,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """Where the fronts of a piece of furniture are."""

    y: float
    """Their lowest edge."""
    height: float
    """Of all together."""
    z: float
    """Middle of a panel's thickness."""
    count: int


def doors(
    look: Appearance,
    body: tuple[Vec3, Vec3],
    finish: Finish,
    inner: Finish,
    panels: Panels,
    *,
    shelves: Sequence[float],
    before: Sequence[Mesh] = (),
) -> tuple[list[Mesh], tuple[Front, ...]]:
    """A body (size, middle of the base) with doors side by side and their handles: its parts and its fronts.

    ``before`` are parts that come between the body and the doors.
    """
    w, z = body[0][0], panels.z
    parts = [box(body[0], inner, body[1]), *before]
    first, panel = len(parts), w / panels.count
    for i in range(panels.count):
        x = -w / 2 + (i + 0.5) * panel
        handle_x = x + (panel * 0.38 if i % 2 == 0 else -panel * 0.38)
        parts.append(box((panel - 0.012, panels.height - 0.012, 0.016), finish, (x, panels.y + 0.006, z)))
        handle_y = panels.y + panels.height * 0.5 - 0.06
        parts.append(box((0.014, 0.12, 0.025), look.metal(), (handle_x, handle_y, z + 0.015)))
    at = spans(parts)
    fronts: list[Front] = []
    for i in range(panels.count):
        low, high = -w / 2 + i * panel, -w / 2 + (i + 1) * panel
        # The handle is on the side away from the hinge.
        right = i % 2 == 1
        part = (at[first + 2 * i][0], at[first + 2 * i + 1][1])
        hinge = (high - 0.006 if right else low + 0.006, z)
        fronts.append(
            door(
                f"door {i + 1}",
                part,
                body=at[0],
                outer=body,
                opening=(low, high),
                hinge=hinge,
                right=right,
                shelves=shelves,
                finish=inner,
            )
        )
    return parts, tuple(fronts)


def drawers(
    look: Appearance, body: tuple[Vec3, Vec3], finish: Finish, inner: Finish, panels: Panels
) -> tuple[list[Mesh], tuple[Front, ...]]:
    """A body (size, middle of the base) with drawers one above the other: its parts and its fronts."""
    (w, _, depth), z, step = body[0], panels.z, panels.height / panels.count
    parts = [box(body[0], inner, body[1])]
    for i in range(panels.count):
        y = panels.y + i * step
        parts.append(box((w - 0.012, step - 0.014, 0.016), finish, (0, y + 0.007, z)))
        parts.append(box((w * 0.3, 0.014, 0.025), look.metal(), (0, panels.y + (i + 0.6) * step, z + 0.015)))
    at = spans(parts)
    fronts = tuple(
        drawer(
            i + 1,
            (at[1 + 2 * i][0], at[2 + 2 * i][1]),
            at=(0.0, panels.y + i * step + 0.012, z),
            size=(w - 0.04, step - 0.04),
            depth=depth - 0.02,
            finish=inner.shade(0.9),
        )
        for i in range(panels.count)
    )
    return parts, fronts


def opened(shape: Shape, name: str) -> Shape:
    """A closed shape with one front open. Raises ValueError for another name."""
    front = next((f for f in shape.fronts if f.name == name), None)
    if front is None or shape.open_front:
        names = ", ".join(f.name for f in shape.fronts) or "none"
        raise ValueError(f"expected a closed shape and one of its fronts ({names}), got {name!r}")
    first, last = front.part
    vertices = shape.mesh.vertices.copy()
    if front.angle:
        x, z = front.hinge
        axis = (x, 0.0, z)
        turned = (vertices[first:last] - axis) @ axis_rotation("y", front.angle).T + axis
        vertices[first:last] = turned
    else:
        vertices[first:last] += (0.0, 0.0, front.slide_m)
    mesh = replace(shape.mesh, vertices=vertices)
    if front.body is not None:
        mesh = mesh.without(front.body)
    return replace(
        shape,
        mesh=join(mesh, front.lining),
        surfaces=(*shape.surfaces, *front.surfaces),
        open_front=name,
        closed=shape,
    )


def slide_m(shape: Shape, name: str) -> float:
    """How far what lies behind a front travels when it opens."""
    return next(f.slide_m for f in shape.fronts if f.name == name)
