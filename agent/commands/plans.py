"""The floor plan of a map, drawn into its folder. Imports nothing heavy until one is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.maps.map_store import MapStore

PLAN_PICTURE, PLAN_PAGE = "plan.png", "plan.html"


def save_plan(store: MapStore, folder: Path) -> Path:
    """Draw an open map's plan into a folder, as a picture and as a page; returns the picture's path."""
    from agent.views.floor_plan import draw_plan
    from agent.views.plan_page import plan_html

    points, rgb = store.surface.points()
    graph, floor_y = store.builder.snapshot(), store.surface.floor_height() or 0.0
    walk = [(x, z) for x, _, z in store.walked().tolist()]
    draw_plan(graph, points, rgb, floor_y, walk).save(folder / PLAN_PICTURE)
    page = plan_html(graph, points, rgb, floor_y, walk, title=f"Map {store.header.map_id}")
    (folder / PLAN_PAGE).write_text(page, encoding="utf-8")
    return folder / PLAN_PICTURE


def redraw_plan(folder: Path) -> None:
    """Draw the plan of a map again where there is one: it still shows what was forgotten or renamed."""
    from agent.maps.map_store import MapStore

    if (folder / PLAN_PICTURE).exists() or (folder / PLAN_PAGE).exists():
        with MapStore.open(folder) as store:
            save_plan(store, folder)
