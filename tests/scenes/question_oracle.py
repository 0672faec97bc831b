"""A slow second opinion on gold answers, straight from meshes, raw instance images and the question's own words.

Shares no code with ``scenes.questions.gold``: boxes come from mesh vertices, gaps from a numeric minimiser, rooms from
the floor plan, visibility from the instance images.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from scenes.questions.visits import MIN_PIXELS, Visit
from scenes.records import Question
from scenes.worlds.world import WorldObject

Floats = NDArray[np.float64]


class Oracle:
    """Answers questions of one visit again."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    def complaint(self, q: Question) -> str:
        """What is wrong with a gold answer; ``""`` = nothing."""
        seen = self.seen(q.frame_id)
        if any(i not in seen for i in q.objects):
            return "points at a thing that was not seen"
        if q.value is None:
            return ""
        checks = {
            "length_m": self._length,
            "direction": self._direction,
            "count": self._count,
            "bool": self._bool,
            "room": self._room,
            "color": self._color,
            "duration_s": self._age,
            "text": self._text,
        }
        check = checks.get(q.value.kind)
        return check(q, seen) if check else ""

    def seen(self, frame: int) -> dict[str, int]:
        """Object id -> last frame up to ``frame`` that shows enough of it."""
        last: dict[str, int] = {}
        for k, ids in self.visit.instance_ids.items():
            if k <= frame:
                for number in set(ids[ids > 0].tolist()):
                    if int((ids == number).sum()) >= MIN_PIXELS:
                        last[f"w{number}"] = k
        return last

    def _object(self, i: str) -> WorldObject:
        return self.visit.world.objects[i]

    def _bounds(self, i: str) -> tuple[Floats, Floats]:
        """Low and high corner in the object's own yaw frame."""
        o = self._object(i)
        c, s = math.cos(-o.yaw), math.sin(-o.yaw)
        v = o.mesh.vertices.astype(np.float64)
        local = np.stack([c * v[:, 0] + s * v[:, 2], v[:, 1], -s * v[:, 0] + c * v[:, 2]], axis=1)
        return local.min(0), local.max(0)

    def _to_world(self, i: str, local: Floats) -> Floats:
        yaw = self._object(i).yaw
        c, s = math.cos(yaw), math.sin(yaw)
        return np.array([c * local[0] + s * local[2], local[1], -s * local[0] + c * local[2]])

    def _center(self, i: str) -> Floats:
        low, high = self._bounds(i)
        return self._to_world(i, (low + high) / 2)

    def _eye(self, q: Question) -> Floats:
        return self.visit.walk.world_from_camera[q.frame_id, :3, 3].numpy()

    def _gap(self, a: str, b: str) -> float:
        (al, ah), (bl, bh) = self._bounds(a), self._bounds(b)

        def squared(x: Floats) -> float:
            return float(((self._to_world(a, x[:3]) - self._to_world(b, x[3:])) ** 2).sum())

        start = np.concatenate([(al + ah) / 2, (bl + bh) / 2])
        bounds = [*zip(al, ah, strict=True), *zip(bl, bh, strict=True)]
        return math.sqrt(minimize(squared, start, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14}).fun)

    def _length(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        if q.family == "distance_two":
            length, tolerance = self._gap(*q.objects), 0.01
        elif "distance" in q.family:
            length, tolerance = float(np.linalg.norm(self._center(q.objects[0]) - self._eye(q))), 1e-3
        else:
            low, high = self._bounds(q.objects[0])
            x, y, z = high - low
            length, tolerance = float(y if q.family == "height" else max(x, z)), 1e-3
        return "" if abs(length - float(q.value.value)) <= tolerance else f"{length} for {q.value.value}"

    def _direction(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        offset = self._center(q.objects[0]) - self._eye(q)
        ahead = self.visit.walk.world_from_camera[q.frame_id, :3, 2].numpy()
        # Compass angles, clockwise seen from above: +x is to the right of -z.
        bearing = math.degrees(math.atan2(offset[0], -offset[2]) - math.atan2(ahead[0], -ahead[2]))
        off = (bearing - float(q.value.value) + 180) % 360 - 180
        return "" if abs(off) < 0.1 else f"{bearing} for {q.value.value}"

    def _fits(self, i: str, words: str) -> bool:
        """Whether an object is one of the words' kind, by the words themselves."""
        o, tokens = self._object(i), words.split()
        names = {
            o.category,
            o.category + "s",
            o.category + "es",
            o.category.rstrip("f") + "ves",
            o.category.rstrip("s"),
        }
        heads = {" ".join(n.split()[-k:]) for n in names for k in range(1, 4)}
        return words in heads or (tokens[0] == o.color and " ".join(tokens[1:]) in heads)

    def _selected(self, q: Question, seen: dict[str, int]) -> set[str]:
        call = q.trace[0].arguments
        hits = set(seen) if call["query"] == "objects" else {i for i in seen if self._fits(i, call["query"])}
        if "room" in call:
            hits = {i for i in hits if self._room_name(i) == call["room"]}
        if "reference" in call:
            anchors = [i for i in seen if self._fits(i, call["reference"])]
            assert len(anchors) == 1
            hits = {i for i in hits if self._stands(i, call["relation"], anchors[0])}
        return hits

    def _stands(self, i: str, relation: str, anchor: str) -> bool:
        o = self._object(i)
        if relation in ("on", "in"):
            return o.support == anchor and o.predicate == relation
        other = self._object(anchor)
        return (
            i != anchor
            and o.room == other.room
            and any(
                r.subject == i and r.object == anchor and r.predicate == relation for r in self.visit.truth.relations
            )
        )

    def _count(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        hits = self._selected(q, seen)
        return "" if hits == set(q.objects) and len(hits) == q.value.value else f"{sorted(hits)} for {q.objects}"

    def _bool(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        if q.family.startswith("fit_"):
            (al, ah), (bl, bh) = (self._bounds(i) for i in q.objects)
            small, large = ah - al, bh - bl
            if q.family == "fit_on":
                small, large = small[[0, 2]], large[[0, 2]]
            fits = bool((np.sort(small) <= np.sort(large)).all())
            return "" if fits == q.value.value else f"fits: {fits}"
        if q.family == "forget":
            return ""
        hits = self._selected(q, seen)
        return "" if hits == set(q.objects) and bool(hits) == q.value.value else f"{sorted(hits)} for {q.objects}"

    def _room_name(self, i: str) -> str:
        x, _, z = self._center(i)
        room = self.visit.world.plan.room_at(float(x), float(z)) or self._object(i).room
        return self.visit.world.rooms[room].label

    def _room(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        if q.family == "where_am_i":
            room = self.visit.world.rooms[self.visit.walk.rooms[q.frame_id]].label
        else:
            room = self._room_name(q.objects[0])
        return "" if room == q.value.value else f"{room} for {q.value.value}"

    def _color(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        color = self._object(q.objects[0]).color
        return "" if color == q.value.value else f"{color} for {q.value.value}"

    def _age(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        times = self.visit.walk.times_s
        age = float(times[q.frame_id] - times[seen[q.objects[0]]])
        return "" if abs(age - float(q.value.value)) <= 0.051 else f"{age} for {q.value.value}"

    def _text(self, q: Question, seen: dict[str, int]) -> str:
        assert q.value is not None
        if q.family.startswith("list_"):
            hits = self._selected(q, seen)
            names = ", ".join(sorted(self._object(i).category for i in hits))
            return "" if names == q.value.value else f"{names} for {q.value.value}"
        if not q.family.endswith("size"):
            return ""
        low, high = self._bounds(q.objects[0])
        x, y, z = high - low
        wanted = [max(x, z), min(x, z), y]
        given = [float(part) for part in str(q.value.value).split(" x ")]
        return "" if np.allclose(wanted, given, atol=1.5e-3) else f"{wanted} for {given}"
