"""A map seen from above: the surface as a backdrop, objects as labelled footprints, the walk as a line.

One drawing, two media: a PNG for a quick look, and a self-contained HTML page whose objects tell more when pointed at.
"""

from __future__ import annotations

import base64
import html
import io
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
    from agent.map_store import MapStore

PLAN_PICTURE, PLAN_PAGE = "plan.png", "plan.html"
PIXELS_PER_M = 110
MAX_SIDE_PX = 2400
MARGIN_M = 0.4
CEILING_CUT_M = 2.0
"""Points higher than this above the floor are left out, or the ceiling would hide the rooms."""
NAMED, UNNAMED, GONE = (214, 84, 28), (110, 118, 132), (176, 182, 192)
WALK = (40, 110, 220)


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
    font = ImageFont.load_default(size=13)
    objects = _largest_first(graph)
    for o in objects:
        colour = _colour(o)
        draw.polygon(_footprint(frame, o), fill=(*colour, 40), outline=(*colour, 255), width=2)
    taken: list[tuple[float, float, float, float]] = []
    for o in reversed(objects):  # names of small things first: they have the least room
        if o.label:
            _name(draw, font, frame, o, taken)
    _scale_bar(draw, font, frame)
    return image


def plan_html(
    graph: SceneGraph,
    points: Tensor,
    rgb: Tensor,
    floor_y: float,
    walk: Sequence[tuple[float, float]] = (),
    title: str = "Map",
) -> str:
    """The plan as one HTML page without any outside reference; every object has its own tooltip and table row."""
    frame = plan_frame(points, graph)
    buffer = io.BytesIO()
    backdrop(frame, points, rgb, floor_y).save(buffer, "JPEG", quality=80)
    picture = base64.b64encode(buffer.getvalue()).decode()
    path = " ".join(f"{u:.1f},{v:.1f}" for u, v in (frame.pixel(x, z) for x, z in walk))
    shapes, rows = [], []
    for o in _largest_first(graph):
        outline = " ".join(f"{u:.1f},{v:.1f}" for u, v in _footprint(frame, o))
        u, v = frame.pixel(o.box.center[0], o.box.center[2])
        name = html.escape(o.label or "unnamed")
        size = " × ".join(f"{s:.2f}" for s in o.box.size)
        kind = "named" if o.label else "unnamed"
        text = f'<text x="{u:.1f}" y="{v:.1f}">{name}</text>' if o.label else ""
        tip = f"{o.id} {name}, {html.escape(o.color or 'no colour')}, {size} m"
        shapes.append(f'<g class="{kind}"><title>{tip}</title><polygon points="{outline}"/>{text}</g>')
        evidence = ", ".join(map(str, o.evidence_frames[:3]))
        rows.append(
            f"<tr><td>{o.id}<td>{name}<td>{html.escape(o.color)}<td>{size}<td>{o.confidence:.2f}<td>{evidence}</tr>"
        )
    return _PAGE.format(
        title=html.escape(title),
        width=frame.width_px,
        height=frame.height_px,
        picture=picture,
        path=path,
        shapes="\n".join(shapes),
        rows="\n".join(rows),
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px system-ui, sans-serif; margin: 24px; color: #222; background: #fff }}
svg {{ max-width: 100%; height: auto; border: 1px solid #ddd }}
polygon {{ fill-opacity: .15; stroke-width: 2 }} text {{ font-size: 13px; text-anchor: middle }}
.named polygon {{ fill: #d6541c; stroke: #d6541c }} .unnamed polygon {{ fill: #6e7684; stroke: #6e7684 }}
g:hover polygon {{ fill-opacity: .5 }} polyline {{ fill: none; stroke: #286edc; stroke-width: 3; opacity: .6 }}
table {{ border-collapse: collapse; margin-top: 16px }} td, th {{ padding: 3px 12px 3px 0; text-align: left }}
</style></head><body><h1>{title}</h1>
<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="floor plan">
<image href="data:image/jpeg;base64,{picture}" width="{width}" height="{height}"/>
<polyline points="{path}"/>
{shapes}
</svg>
<table><tr><th>id<th>name<th>colour<th>size, m<th>confidence<th>best frames</tr>
{rows}
</table></body></html>
"""


def _largest_first(graph: SceneGraph) -> list[SceneObject]:
    return sorted(graph.objects.values(), key=lambda o: -o.box.size[0] * o.box.size[2])


def _colour(o: SceneObject) -> tuple[int, int, int]:
    if not o.present:
        return GONE
    return NAMED if o.label else UNNAMED


def _footprint(frame: PlanFrame, o: SceneObject) -> list[tuple[float, float]]:
    """The four lower corners of the box, in order around it."""
    c = corners(o.box)
    return [frame.pixel(float(c[k, 0]), float(c[k, 2])) for k in (0, 1, 5, 4)]


def _name(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    frame: PlanFrame,
    o: SceneObject,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Write a name near its object, at the first of a few places that is still free; crowded names are left out."""
    u, v = frame.pixel(o.box.center[0], o.box.center[2])
    left, top, right, bottom = draw.textbbox((0, 0), o.label, font=font)
    w, h = right - left, bottom - top
    for dv in (0, -16, 16, -32, 32):
        box = (u - w / 2 - 3, v + dv - h / 2 - 2, u + w / 2 + 3, v + dv + h / 2 + 2)
        if all(box[2] < t[0] or box[0] > t[2] or box[3] < t[1] or box[1] > t[3] for t in taken):
            draw.rounded_rectangle(box, radius=3, fill=(255, 255, 255, 215))
            draw.text((box[0] + 3 - left, box[1] + 2 - top), o.label, font=font, fill=(*_colour(o), 255))
            taken.append(box)
            return


def _scale_bar(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, frame: PlanFrame) -> None:
    y = frame.height_px - 14
    draw.line((14, y, 14 + frame.pixels_per_m, y), fill=(30, 30, 30, 255), width=3)
    draw.text((14, y - 18), "1 m", font=font, fill=(30, 30, 30, 255))
