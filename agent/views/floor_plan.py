"""A map seen from above: the surface as a backdrop, objects as labelled footprints, the walk as a line.

A PNG for a quick look; ``agent.views.plan_page`` makes of the same drawing a page whose objects tell more when pointed
at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from scenes.boxes import corners
from scenes.types import SceneGraph, SceneObject

if TYPE_CHECKING:
    from agent.maps.map_store import MapStore

PLAN_PICTURE, PLAN_PAGE = "plan.png", "plan.html"
PIXELS_PER_M = 110
MAX_SIDE_PX = 2400
MARGIN_M = 0.4
CEILING_CUT_M = 2.0
"""Points higher than this above the floor are left out, or the ceiling would hide the rooms."""
NAMED, UNNAMED, GONE = (214, 84, 28), (110, 118, 132), (176, 182, 192)
TAUGHT, ROOM, WALK = (20, 120, 70), (70, 78, 92), (40, 110, 220)
LABEL_PX, ROOM_PX, PAD_PX = 13, 20, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFrame:
    """Where the plan lies in the world: pixel = (x - left_m, z - top_m) * pixels_per_m; up on the page is -z."""

    left_m: float
    top_m: float
    width_px: int
    height_px: int
    pixels_per_m: float

    def pixel(self, x: float, z: float) -> tuple[float, float]:
        """A world position on the page."""
        return (x - self.left_m) * self.pixels_per_m, (z - self.top_m) * self.pixels_per_m


def plan_frame(points: Tensor, graph: SceneGraph) -> PlanFrame:
    """The frame that holds the surface points (N, 3) and every object."""
    boxes = [corners(o.box).float() for o in graph.objects.values()]
    everything = torch.cat([points.float(), *boxes]) if len(points) or boxes else torch.zeros(1, 3)
    ground = everything[:, [0, 2]]
    # A few stray points through a window must not shrink the home to a stamp.
    low = torch.quantile(ground[:: max(1, len(ground) // 100_000)], 0.002, dim=0) - MARGIN_M
    high = torch.quantile(ground[:: max(1, len(ground) // 100_000)], 0.998, dim=0) + MARGIN_M
    extent = (high - low).tolist()
    scale = min(PIXELS_PER_M, MAX_SIDE_PX / max(extent))
    return PlanFrame(
        left_m=float(low[0]),
        top_m=float(low[1]),
        width_px=max(1, round(extent[0] * scale)),
        height_px=max(1, round(extent[1] * scale)),
        pixels_per_m=scale,
    )


def backdrop(frame: PlanFrame, points: Tensor, rgb: Tensor, floor_y: float) -> Image.Image:
    """Surface points (N, 3) with colours (N, 3) uint8, splatted from above: the highest point of a pixel shows."""
    keep = points[:, 1] < floor_y + CEILING_CUT_M
    xyz, colour = points[keep].numpy(), rgb[keep].numpy()
    canvas: NDArray[np.uint8] = np.full((frame.height_px, frame.width_px, 3), 246, dtype=np.uint8)
    order = np.argsort(xyz[:, 1], kind="stable")
    u = ((xyz[order, 0] - frame.left_m) * frame.pixels_per_m).astype(int)
    v = ((xyz[order, 2] - frame.top_m) * frame.pixels_per_m).astype(int)
    size = max(1, round(frame.pixels_per_m * 0.02))
    for du in range(size):
        for dv in range(size):
            inside = (u + du >= 0) & (u + du < frame.width_px) & (v + dv >= 0) & (v + dv < frame.height_px)
            canvas[v[inside] + dv, u[inside] + du] = colour[order][inside]
    faded = canvas * 0.55 + 255 * 0.45
    return Image.fromarray(faded.astype(np.uint8))


def save_plan(store: MapStore, folder: Path) -> Path:
    """Draw an open map's plan into a folder, as a picture and as a page; returns the picture's path."""
    points, rgb = store.surface.points()
    graph, floor_y = store.builder.snapshot(), store.surface.floor_height() or 0.0
    walk = [(x, z) for x, _, z in store.walked().tolist()]
    draw_plan(graph, points, rgb, floor_y, walk).save(folder / PLAN_PICTURE)
    from agent.views.plan_page import plan_html

    page = plan_html(graph, points, rgb, floor_y, walk, title=f"Map {store.header.map_id}")
    (folder / PLAN_PAGE).write_text(page, encoding="utf-8")
    return folder / PLAN_PICTURE


def draw_plan(
    graph: SceneGraph, points: Tensor, rgb: Tensor, floor_y: float, walk: Sequence[tuple[float, float]] = ()
) -> Image.Image:
    """The plan as an image. ``walk``: (x, z) of the wearer, in order."""
    frame = plan_frame(points, graph)
    image = backdrop(frame, points, rgb, floor_y)
    draw = ImageDraw.Draw(image, "RGBA")
    if len(walk) > 1:
        draw.line([frame.pixel(x, z) for x, z in walk], fill=(*WALK, 150), width=3, joint="curve")
    font = ImageFont.load_default(size=LABEL_PX)
    for room in graph.rooms.values():
        corner_px = [frame.pixel(x, z) for x, z in room.floor_polygon]
        if len(corner_px) > 2:
            draw.polygon(corner_px, outline=(*ROOM, 160), width=1)
    objects = largest_first(graph)
    for o in objects:
        colour = colour_of(o)
        draw.polygon(footprint(frame, o), fill=(*colour, 40), outline=(*colour, 255), width=2)
    for label in place_labels(frame, graph):
        left, top, _, _ = draw.textbbox((0, 0), label.text, font=ImageFont.load_default(size=label.size_px))
        if label.moved:
            draw.line((*label.anchor, (label.box[0] + label.box[2]) / 2, label.box[1] + 2), fill=(*label.colour, 200))
        draw.rounded_rectangle(label.box, radius=3, fill=(255, 255, 255, 0 if label.room else 225))
        where = (label.box[0] + PAD_PX - left, label.box[1] + PAD_PX - top)
        draw.text(where, label.text, font=ImageFont.load_default(size=label.size_px), fill=(*label.colour, 255))
    _scale_bar(draw, font, frame)
    return image


def largest_first(graph: SceneGraph) -> list[SceneObject]:
    return sorted(graph.objects.values(), key=lambda o: -o.box.size[0] * o.box.size[2])


def colour_of(o: SceneObject) -> tuple[int, int, int]:
    if not o.present:
        return GONE
    if o.label_source == "user":
        return TAUGHT
    return NAMED if o.label else UNNAMED


def footprint(frame: PlanFrame, o: SceneObject) -> list[tuple[float, float]]:
    """The four lower corners of the box, in order around it."""
    c = corners(o.box)
    return [frame.pixel(float(c[k, 0]), float(c[k, 2])) for k in (0, 1, 5, 4)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A name on the page, at a place that no other name covers."""

    text: str
    box: tuple[float, float, float, float]
    """left, top, right, bottom, pixels."""
    anchor: tuple[float, float]
    """Where the thing is."""
    colour: tuple[int, int, int]
    size_px: int = LABEL_PX
    room: bool = False

    @property
    def moved(self) -> bool:
        """Whether it stands beside its thing."""
        return not (self.box[0] <= self.anchor[0] <= self.box[2] and self.box[1] <= self.anchor[1] <= self.box[3])


def place_labels(frame: PlanFrame, graph: SceneGraph) -> list[Label]:
    """Names of things, taught ones and small things first, each at the first of a few places that is still free; then
    names of rooms where there is room. Names that find no place are left out: the page's table has them all."""
    out: list[Label] = []
    named = [o for o in reversed(largest_first(graph)) if o.label]
    for o in sorted(named, key=lambda o: (o.label_source != "user", not o.present)):
        anchor = frame.pixel(o.box.center[0], o.box.center[2])
        _place(out, frame, o.label, anchor, _ink(o), LABEL_PX)
    for room in graph.rooms.values():
        if room.label and room.floor_polygon:
            x, z = np.mean(room.floor_polygon, axis=0).tolist()
            _place(out, frame, room.label.upper(), frame.pixel(x, z), ROOM, ROOM_PX, room=True)
    return out


def _place(
    out: list[Label],
    frame: PlanFrame,
    text: str,
    anchor: tuple[float, float],
    colour: tuple[int, int, int],
    size_px: int,
    *,
    room: bool = False,
) -> None:
    left, top, right, bottom = ImageFont.load_default(size=size_px).getbbox(text)
    half_w, half_h = (right - left) / 2 + PAD_PX, (bottom - top) / 2 + PAD_PX
    step = 2 * half_h + 1
    for du, dv in ((0, 0), (0, -1), (0, 1), (0, -2), (0, 2), (-1, -1), (1, -1), (-1, 1), (1, 1), (0, -3), (0, 3)):
        u = min(max(anchor[0] + du * half_w, half_w), max(frame.width_px - half_w, half_w))
        v = min(max(anchor[1] + dv * step, half_h), max(frame.height_px - half_h, half_h))
        box = (u - half_w, v - half_h, u + half_w, v + half_h)
        free = all(box[2] < t.box[0] or box[0] > t.box[2] or box[3] < t.box[1] or box[1] > t.box[3] for t in out)
        if free:
            out.append(Label(text=text, box=box, anchor=anchor, colour=colour, size_px=size_px, room=room))
            return


def _ink(o: SceneObject) -> tuple[int, int, int]:
    """The colour of a name: darker than its outline, to be read on any ground."""
    r, g, b = colour_of(o)
    return (r * 2 // 3, g * 2 // 3, b * 2 // 3)


def _scale_bar(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, frame: PlanFrame) -> None:
    y = frame.height_px - 14
    draw.line((14, y, 14 + frame.pixels_per_m, y), fill=(30, 30, 30, 255), width=3)
    draw.text((14, y - 18), "1 m", font=font, fill=(30, 30, 30, 255))
