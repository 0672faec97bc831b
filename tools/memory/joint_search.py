"""One search over both memories, objects with boxes and texts about frames, which says where the two disagree."""

from __future__ import annotations

from dataclasses import dataclass

from scenes.records import Reason
from scenes.types import SceneGraph
from tools.memory.map_memory import MapMemory
from tools.memory.texts import StoredText
from tools.search.name_matching import NameQuery, fold, parse_query
from tools.search.queries import GazeRay, Point, Region, Selection, abstention, search

MAX_TEXTS = 5
"""Most texts in one joint answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointAnswer:
    """What both memories know about a query."""

    selection: Selection
    reason: Reason | None
    """Why the object memory has no plain answer; None = it has one."""
    texts: tuple[StoredText, ...] = ()
    """Captions, notes and turns that fit, best first."""
    disagreement: str = ""
    """Where captions claim what the object memory does not have, in words; ``""`` = they agree."""


def search_both(
    graph: SceneGraph,
    memory: MapMemory,
    text: str,
    *,
    room: str = "",
    seen_s: tuple[float, float] | None = None,
    region: Region | None = None,
    gaze: GazeRay | None = None,
    wearer: Point | None = None,
) -> JointAnswer:
    """Search both memories for the same words."""
    query = parse_query(text)
    selection = search(
        graph,
        query,
        room=room,
        when="ever" if seen_s is not None else "now",
        wearer=wearer,
        similarity=memory.similarity,
        seen_s=seen_s,
        region=region,
        gaze=gaze,
    )
    texts = tuple(memory.search(text, limit=MAX_TEXTS, span_s=seen_s))
    reason = abstention(selection, graph.time_s, one=False)
    return JointAnswer(
        selection=selection, reason=reason, texts=texts, disagreement=_disagreement(selection, query, texts)
    )


def _disagreement(selection: Selection, query: NameQuery, texts: tuple[StoredText, ...]) -> str:
    """The newest caption that names something the objects do not have, or that had left before; ``""`` for none."""
    if selection.matches or not query.words:
        return ""
    saying = [t for t in texts if t.kind == "caption" and set(query.words) <= set(fold(t.text))]
    left = max((r.object.last_seen_s for r in selection.rejected), default=None)
    later = [t for t in saying if left is None or t.time_s > left]
    if not later:
        return ""
    newest = max(later, key=lambda t: t.time_s)
    known = "never had one" if left is None else f"has none there since {left:.1f} s"
    return (
        f'a caption of {newest.time_s:.1f} s (frame {newest.frame_id}) says "{newest.text}", the object memory {known}'
    )
