"""A ``ToolContext`` over a graph in memory: for training traces, generated questions and tests.

Nothing here looks at pixels: gaze, depth and what the vision model would say are given by whoever made the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from scenes.types import Camera, SceneGraph, SceneObject
from tools.search.name_matching import Similarity, fold
from tools.toolbox.context import NO_GAZE, Gaze, Note


@dataclass(slots=True, kw_only=True)
class SnapshotContext:
    """One moment of a world that does not change by itself; ``remember``, ``forget`` and ``annotate`` edit it."""

    graph: SceneGraph
    camera: Camera | None = None
    world_from_camera: Tensor | None = None
    time_s: float = 0.0
    gazed: Gaze = NO_GAZE
    depths: Callable[[float, float], float | None] = lambda u, v: None
    looks: Callable[[str | None, str], str] = lambda object_id, question: ""
    routes: Callable[[tuple[float, float, float]], Sequence[tuple[float, float, float]]] = lambda goal: ()
    similarity: Similarity | None = None
    notes: list[Note] = field(default_factory=list)
    dormant: frozenset[str] = frozenset()

    def gaze(self) -> Gaze:
        """The gaze that was given."""
        return self.gazed

    def depth_at(self, u: float, v: float) -> float | None:
        """The depth that was given."""
        return self.depths(u, v)

    def route(self, goal: tuple[float, float, float]) -> Sequence[tuple[float, float, float]]:
        """The way that was given."""
        return self.routes(goal)

    def look(self, object_id: str | None, question: str) -> str:
        """The words that were given."""
        return self.looks(object_id, question)

    def remember(self, name: str, object_id: str) -> None:
        """The taught name becomes the label; the old label stays as an alias."""
        obj = self.graph.objects[object_id]
        old = (obj.label,) if obj.label and obj.label != name else ()
        aliases = tuple(a for a in dict.fromkeys((*old, *obj.aliases)) if a != name)
        self._put(replace(obj, label=name, label_source="user", label_confidence=1.0, aliases=aliases))

    def forget(self, object_id: str) -> None:
        """Back to the name it had before it was taught; its notes go."""
        obj = self.graph.objects[object_id]
        if obj.label_source == "user":
            label = obj.aliases[0] if obj.aliases else ""
            self._put(replace(obj, label=label, label_source="vlm" if label else "none", aliases=obj.aliases[1:]))
        self.notes = [n for n in self.notes if n.object_id != object_id]

    def annotate(self, object_id: str, text: str) -> None:
        """Attach a note, now."""
        self.notes.append(Note(text=text, time_s=self.time_s, object_id=object_id))

    def recall(self, query: str, when: str | None) -> tuple[Note, ...]:
        """Notes that share a word with the query, in their text or their object's names; newest first."""
        wanted = set(fold(query)) - {"my", "your", "note"}
        found = [n for n in self.notes if not wanted or wanted & self._words(n)]
        found.sort(key=lambda n: n.time_s, reverse=when != "first")
        return tuple(found[:1] if when else found)

    def _words(self, note: Note) -> set[str]:
        obj = self.graph.objects.get(note.object_id) if note.object_id else None
        names = (obj.label, *obj.aliases) if obj else ()
        return set(fold(note.text)).union(*(fold(n) for n in names))

    def _put(self, obj: SceneObject) -> None:
        self.graph = replace(self.graph, objects={**self.graph.objects, obj.id: obj})
