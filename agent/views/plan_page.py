"""The floor plan as one HTML page without outside references: every object has its tooltip and its row in a table."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

from torch import Tensor

from agent.views.floor_plan import (
    GONE_COLOUR,
    NAMED_COLOUR,
    TAUGHT_COLOUR,
    UNNAMED_COLOUR,
    Label,
    backdrop,
    footprint,
    largest_first,
    place_labels,
    plan_projection,
)
from scenes.types import SceneGraph, SceneObject


def plan_html(
    graph: SceneGraph,
    points: Tensor,
    rgb: Tensor,
    floor_y: float,
    walk: Sequence[tuple[float, float]] = (),
    title: str = "Map",
) -> str:
    """The page. ``points``: (N, 3) surface with colours ``rgb`` (N, 3) uint8; ``walk``: (x, z) of the wearer."""
    plan = plan_projection(points, graph)
    buffer = io.BytesIO()
    backdrop(plan, points, rgb, floor_y).save(buffer, "JPEG", quality=80)
    rooms = [
        f'<polygon class="room" points="{_points([plan.pixel(x, z) for x, z in r.floor_polygon])}"/>'
        for r in graph.rooms.values()
    ]
    objects = largest_first(graph)
    shapes = [
        f'<g class="{_kind(o)}"><title>{_tip(graph, o)}</title><polygon points="{_points(footprint(plan, o))}"/></g>'
        for o in objects
    ]
    by_name = sorted(objects, key=lambda o: (not o.label, o.label, int(o.id[1:]) if o.id[1:].isdigit() else 0))
    return _PAGE.format(
        title=html.escape(title),
        width=plan.width_px,
        height=plan.height_px,
        metre=f"{plan.pixels_per_m:.1f}",
        bar_y=plan.height_px - 14,
        picture=base64.b64encode(buffer.getvalue()).decode(),
        path=_points([plan.pixel(x, z) for x, z in walk]),
        shapes="\n".join([*rooms, *shapes]),
        labels="\n".join(_label(label) for label in place_labels(plan, graph)),
        rows="\n".join(_row(graph, o) for o in by_name),
        named=_css(NAMED_COLOUR),
        unnamed=_css(UNNAMED_COLOUR),
        taught=_css(TAUGHT_COLOUR),
        gone=_css(GONE_COLOUR),
        count=len(objects),
    )


def _points(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{u:.1f},{v:.1f}" for u, v in corners)


def _css(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{c:02x}" for c in colour)


def _kind(o: SceneObject) -> str:
    if not o.present:
        return "gone"
    if o.label_source == "user":
        return "taught"
    return "named" if o.label else "unnamed"


def _tip(graph: SceneGraph, o: SceneObject) -> str:
    room = graph.rooms.get(o.room)
    size = " × ".join(f"{s:.2f}" for s in o.box.size)
    parts = [f"{o.id} {o.label or 'unnamed'}", o.color, f"{size} m", room.label if room else ""]
    parts += [f"seen {o.first_seen_s:.0f} to {o.last_seen_s:.0f} s", "" if o.present else "has left"]
    return html.escape(", ".join(p for p in parts if p))


def _label(label: Label) -> str:
    left, top, right, bottom = label.box
    name = html.escape(label.text)
    u, v = (left + right) / 2, (top + bottom) / 2
    line = f'<line x1="{label.anchor[0]:.1f}" y1="{label.anchor[1]:.1f}" x2="{u:.1f}" y2="{v:.1f}"/>'
    kind = "place" if label.room else "name"
    text = f'<text class="{kind}" x="{u:.1f}" y="{v:.1f}" fill="{_css(label.colour)}">{name}</text>'
    return (line if label.moved and not label.room else "") + text


def _row(graph: SceneGraph, o: SceneObject) -> str:
    room = graph.rooms.get(o.room)
    cells = (
        o.id,
        o.label or "unnamed",
        o.color,
        room.label if room else "",
        " × ".join(f"{s:.2f}" for s in o.box.size),
        f"{o.confidence:.2f}",
        f"{o.last_seen_s:.0f}" + ("" if o.present else ", has left"),
        ", ".join(map(str, o.evidence_frames[:3])),
    )
    return "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 14px system-ui, sans-serif; margin: 24px; color: #222; background: #fff }}
svg {{ max-width: 100%; height: auto; border: 1px solid #ddd }}
polygon {{ fill-opacity: .15; stroke-width: 2 }} g:hover polygon {{ fill-opacity: .5 }}
polygon.room {{ fill: none; stroke: #464e5c; stroke-width: 1; stroke-dasharray: 4 4 }}
.named polygon {{ fill: {named}; stroke: {named} }} .unnamed polygon {{ fill: {unnamed}; stroke: {unnamed} }}
.taught polygon {{ fill: {taught}; stroke: {taught} }}
.gone polygon {{ fill: {gone}; stroke: {gone}; stroke-dasharray: 5 4 }}
text {{ text-anchor: middle; dominant-baseline: central; pointer-events: none; paint-order: stroke; stroke: #fff }}
.name {{ font-size: 13px; stroke-width: 4px }} .place {{ font-size: 20px; stroke-width: 3px; opacity: .8 }}
line {{ stroke: #666; stroke-width: 1 }} .walk {{ fill: none; stroke: #286edc; stroke-width: 3; opacity: .6 }}
.legend span {{ display: inline-block; margin-right: 18px }} .legend i {{ display: inline-block; width: 12px;
height: 12px; margin-right: 6px; vertical-align: -1px }}
table {{ border-collapse: collapse; margin-top: 16px }} td, th {{ padding: 3px 12px 3px 0; text-align: left }}
</style></head><body><h1>{title}</h1>
<p class="legend"><span><i style="background:{named}"></i>named</span><span><i style="background:{taught}"></i>taught by
the wearer</span><span><i style="background:{unnamed}"></i>unnamed</span><span><i style="background:{gone}"></i>has
left</span><span><i style="background:#286edc"></i>the wearer's walk</span>{count} things; point at one.</p>
<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="floor plan">
<image href="data:image/jpeg;base64,{picture}" width="{width}" height="{height}"/>
<polyline class="walk" points="{path}"/>
{shapes}
{labels}
<path d="M14 {bar_y}h{metre}" stroke="#1e1e1e" stroke-width="3"/>
<text class="name" x="30" y="{bar_y}" dy="-12">1 m</text>
</svg>
<table><tr><th>id</th><th>name</th><th>colour</th><th>room</th><th>size, m</th><th>confidence</th><th>last seen, s</th>
<th>best frames</th></tr>
{rows}
</table></body></html>
"""
