"""A map seen from above: the surface as a backdrop, objects as labelled footprints, the walk as a line.

A PNG for a quick look; ``agent.views.plan_page`` makes of the same drawing a page whose objects tell more when pointed
at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from scenes.boxes import corners
from scenes.types import SceneGraph, SceneObject

PIXELS_PER_M = 110
MAX_SIDE_PX = 2400
MARGIN_M = 0.4
CEILING_CUT_M = 2.0
"""Points higher than this above the floor are left out, or the ceiling would hide the rooms."""
NAMED_COLOUR, UNNAMED_COLOUR, GONE_COLOUR = (214, 84, 28), (110, 118, 132), (176, 182, 192)
TAUGHT_COLOUR, ROOM_COLOUR, WALK_COLOUR = (20, 120, 70), (70, 78, 92), (40, 110, 220)
LABEL_PX, ROOM_PX, PAD_PX = 13, 20, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProjection:
    """From the world's floor to the page: pixel = (x - left_m, z - top_m) * pixels_per_m; up on the page is -z."""

    left_m: float
    top_m: float
    width_px: int
    height_px: int
    pixels_per_m: float

    def pixel(self, x: float, z: float) -> tuple[float, float]:
        """A world position on the page."""
        return (x - self.left_m) * self.pixels_per_m, (z - self.top_m) * self.pixels_per_m


def plan_projection(points: Tensor, graph: SceneGraph) -> PlanProjection:
    """The projection that shows the surface points (N, 3) and every object."""
    boxes = [corners(o.box).float() for o in graph.objects.values()]
    everything = torch.cat([points.float(), *boxes]) if len(points) or boxes else torch.zeros(1, 3)
    ground = everything[:, [0, 2]]
    # A few stray points through a window must not shrink the home to a stamp.
    low = torch.quantile(ground[:: max(1, len(ground) // 100_000)], 0.002, dim=0) - MARGIN_M
    high = torch.quantile(ground[:: max(1, len(ground) // 100_000)], 0.998, dim=0) + MARGIN_M
    extent = (high - low).tolist()
    scale = min(PIXELS_PER_M, MAX_SIDE_PX / max(extent))
    return PlanProjection(
        left_m=float(low[0]),
        top_m=float(low[1]),
        width_px=max(1, round(extent[0] * scale)),
        height_px=max(1, round(extent[1] * scale)),
        pixels_per_m=scale,
    )


def backdrop(plan: PlanProjection, points: Tensor, rgb: Tensor, floor_y: float) -> Image.Image:
    """Surface points (N, 3) with colours (N, 3) uint8, splatted from above: the highest point of a pixel shows."""
    keep = points[:, 1] < floor_y + CEILING_CUT_M
    xyz, colour = points[keep].numpy(), rgb[keep].numpy()
    canvas: NDArray[np.uint8] = np.full((plan.height_px, plan.width_px, 3), 246, dtype=np.uint8)
    order = np.argsort(xyz[:, 1], kind="stable")
    u = ((xyz[order, 0] - plan.left_m) * plan.pixels_per_m).astype(int)
    v = ((xyz[order, 2] - plan.top_m) * plan.pixels_per_m).astype(int)
    size = max(1, round(plan.pixels_per_m * 0.02))
    for du in range(size):
        for dv in range(size):
            inside = (u + du >= 0) & (u + du < plan.width_px) & (v + dv >= 0) & (v + dv < plan.height_px)
            canvas[v[inside] + dv, u[inside] + du] = colour[order][inside]
    faded = canvas * 0.55 + 255 * 0.45
    return Image.fromarray(faded.astype(np.uint8))


def draw_plan(
    graph: SceneGraph, points: Tensor, rgb: Tensor, floor_y: float, walk: Sequence[tuple[float, float]] = ()
) -> Image.Image:
    """The plan as an image. ``walk``: (x, z) of the wearer, in order."""
    plan = plan_projection(points, graph)
    image = backdrop(plan, points, rgb, floor_y)
    draw = ImageDraw.Draw(image, "RGBA")
    if len(walk) > 1:
        draw.line([plan.pixel(x, z) for x, z in walk], fill=(*WALK_COLOUR, 150), width=3, joint="curve")
    font = ImageFont.load_default(size=LABEL_PX)
    for room in graph.rooms.values():
        corner_px = [plan.pixel(x, z) for x, z in room.floor_polygon]
        if len(corner_px) > 2:
            draw.polygon(corner_px, outline=(*ROOM_COLOUR, 160), width=1)
    objects = largest_first(graph)
    for o in objects:
        colour = colour_of(o)
        draw.polygon(footprint(plan, o), fill=(*colour, 40), outline=(*colour, 255), width=2)
    for label in place_labels(plan, graph):
        left, top, _, _ = draw.textbbox((0, 0), label.text, font=ImageFont.load_default(size=label.size_px))
        if label.moved:
            draw.line((*label.anchor, (label.box[0] + label.box[2]) / 2, label.box[1] + 2), fill=(*label.colour, 200))
        draw.rounded_rectangle(label.box, radius=3, fill=(255, 255, 255, 0 if label.room else 225))
        where = (label.box[0] + PAD_PX - left, label.box[1] + PAD_PX - top)
        draw.text(where, label.text, font=ImageFont.load_default(size=label.size_px), fill=(*label.colour, 255))
    _scale_bar(draw, font, plan)
    return image


def largest_first(graph: SceneGraph) -> list[SceneObject]:
    """The things by the area of their footprint, so that small ones are drawn over large ones."""
    return sorted(graph.objects.values(), key=lambda o: -o.box.size[0] * o.box.size[2])


def colour_of(o: SceneObject) -> tuple[int, int, int]:
    """Of a thing's outline: gone, taught by the wearer, named, or unnamed."""
    if not o.present:
        return GONE_COLOUR
    if o.label_source == "user":
        return TAUGHT_COLOUR
    return NAMED_COLOUR if o.label else UNNAMED_COLOUR


def footprint(plan: PlanProjection, o: SceneObject) -> list[tuple[float, float]]:
    """The four lower corners of the box, in order around it."""
    c = corners(o.box)
    return [plan.pixel(float(c[k, 0]), float(c[k, 2])) for k in (0, 1, 5, 4)]


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


def place_labels(plan: PlanProjection, graph: SceneGraph) -> list[Label]:
    """Names of things, taught ones and small things first, each at the first of a few places that is still free; then
    names of rooms where there is room. Names that find no place are left out: the page's table has them all."""
    out: list[Label] = []
    named = [o for o in reversed(largest_first(graph)) if o.label]
    for o in sorted(named, key=lambda o: (o.label_source != "user", not o.present)):
        anchor = plan.pixel(o.box.center[0], o.box.center[2])
        _place(out, plan, o.label, anchor, _label_colour(o), LABEL_PX)
    for room in graph.rooms.values():
        if room.label and room.floor_polygon:
            x, z = np.mean(room.floor_polygon, axis=0).tolist()
            _place(out, plan, room.label.upper(), plan.pixel(x, z), ROOM_COLOUR, ROOM_PX, room=True)
    return out


def _place(
    out: list[Label],
    plan: PlanProjection,
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
        u = min(max(anchor[0] + du * half_w, half_w), max(plan.width_px - half_w, half_w))
        v = min(max(anchor[1] + dv * step, half_h), max(plan.height_px - half_h, half_h))
        box = (u - half_w, v - half_h, u + half_w, v + half_h)
        free = all(box[2] < t.box[0] or box[0] > t.box[2] or box[3] < t.box[1] or box[1] > t.box[3] for t in out)
        if free:
            out.append(Label(text=text, box=box, anchor=anchor, colour=colour, size_px=size_px, room=room))
            return


def _label_colour(o: SceneObject) -> tuple[int, int, int]:
    """The colour of a name: darker than its outline, to be read on any ground."""
    r, g, b = colour_of(o)
    return (r * 2 // 3, g * 2 // 3, b * 2 // 3)


def _scale_bar(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, plan: PlanProjection
) -> None:
    y = plan.height_px - 14
    draw.line((14, y, 14 + plan.pixels_per_m, y), fill=(30, 30, 30, 255), width=3)
    draw.text((14, y - 18), "1 m", font=font, fill=(30, 30, 30, 255))
