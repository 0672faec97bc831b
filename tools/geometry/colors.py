"""Colours as people name them: sRGB -> CIELAB -> one of the eleven basic colour terms.

The terms are those of Berlin and Kay (1969). The prototypes are the named colours of CSS Color Module
Level 4, grouped by hand under the term an English speaker would use for them; a colour takes the term of
the prototype that is nearest in CIELAB (D65).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scenes.vocabulary import BASIC_COLORS, ColorTerm

_PROTOTYPES: dict[ColorTerm, tuple[int, ...]] = {
    "black": (0x000000, 0x101010, 0x202020),
    "white": (0xFFFFFF, 0xF5F5F5, 0xFFFAF0, 0xF5F5DC, 0xF8F8FF, 0xFAF0E6),
    "gray": (0x2F4F4F, 0x404040, 0x696969, 0x708090, 0x808080, 0xA9A9A9, 0xC0C0C0, 0xD3D3D3),
    "red": (0xFF0000, 0xDC143C, 0xB22222, 0x8B0000, 0xCD5C5C, 0xA52A2A, 0x800000),
    "orange": (0xFFA500, 0xFF8C00, 0xFF7F50, 0xFF6347, 0xFF4500, 0xE9967A, 0xFFA07A),
    "yellow": (0xFFFF00, 0xFFD700, 0xFFFFE0, 0xFFFACD, 0xF0E68C, 0xDAA520, 0xBDB76B),
    "green": (0x008000, 0x006400, 0x00FF00, 0x32CD32, 0x90EE90, 0x2E8B57, 0x556B2F, 0x6B8E23, 0x9ACD32, 0x8FBC8F),
    "blue": (
        0x0000FF,
        0x0000CD,
        0x00008B,
        0x000080,
        0x4169E1,
        0x1E90FF,
        0x87CEEB,
        0xADD8E6,
        0x4682B4,
        0x00BFFF,
        0x191970,
        0x5F9EA0,
    ),
    "purple": (0x800080, 0x4B0082, 0x8A2BE2, 0x9370DB, 0xBA55D3, 0xDA70D6, 0xD8BFD8, 0x663399, 0x9400D3),
    "pink": (0xFFC0CB, 0xFFB6C1, 0xFF69B4, 0xFF1493, 0xDB7093, 0xC71585),
    "brown": (0x8B4513, 0xA0522D, 0xD2691E, 0xCD853F, 0xD2B48C, 0xDEB887, 0xBC8F8F, 0xF5DEB3, 0x5C4033, 0xB8860B),
}


def lab_from_rgb(rgb: ArrayLike) -> NDArray[np.float32]:
    """(..., 3) sRGB in 0..255 -> (..., 3) float32 CIELAB under D65 (IEC 61966-2-1, CIE 15)."""
    index = np.asarray(rgb)
    # A table of the transfer curve: one lookup per channel instead of one power.
    linear = _LINEAR[np.clip(index, 0, 255).astype(np.uint8)]
    xyz = linear @ _XYZ_FROM_LINEAR.T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)


def _transfer_table() -> NDArray[np.float32]:
    s = np.arange(256) / 255.0
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _transfer_table()
_XYZ_FROM_LINEAR = (
    np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    / np.array([[0.95047], [1.0], [1.08883]])
).astype(np.float32)
_TERM_OF_PROTOTYPE = np.array([BASIC_COLORS.index(t) for t, codes in _PROTOTYPES.items() for _ in codes])
_PROTOTYPE_LAB = lab_from_rgb(
    np.array([[c >> 16, (c >> 8) & 255, c & 255] for codes in _PROTOTYPES.values() for c in codes])
)


def color_terms(lab: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N, 3) CIELAB -> (N,) indices into ``BASIC_COLORS``."""
    distance = ((lab[:, None] - _PROTOTYPE_LAB[None]) ** 2).sum(-1)
    return _TERM_OF_PROTOTYPE[distance.argmin(-1)]


def term_histogram(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) CIELAB samples -> (11,) shares of the basic terms; zeros for no sample."""
    if len(lab) == 0:
        return np.zeros(len(BASIC_COLORS), np.float32)
    counts = np.bincount(color_terms(lab), minlength=len(BASIC_COLORS))
    return (counts / counts.sum()).astype(np.float32)


def dominant_color(histogram: Sequence[float] | NDArray[np.float32]) -> ColorTerm | Literal[""]:
    """The term with the largest share of a term histogram; ``""`` for an empty one."""
    shares = np.asarray(histogram)
    return BASIC_COLORS[int(shares.argmax())] if shares.sum() > 0 else ""


def lab_signature(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) CIELAB samples -> (64,) normalised histogram, 4 bins each of L, a, b, linearly softened.

    Chroma bins are narrow (limits at -15, 0, 15) because indoor colours are: wide ones put every wall,
    table and floor in one bin. Lightness counts too, in four bins.
    """
    if len(lab) == 0:
        return np.zeros(64, np.float32)
    lightness = np.clip(lab[:, 0] / 25.0 - 0.5, 0, 3)
    a = np.clip(lab[:, 1] / 15.0 + 1.5, 0, 3)
    b = np.clip(lab[:, 2] / 15.0 + 1.5, 0, 3)
    out = np.zeros(64, np.float64)
    cells = np.stack([lightness, a, b], -1)
    base = np.minimum(cells.astype(np.int64), 2)
    part = cells - base
    for corner in range(8):
        take = np.array([(corner >> 2) & 1, (corner >> 1) & 1, corner & 1])
        weight = np.where(take, part, 1 - part).prod(-1)
        index = ((base + take) * np.array([16, 4, 1])).sum(-1)
        out += np.bincount(index, weights=weight, minlength=64)
    return (out / out.sum()).astype(np.float32)


def signature_similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Bhattacharyya coefficient of two histograms, 0..1."""
    return float(np.sqrt(a * b).sum())
