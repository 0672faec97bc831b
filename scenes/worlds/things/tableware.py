"""Shapes of small things of the kitchen and the table."""

from __future__ import annotations

import math

from scenes.rendering.mesh import Finish, Mesh, box, cylinder, ellipsoid, join, lathe, tube
from scenes.worlds.things.shapes import Appearance, Shape


def _handle(radius: float, low: float, high: float, finish: Finish, thickness: float = 0.006) -> Mesh:
    """A vertical ear at +x of a body of this radius."""
    middle, half = (low + high) / 2, (high - low) / 2
    reach = half * 0.95
    angles = [-math.pi / 2 + i * math.pi / 6 for i in range(7)]
    arc = [(radius - 0.003 + reach * math.cos(a), middle + half * math.sin(a), 0.0) for a in angles]
    return tube(arc, thickness, finish)


def mug(look: Appearance) -> Shape:
    """Straight cup with a handle and a drink in it now and then."""
    r, h = look.u(0.036, 0.047), look.u(0.085, 0.115)
    finish, wall = look.main("ceramic"), 0.004
    base = r * look.u(0.85, 1.0)
    inside = finish if look.chance(0.5) else look.light("ceramic")
    body = lathe([(0, 0), (base, 0), (r, h), (r - wall, h)], finish, segments=24)
    inner = lathe([(r - wall, h), (base - wall, 0.008), (0, 0.008)], inside, segments=24)
    parts = [body, inner, _handle(r, h * 0.2, h * 0.82, finish)]
    if look.chance(0.4):
        parts.append(cylinder(r - wall - 0.001, 0.002, Finish((0.2, 0.1, 0.05), "ceramic"), (0, h * 0.8, 0)))
    if look.chance(0.3):
        y = look.u(0.3, 0.6) * h
        at_r = base + (r - base) * y / h
        parts.append(lathe([(at_r + 0.001, y), (at_r + 0.0015, y + h * 0.15)], look.accent("ceramic"), segments=24))
    return Shape(mesh=join(*parts))


def cup(look: Appearance) -> Shape:
    """Paper or plastic cup without a handle: a taper with a lid or a rim."""
    r, h = look.u(0.036, 0.045), look.u(0.09, 0.14)
    finish = look.main("plain")
    body = lathe(
        [(0, 0), (r * 0.7, 0), (r, h), (r * 1.05, h), (r * 0.93, h - 0.003), (r * 0.66, 0.01), (0, 0.01)], finish
    )
    parts = [body]
    if look.chance(0.5):
        lid = [(r * 1.08, 0), (r * 1.06, 0.012), (r * 0.9, 0.016), (r * 0.88, 0.01), (0, 0.01)]
        parts.append(lathe(lid, look.dark() if look.chance(0.5) else look.light("plastic"), (0, h, 0)))
    if look.chance(0.5):
        parts.append(lathe([(r * 0.85, h * 0.35), (r * 0.97, h * 0.7)], look.accent("paper")))
    return Shape(mesh=join(*parts))


def glass(look: Appearance) -> Shape:
    """Wine glass: foot, stem, bowl."""
    r, h = look.u(0.033, 0.043), look.u(0.15, 0.21)
    finish = look.main("mirror")
    profile = [
        (0, 0),
        (r, 0),
        (r * 0.9, 0.004),
        (0.005, 0.012),
        (0.005, h * 0.45),
        (r * 0.8, h * 0.58),
        (r, h * 0.75),
        (r * 0.8, h),
        (r * 0.75, h),
        (r * 0.92, h * 0.74),
        (0, h * 0.5),
    ]
    return Shape(mesh=lathe(profile, finish))


def bottle(look: Appearance) -> Shape:
    """Body, shoulder, neck, cap, and a label."""
    r, h = look.u(0.03, 0.043), look.u(0.2, 0.32)
    finish = look.main("ceramic")
    shoulder, neck = look.u(0.55, 0.7) * h, look.u(0.011, 0.015)
    profile = [
        (0, 0),
        (r * 0.95, 0),
        (r, 0.008),
        (r, shoulder),
        (neck * 1.3, shoulder + h * 0.15),
        (neck, h - 0.02),
        (0, h - 0.02),
    ]
    parts = [lathe(profile, finish, segments=22)]
    parts.append(cylinder(neck * 1.15, 0.026, look.accent("plastic"), (0, h - 0.026, 0), segments=14))
    low, high = shoulder * 0.3, shoulder * 0.8
    parts.append(lathe([(r + 0.001, low), (r + 0.001, high)], look.light("paper"), segments=22))
    parts.append(
        lathe([(r + 0.0015, low + 0.01), (r + 0.0015, low + (high - low) * 0.4)], look.accent("plain"), segments=22)
    )
    return Shape(mesh=join(*parts))


def bowl(look: Appearance) -> Shape:
    """Open half sphere, filled now and then."""
    r, h = look.u(0.06, 0.13), look.u(0.05, 0.08)
    arc = [math.pi / 2 * i / 6 for i in range(7)]
    outer = [(r * 0.35, 0), *((r * (0.35 + 0.65 * math.sin(a)), h * (1 - math.cos(a))) for a in arc)]
    inner = [(x * 0.93, max(y, 0.006) + (0.003 if y < h else 0)) for x, y in reversed(outer)]
    rim_closed = [(0.0, 0.0), *outer, *inner, (0.0, 0.009)]
    parts = [lathe(rim_closed, look.main("ceramic"), segments=26)]
    if look.chance(0.3):
        parts.append(cylinder(r * 0.8, 0.002, look.accent("carpet"), (0, h * 0.65, 0), segments=22))
    return Shape(mesh=join(*parts))


def plate(look: Appearance) -> Shape:
    """Flat dish with a raised rim and perhaps a painted border."""
    r = look.u(0.09, 0.14)
    h = 0.02
    profile = [(0, 0), (r * 0.6, 0), (r, h), (r, h + 0.003), (r * 0.62, 0.006), (0, 0.006)]
    parts = [lathe(profile, look.main("ceramic"), segments=32)]
    if look.chance(0.5):
        ring = [(r * 0.97, h + 0.0032), (r * 0.86, h * 0.72 + 0.004)]
        parts.append(lathe(ring, look.accent("ceramic"), segments=32))
    return Shape(mesh=join(*parts))


def kettle(look: Appearance) -> Shape:
    """Electric kettle: conical body, spout, big handle, lid knob, base."""
    r, h = look.u(0.075, 0.09), look.u(0.19, 0.23)
    finish = look.main("metal")
    parts = [cylinder(r * 1.05, 0.02, look.dark())]
    parts.append(lathe([(0, 0.02), (r, 0.02), (r * 0.72, h), (0, h + 0.005)], finish, segments=24))
    parts.append(_handle(r * 0.75, h * 0.25, h * 1.02, look.dark(), 0.012))
    spout = tube([(-r * 0.7, h * 0.72, 0), (-r * 1.25, h * 0.97, 0)], 0.02, finish)
    parts += [spout, ellipsoid((0.03, 0.025, 0.03), look.dark(), (0, h, 0), 8)]
    return Shape(mesh=join(*parts).grounded())


def teapot(look: Appearance) -> Shape:
    """Round pot with lid, curved spout and ear."""
    r = look.u(0.065, 0.085)
    finish = look.main("ceramic")
    parts = [ellipsoid((2 * r, 1.6 * r, 2 * r), finish, segments=22)]
    parts.append(lathe([(r * 0.5, 0), (r * 0.45, 0.012), (0, 0.02)], finish.shade(0.85), (0, 1.53 * r, 0)))
    parts.append(ellipsoid((0.022, 0.022, 0.022), look.accent("ceramic"), (0, 1.53 * r + 0.018, 0), 8))
    parts.append(_handle(r * 0.95, r * 0.3, r * 1.3, finish, 0.007))
    spout = [(-r * 0.8, r * 0.5, 0.0), (-r * 1.3, r * 0.8, 0.0), (-r * 1.5, r * 1.4, 0.0)]
    parts.append(tube(spout, 0.013, finish))
    return Shape(mesh=join(*parts).grounded())


def pot(look: Appearance) -> Shape:
    """Cooking pot with two ears and a lid with a knob."""
    r, h = look.u(0.09, 0.13), look.u(0.1, 0.16)
    finish = look.main("metal")
    parts = [lathe([(0, 0), (r, 0), (r, h), (r * 1.04, h), (0, h)], finish, segments=26)]
    if look.chance(0.7):
        parts.append(lathe([(r * 1.02, 0), (r * 0.6, 0.02), (0, 0.028)], look.metal(0.75), (0, h, 0), segments=26))
        parts.append(ellipsoid((0.035, 0.03, 0.035), look.dark(), (0, h + 0.024, 0), 8))
    for s in (-1, 1):
        ear = [
            (s * r, h * 0.75, -0.035),
            (s * (r + 0.035), h * 0.78, -0.03),
            (s * (r + 0.035), h * 0.78, 0.03),
            (s * r, h * 0.75, 0.035),
        ]
        parts.append(tube(ear, 0.007, look.dark()))
    return Shape(mesh=join(*parts).grounded())


def pan(look: Appearance) -> Shape:
    """Frying pan with one long handle."""
    r, h = look.u(0.1, 0.14), look.u(0.035, 0.05)
    profile = [(0, 0), (r * 0.8, 0), (r, h), (r * 0.97, h), (r * 0.76, 0.006), (0, 0.006)]
    parts = [lathe(profile, look.main("metal"), segments=28)]
    parts.append(tube([(r * 0.9, h * 0.7, 0), (r + 0.05, h + 0.012, 0), (r + 0.19, h + 0.02, 0)], 0.011, look.dark()))
    return Shape(mesh=join(*parts).grounded())


def toaster(look: Appearance) -> Shape:
    """Rounded block with two slots, bread, and a lever."""
    w, d, h = look.u(0.26, 0.32), look.u(0.15, 0.19), look.u(0.17, 0.2)
    parts = [box((w * 0.94, h * 0.96, d), look.main("metal"), (0, 0.012, 0)), box((w, 0.02, d * 0.96), look.dark())]
    parts.append(box((w, h * 0.5, d * 0.9), look.main("metal").shade(0.85), (0, 0.02, 0)))
    for s in (-1, 1):
        z = s * d * 0.2
        parts.append(box((w * 0.72, 0.004, 0.032), look.dark("plain"), (0, h * 0.96 + 0.012, z)))
        if look.chance(0.6):
            parts.append(box((w * 0.5, 0.05, 0.02), Finish((0.72, 0.48, 0.22), "carpet"), (0, h * 0.95, z)))
    parts.append(box((0.02, 0.02, 0.05), look.dark(), (w / 2 + 0.005, h * 0.6, 0)))
    return Shape(mesh=join(*parts).grounded())


def microwave(look: Appearance) -> Shape:
    """Box with a dark window at the left and keys at the right."""
    w, d, h = look.u(0.44, 0.52), look.u(0.32, 0.38), look.u(0.26, 0.3)
    parts = [box((w, h, d), look.main("plastic"))]
    parts.append(box((w * 0.66, h * 0.78, 0.012), look.dark("screen"), (-w * 0.13, h * 0.11, d / 2)))
    parts.append(box((0.018, h * 0.7, 0.03), look.metal(), (w * 0.235, h * 0.15, d / 2 + 0.008)))
    parts.append(box((w * 0.13, 0.035, 0.008), Finish((0.2, 0.9, 0.5), "glow"), (w * 0.38, h * 0.78, d / 2)))
    for row in range(3):
        for column in range(2):
            at = (w * (0.345 + 0.07 * column), h * (0.18 + 0.16 * row), d / 2)
            parts.append(box((0.025, 0.025, 0.008), look.metal(0.4), at))
    return Shape(mesh=join(*parts).grounded())


def fruit(look: Appearance) -> Shape:
    """Apple: a dented ball with a stem and a leaf."""
    r = look.u(0.034, 0.044)
    angles = [math.pi * i / 12 for i in range(13)]
    profile = [
        (
            r * math.sin(a) * (1 + 0.12 * math.cos(math.pi - a)),
            r * 0.9 * (1 - math.cos(a)) - r * 0.3 * max(0.0, -math.cos(a)) ** 6,
        )
        for a in angles
    ]
    top_y = 1.5 * r
    stem = tube([(0, top_y - 0.004, 0), (0.004, top_y + 0.018, 0)], 0.0022, look.wood().shade(0.5), sides=5)
    leaf = ellipsoid((0.028, 0.003, 0.012), Finish((0.2, 0.5, 0.15), "leaf"), (0.018, top_y + 0.012, 0), 8)
    return Shape(mesh=join(lathe(profile, look.main("ceramic"), segments=20), stem, leaf).grounded())


def banana(look: Appearance) -> Shape:
    """A bent tapered bar lying on its side."""
    radius, bend = look.u(0.015, 0.019), look.u(0.075, 0.095)
    parts: list[Mesh] = []
    angles = [-0.95 + i * 0.19 for i in range(11)]
    centre = [(bend * math.sin(a), radius, bend * math.cos(a)) for a in angles]
    parts.append(tube(centre, radius, look.main("plain"), sides=8))
    for end, tip in ((centre[0], centre[1]), (centre[-1], centre[-2])):
        out = (2.0 * end[0] - 1.0 * tip[0], radius, 2.0 * end[2] - 1.0 * tip[2])
        parts.append(tube([end, out], radius * 0.45, Finish((0.3, 0.22, 0.08)), sides=6))
    return Shape(mesh=join(*parts).grounded())
