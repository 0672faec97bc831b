"""Shapes of electronics and desk things."""

from __future__ import annotations

import math

from scenes.rendering.mesh import Finish, Mesh, box, cushion, cylinder, ellipsoid, join, lathe, tube
from scenes.worlds.things.shapes import Appearance, Shape


def laptop(look: Appearance) -> Shape:
    """Open notebook: base with keys and touchpad, tilted screen."""
    w, d = look.u(0.3, 0.37), look.u(0.21, 0.25)
    shell = look.main("metal" if look.term == "gray" else "plastic")
    parts = [box((w, 0.016, d), shell)]
    parts.append(box((w * 0.88, 0.003, d * 0.46), look.dark("plain"), (0, 0.016, -d * 0.14)))
    parts.append(_keys(w * 0.86, d * 0.44, 4, 12, 0.019, look, (0, -d * 0.14)))
    parts.append(box((w * 0.3, 0.001, d * 0.24), shell.shade(0.85), (0, 0.016, d * 0.3)))
    lid = join(
        box((w, d, 0.008), shell),
        box((w * 0.94, d * 0.88, 0.003), Finish((0.8, 0.85, 0.95), "screen"), (0, d * 0.07, 0.005)),
    )
    parts.append(lid.turned("x", -look.u(0.15, 0.45)).moved((0, 0.012, -d / 2)))
    return Shape(mesh=join(*parts).grounded())


def _keys(w: float, d: float, rows: int, columns: int, y: float, look: Appearance, at: tuple[float, float]) -> Mesh:
    """A field of key caps."""
    cap = Finish((0.22, 0.22, 0.24)) if look.chance(0.7) else look.light()
    sx, sz = w / columns, d / rows
    return join(
        *(
            box((sx * 0.78, 0.004, sz * 0.74), cap, (at[0] - w / 2 + (i + 0.5) * sx, y, at[1] - d / 2 + (j + 0.5) * sz))
            for i in range(columns)
            for j in range(rows)
        )
    )


def monitor(look: Appearance) -> Shape:
    """Computer screen on a foot."""
    w = look.u(0.5, 0.66)
    h, lift = w * look.u(0.55, 0.62), look.u(0.1, 0.16)
    frame = look.main("plastic")
    parts = [
        box((w, h, 0.03), frame, (0, lift, 0)),
        box((w - 0.03, h - 0.045, 0.006), Finish((0.75, 0.85, 1.0), "screen"), (0, lift + 0.03, 0.014)),
        box((0.05, lift + h * 0.4, 0.02), frame.shade(0.8), (0, 0.01, -0.03)),
        cushion((0.24, 0.016, 0.18), frame.shade(0.9), (0, 0, -0.01), roundness=0.2),
    ]
    return Shape(mesh=join(*parts).grounded())


def tv(look: Appearance) -> Shape:
    """Wide dark screen with a thin frame on two feet."""
    w = look.u(0.85, 1.25)
    h = w * 0.57
    panel = Finish((0.06, 0.07, 0.09), "mirror") if look.chance(0.5) else Finish((0.5, 0.5, 0.6), "sky")
    parts = [box((w, h, 0.04), look.dark(), (0, 0.06, 0)), box((w - 0.02, h - 0.025, 0.005), panel, (0, 0.073, 0.02))]
    for s in (-1, 1):
        parts.append(
            tube([(s * w * 0.3, 0.008, 0.1), (s * w * 0.3, 0.08, 0), (s * w * 0.3, 0.008, -0.1)], 0.008, look.dark())
        )
    return Shape(mesh=join(*parts).grounded())


def keyboard(look: Appearance) -> Shape:
    """Flat board with rows of keys."""
    w, d = look.u(0.36, 0.45), look.u(0.13, 0.16)
    body = look.main("plastic")
    return Shape(mesh=join(box((w, 0.016, d), body), _keys(w * 0.96, d * 0.86, 5, 15, 0.016, look, (0, 0))))


def mouse(look: Appearance) -> Shape:
    """Computer mouse: a low egg with a wheel."""
    body = cushion((0.062, 0.036, 0.108), look.main("plastic"), roundness=0.75)
    wheel = cylinder(0.01, 0.008, look.dark()).turned("z", math.pi / 2).moved((0.004, 0.034, 0.028))
    line = box((0.002, 0.004, 0.05), look.dark(), (0, 0.033, 0.022))
    scale = (look.u(0.92, 1.1), look.u(0.9, 1.15), look.u(0.9, 1.12))
    return Shape(mesh=join(body, wheel, line).scaled(scale))


def phone(look: Appearance) -> Shape:
    """Slab with a screen, lying on its back."""
    w, d = look.u(0.068, 0.078), look.u(0.14, 0.16)
    panel = box((w * 0.93, 0.002, d * 0.95), Finish((0.5, 0.6, 0.8), "screen"), (0, 0.008, 0))
    return Shape(mesh=join(box((w, 0.009, d), look.main("plastic")), panel))


def remote(look: Appearance) -> Shape:
    """Narrow bar with buttons."""
    w, d = look.u(0.042, 0.052), look.u(0.16, 0.2)
    parts = [box((w, 0.018, d), look.main("plastic"))]
    parts.append(cylinder(0.006, 0.004, Finish((0.85, 0.1, 0.1)), (-w * 0.25, 0.018, -d * 0.42), segments=8))
    for row in range(6):
        for column in (-1, 0, 1):
            at = (column * w * 0.28, 0.018, d * (-0.3 + 0.11 * row))
            parts.append(cylinder(0.005, 0.003, look.metal(0.7), at, segments=6))
    return Shape(mesh=join(*parts))


def lamp(look: Appearance) -> Shape:
    """Table lamp: a foot, a stem and a shade, or a jointed desk lamp."""
    if look.chance(0.4):
        finish = look.main("plastic")
        joints = [(0.0, 0.02, 0.0), (0.0, 0.22, -0.1), (0.0, 0.4, 0.06)]
        head = lathe([(0.075, 0), (0.03, 0.09), (0, 0.1)], finish, segments=18).turned("x", -0.5)
        bulb = ellipsoid((0.05, 0.05, 0.05), Finish((1.0, 0.95, 0.8), "glow"), (0, 0.34, 0.1), 8)
        parts = [cylinder(0.085, 0.02, finish, segments=20), tube(joints, 0.009, look.metal()), bulb]
        return Shape(mesh=join(*parts, head.moved((0, 0.35, 0.1))).grounded())
    h, r = look.u(0.3, 0.48), look.u(0.1, 0.16)
    base = look.accent("ceramic")
    foot = [
        (0, 0),
        (0.06, 0),
        (0.065, 0.02),
        (0.03, 0.06),
        (look.u(0.03, 0.06), h * 0.3),
        (0.012, h * 0.55),
        (0, h * 0.55),
    ]
    shade = lathe([(r, 0), (r * look.u(0.55, 0.95), h * 0.42)], look.main("fabric"), (0, h * 0.55, 0), segments=24)
    bulb = ellipsoid((0.05, 0.07, 0.05), Finish((1.0, 0.95, 0.8), "glow"), (0, h * 0.62, 0), 8)
    return Shape(mesh=join(lathe(foot, base), shade, bulb))


def headphones(look: Appearance) -> Shape:
    """Band and two ear cups, lying down."""
    r = look.u(0.075, 0.085)
    arc = [(r * math.cos(a), 0.03, -r * math.sin(a)) for a in [math.pi * i / 10 for i in range(11)]]
    parts = [tube(arc, 0.008, look.main("plastic"), sides=8)]
    for s in (-1, 1):
        pad = cylinder(0.036, 0.035, look.dark("fabric")).turned("z", s * math.pi / 2).moved((s * r, 0.034, 0.01))
        shell = cylinder(0.036, 0.012, look.main("plastic")).turned("z", -s * math.pi / 2).moved((s * r, 0.034, 0.01))
        parts += [pad, shell]
    return Shape(mesh=join(*parts).grounded())


def speaker(look: Appearance) -> Shape:
    """Upright box with two round cones."""
    w, d, h = look.u(0.13, 0.2), look.u(0.14, 0.2), look.u(0.22, 0.34)
    parts = [box((w, h, d), look.body("plain"))]
    for r, y in ((w * 0.36, h * 0.33), (w * 0.2, h * 0.76)):
        cone = lathe(
            [(r, 0.006), (r * 0.9, 0.008), (r * 0.3, 0.002), (0, 0.008)], Finish((0.2, 0.2, 0.22)), segments=20
        )
        ring = lathe([(r, 0), (r * 1.1, 0), (r * 1.1, 0.006), (r, 0.006)], look.metal(0.6), segments=20)
        parts.append(join(cone, ring).turned("x", math.pi / 2).moved((0, y, d / 2)))
    return Shape(mesh=join(*parts).grounded())


def printer(look: Appearance) -> Shape:
    """Block with a paper tray behind, a sheet in front and a small panel."""
    w, d, h = look.u(0.38, 0.46), look.u(0.3, 0.36), look.u(0.15, 0.22)
    finish = look.main("plastic")
    parts = [box((w, h, d), finish), box((w * 0.7, 0.035, 0.02), look.dark(), (0, h * 0.35, d / 2 - 0.008))]
    parts.append(box((w * 0.55, 0.004, 0.16), look.light("paper"), (0, h * 0.35, d / 2 + 0.06)))
    tray = box((w * 0.6, 0.2, 0.006), look.light("paper")).turned("x", -0.4)
    parts.append(tray.moved((0, h - 0.01, -d * 0.35)))
    parts.append(box((0.1, 0.004, 0.06), look.dark("screen"), (w * 0.3, h, d * 0.3)))
    return Shape(mesh=join(*parts).grounded())


def pen(look: Appearance) -> Shape:
    """Pencil cup: pens standing in a pot."""
    r, h = look.u(0.035, 0.045), look.u(0.09, 0.11)
    profile = [(0, 0), (r, 0), (r, h), (r * 0.92, h), (r * 0.9, 0.01), (0, 0.01)]
    parts = [lathe(profile, look.main("plastic"), segments=18)]
    colours = ((0.85, 0.15, 0.15), (0.15, 0.3, 0.8), (0.95, 0.8, 0.1), (0.1, 0.1, 0.1), (0.1, 0.6, 0.3))
    for rgb in colours[: int(look.rng.integers(3, 6))]:
        a, lean = look.u(0, 2 * math.pi), look.u(0.15, 0.25)
        c, s = math.cos(a), math.sin(a)
        low, tip = r * 0.3, r * 0.3 + lean * 0.16
        parts.append(tube([(-low * c, 0.012, -low * s), (tip * c * 0.7, 0.17, tip * s * 0.7)], 0.0042, Finish(rgb)))
    return Shape(mesh=join(*parts))
