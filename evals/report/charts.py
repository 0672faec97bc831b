"""Small charts as inline SVG: no script, no outside file, readable in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, PAD = 460, 280, 52


def line_chart(curves: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, x: str, y: str, title: str) -> str:
    """Curves of points in 0..1 by 0..1; one colour each, named in the legend."""
    inner_w, inner_h = WIDTH - 2 * PAD, HEIGHT - 2 * PAD

    def at(px: float, py: float) -> str:
        return f"{PAD + px * inner_w:.1f},{HEIGHT - PAD - py * inner_h:.1f}"

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for k in range(5):
        share = k / 4
        _, grid_y = at(0, share).split(",")
        grid_x, _ = at(share, 0).split(",")
        parts.append(f'<line class="grid" x1="{PAD}" x2="{WIDTH - PAD}" y1="{grid_y}" y2="{grid_y}"/>')
        parts.append(f'<text class="tick" x="{PAD - 6}" y="{grid_y}" text-anchor="end">{share:.2g}</text>')
        parts.append(f'<text class="tick" x="{grid_x}" y="{HEIGHT - PAD + 16}" text-anchor="middle">{share:.2g}</text>')
    for k, (name, points) in enumerate(curves):
        path = " ".join(at(px, py) for px, py in points)
        parts.append(f'<polyline class="curve c{k % 6}" points="{path}"/>')
        parts.append(f'<text class="legend c{k % 6}" x="{WIDTH - PAD}" y="{PAD - 24 + 14 * k}" text-anchor="end">')
        parts.append(f"{escape(name)}</text>")
    parts.append(f'<text class="axis" x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>')
    parts.append(f'<text class="axis" x="12" y="{HEIGHT / 2}" transform="rotate(-90 12 {HEIGHT / 2})"')
    parts.append(f' text-anchor="middle">{escape(y)}</text></svg>')
    return "".join(parts)


def interval_bar(mean: float, low: float, high: float) -> str:
    """A share in 0..1 with its interval as a bar of its own width."""
    left, right = 100 * max(low, 0.0), 100 * min(high, 1.0)
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" x="0" y="3" width="100" height="4"/>'
        f'<rect class="span" x="{left:.2f}" y="3" width="{max(right - left, 0.3):.2f}" height="4"/>'
        f'<rect class="mean" x="{100 * mean - 0.5:.2f}" y="0" width="1" height="10"/></svg>'
    )
