"""A mesh from somebody else's file, before it becomes a ``Mesh``: triangles, colours, pictures on faces."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3) sRGB."""
MAX_PICTURE_PX = 1024
"""Longer sides are reduced: a texel of a thing of a metre is then a millimetre."""
MAX_DECODED_PX = 8192
"""Larger pictures are refused before they are decoded."""


class MeshFileError(ValueError):
    """A mesh file that cannot be used: what was expected, what came."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnMesh:
    """Triangles as they came."""

    vertices: NDArray[np.float32]
    """(N, 3) metres."""
    triangles: NDArray[np.int32]
    """(M, 3) vertex numbers."""
    colors: NDArray[np.float32] | None
    """(M, 3) 0..1, which a picture is multiplied with; None where the file gives none."""
    uv: NDArray[np.float32]
    """(M, 3, 2) place of each corner in its picture: (0, 0) is the upper left corner, (1, 1) the lower right one."""
    picture: NDArray[np.int32]
    """(M,) place in ``pictures``, -1 for a face without one."""
    pictures: tuple[Picture, ...] = ()


def plain(vertices: NDArray[np.float32], triangles: NDArray[np.int32], colors: NDArray[np.float32] | None) -> OwnMesh:
    """Triangles without pictures."""
    return OwnMesh(
        vertices=vertices,
        triangles=triangles,
        colors=colors,
        uv=np.zeros((len(triangles), 3, 2), np.float32),
        picture=np.full(len(triangles), -1, np.int32),
    )


def joined(parts: Sequence[OwnMesh]) -> OwnMesh:
    """All parts as one. Raises MeshFileError where there is none."""
    if not parts:
        raise MeshFileError("expected triangles, got none")
    starts = np.cumsum([0, *(len(p.vertices) for p in parts[:-1])])
    first = np.cumsum([0, *(len(p.pictures) for p in parts[:-1])])
    colored = any(p.colors is not None for p in parts)
    colors = [np.ones((len(p.triangles), 3), np.float32) if p.colors is None else p.colors for p in parts]
    return OwnMesh(
        vertices=np.concatenate([p.vertices for p in parts]),
        triangles=np.concatenate([p.triangles + np.int32(s) for p, s in zip(parts, starts, strict=True)]),
        colors=np.concatenate(colors) if colored else None,
        uv=np.concatenate([p.uv for p in parts]),
        picture=np.concatenate([np.where(p.picture < 0, -1, p.picture + k) for p, k in zip(parts, first, strict=True)]),
        pictures=tuple(picture for p in parts for picture in p.pictures),
    )


def decoded_picture(source: Path | io.BytesIO) -> Picture:
    """A picture, reduced to ``MAX_PICTURE_PX``. Raises MeshFileError: not a picture, damaged, or too large."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source) as image:
            if max(image.size) > MAX_DECODED_PX:
                raise MeshFileError(f"expected a texture of at most {MAX_DECODED_PX} pixels a side, got {image.size}")
            rgb = image.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise MeshFileError(f"expected a texture that is a picture, got: {error}") from error
    rgb.thumbnail((MAX_PICTURE_PX, MAX_PICTURE_PX))
    return np.array(rgb)
