"""Pictures on the faces of own meshes, looked up at each ray's hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenes.rendering.mesh import Floats, Mesh

GAMMA = 1.8
"""Of the renderer's display: a picture under full light comes out as it went in."""
_ALBEDO = ((np.arange(256) / 255) ** GAMMA).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """All pictures of a scene, as one row of texels."""

    picture: NDArray[np.int32]
    """(faces,) which picture a face shows, -1 for none."""
    row: NDArray[np.int32]
    """(faces,) place of a face that shows one in ``uv``."""
    uv: Floats
    """(painted faces, 3, 2)."""
    size: NDArray[np.int64]
    """(pictures, 2) width and height."""
    start: NDArray[np.int64]
    """(pictures,) place of the first texel."""
    texels: NDArray[np.uint8]
    """(T, 3) sRGB."""

    @classmethod
    def of(cls, meshes: Sequence[Mesh]) -> Painted | None:
        """The pictures of some meshes, whose faces are numbered in order; None where there are none."""
        if all(mesh.paint is None for mesh in meshes):
            return None
        pictures: list[NDArray[np.uint8]] = []
        numbers: list[NDArray[np.int32]] = []
        uv: list[Floats] = []
        for mesh in meshes:
            if mesh.paint is None:
                numbers.append(np.full(len(mesh.triangles), -1, np.int32))
                continue
            shown = mesh.paint.picture >= 0
            numbers.append(np.where(shown, mesh.paint.picture + len(pictures), -1).astype(np.int32))
            uv.append(mesh.paint.uv[shown])
            pictures += mesh.paint.pictures
        picture = np.concatenate(numbers)
        counts = [p.shape[0] * p.shape[1] for p in pictures]
        return cls(
            picture=picture,
            row=(np.cumsum(picture >= 0) - 1).astype(np.int32),
            uv=np.concatenate(uv),
            size=np.array([(p.shape[1], p.shape[0]) for p in pictures], np.int64),
            start=np.cumsum([0, *counts[:-1]]),
            texels=np.concatenate([p.reshape(-1, 3) for p in pictures]),
        )

    def put(self, factor: Floats, face: NDArray[np.int64], barycentric: Floats) -> None:
        """Replace columns of ``factor`` (3, n), colour factors at hits, by what the pictures show there.

        ``face``: (n,) face numbers; ``barycentric``: (n, 2). Bilinear between the middles of texels.
        """
        here = np.flatnonzero(self.picture[face] >= 0)
        if not len(here):
            return
        number = self.picture[face[here]]
        corner = self.uv[self.row[face[here]]]
        u, v = barycentric[here, :1], barycentric[here, 1:]
        place = corner[:, 0] * (1 - u - v) + corner[:, 1] * u + corner[:, 2] * v
        size = self.size[number]
        texel = place * size - 0.5
        low = np.floor(texel).astype(np.int64)
        share = (texel - low).astype(np.float32)
        color = np.zeros((len(here), 3), np.float32)
        for dx in (0, 1):
            for dy in (0, 1):
                column, line = np.mod(low[:, 0] + dx, size[:, 0]), np.mod(low[:, 1] + dy, size[:, 1])
                weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
                color += _ALBEDO[self.texels[self.start[number] + line * size[:, 0] + column]] * weight[:, None]
        factor[:, here] = color.T
