"""Shapes of things that stand on the floor and carry or hold other things."""

from __future__ import annotations

import math

from scenes.rendering.mesh import Finish, Mesh, box, cushion, cylinder, ellipsoid, join, lathe, tube
from scenes.worlds.things.fronts import Panels, doors, drawer, drawers, spans
from scenes.worlds.things.shapes import Appearance, Front, Shape, Surface, beneath, legs, top


def table(look: Appearance) -> Shape:
    """Dining table, rectangular or round."""
    height, wood = look.u(0.71, 0.77), look.body()
    if look.chance(0.3):
        radius = look.u(0.45, 0.6)
        parts = [
            cylinder(radius, 0.035, wood, (0, height - 0.035, 0), segments=32),
            cylinder(0.05, height - 0.06, wood.shade(0.85), (0, 0.03, 0)),
            cylinder(radius * 0.55, 0.03, wood.shade(0.8), segments=24),
        ]
        side = radius * math.sqrt(2)
        return Shape(mesh=join(*parts), surfaces=(top(side, side, height),))
    w, d = look.u(1.1, 1.7), look.u(0.7, 0.9)
    apron = box((w - 0.12, 0.07, d - 0.12), wood.shade(0.85), (0, height - 0.105, 0))
    leg = look.u(0.025, 0.04)
    stand = legs(w, d, height - 0.035, leg, wood.shade(0.9), square=look.chance(0.6))
    board = box((w, 0.035, d), wood, (0, height - 0.035, 0))
    below = beneath((-w / 2, w / 2), (-d / 2, d / 2), height - 0.105, margin=2 * leg + 0.02)
    return Shape(mesh=join(board, apron, stand), surfaces=(top(w, d, height),), beneath=below)


def coffee_table(look: Appearance) -> Shape:
    """Low table in front of a sofa, with a lower shelf now and then."""
    w, d, height = look.u(0.8, 1.15), look.u(0.45, 0.65), look.u(0.36, 0.46)
    finish = look.body()
    board = box((w, 0.04, d), finish, (0, height - 0.04, 0))
    stand = legs(w, d, height - 0.04, look.u(0.02, 0.035), look.metal(0.25), square=look.chance(0.5))
    parts = [board, stand]
    if look.chance(0.5):
        parts.append(box((w - 0.06, 0.02, d - 0.06), finish.shade(0.9), (0, 0.12, 0)))
        return Shape(mesh=join(*parts), surfaces=(top(w, d, height),))
    below = beneath((-w / 2, w / 2), (-d / 2, d / 2), height - 0.04, margin=0.09)
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height),), beneath=below)


def desk(look: Appearance) -> Shape:
    """Writing desk: a board, panels or legs, a drawer block on one side."""
    w, d, height = look.u(1.1, 1.6), look.u(0.6, 0.75), look.u(0.72, 0.76)
    finish = look.body()
    board = box((w, 0.03, d), finish, (0, height - 0.03, 0))
    side = 1 if look.chance(0.5) else -1
    block_w, block_h = 0.4, height - 0.08
    x = side * (w / 2 - block_w / 2 - 0.01)
    parts: list[Mesh] = [
        board,
        box((block_w, block_h, d - 0.06), finish.shade(0.92), (x, 0.04, 0)),
        box((0.03, height - 0.03, d - 0.04), finish.shade(0.9), (-side * (w / 2 - 0.02), 0, 0)),
        box((w - 0.1, 0.3, 0.015), finish.shade(0.85), (0, height - 0.35, -d / 2 + 0.06)),
    ]
    fronts: list[Front] = []
    for i in range(3):
        y = 0.07 + i * (block_h - 0.04) / 3
        parts.append(box((block_w - 0.03, block_h / 3 - 0.03, 0.014), finish.shade(1.08), (x, y, d / 2 - 0.03)))
        parts.append(box((0.1, 0.012, 0.02), look.metal(), (x, y + block_h / 6 - 0.02, d / 2 - 0.02)))
        moving = (spans(parts)[-2][0], spans(parts)[-1][1])
        at, size = (x, y, d / 2 - 0.03), (block_w - 0.04, block_h / 3 - 0.05)
        fronts.append(drawer(i + 1, moving, at=at, size=size, depth=d - 0.06, finish=finish.shade(0.8)))
    free = (-w / 2 + 0.05, w / 2 - block_w - 0.02)
    across = (min(side * free[0], side * free[1]), max(side * free[0], side * free[1]))
    below = beneath(across, (-d / 2 + 0.08, d / 2), height - 0.36)
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height),), beneath=below, fronts=tuple(fronts))


def chair(look: Appearance) -> Shape:
    """Dining chair: seat, four legs, slatted or solid back."""
    w, d, seat_y, back_h = look.u(0.4, 0.48), look.u(0.4, 0.48), look.u(0.43, 0.48), look.u(0.38, 0.52)
    finish, r = look.body("plain"), look.u(0.015, 0.022)
    frame = look.wood() if look.chance(0.5) else finish.shade(0.85)
    parts = [
        legs(w, d, seat_y - 0.03, r, frame, square=look.chance(0.5)),
        cushion((w, 0.045, d), finish, (0, seat_y - 0.035, 0), roundness=0.15),
    ]
    z = -d / 2 + r
    for x in (-w / 2 + r, w / 2 - r):
        parts.append(box((2 * r, back_h, 2 * r), frame, (x, seat_y, z)))
    if look.chance(0.5):
        for i in range(3):
            parts.append(box((w - 2 * r, 0.05, 0.015), finish, (0, seat_y + back_h * (0.35 + 0.25 * i), z)))
    else:
        parts.append(box((w - 2 * r, back_h * 0.7, 0.02), finish, (0, seat_y + back_h * 0.3, z)))
    return Shape(mesh=join(*parts), surfaces=(top(w * 0.8, d * 0.7, seat_y + 0.01),))


def office_chair(look: Appearance) -> Shape:
    """Swivel chair: star foot with castors, column, cushioned seat and back, arm rests."""
    seat_y, w = look.u(0.44, 0.52), look.u(0.48, 0.54)
    finish = look.main("fabric")
    parts = [cylinder(0.03, seat_y - 0.1, look.metal(0.4), (0, 0.08, 0))]
    for i in range(5):
        angle = i * 2 * math.pi / 5
        x, z = 0.29 * math.cos(angle), 0.29 * math.sin(angle)
        parts.append(tube([(0, 0.09, 0), (x, 0.065, z)], 0.02, look.dark()))
        parts.append(ellipsoid((0.055, 0.055, 0.055), look.dark(), (x, 0, z), 8))
    parts.append(cushion((w, 0.1, 0.48), finish, (0, seat_y - 0.05, 0), roundness=0.3))
    back = cushion((w * 0.92, look.u(0.45, 0.6), 0.08), finish, (0, seat_y + 0.12, -0.25), roundness=0.3)
    parts.append(back)
    parts.append(box((0.06, 0.25, 0.03), look.dark(), (0, seat_y - 0.05, -0.27)))
    for side in (-1, 1):
        x = side * (w / 2 + 0.02)
        parts.append(box((0.05, 0.03, 0.25), look.dark(), (x, seat_y + 0.2, 0)))
        parts.append(box((0.03, 0.22, 0.03), look.dark(), (x, seat_y, -0.05)))
    return Shape(mesh=join(*parts))


def stool(look: Appearance) -> Shape:
    """Backless round seat on splayed legs."""
    r, height = look.u(0.15, 0.19), look.u(0.44, 0.68)
    parts = [cylinder(r, 0.04, look.body(), (0, height - 0.04, 0), segments=24)]
    for i in range(4):
        a = math.pi / 4 + i * math.pi / 2
        c, s = math.cos(a), math.sin(a)
        foot, head = (r * 1.15 * c, 0.012, r * 1.15 * s), (r * 0.7 * c, height - 0.03, r * 0.7 * s)
        parts.append(tube([foot, head], 0.014, look.wood()))
    return Shape(mesh=join(*parts), surfaces=(top(r * 1.3, r * 1.3, height),))


def sofa(look: Appearance, *, seats: int | None = None) -> Shape:
    """Upholstered seat with arm rests, back and cushions."""
    seats = seats or int(look.rng.integers(2, 4))
    seat_w, arm = look.u(0.58, 0.7), look.u(0.13, 0.22)
    w, d = seats * seat_w + 2 * arm, look.u(0.82, 0.95)
    seat_y, back_h = look.u(0.4, 0.46), look.u(0.78, 0.9)
    finish = look.main("fabric")
    parts = [box((w - 2 * arm, seat_y - 0.16, d - 0.08), finish.shade(0.8), (0, 0.07, 0))]
    parts.append(legs(w - 0.1, d - 0.1, 0.08, 0.025, look.wood().shade(0.6), square=False))
    parts.append(cushion((w, back_h - 0.07, 0.24), finish.shade(0.94), (0, 0.07, -d / 2 + 0.12), roundness=0.22))
    for side in (-1, 1):
        x = side * (w / 2 - arm / 2)
        parts.append(cushion((arm, seat_y + 0.12, d), finish.shade(0.92), (x, 0.05, 0), roundness=0.22))
    for i in range(seats):
        x = -w / 2 + arm + (i + 0.5) * seat_w
        parts.append(cushion((seat_w, 0.15, d - 0.2), finish, (x, seat_y - 0.13, 0.1), roundness=0.25))
        parts.append(cushion((seat_w, 0.4, 0.16), finish, (x, seat_y, -d / 2 + 0.3), roundness=0.3))
    seat = Surface(y=seat_y + 0.02, x=(-w / 2 + arm + 0.03, w / 2 - arm - 0.03), z=(-d / 2 + 0.4, d / 2 - 0.05))
    return Shape(mesh=join(*parts), surfaces=(seat,))


def armchair(look: Appearance) -> Shape:
    """A sofa for one."""
    return sofa(look, seats=1)


def bed(look: Appearance) -> Shape:
    """Frame, mattress, blanket, headboard, two flat sleeping pillows; the head is at the back."""
    w, d, seat_y = look.u(1.0, 1.75), look.u(1.95, 2.1), look.u(0.42, 0.55)
    wood, head = look.wood(), look.u(0.85, 1.15)
    parts = [
        box((w, seat_y - 0.22, d), wood, (0, 0.05, 0)),
        box((w, head, 0.05), wood.shade(0.9), (0, 0, -d / 2 + 0.02)),
        cushion((w - 0.04, 0.22, d - 0.07), look.light("fabric"), (0, seat_y - 0.2, 0.02), roundness=0.12),
        cushion((w + 0.04, 0.2, d * 0.64), look.main("fabric"), (0, seat_y - 0.14, d * 0.17), roundness=0.12),
        legs(w, d, 0.06, 0.04, wood.shade(0.6), square=True),
    ]
    for side in (-1, 1):
        parts.append(
            cushion((w * 0.42, 0.13, 0.4), look.light("fabric"), (side * w * 0.24, seat_y + 0.01, -d / 2 + 0.3))
        )
    surface = Surface(y=seat_y + 0.06, x=(-w / 2 + 0.08, w / 2 - 0.08), z=(-d * 0.05, d / 2 - 0.15))
    return Shape(mesh=join(*parts), surfaces=(surface,))


def bench(look: Appearance) -> Shape:
    """Long plain seat."""
    w, d, height = look.u(0.9, 1.3), look.u(0.32, 0.4), look.u(0.43, 0.48)
    finish = look.body()
    parts = [box((w, 0.05, d), finish, (0, height - 0.05, 0))]
    for side in (-1, 1):
        parts.append(box((0.05, height - 0.05, d - 0.04), finish.shade(0.85), (side * (w / 2 - 0.08), 0, 0)))
    below = beneath((-w / 2 + 0.11, w / 2 - 0.11), (-d / 2, d / 2), height - 0.05)
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height),), beneath=below)


def cabinet(look: Appearance) -> Shape:
    """Low sideboard with doors."""
    w, d, height = look.u(0.8, 1.4), look.u(0.38, 0.45), look.u(0.7, 0.9)
    finish = look.body()
    body = ((w, height - 0.08, d - 0.02), (0.0, 0.08, -0.01))
    panels = Panels(y=0.09, height=height - 0.13, z=d / 2 - 0.02, count=int(look.rng.integers(2, 4)))
    parts, fronts = doors(look, body, finish, finish.shade(0.9), panels, shelves=(0.0, 0.45 * height))
    parts += [legs(w - 0.06, d - 0.06, 0.09, 0.02, look.dark(), square=True)]
    parts += [box((w, 0.025, d), finish.shade(1.05), (0, height - 0.025, 0))]
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height),), fronts=fronts)


def dresser(look: Appearance) -> Shape:
    """Chest of drawers."""
    w, d, height = look.u(0.7, 1.2), look.u(0.4, 0.5), look.u(0.75, 1.05)
    finish = look.body()
    body = ((w, height, d - 0.02), (0.0, 0.0, -0.01))
    panels = Panels(y=0.06, height=height - 0.1, z=d / 2 - 0.02, count=int(look.rng.integers(3, 5)))
    parts, fronts = drawers(look, body, finish, finish.shade(0.88), panels)
    parts += [box((w, 0.025, d), finish.shade(1.05), (0, height, 0))]
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height + 0.025),), fronts=fronts)


def nightstand(look: Appearance) -> Shape:
    """Bedside box with two drawers."""
    w, d, height = look.u(0.38, 0.5), look.u(0.36, 0.42), look.u(0.48, 0.6)
    finish = look.body()
    body = ((w, height - 0.12, d - 0.02), (0.0, 0.12, -0.01))
    panels = Panels(y=0.13, height=height - 0.15, z=d / 2 - 0.02, count=2)
    parts, fronts = drawers(look, body, finish, finish.shade(0.9), panels)
    parts += [legs(w, d, 0.12, 0.018, look.wood().shade(0.7), square=False)]
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height),), fronts=fronts)


def wardrobe(look: Appearance) -> Shape:
    """Tall closet with doors."""
    w, d, height = look.u(0.9, 1.6), look.u(0.55, 0.62), look.u(1.85, 2.15)
    finish = look.body()
    body = ((w, height, d - 0.02), (0.0, 0.0, -0.01))
    panels = Panels(y=0.08, height=height - 0.12, z=d / 2 - 0.02, count=int(look.rng.integers(2, 4)))
    parts, fronts = doors(look, body, finish, finish.shade(0.88), panels, shelves=(0.08, 0.45, 0.9))
    return Shape(mesh=join(*parts), fronts=fronts)


def bookshelf(look: Appearance) -> Shape:
    """Open shelf with boards."""
    w, d, height = look.u(0.7, 1.1), look.u(0.28, 0.34), look.u(1.3, 1.95)
    finish, t = look.body(), 0.022
    boards = int(look.rng.integers(4, 6))
    parts = [box((w, height, 0.012), finish.shade(0.8), (0, 0, -d / 2 + 0.006))]
    parts += [box((t, height, d), finish, (s * (w / 2 - t / 2), 0, 0)) for s in (-1, 1)]
    levels = [0.06 + i * (height - 0.06 - t) / (boards - 1) for i in range(boards)]
    parts += [box((w - 2 * t, t, d - 0.02), finish.shade(0.95), (0, y, 0.01)) for y in levels]
    gap = levels[1] - levels[0] - t - 0.02
    inner = (-w / 2 + t + 0.01, w / 2 - t - 0.01)
    inside = tuple(
        Surface(y=y + t, x=inner, z=(-d / 2 + 0.02, d / 2 - 0.01), headroom=gap, predicate="in") for y in levels[:-1]
    )
    return Shape(mesh=join(*parts), surfaces=inside)


def counter(look: Appearance) -> Shape:
    """Kitchen base units under one worktop."""
    w, d, height = look.u(1.2, 2.2), 0.6, look.u(0.88, 0.93)
    finish = look.body("plastic")
    worktop = look.wood() if look.chance(0.5) else Finish((0.3, 0.3, 0.32), "plain")
    body = ((w, height - 0.13, d - 0.06), (0.0, 0.1, -0.03))
    panels = Panels(y=0.11, height=height - 0.16, z=d / 2 - 0.055, count=max(2, round(w / 0.5)))
    plinth = box((w, 0.1, d - 0.12), look.dark("plain"), (0, 0, -0.06))
    parts, fronts = doors(look, body, finish, finish.shade(0.85), panels, shelves=(0.0, 0.38), before=(plinth,))
    parts += [box((w, 0.035, d), worktop, (0, height - 0.035, 0))]
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height, headroom=0.5),), fronts=fronts)


def tv_stand(look: Appearance) -> Shape:
    """Low long cabinet for a television."""
    w, d, height = look.u(1.2, 1.7), look.u(0.36, 0.42), look.u(0.42, 0.52)
    finish = look.body()
    body = ((w, height - 0.06, d - 0.02), (0.0, 0.06, -0.01))
    panels = Panels(y=0.07, height=height - 0.09, z=d / 2 - 0.02, count=3)
    parts, fronts = doors(look, body, finish, finish.shade(0.9), panels, shelves=(0.0,))
    parts += [legs(w - 0.1, d, 0.07, 0.02, look.dark(), square=True)]
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height),), fronts=fronts)


def rug(look: Appearance) -> Shape:
    """Flat mat, rectangular or round, with a border."""
    if look.chance(0.3):
        radius = look.u(0.6, 0.9)
        disc = cylinder(radius, 0.012, look.main("rug"), segments=36)
        return Shape(
            mesh=join(disc, lathe([(radius, 0), (radius + 0.05, 0.0), (radius, 0.013)], look.accent("carpet")))
        )
    w, d = look.u(1.2, 1.9), look.u(0.8, 1.3)
    inner = box((w - 0.14, 0.014, d - 0.14), look.main("rug"))
    return Shape(mesh=join(box((w, 0.01, d), look.accent("carpet")), inner))
