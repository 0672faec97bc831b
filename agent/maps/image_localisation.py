"""Where single images were taken in a saved map, or why that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.maps.map_header import read_header
from agent.maps.map_store import load_keyframes
from scenes.errors import InputError
from scenes.recordings.reading.images import image_size, read_rgb
from scenes.types import Camera, Frame
from tools.localisation.localiser import Localisation, Localiser, NotLocalised
from tools.mapping.surface_map import SurfaceMap


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalisedImage:
    """One image's line."""

    image: Path
    result: Localisation | NotLocalised

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is not known is null."""
        found = self.result if isinstance(self.result, Localisation) else None
        return {
            "image": str(self.image),
            "status": "localised" if found else "not_localised",
            "reason": None if isinstance(self.result, Localisation) else self.result.reason,
            "detail": None if isinstance(self.result, Localisation) else self.result.detail,
            "world_from_camera": found and found.world_from_camera.tolist(),
            "confidence": found and round(found.confidence, 3),
            "sigma_m": found and round(found.sigma_m, 4),
            "sigma_deg": found and round(found.sigma_deg, 3),
            "map_id": found and found.map_id,
            "ms": round(self.result.ms, 1),
        }

    def text(self) -> str:
        """One line for a person."""
        if isinstance(self.result, NotLocalised):
            return f"{self.image}: not localised, {self.result.reason}: {self.result.detail}"
        found = self.result
        x, y, z = found.world_from_camera[:3, 3].tolist()
        return (
            f"{self.image}: at ({x:.2f}, {y:.2f}, {z:.2f}) m ± {100 * found.sigma_m:.0f} cm, {found.sigma_deg:.1f}°, "
            f"confidence {found.confidence:.2f}, {found.ms:.0f} ms"
        )


def image_camera(path: Path, given: tuple[float, float, float, float] | None, mapped: Camera | None) -> Camera:
    """The camera of an image: the given intrinsics, else the map's for an image of its size or its shape.

    Raises InputError: unreadable, neither is there, or another shape than the map's camera.
    """
    width, height = image_size(path)
    if given is not None:
        try:
            return Camera(width=width, height=height, fx=given[0], fy=given[1], cx=given[2], cy=given[3])
        except ValueError as error:
            raise InputError(f"--intrinsics: {error}") from error
    if mapped is None:
        raise InputError(
            f"{path}: expected --intrinsics fx,fy,cx,cy, because the map has no keyframe to take them from"
        )
    if abs(width * mapped.height - height * mapped.width) > max(mapped.width, mapped.height):
        raise InputError(
            f"{path}: expected an image of the map's camera, {mapped.width}x{mapped.height} or a resized one, "
            f"got {width}x{height}; give --intrinsics fx,fy,cx,cy"
        )
    return mapped.resized(width, height)


def localise_images(
    folder: Path, images: Iterable[Path], given: tuple[float, float, float, float] | None = None
) -> Iterator[LocalisedImage]:
    """Find images in the map of a folder, one after the other.

    Raises InputError: no map there, a damaged one or one of another version, an image that cannot be read or used.
    """
    header = read_header(folder)
    index = load_keyframes(folder, header.map_id)
    localiser = Localiser(SurfaceMap.load(folder), index)
    for number, path in enumerate(images):
        camera = image_camera(path, given, index.camera)
        frame = Frame(id=number, time_s=0.0, camera=camera, rgb=read_rgb(path, camera))
        yield LocalisedImage(image=path, result=localiser.localise(frame))
