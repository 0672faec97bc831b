"""The albedos that each basic colour term covers in generated worlds."""

from __future__ import annotations

import colorsys

from numpy.random import Generator

from scenes.rendering.mesh import RGB
from scenes.vocabulary import ColorTerm

# term: (hue low, hue high in degrees, saturation low, high, value low, high); ranges do not touch each other.
_RANGES: dict[ColorTerm, tuple[float, float, float, float, float, float]] = {
    "black": (0, 360, 0.0, 0.15, 0.05, 0.12),
    "gray": (0, 360, 0.0, 0.05, 0.38, 0.58),
    "white": (0, 360, 0.0, 0.04, 0.88, 0.97),
    "red": (-8, 6, 0.78, 0.92, 0.62, 0.85),
    "orange": (20, 30, 0.82, 0.95, 0.88, 0.98),
    "yellow": (48, 56, 0.72, 0.9, 0.88, 0.97),
    "green": (95, 150, 0.5, 0.8, 0.35, 0.68),
    "blue": (205, 228, 0.62, 0.88, 0.45, 0.85),
    "purple": (268, 290, 0.45, 0.7, 0.42, 0.65),
    "pink": (325, 348, 0.3, 0.5, 0.88, 0.97),
    "brown": (18, 30, 0.5, 0.7, 0.3, 0.48),
}


def albedo(term: ColorTerm, rng: Generator) -> RGB:
    """A random albedo that people would call by this term."""
    h0, h1, s0, s1, v0, v1 = _RANGES[term]
    hue = rng.uniform(h0, h1) % 360 / 360
    return colorsys.hsv_to_rgb(hue, rng.uniform(s0, s1), rng.uniform(v0, v1))
