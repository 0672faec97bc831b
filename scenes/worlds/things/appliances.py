"""Shapes of kitchen and bathroom fixtures, appliances and other large floor things."""

from __future__ import annotations

import math

from scenes.rendering.mesh import Finish, box, cushion, cylinder, ellipsoid, join, lathe, prism, tube
from scenes.worlds.things.fronts import door, spans
from scenes.worlds.things.shapes import Appearance, Shape, Surface, top


def fridge(look: Appearance) -> Shape:
    """Two doors one above the other, with long handles."""
    w, d, height = look.u(0.58, 0.7), look.u(0.6, 0.68), look.u(1.5, 1.9)
    finish, split = look.main("metal" if look.term == "gray" else "plastic"), look.u(0.35, 0.62)
    body = ((w, height, d - 0.06), (0.0, 0.0, -0.03))
    parts = [box(body[0], finish.shade(0.92), body[1])]
    for y, h in ((0.05, height * split - 0.06), (height * split, height * (1 - split) - 0.01)):
        parts.append(box((w, h, 0.05), finish, (0, y, d / 2 - 0.035)))
        parts.append(box((0.025, min(0.45, h * 0.6), 0.04), look.metal(0.45), (-w * 0.4, y + h * 0.2, d / 2)))
    at, low = spans(parts), height * split - 0.01
    fronts = tuple(
        door(
            f"door {i + 1}",
            (at[1 + 2 * i][0], at[2 + 2 * i][1]),
            body=at[0],
            outer=body,
            opening=(-w / 2, w / 2),
            hinge=(w / 2, d / 2 - 0.06),
            right=True,
            shelves=shelves,
            finish=Finish((0.9, 0.92, 0.93), "plastic"),
        )
        for i, shelves in enumerate(((0.05, 0.05 + low / 2, low), (0.05, low, (low + height) / 2)))
    )
    return Shape(mesh=join(*parts), fronts=fronts)


def oven(look: Appearance) -> Shape:
    """Cooker: dark glass door, handle bar, knobs, four rings on top."""
    w, d, height = 0.6, 0.6, look.u(0.86, 0.92)
    finish = look.main("plastic")
    parts = [box((w, height, d - 0.04), finish, (0, 0, -0.02))]
    parts.append(box((w - 0.08, 0.42, 0.02), look.dark("screen"), (0, 0.16, d / 2 - 0.04)))
    parts.append(tube([(-w * 0.38, 0.64, d / 2), (w * 0.38, 0.64, d / 2)], 0.013, look.metal(0.75)))
    for i in range(5):
        knob = cylinder(0.02, 0.025, look.dark(), segments=10).turned("x", math.pi / 2)
        parts.append(knob.moved((-0.2 + 0.1 * i, height - 0.1, d / 2 - 0.035)))
    parts.append(box((w, 0.012, d - 0.02), look.dark("metal"), (0, height, -0.01)))
    for x in (-0.14, 0.14):
        for z in (-0.14, 0.12):
            ring = [(0.05, 0), (0.09, 0), (0.09, 0.012), (0.05, 0.012)]
            parts.append(lathe(ring, look.metal(0.2), (x, height + 0.012, z)))
    return Shape(mesh=join(*parts), surfaces=(top(w, d, height + 0.024, margin=0.06, headroom=0.5),))


def sink(look: Appearance) -> Shape:
    """Wash cabinet with a basin sunk into it and a bent tap."""
    w, d, height = look.u(0.55, 0.85), look.u(0.48, 0.56), look.u(0.82, 0.88)
    body = look.body("plastic")
    basin = look.light("ceramic") if look.chance(0.6) else look.metal(0.7)
    rim = 0.05
    parts = [box((w, height - 0.2, d), body, (0, 0, 0))]
    for x, z, sx, sz in (
        (0, d / 2 - rim / 2, w, rim),
        (0, -d / 2 + rim, w, 2 * rim),
        (-w / 2 + rim / 2, 0, rim, d),
        (w / 2 - rim / 2, 0, rim, d),
    ):
        parts.append(box((sx, 0.2, sz), basin, (x, height - 0.2, z)))
    parts.append(cylinder(0.025, 0.006, look.metal(0.4), (0, height - 0.2, 0)))
    z0 = -d / 2 + rim
    arc = [
        (0.0, height + 0.16 + 0.06 * math.sin(a), z0 + 0.07 - 0.07 * math.cos(a))
        for a in (0, math.pi / 4, math.pi / 2, 3 * math.pi / 4, math.pi)
    ]
    parts.append(tube([(0.0, height, z0), *arc, (0.0, height + 0.12, z0 + 0.14)], 0.013, look.metal(0.8)))
    parts.append(box((0.016, height - 0.3, 0.012), body.shade(0.5), (0, 0.06, d / 2)))
    return Shape(mesh=join(*parts))


def toilet(look: Appearance) -> Shape:
    """Bowl on a foot, seat ring, cistern at the back."""
    finish = look.light("ceramic")
    foot = cushion((0.24, 0.36, 0.42), finish, (0, 0, 0.02), roundness=0.5)
    bowl = lathe([(0.1, 0.15), (0.17, 0.3), (0.19, 0.4), (0.14, 0.4), (0.1, 0.3), (0, 0.28)], finish)
    seat = lathe(
        [(0.13, 0.4), (0.2, 0.4), (0.2, 0.425), (0.13, 0.425)],
        look.accent("plastic") if look.chance(0.3) else finish,
        segments=26,
    )
    cistern = box((0.38, 0.36, 0.17), finish, (0, 0.4, -0.27))
    lid = box((0.4, 0.03, 0.19), finish.shade(0.97), (0, 0.76, -0.27))
    button = cylinder(0.03, 0.01, look.metal(), (0, 0.79, -0.27))
    oval = (1.0, 1.0, look.u(1.15, 1.35))
    parts = [m.scaled(oval).moved((0, 0, 0.08)) for m in (bowl, seat)]
    return Shape(mesh=join(foot, *parts, cistern, lid, button).scaled((look.u(0.93, 1.05), look.u(0.93, 1.05), 1.0)))


def bathtub(look: Appearance) -> Shape:
    """Long basin with a rim, open at the top."""
    w, d, height = look.u(1.5, 1.75), look.u(0.7, 0.8), look.u(0.52, 0.6)
    finish = look.light("ceramic")
    t = 0.07
    parts = [box((w, 0.15, d), finish, (0, 0, 0))]
    for x, z, sx, sz in (
        (0, d / 2 - t / 2, w, t),
        (0, -d / 2 + t / 2, w, t),
        (-w / 2 + t / 2, 0, t, d),
        (w / 2 - t / 2, 0, t, d),
    ):
        parts.append(box((sx, height - 0.15, sz), finish, (x, 0.15, z)))
    parts.append(
        tube(
            [(w / 2 - 0.05, height, 0), (w / 2 - 0.05, height + 0.14, 0), (w / 2 - 0.18, height + 0.15, 0)],
            0.018,
            look.metal(0.8),
        )
    )
    return Shape(mesh=join(*parts))


def washing_machine(look: Appearance) -> Shape:
    """White cube with a round glass door and a control strip."""
    w, height = look.u(0.58, 0.62), look.u(0.82, 0.88)
    finish = look.main("plastic")
    parts = [box((w, height, 0.55), finish)]
    ring = lathe([(0.15, 0), (0.2, 0), (0.19, 0.03), (0.15, 0.03)], look.metal(0.7), segments=28)
    glass = lathe([(0.15, 0.01), (0.1, 0.035), (0, 0.045)], look.dark("screen"), segments=28)
    parts.append(join(ring, glass).turned("x", math.pi / 2).moved((0, 0.4, 0.275)))
    parts.append(box((w - 0.02, 0.1, 0.012), finish.shade(0.85), (0, height - 0.12, 0.275)))
    knob = cylinder(0.03, 0.03, look.metal(), segments=14).turned("x", math.pi / 2)
    parts.append(knob.moved((0.16, height - 0.07, 0.28)))
    parts.append(box((0.14, 0.05, 0.015), look.dark("screen"), (-0.15, height - 0.095, 0.277)))
    return Shape(mesh=join(*parts), surfaces=(top(w, 0.55, height),))


def bin_(look: Appearance) -> Shape:
    """Waste bin: an open tapered pail, or one with a dome lid and a pedal."""
    r, height = look.u(0.12, 0.18), look.u(0.28, 0.6)
    finish = look.main("metal" if look.term == "gray" else "plastic")
    if height > 0.42:
        body = cylinder(r, height * 0.85, finish, segments=24)
        lid = lathe(
            [(r * 1.03, 0), (r * 1.03, 0.04), (r * 0.7, 0.09), (0, 0.11)], finish.shade(0.6), (0, height * 0.85, 0)
        )
        pedal = box((0.07, 0.015, 0.05), look.dark(), (0, 0.02, r + 0.015))
        return Shape(mesh=join(body, lid, pedal))
    profile = [
        (0, 0),
        (r * 0.75, 0),
        (r, height),
        (r * 1.05, height),
        (r * 0.95, height - 0.01),
        (r * 0.7, 0.02),
        (0, 0.02),
    ]
    paper = ellipsoid((r * 1.1, r * 0.8, r * 1.1), look.light("paper"), (0, height * 0.45, 0), 8)
    return Shape(mesh=join(lathe(profile, finish, segments=24), paper))


def floor_lamp(look: Appearance) -> Shape:
    """Disc foot, tall pole, fabric shade."""
    height, r = look.u(1.4, 1.7), look.u(0.15, 0.22)
    pole = look.metal(0.3) if look.chance(0.6) else look.wood()
    parts = [cylinder(0.14, 0.025, pole, segments=24), cylinder(0.012, height - 0.2, pole, (0, 0.02, 0), segments=8)]
    shade = [(r, 0), (r * look.u(0.6, 1.0), 0.28), (r * 0.55, 0.28)]
    parts.append(lathe(shade, look.main("fabric"), (0, height - 0.28, 0), segments=24))
    parts.append(ellipsoid((0.07, 0.1, 0.07), Finish((1.0, 0.95, 0.8), "glow"), (0, height - 0.22, 0), 10))
    return Shape(mesh=join(*parts))


def radiator(look: Appearance) -> Shape:
    """Ribbed heater."""
    w, height = look.u(0.7, 1.2), look.u(0.5, 0.62)
    finish = look.light("metal")
    ribs = round(w / 0.06)
    parts = [box((0.04, height, 0.08), finish, (-w / 2 + (i + 0.5) * w / ribs, 0.1, 0)) for i in range(ribs)]
    parts += [box((w, 0.05, 0.05), finish.shade(0.95), (0, y, 0)) for y in (0.14, height + 0.02)]
    parts += [box((0.03, 0.12, 0.03), finish, (s * w * 0.4, 0, 0)) for s in (-1, 1)]
    return Shape(mesh=join(*parts))


def box_(look: Appearance) -> Shape:
    """Carton, closed with tape or open with flaps."""
    w, d, height = look.u(0.25, 0.5), look.u(0.22, 0.4), look.u(0.18, 0.36)
    finish = look.main("paper")
    if look.chance(0.5):
        tape = box((w + 0.004, 0.004, 0.05), Finish((0.75, 0.65, 0.45), "plastic"), (0, height, 0))
        label = box((w * 0.3, height * 0.3, 0.003), look.light("paper"), (w * 0.15, height * 0.4, d / 2))
        closed = join(box((w, height, d), finish), tape, label)
        return Shape(mesh=closed, surfaces=(top(w, d, height + 0.004),))
    t = 0.008
    parts = [box((w, t, d), finish.shade(0.7))]
    for s in (-1, 1):
        parts.append(box((w, height, t), finish, (0, 0, s * (d / 2 - t / 2))))
        parts.append(box((t, height, d), finish.shade(0.9), (s * (w / 2 - t / 2), 0, 0)))
        flap = box((w * 0.95, t, d * 0.4), finish.shade(0.95), (0, 0, d * 0.2)).turned("x", 0.6)
        parts.append(flap.turned("y", 0 if s > 0 else math.pi).moved((0, height, s * d / 2)))
    inside = Surface(
        y=t, x=(-w / 2 + 0.02, w / 2 - 0.02), z=(-d / 2 + 0.02, d / 2 - 0.02), headroom=height * 0.9, predicate="in"
    )
    return Shape(mesh=join(*parts), surfaces=(inside,))


def basket(look: Appearance) -> Shape:
    """Woven pot with two handles, open."""
    r, height = look.u(0.16, 0.24), look.u(0.2, 0.34)
    finish = look.main("wicker")
    profile = [(0, 0), (r * 0.85, 0), (r, height), (r * 0.95, height), (r * 0.8, 0.02), (0, 0.02)]
    parts = [lathe(profile, finish, segments=24)]
    for s in (-1, 1):
        arc = [(0.07 * math.cos(a), height + 0.06 * math.sin(a), s * r * 0.98) for a in (0, 0.8, 1.57, 2.34, 3.14)]
        parts.append(tube(arc, 0.012, finish.shade(0.8)))
    return Shape(mesh=join(*parts))


def suitcase(look: Appearance) -> Shape:
    """Upright trolley case with ribs, wheels and a pulled-out handle."""
    w, d, height = look.u(0.36, 0.48), look.u(0.2, 0.28), look.u(0.5, 0.7)
    finish = look.main("plastic")
    parts = [cushion((w, height, d), finish, (0, 0.05, 0), roundness=0.2)]
    for i in range(5):
        x = w * (-0.34 + 0.17 * i)
        parts.append(box((0.02, height * 0.75, 0.012), finish.shade(0.8), (x, 0.05 + height * 0.12, d / 2 - 0.006)))
    parts += [
        ellipsoid((0.05, 0.06, 0.05), look.dark(), (sx * w * 0.38, 0, sz * d * 0.3), 8)
        for sx in (-1, 1)
        for sz in (-1, 1)
    ]
    y, x = height + 0.05, w * 0.25
    parts.append(
        tube(
            [(-x, y - 0.03, -d / 3), (-x, y + 0.3, -d / 3), (x, y + 0.3, -d / 3), (x, y - 0.03, -d / 3)],
            0.012,
            look.metal(0.5),
        )
    )
    return Shape(mesh=join(*parts))


def guitar(look: Appearance) -> Shape:
    """Acoustic guitar, upright in a stand, a little tilted back."""
    scale = look.u(0.92, 1.08)
    outline = []
    for i in range(32):
        a = i * 2 * math.pi / 32
        r = 0.2 - 0.02 * math.sin(a) - 0.045 * math.exp(-((math.sin(a) - 0.25) ** 2) * 18)
        outline.append((r * math.cos(a), 0.24 + 1.28 * r * math.sin(a)))
    front = look.body("ceramic")
    parts = [
        prism(outline, 0.09, front),
        prism([(0.985 * x, 0.24 + 0.985 * (y - 0.24)) for x, y in outline], 0.094, front.shade(1.2)),
        cylinder(0.045, 0.004, look.dark("plain")).turned("x", math.pi / 2).moved((0, 0.29, 0.046)),
        box((0.12, 0.02, 0.012), look.dark("wood"), (0, 0.15, 0.052)),
        box((0.05, 0.5, 0.03), look.wood().shade(0.5), (0, 0.45, 0.04)),
        box((0.075, 0.15, 0.025), look.wood().shade(0.7), (0, 0.94, 0.035)),
    ]
    for i in range(6):
        x = -0.016 + 0.0064 * i
        parts.append(box((0.0016, 0.78, 0.002), look.metal(0.85), (x, 0.16, 0.058)))
    parts += [
        cylinder(0.008, 0.02, look.metal(), (s * 0.045, 0.96 + 0.045 * k, 0.035)) for s in (-1, 1) for k in range(3)
    ]
    body = join(*parts).scaled((scale, scale, scale)).turned("x", -0.12)
    stand = join(
        tube([(-0.16, 0.01, 0.12), (0, 0.12, -0.02), (0.16, 0.01, 0.12)], 0.011, look.dark()),
        tube([(0, 0.12, -0.02), (0, 0.01, -0.2)], 0.011, look.dark()),
    )
    return Shape(mesh=join(body.moved((0, 0.04, 0.03)), stand).grounded())


def plant(look: Appearance) -> Shape:
    """Pot with earth and leaves: a bush, or long drooping blades."""
    r, pot_h = look.u(0.07, 0.16), look.u(0.1, 0.26)
    size = r * look.u(2.6, 4.2)
    green = Finish((look.u(0.12, 0.3), look.u(0.38, 0.6), look.u(0.1, 0.22)), "leaf")
    pot = lathe([(0, 0), (r * 0.72, 0), (r, pot_h), (r * 0.9, pot_h), (r * 0.85, pot_h - 0.02)], look.accent("ceramic"))
    parts = [pot, cylinder(r * 0.88, 0.01, Finish((0.2, 0.13, 0.08), "carpet"), (0, pot_h - 0.03, 0))]
    blades = look.chance(0.5)
    for _ in range(int(look.rng.integers(10, 18))):
        a, lean = look.u(0, 2 * math.pi), look.u(0.25, 1.0)
        tone = green.shade(look.u(0.7, 1.3))
        if blades:
            leaf = cushion((r * 0.3, size * look.u(0.7, 1.1), 0.008), tone, roundness=1.0, segments=8)
            parts.append(leaf.turned("x", lean * 0.8).turned("y", a).moved((0, pot_h - 0.03, 0)))
        else:
            leaf = ellipsoid((r * 0.8, 0.012, r * 1.3), tone, segments=8).turned("x", look.u(-0.7, 0.3))
            reach, rise = size * 0.45 * lean, size * look.u(0.2, 0.9)
            at = (reach * math.sin(a), pot_h + rise, reach * math.cos(a))
            parts.append(leaf.turned("y", a).moved(at))
            parts.append(tube([(0, pot_h - 0.02, 0), at], 0.005, green.shade(0.6), sides=4))
    return Shape(mesh=join(*parts))
