"""A scene graph arranged for searching: objects by name, and what is asked of them as columns.

Built once for a graph (graphs do not change), part by part when first needed. Searching 100,000 objects then reads a
few columns instead of 100,000 Python objects.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from scenes.types import Room, SceneGraph, SceneObject
from tools.search.name_matching import FUZZY, bare_words, name_tier

HOLDING = ("on", "in", "attached to", "under")
"""Relations that say what holds a thing, the most telling first."""

Rows = NDArray[np.int64]


def names_of(obj: SceneObject) -> tuple[str, ...]:
    """All names, best first."""
    return tuple(n for n in (obj.label, *obj.aliases) if n)


def taught_name(obj: SceneObject) -> str:
    """The name that the wearer gave to an object, or ``""``."""
    if obj.label_source == "user":
        return obj.label
    return next((a for a in obj.aliases if a.startswith("my ")), "")


class GraphIndex:
    """Columns and name tables of one graph; a row is an object, in the graph's order."""

    def __init__(self, graph: SceneGraph) -> None:
        self.graph = graph
        self.objects = list(graph.objects.values())
        self._color_masks: dict[str, NDArray[np.bool_]] = {}

    # ---- names

    @cached_property
    def _rows_of_name(self) -> dict[str, Rows]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, obj in enumerate(self.objects):
            for name in dict.fromkeys(names_of(obj)):
                rows[name].append(row)
        return {name: np.array(held, np.int64) for name, held in rows.items()}

    @cached_property
    def _names_by_key(self) -> dict[str, list[str]]:
        """Names by their head word and by their letters without spaces: where an exact or head match must be."""
        out: dict[str, list[str]] = defaultdict(list)
        for name in self._rows_of_name:
            words = bare_words(name)
            for key in {words[-1], "".join(words)} if words else ():
                out[key].append(name)
        return out

    @cached_property
    def _names_by_length(self) -> dict[int, list[str]]:
        """Names by their number of words: where a misspelling must be."""
        out: dict[int, list[str]] = defaultdict(list)
        for name in self._rows_of_name:
            out[len(bare_words(name))].append(name)
        return out

    def fitting(self, *spellings: tuple[str, ...]) -> Rows:
        """Rows with a name that fits any of the spellings, in order.

        Misspelt names (``FUZZY``) are looked for only where no name fits better.
        """
        keys = {key for words in spellings if words for key in (words[-1], "".join(words))}
        near = dict.fromkeys(n for key in keys for n in self._names_by_key.get(key, ()))
        good = [n for n in near if max(name_tier(words, n) for words in spellings) > FUZZY]
        if not good:
            alike = dict.fromkeys(n for words in spellings for n in self._names_by_length.get(len(words), ()))
            good = [n for n in alike if any(name_tier(words, n) for words in spellings)]
        return np.unique(np.concatenate([self._rows_of_name[n] for n in good])) if good else np.zeros(0, np.int64)

    @cached_property
    def taught(self) -> NDArray[np.bool_]:
        """(N,) what has a name that the wearer taught."""
        return np.array([bool(taught_name(o)) for o in self.objects], bool)

    @cached_property
    def labels(self) -> dict[str, list[int]]:
        """Rows by label; unnamed things are left out."""
        out: dict[str, list[int]] = defaultdict(list)
        for row, obj in enumerate(self.objects):
            if obj.label:
                out[obj.label].append(row)
        return out

    def colored(self, color: str) -> NDArray[np.bool_]:
        """(N,) which objects have a colour, by their attribute or in a name."""
        if color not in self._color_masks:
            mask = self._colors == self._color_codes.get(color, -1)
            for name, rows in self._rows_of_name.items():
                if color in name.split():
                    mask[rows] = True
            self._color_masks[color] = mask
        return self._color_masks[color]

    # ---- columns

    @cached_property
    def _color_codes(self) -> dict[str, int]:
        return {c: k for k, c in enumerate(dict.fromkeys(o.color for o in self.objects))}

    @cached_property
    def _colors(self) -> NDArray[np.int32]:
        return np.array([self._color_codes[o.color] for o in self.objects], np.int32)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """(N,) what is still at its place."""
        return np.array([o.present for o in self.objects], bool)

    @cached_property
    def changed(self) -> dict[str, str]:
        """Id -> how a thing is otherwise than when the visit began (``scenes.types.CHANGES``), of those that are.

        Without a log, all that is known is which things are no longer at their places.
        """
        if self.graph.changes is None:
            return {o.id: "vanished" for o in self.objects if not o.present}
        return {c.object_id: c.kind for c in self.graph.changes if c.object_id in self.row_of}

    def changed_in(self, *kinds: str) -> NDArray[np.bool_]:
        """(N,) what has changed in one of some ways."""
        mask = np.zeros(len(self.objects), bool)
        mask[[self.row_of[i] for i, kind in self.changed.items() if kind in kinds]] = True
        return mask

    @cached_property
    def seen_s(self) -> NDArray[np.float64]:
        """(N, 2) first and last time each was seen."""
        return np.array([(o.first_seen_s, o.last_seen_s) for o in self.objects], np.float64).reshape(-1, 2)

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """(N, 3) metres."""
        return np.array([o.box.center for o in self.objects], np.float64).reshape(-1, 3)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """(N, 3) edges along each box's own axes, metres."""
        return np.array([o.box.size for o in self.objects], np.float64).reshape(-1, 3)

    @cached_property
    def heights(self) -> NDArray[np.float64]:
        """(N,) length of the edge that is nearest to the vertical, metres."""
        q = np.array([o.box.quaternion_xyzw for o in self.objects], np.float64).reshape(-1, 4)
        x, y, z, w = (q / np.linalg.norm(q, axis=1, keepdims=True).clip(1e-12)).T
        up = np.abs(np.column_stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)]))
        return np.take_along_axis(self.sizes, up.argmax(1)[:, None], 1)[:, 0]

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """(N,) place of each object in the order of ids: decides between equals."""
        ranks = np.empty(len(self.objects), np.int64)
        ranks[np.argsort(np.array([o.id for o in self.objects]), kind="stable")] = np.arange(len(self.objects))
        return ranks

    # ---- places and relations

    @cached_property
    def _rooms(self) -> NDArray[np.int32]:
        return np.array([self._room_codes[o.room] for o in self.objects], np.int32)

    @cached_property
    def _room_codes(self) -> dict[str, int]:
        return {r: k for k, r in enumerate(dict.fromkeys(o.room for o in self.objects))}

    def in_room(self, room_id: str) -> NDArray[np.bool_]:
        """(N,) what is in a room."""
        return self._rooms == self._room_codes.get(room_id, -1)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of an id."""
        return {o.id: row for row, o in enumerate(self.objects)}

    @cached_property
    def _subjects(self) -> dict[tuple[str, str], list[str]]:
        out: dict[tuple[str, str], list[str]] = defaultdict(list)
        for r in self.graph.relations:
            out[r.predicate, r.object].append(r.subject)
        return out

    @cached_property
    def _beside(self) -> dict[str, list[str]]:
        out: dict[str, list[str]] = defaultdict(list)
        for r in self.graph.relations:
            if r.predicate == "next to":
                out[r.subject].append(r.object)
        return out

    def related(self, predicate: str, object_id: str) -> list[str]:
        """Ids of the subjects of ``predicate`` on a thing, as stored."""
        return self._subjects.get((predicate, object_id), [])

    @cached_property
    def _rooms_by_key(self) -> dict[str, list[Room]]:
        out: dict[str, list[Room]] = defaultdict(list)
        for room in self.graph.rooms.values():
            words = bare_words(room.label)
            for key in {words[-1], "".join(words)} if words else ():
                out[key].append(room)
        return out

    def room_called(self, words: tuple[str, ...]) -> Room | None:
        """The first room whose label fits these words, by more than a likeness of letters."""
        keys = (words[-1], "".join(words)) if words else ()
        near = {r.id: r for key in keys for r in self._rooms_by_key.get(key, ()) if name_tier(words, r.label) > FUZZY}
        return next(iter(near.values()), None)

    def standing(self, predicate: str, object_id: str) -> NDArray[np.bool_]:
        """(N,) what stands in a relation to a thing; ``next to`` holds both ways, ``below`` counts as ``under``."""
        ids = list(self.related(predicate, object_id))
        if predicate == "under":
            ids += self.related("below", object_id)
        if predicate == "next to":
            ids += self._beside.get(object_id, [])
        mask = np.zeros(len(self.objects), bool)
        mask[[self.row_of[i] for i in ids if i in self.row_of]] = True
        return mask

    @cached_property
    def supports(self) -> dict[str, tuple[str, SceneObject]]:
        """What holds each thing: the first of ``HOLDING``, the most certain of those."""
        best: dict[str, tuple[tuple[int, float], str, str]] = {}
        for r in self.graph.relations:
            if r.predicate in HOLDING and r.object in self.graph.objects:
                key = (HOLDING.index(r.predicate), -r.confidence)
                if r.subject not in best or key < best[r.subject][0]:
                    best[r.subject] = (key, r.predicate, r.object)
        return {s: (predicate, self.graph.objects[o]) for s, (_, predicate, o) in best.items()}


class _ByIdentity:
    """A graph as a key of a cache: itself, not its content."""

    def __init__(self, graph: SceneGraph) -> None:
        self.graph = graph

    def __hash__(self) -> int:
        return id(self.graph)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.graph is self.graph


def index_of(graph: SceneGraph) -> GraphIndex:
    """The index of a graph, kept for the graphs that were asked last."""
    return _index(_ByIdentity(graph))


@lru_cache(maxsize=4)
def _index(key: _ByIdentity) -> GraphIndex:
    return GraphIndex(key.graph)
