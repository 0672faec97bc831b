"""Labelled object crops straight from a world, without rendering whole frames: training data for naming things.

For each crop an eye is placed where a person could stand, a coarse cast finds which part of the object it sees, and
then only the rays of the square around that part are cast, at the resolution that a head camera would have had. A
far mug is therefore as blurred as in a real frame, and a hidden one is cut to what shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scenes.geometry import look_at
from scenes.rendering.mesh import Floats
from scenes.rendering.render import HEAD_CAMERA, Renderer
from scenes.rendering.shading import Instance
from scenes.vocabulary import ColorTerm
from scenes.worlds.dynamics.clearance import clearance_map
from scenes.worlds.world import World, WorldObject, make_world

_COARSE = 40
_MAX_CAST = 176
"""Close things are cast at most this large before the resize: more costs time and shows no more at 128 pixels."""
_TRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """One training picture of one thing."""

    rgb: Tensor
    """(size, size, 3) uint8."""
    category: str
    """Name in the catalogue; ``""`` for a negative: a wall or floor patch, or an unrecognisable part."""
    color: ColorTerm | Literal[""]
    """Colour term, ``""`` for a negative."""
    visible_fraction: float
    """Share of the object's silhouette that is in the crop and not hidden, 0..1."""
    pixel_size: float
    """Longer edge of the visible part in a 640x480 head camera, pixels: how much the crop really shows."""
    distance_m: float
    object_id: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """An eye with image-plane axes; directions are forward + u * right + v * down."""

    eye: NDArray[np.float64]
    rotation: NDArray[np.float64]

    def rays(self, window: tuple[float, float, float, float], n: int) -> Floats:
        """(n * n, 3) through a window (u0, v0, u1, v1) of the plane z = 1."""
        u0, v0, u1, v1 = window
        share = (np.arange(n) + 0.5) / n
        u, v = np.meshgrid(u0 + (u1 - u0) * share, v0 + (v1 - v0) * share)
        local = np.stack([u, v, np.ones_like(u)], axis=-1).reshape(-1, 3)
        return (local @ self.rotation.T).astype(np.float32)


class CropMaker:
    """Makes crops of one world."""

    def __init__(self, world: World, *, size: int = 128) -> None:
        self.world, self.size = world, size
        self._renderer = world.renderer()
        self._places = clearance_map(world).standing_places()
        self._alone: dict[str, Renderer] = {}
        by_category: dict[str, list[WorldObject]] = {}
        for o in (o for o in world.objects.values() if not o.tucked):
            by_category.setdefault(o.category, []).append(o)
        self._by_category = list(by_category.values())

    def positive(self, rng: Generator) -> Crop | None:
        """A crop of some object; categories are equally likely. None when no try shows enough of it."""
        same = self._by_category[rng.integers(len(self._by_category))]
        thing = same[rng.integers(len(same))]
        for _ in range(_TRIES):
            view = self._view(thing, rng)
            crop = None if view is None else self._crop(thing, view, rng)
            if crop is not None:
                return crop
        return None

    def negative(self, rng: Generator) -> Crop | None:
        """A patch of wall or floor, or a piece of furniture too small to tell."""
        x, z = self._places[rng.integers(len(self._places))]
        eye = np.array([x, rng.uniform(1.4, 1.75), z])
        yaw, pitch = rng.uniform(-math.pi, math.pi), rng.uniform(-0.9, 0.4)
        ahead = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)])
        view = _View(eye=eye, rotation=_rotation(eye, eye + ahead))
        half = rng.uniform(0.03, 0.16)
        window = (-half, -half, half, half)
        hits = self._renderer.cast(eye, view.rays(window, _COARSE))
        numbers = self._renderer.numbers(hits)
        counts = np.bincount(np.maximum(numbers, 0))
        largest = int(counts.argmax())
        whole = float(counts[largest]) / len(numbers)
        if whole < 0.93 or (largest > 0 and not self._is_part(largest, half, float(np.median(hits.depth_m)))):
            return None
        pixels = 2 * half * HEAD_CAMERA.fx
        rgb = self._picture(view, window, pixels)
        return Crop(
            rgb=rgb,
            category="",
            color="",
            visible_fraction=0.0,
            pixel_size=pixels,
            distance_m=float(np.median(hits.depth_m)),
            object_id="",
        )

    def _is_part(self, number: int, half: float, distance: float) -> bool:
        """Whether a window shows so little of a thing that nobody could name it."""
        size = max(self.world.objects[f"w{number}"].box.size)
        return 2 * half * distance < 0.3 * size

    def _view(self, thing: WorldObject, rng: Generator) -> _View | None:
        """An eye 0.6 to 4 m from the thing, closer for small ones, looking at it with a little roll."""
        center = np.array(thing.box.center)
        offsets = self._places - center[[0, 2]]
        flat = np.hypot(offsets[:, 0], offsets[:, 1])
        extent = max(thing.box.size)
        far = min(4.0, 1.2 + 6.0 * extent)
        near = 0.5 if extent < 0.8 else 1.0
        usable = np.flatnonzero((flat > near) & (flat < far))
        if len(usable) == 0:
            return None
        x, z = self._places[usable[rng.integers(len(usable))]] + rng.uniform(-0.02, 0.02, 2)
        eye = np.array([x, rng.uniform(1.4, 1.75) if rng.random() < 0.85 else rng.uniform(1.05, 1.3), z])
        roll = rng.normal(0, 0.06)
        c, s = math.cos(roll), math.sin(roll)
        return _View(eye=eye, rotation=_rotation(eye, center) @ np.array([(c, -s, 0), (s, c, 0), (0, 0, 1)]))

    def _crop(self, thing: WorldObject, view: _View, rng: Generator) -> Crop | None:
        local = (thing.mesh.vertices - view.eye) @ view.rotation
        if local[:, 2].min() < 0.15:
            return None
        plane = local[:, :2] / local[:, 2:]
        (u0, v0), (u1, v1) = plane.min(0), plane.max(0)
        # A real frame ends somewhere: cut the thing as the camera's edge would.
        half_u, half_v = 320 / HEAD_CAMERA.fx, 240 / HEAD_CAMERA.fy
        du, dv = (rng.uniform(-0.6, 0.6) * half_u, rng.uniform(-0.6, 0.6) * half_v)
        window = (max(u0, du - half_u), max(v0, dv - half_v), min(u1, du + half_u), min(v1, dv + half_v))
        if window[2] <= window[0] or window[3] <= window[1]:
            return None
        seen = self._visible(thing, view, (u0, v0, u1, v1), window)
        if seen is None:
            return None
        fraction, (a0, b0, a1, b1) = seen
        pixel_size = max(a1 - a0, b1 - b0) * HEAD_CAMERA.fx
        if fraction < 0.3 or pixel_size < 14:
            return None
        side = max(a1 - a0, b1 - b0) * rng.uniform(1.12, 1.45)
        middle_u = (a0 + a1) / 2 + rng.uniform(-0.04, 0.04) * side
        middle_v = (b0 + b1) / 2 + rng.uniform(-0.04, 0.04) * side
        square = (middle_u - side / 2, middle_v - side / 2, middle_u + side / 2, middle_v + side / 2)
        return Crop(
            rgb=self._picture(view, square, side * HEAD_CAMERA.fx),
            category=thing.category,
            color=thing.color,
            visible_fraction=fraction,
            pixel_size=pixel_size,
            object_id=thing.id,
            distance_m=float(np.linalg.norm(np.array(thing.box.center) - view.eye)),
        )

    def _visible(
        self,
        thing: WorldObject,
        view: _View,
        full: tuple[float, float, float, float],
        window: tuple[float, float, float, float],
    ) -> tuple[float, tuple[float, float, float, float]] | None:
        """Visible share of the silhouette, and the window around what is visible."""
        rays = view.rays(full, _COARSE)
        silhouette = self._only(thing).cast(view.eye, rays).face >= 0
        numbers = self._renderer.numbers(self._renderer.cast(view.eye, rays))
        u0, v0, u1, v1 = full
        share = (np.arange(_COARSE) + 0.5) / _COARSE
        u, v = u0 + (u1 - u0) * share, v0 + (v1 - v0) * share
        inside = ((v >= window[1]) & (v <= window[3]))[:, None] & ((u >= window[0]) & (u <= window[2]))[None, :]
        seen = (numbers == thing.number).reshape(_COARSE, _COARSE) & inside
        if not seen.any() or not silhouette.any():
            return None
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        du, dv = (u1 - u0) / _COARSE / 2, (v1 - v0) / _COARSE / 2
        low = float(u[columns[0]] - du), float(v[rows[0]] - dv)
        high = float(u[columns[-1]] + du), float(v[rows[-1]] + dv)
        return float(seen.sum() / silhouette.sum()), (*low, *high)

    def _only(self, thing: WorldObject) -> Renderer:
        if thing.id not in self._alone:
            self._alone[thing.id] = Renderer([Instance(number=thing.number, mesh=thing.mesh)], [(0.0, 2.0, 0.0)])
        return self._alone[thing.id]

    def _picture(self, view: _View, window: tuple[float, float, float, float], pixels: float) -> Tensor:
        """The window at a head camera's resolution, resized to the crop size."""
        n = int(np.clip(round(pixels), 12, _MAX_CAST))
        rays = view.rays(window, n)
        colors = self._renderer.shade(view.eye, rays, self._renderer.cast(view.eye, rays))
        image = Image.fromarray(colors.reshape(n, n, 3)).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image))


def _rotation(eye: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    return look_at(torch.from_numpy(eye), torch.from_numpy(target))[:3, :3].numpy()


def iter_object_crops(
    seed: int,
    count: int,
    *,
    size: int = 128,
    negatives: float = 0.12,
    rooms: int | None = None,
    style: str | None = None,
) -> Iterator[Crop]:
    """``count`` crops of the world of a seed; same arguments, same crops.

    A world takes about as long to build as 50 crops, and holds about 100 objects: 200 to 400 crops a world are a good
    choice. For more variety use more seeds, in as many processes as there are cores.

    Args:
        seed: of the world and of the views.
        count: how many crops.
        size: edge length of the crops in pixels.
        negatives: share of crops that show nothing that has a name.
        rooms: as in ``make_world``.
        style: as in ``make_world``.
    """
    maker = CropMaker(make_world(seed, rooms=rooms, style=style), size=size)
    rng = np.random.default_rng((3, seed))
    made = 0
    while made < count:
        crop = maker.negative(rng) if rng.random() < negatives else maker.positive(rng)
        if crop is not None:
            made += 1
            yield crop
