"""Shapes of soft, decorative and wall things, books, toys and clothing."""

from __future__ import annotations

import math

from scenes.rendering.mesh import Finish, Mesh, box, cushion, cylinder, ellipsoid, join, lathe, prism, tube
from scenes.worlds.things.shapes import Appearance, Shape, Surface


def book(look: Appearance) -> Shape:
    """A closed book lying down: two covers, a spine and pages that stand back a little."""
    w, d, h = look.u(0.13, 0.2), look.u(0.19, 0.26), look.u(0.018, 0.045)
    cover, t = look.main("paper"), 0.003
    parts = [
        box((w - 0.01, h - 2 * t, d - 0.012), look.light("paper"), (0.0, t, 0)),
        box((w, t, d), cover),
        box((w, t, d), cover, (0, h - t, 0)),
        box((t, h, d), cover.shade(0.9), (-w / 2 + t / 2, 0, 0)),
        box((w * 0.5, 0.0012, d * 0.16), look.accent("plain"), (0.01, h, -d * 0.2)),
    ]
    return Shape(mesh=join(*parts))


def books(look: Appearance) -> Shape:
    """A row of standing books of different heights and colours; the first has the main colour."""
    x, parts = 0.0, []
    for i in range(int(look.rng.integers(4, 8))):
        t, h, d = look.u(0.02, 0.045), look.u(0.18, 0.25), look.u(0.13, 0.17)
        rgb = look.rgb if i % 2 == 0 else (look.u(0.1, 0.9), look.u(0.1, 0.8), look.u(0.1, 0.8))
        cover = Finish(rgb, "plain")
        parts.append(box((t - 0.002, h, d), cover, (x + t / 2, 0, 0)))
        parts.append(box((t - 0.008, 0.002, d - 0.01), look.light("paper"), (x + t / 2, h, -0.004)))
        parts.append(box((t - 0.008, h * 0.12, 0.002), look.accent(), (x + t / 2, h * look.u(0.5, 0.75), d / 2)))
        x += t
    return Shape(mesh=join(*parts).grounded())


def vase(look: Appearance) -> Shape:
    """Bellied vessel with a narrow neck; flowers in it now and then."""
    h, r = look.u(0.16, 0.32), look.u(0.05, 0.085)
    neck = r * look.u(0.3, 0.55)
    belly = look.u(0.25, 0.5)
    steps = [i / 10 for i in range(11)]
    profile = [(0.0, 0.0)]
    profile += [(neck + (r - neck) * math.exp(-(((s - belly) / 0.28) ** 2)), s * h) for s in steps]
    profile += [(neck * 0.85, h), (neck * 0.8, h * 0.85)]
    parts = [lathe(profile, look.main("ceramic"), segments=24)]
    if look.chance(0.5):
        petal = Finish((look.u(0.6, 1.0), look.u(0.2, 0.8), look.u(0.2, 0.7)), "leaf")
        for _ in range(6):
            a, reach, rise = look.u(0, 6.28), look.u(0.02, 0.09), look.u(0.1, 0.2)
            tip = (reach * math.cos(a), h + rise, reach * math.sin(a))
            parts.append(tube([(0, h * 0.8, 0), tip], 0.003, Finish((0.2, 0.45, 0.15), "leaf"), sides=4))
            parts.append(ellipsoid((0.05, 0.03, 0.05), petal, (tip[0], tip[1] - 0.01, tip[2]), 8))
    return Shape(mesh=join(*parts))


def candle(look: Appearance) -> Shape:
    """Wax cylinder with a wick and a flame on a saucer."""
    r, h = look.u(0.025, 0.04), look.u(0.08, 0.16)
    parts = [cylinder(r * 1.6, 0.008, look.metal(0.7)), cylinder(r, h, look.main("plain"), (0, 0.008, 0))]
    parts.append(cylinder(0.0018, 0.015, look.dark("plain"), (0, h + 0.008, 0), segments=6))
    flame = lathe([(0, 0), (0.007, 0.01), (0.004, 0.022), (0, 0.034)], Finish((1.0, 0.75, 0.25), "glow"), segments=10)
    return Shape(mesh=join(*parts, flame.moved((0, h + 0.016, 0))))


def pillow(look: Appearance) -> Shape:
    """Square cushion, leaning back."""
    w, t = look.u(0.36, 0.48), look.u(0.12, 0.17)
    finish = look.main("knit" if look.chance(0.4) else "fabric")
    body = cushion((w, w, t), finish, roundness=0.55, segments=20)
    n = 0.42 * w
    piping = tube(
        [(-n, w / 2 - n, 0), (n, w / 2 - n, 0), (n, w / 2 + n, 0), (-n, w / 2 + n, 0)],
        0.006,
        finish.shade(0.7),
        closed=True,
    )
    return Shape(mesh=join(body, piping).turned("x", -look.u(0.3, 0.6)).grounded())


def ball(look: Appearance) -> Shape:
    """Ball with a stripe."""
    r = look.u(0.07, 0.12)
    angles = [math.pi * i / 16 for i in range(17)]
    bands: list[Mesh] = []
    for low, high, finish in ((0, 7, look.main("plain")), (7, 9, look.accent("plain")), (9, 16, look.main("plain"))):
        profile = [(r * math.sin(a), r - r * math.cos(a)) for a in angles[low : high + 1]]
        bands.append(lathe(profile, finish, segments=24))
    return Shape(mesh=join(*bands).moved((0, -r, 0)).turned("x", look.u(0, 3)).turned("z", look.u(0, 3)).grounded())


def toy_car(look: Appearance) -> Shape:
    """Car with cabin, windows and four wheels."""
    s = look.u(0.8, 1.4)
    body = look.main("plastic")
    parts = [
        box((0.09, 0.045, 0.2), body, (0, 0.02, 0)),
        prism([(-0.07, 0), (0.06, 0), (0.035, 0.045), (-0.045, 0.045)], 0.078, body.shade(0.95))
        .turned("y", math.pi / 2)
        .moved((0, 0.065, 0)),
        prism([(-0.058, 0.006), (0.048, 0.006), (0.03, 0.038), (-0.038, 0.038)], 0.081, look.dark("mirror"))
        .turned("y", math.pi / 2)
        .moved((0, 0.065, 0)),
    ]
    for x in (-0.045, 0.045):
        for z in (-0.06, 0.06):
            wheel = cylinder(0.023, 0.018, look.dark("plain"), (0, -0.009, 0), segments=14).turned("z", math.pi / 2)
            parts.append(wheel.moved((x, 0.023, z)))
    return Shape(mesh=join(*parts).scaled((s, s, s)).grounded())


def teddy(look: Appearance) -> Shape:
    """Sitting bear of ellipsoids."""
    s = look.u(0.8, 1.5)
    fur, light = look.main("carpet"), look.light("carpet")
    parts = [ellipsoid((0.14, 0.17, 0.12), fur), ellipsoid((0.12, 0.11, 0.11), fur, (0, 0.15, 0.01))]
    parts.append(ellipsoid((0.05, 0.04, 0.04), light, (0, 0.172, 0.055), 10))
    parts.append(ellipsoid((0.08, 0.1, 0.03), light, (0, 0.03, 0.05), 10))
    parts.append(ellipsoid((0.016, 0.012, 0.012), look.dark(), (0, 0.198, 0.07), 8))
    for side in (-1, 1):
        parts.append(ellipsoid((0.045, 0.045, 0.025), fur, (side * 0.048, 0.232, 0), 10))
        parts.append(ellipsoid((0.05, 0.05, 0.11), fur, (side * 0.055, 0, 0.075), 10))
        parts.append(ellipsoid((0.045, 0.11, 0.05), fur, (side * 0.08, 0.05, 0.02), 10))
        parts.append(ellipsoid((0.012, 0.012, 0.012), look.dark(), (side * 0.024, 0.212, 0.055), 6))
    return Shape(mesh=join(*parts).scaled((s, s, s)).grounded())


def shoe(look: Appearance) -> Shape:
    """A pair of shoes: sole, upper, opening, laces."""
    parts: list[Mesh] = []
    side_view = [
        (-0.13, 0.02),
        (0.13, 0.02),
        (0.14, 0.04),
        (0.1, 0.065),
        (0.03, 0.085),
        (-0.02, 0.12),
        (-0.12, 0.125),
        (-0.14, 0.08),
    ]
    for x in (-0.065, 0.065):
        sole = cushion((0.09, 0.03, 0.29), look.light("plastic"), roundness=0.4)
        upper = prism(side_view, 0.078, look.main("fabric")).turned("y", -math.pi / 2)
        hole = box((0.055, 0.004, 0.09), look.dark("plain"), (0, 0.122, -0.07))
        laces = [box((0.06, 0.004, 0.008), look.light(), (0, 0.09 + 0.012 * i, 0.03 - 0.022 * i)) for i in range(3)]
        parts.append(join(sole, upper, hole, *laces).moved((x, 0, look.u(-0.02, 0.02))))
    return Shape(mesh=join(*parts).grounded())


def backpack(look: Appearance) -> Shape:
    """Rucksack: body, front pocket, top loop, straps at the back."""
    w, h, d = look.u(0.28, 0.34), look.u(0.4, 0.48), look.u(0.16, 0.2)
    finish = look.main("fabric")
    parts = [cushion((w, h, d), finish, roundness=0.35, segments=20)]
    parts.append(cushion((w * 0.8, h * 0.45, d * 0.5), finish.shade(0.8), (0, h * 0.06, d * 0.42), roundness=0.35))
    parts.append(box((w * 0.6, 0.01, 0.01), look.metal(), (0, h * 0.45, d * 0.68)))
    loop = [(0.05 * math.cos(a), h - 0.005 + 0.05 * math.sin(a), 0.0) for a in (0, 0.8, 1.57, 2.34, 3.14)]
    parts.append(tube(loop, 0.009, look.dark("fabric")))
    for s in (-1, 1):
        strap = [
            (s * w * 0.25, h * 0.92, -d * 0.35),
            (s * w * 0.3, h * 0.6, -d * 0.75),
            (s * w * 0.35, h * 0.12, -d * 0.45),
        ]
        parts.append(tube(strap, 0.018, look.dark("fabric")))
    return Shape(mesh=join(*parts).grounded())


def handbag(look: Appearance) -> Shape:
    """Hand bag: tapered body, flap, buckle and an arched handle."""
    w, h, d = look.u(0.26, 0.36), look.u(0.2, 0.26), look.u(0.1, 0.14)
    finish = look.main("plastic")
    outline = [(-w / 2, 0), (w / 2, 0), (w * 0.43, h), (-w * 0.43, h)]
    flap = [(-w * 0.45, h * 0.5), (0, h * 0.38), (w * 0.45, h * 0.5), (w * 0.43, h * 1.01), (-w * 0.43, h * 1.01)]
    parts = [prism(outline, d, finish), prism(flap, d + 0.012, finish.shade(0.85))]
    parts.append(box((0.03, 0.03, 0.012), Finish((0.85, 0.7, 0.3), "metal"), (0, h * 0.4, d / 2)))
    arc = [(w * 0.3 * math.cos(a), h + 0.14 * math.sin(a), 0.0) for a in [math.pi * i / 8 for i in range(9)]]
    parts.append(tube(arc, 0.009, finish.shade(0.7)))
    return Shape(mesh=join(*parts).grounded())


def hat(look: Appearance) -> Shape:
    """Brimmed hat with a band."""
    r = look.u(0.085, 0.1)
    profile = [(r * 1.75, 0.004), (r * 1.1, 0.008), (r, 0.02), (r * 0.92, 0.1), (r * 0.7, 0.12), (0, 0.115)]
    band = lathe([(r * 1.005, 0.022), (r * 0.975, 0.05)], look.accent("fabric"), segments=24)
    return Shape(mesh=join(lathe(profile, look.main("fabric"), segments=28), band).grounded())


def towel(look: Appearance) -> Shape:
    """Folded towel: three soft layers."""
    w, d = look.u(0.26, 0.36), look.u(0.2, 0.26)
    finish = look.main("knit" if look.chance(0.4) else "carpet")
    return Shape(
        mesh=join(
            *(cushion((w, 0.032, d), finish.shade(1 - 0.06 * i), (0, 0.028 * i, 0), roundness=0.2) for i in range(3))
        )
    )


def tissue_box(look: Appearance) -> Shape:
    """Carton with a slot and a white tissue coming out."""
    w, h, d = look.u(0.2, 0.24), look.u(0.07, 0.1), look.u(0.11, 0.13)
    slot = box((w * 0.6, 0.002, 0.035), look.dark("plain"), (0, h, 0))
    tissue = lathe([(0.03, 0), (0.012, 0.02), (0.035, 0.06), (0.02, 0.075)], look.light("paper"), (0, h, 0), 9)
    return Shape(mesh=join(box((w, h, d), look.main("rug")), slot, tissue.scaled((1.2, 1, 0.5))))


def picture(look: Appearance) -> Shape:
    """Framed art; the frame has the main colour. The back is at z = -depth/2."""
    w, h = look.u(0.35, 0.9), look.u(0.3, 0.7)
    art = Finish((look.u(0.6, 1), look.u(0.6, 1), look.u(0.6, 1)), ("art_a", "art_b", "art_c")[look.rng.integers(3)])
    frame = look.main("plain")
    parts = [box((w, h, 0.025), frame)]
    inner_w, inner_h = w - 0.05, h - 0.05
    if look.chance(0.5):
        parts.append(box((inner_w, inner_h, 0.006), look.light("plain"), (0, 0.025, 0.0115)))
        inner_w, inner_h = inner_w * 0.72, inner_h * 0.72
    parts.append(box((inner_w, inner_h, 0.008), art, (0, (h - inner_h) / 2, 0.0125)))
    return Shape(mesh=join(*parts))


def clock(look: Appearance) -> Shape:
    """Round wall clock: rim, face, twelve marks, two hands."""
    r = look.u(0.12, 0.19)
    rim = lathe(
        [(0, 0), (r, 0), (r, 0.04), (r * 0.88, 0.04), (r * 0.88, 0.025), (0, 0.025)], look.main("plastic"), segments=32
    )
    parts = [rim, cylinder(r * 0.88, 0.004, look.light("plain"), (0, 0.024, 0), segments=32)]
    for i in range(12):
        length = 0.16 if i % 3 == 0 else 0.09
        mark = box((r * 0.035, 0.003, r * length), look.dark("plain"), (0, 0.028, r * 0.72))
        parts.append(mark.turned("y", i * math.pi / 6))
    for length, width in ((0.45, 0.07), (0.68, 0.045)):
        hand = box((r * width, 0.004, r * length), look.dark("plain"), (0, 0.031, r * length * 0.42))
        parts.append(hand.turned("y", look.u(0, 6.28)))
    return Shape(mesh=join(*parts).turned("x", math.pi / 2).grounded())


def mirror(look: Appearance) -> Shape:
    """Glass in a frame; shows a bright plain face."""
    w, h = look.u(0.45, 0.7), look.u(0.6, 1.1)
    pane = box((w - 0.06, h - 0.06, 0.006), Finish((0.72, 0.8, 0.84), "mirror"), (0, 0.03, 0.013))
    glints = [
        box((0.02, h * 0.5, 0.002), Finish((0.95, 0.98, 1.0), "mirror")).turned("z", -0.6).moved((x, h * 0.35, 0.017))
        for x in (-w * 0.2, -w * 0.1)
    ]
    return Shape(mesh=join(box((w, h, 0.025), look.body()), pane, *glints).grounded())


def wall_shelf(look: Appearance) -> Shape:
    """A board on two brackets."""
    w, d = look.u(0.6, 1.0), look.u(0.18, 0.24)
    parts = [box((w, 0.025, d), look.body(), (0, 0.15, 0))]
    for s in (-1, 1):
        x = s * w * 0.35
        parts.append(box((0.02, 0.15, 0.02), look.dark(), (x, 0, -d / 2 + 0.01)))
        parts.append(tube([(x, 0.02, -d / 2 + 0.02), (x, 0.145, d * 0.3)], 0.007, look.dark()))
    surface = Surface(y=0.175, x=(-w / 2 + 0.03, w / 2 - 0.03), z=(-d / 2 + 0.01, d / 2 - 0.01), headroom=0.4)
    return Shape(mesh=join(*parts), surfaces=(surface,))
