"""Texture layers: tileable images that multiply a face's colour, made once per process from a fixed seed.

A layer is looked up at a face's own metric coordinates, so that a surface shows the same pattern in every frame:
visual localisation has something to hold on to.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scenes.rendering.materials import MATERIALS

SIZE = 512
"""Texels per tile edge."""
UNIT = 1.6 / 255
"""Colour factor per step of a stored layer: bytes keep all layers in 20 MB, which matters for caches."""
Image = NDArray[np.float32]


def _noise(rng: Generator, smooth: float, stretch: tuple[float, float] = (1.0, 1.0)) -> Image:
    """Tileable Gaussian-filtered noise, zero mean and unit variance; ``smooth`` in texels."""
    frequency_y = np.fft.fftfreq(SIZE)[:, None] * smooth * stretch[0]
    frequency_x = np.fft.fftfreq(SIZE)[None, :] * smooth * stretch[1]
    white = np.fft.fft2(rng.standard_normal((SIZE, SIZE)))
    filtered = np.fft.ifft2(white * np.exp(-20.0 * (frequency_x**2 + frequency_y**2))).real
    filtered -= filtered.mean()
    return np.asarray(filtered / filtered.std(), np.float32)


def _grid() -> tuple[Image, Image]:
    y, x = np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32), indexing="ij")
    return y / np.float32(SIZE), x / np.float32(SIZE)


def _gray(value: NDArray[np.floating]) -> Image:
    return np.repeat(np.clip(value, 0.05, 1.6)[..., None], 3, axis=-1).astype(np.float32)


def _cells(rng: Generator, rows: int, columns: int, *, offset: bool, spread: float) -> tuple[Image, Image]:
    """A brick or tile grid: (brightness of each cell, distance to the joint in cell units)."""
    y, x = _grid()
    row = np.floor(y * rows).astype(int)
    shift = (row % 2) * 0.5 if offset else 0.0
    column_f = x * columns + shift
    column = np.floor(column_f).astype(int) % columns
    tint = 1 + spread * rng.standard_normal((rows, columns))
    edge_y = np.abs(y * rows - row - 0.5)
    edge_x = np.abs(column_f - np.floor(column_f) - 0.5)
    joint = np.minimum((0.5 - edge_y) / rows, (0.5 - edge_x) / columns) * SIZE
    return tint[row, column].astype(np.float32), joint.astype(np.float32)


def _speckle(rng: Generator) -> Image:
    return _gray(1 + 0.03 * _noise(rng, 1.5) + 0.03 * _noise(rng, 20))


def _flat(rng: Generator) -> Image:
    return np.ones((SIZE, SIZE, 3), np.float32)


def _brushed(rng: Generator) -> Image:
    return _gray(1 + 0.07 * _noise(rng, 3, (0.2, 12)))


def _wood(rng: Generator) -> Image:
    y, _ = _grid()
    warp = _noise(rng, 14, (0.6, 6)) * 0.035
    rings = np.sin(2 * math.pi * (9 * y + warp * 14))
    return _gray(0.96 + 0.1 * rings + 0.08 * _noise(rng, 2, (0.3, 14)))


def _weave(rng: Generator) -> Image:
    y, x = _grid()
    thread = np.sin(2 * math.pi * 64 * x) * np.sin(2 * math.pi * 64 * y)
    return _gray(0.96 + 0.08 * thread + 0.05 * _noise(rng, 6))


def _stripes(rng: Generator) -> Image:
    y, _ = _grid()
    return _gray(0.92 + 0.14 * np.sign(np.sin(2 * math.pi * 8 * y)) + 0.04 * _noise(rng, 2))


def _wicker(rng: Generator) -> Image:
    tint, joint = _cells(rng, 24, 12, offset=True, spread=0.12)
    return _gray(tint * np.where(joint < 1.5, 0.45, 1.0))


def _print(rng: Generator) -> Image:
    """Rows of dark words on the sheet, as on a cover or a label."""
    y, x = _grid()
    row = np.floor(y * 24).astype(int)
    word = np.floor(x * 32).astype(int)
    ink = (rng.random((24, 32)) < 0.45)[row, word] & (np.abs(y * 24 % 1 - 0.5) < 0.2)
    return _gray(np.where(ink, 0.62, 1.0) + 0.02 * _noise(rng, 2))


def _leaf(rng: Generator) -> Image:
    return _gray(1 + 0.2 * _noise(rng, 3) + 0.12 * _noise(rng, 14))


def _screen(rng: Generator) -> Image:
    """Windows of a desktop: bright rectangles with lines of text on a dark ground."""
    image = np.full((SIZE, SIZE, 3), 0.25, np.float32)
    for _ in range(26):
        y, x = rng.integers(0, SIZE, 2)
        h, w = rng.integers(30, 130, 2)
        tint = rng.uniform(0.3, 1.5, 3).astype(np.float32)
        image[y : y + h, x : x + w] = tint
        for line in range(y + 6, min(y + h - 4, SIZE), 8):
            image[line : line + 3, x + 5 : x + int(w * rng.uniform(0.4, 0.9))] = tint * 0.5
    return image


def _art(rng: Generator, style: int) -> Image:
    """Abstract art: bands of a landscape, blocks, or blobs, in strong colours."""
    palette = rng.uniform(0.1, 1.3, (7, 3)).astype(np.float32)
    y, x = _grid()
    if style == 0:
        field = y * 6 + 0.5 * np.sin(2 * math.pi * x) + 0.35 * _noise(rng, 30)
    elif style == 1:
        tint, _ = _cells(rng, 5, 4, offset=True, spread=2.0)
        field = tint * 3
    else:
        field = 2.2 * _noise(rng, 26)
    index = np.floor(field).astype(int) % len(palette)
    return palette[index] * _gray(1 + 0.06 * _noise(rng, 3))


def _sky(rng: Generator) -> Image:
    """What a window shows: light sky with clouds, blue tint."""
    cloud = np.clip(0.5 + 0.4 * _noise(rng, 40), 0, 1)[..., None]
    return (cloud * np.array([1.0, 1.0, 1.0]) + (1 - cloud) * np.array([0.62, 0.82, 1.05])).astype(np.float32)


def _plaster(rng: Generator) -> Image:
    spots = (_noise(rng, 3) > 2.1) * 0.16
    return _gray(1 + 0.035 * _noise(rng, 2) + 0.04 * _noise(rng, 24) + 0.03 * _noise(rng, 70) - spots)


def _wallpaper(rng: Generator) -> Image:
    y, x = _grid()
    stripe = np.sign(np.sin(2 * math.pi * 8 * x)) * 0.06
    motif = np.where(np.hypot((x * 8) % 1 - 0.5, (y * 8 + np.floor(x * 8) * 0.5) % 1 - 0.5) < 0.2, -0.22, 0.0)
    tint = 1 + 0.05 * _noise(rng, 5)
    return _gray(tint + stripe + motif + 0.04 * _noise(rng, 60))


def _brick(rng: Generator) -> Image:
    tint, joint = _cells(rng, 24, 8, offset=True, spread=0.13)
    return _gray(np.where(joint < 2.0, 1.3, tint) + 0.06 * _noise(rng, 2))


def _tiles(rng: Generator) -> Image:
    tint, joint = _cells(rng, 8, 8, offset=False, spread=0.06)
    return _gray(np.where(joint < 1.6, 0.6, tint) + 0.03 * _noise(rng, 5) + 0.03 * _noise(rng, 40))


def _planks(rng: Generator) -> Image:
    tint, joint = _cells(rng, 22, 3, offset=True, spread=0.12)
    grain = 0.09 * _noise(rng, 2, (0.4, 16)) + 0.05 * _noise(rng, 8, (0.4, 8))
    return _gray(np.where(joint < 0.9, 0.5, tint + grain))


def _carpet(rng: Generator) -> Image:
    return _gray(1 + 0.13 * _noise(rng, 1.2) + 0.06 * _noise(rng, 12))


def _rug(rng: Generator) -> Image:
    y, x = _grid()
    diamond = np.abs((x * 6) % 1 - 0.5) + np.abs((y * 6) % 1 - 0.5)
    field = np.where(diamond < 0.28, 0.55, np.where(diamond < 0.42, 1.35, 1.0))
    return _gray(field + 0.07 * _noise(rng, 1.5))


_MAKERS: dict[str, Callable[[Generator], Image]] = {
    "speckle": _speckle,
    "flat": _flat,
    "brushed": _brushed,
    "wood": _wood,
    "weave": _weave,
    "stripes": _stripes,
    "wicker": _wicker,
    "print": _print,
    "leaf": _leaf,
    "screen": _screen,
    "sky": _sky,
    "plaster": _plaster,
    "wallpaper": _wallpaper,
    "brick": _brick,
    "tiles": _tiles,
    "planks": _planks,
    "carpet": _carpet,
    "rug": _rug,
    "art_a": functools.partial(_art, style=0),
    "art_b": functools.partial(_art, style=1),
    "art_c": functools.partial(_art, style=2),
}


@functools.cache
def texture_layers() -> NDArray[np.uint8]:
    """(len(MATERIALS) + 1, SIZE, SIZE, 3) colour factors in steps of ``UNIT``; the last layer is slow stains laid
    over everything."""
    layers = [_MAKERS[m.texture](np.random.default_rng((20, i))) for i, m in enumerate(MATERIALS)]
    layers.append(_gray(1 + 0.05 * _noise(np.random.default_rng(99), 60)))
    return np.stack([np.clip(layer / UNIT + 0.5, 0, 255).astype(np.uint8) for layer in layers])
