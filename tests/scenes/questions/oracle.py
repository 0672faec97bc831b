"""A slow second opinion on gold answers, straight from meshes, raw instance images and the question's own words.

Shares no code with ``scenes.questions.gold``: boxes come from mesh vertices, gaps from a numeric minimiser, rooms from
the floor plan, visibility from the instance images.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from scenes.questions.visits import CAMERA, Visit
from scenes.questions.wearer_knowledge import BEHIND_M, CLEAR_PIXELS, DOUBT_PIXELS, MIN_PIXELS, MOVED_M
from scenes.records import Question
from scenes.rendering.render import Renderer
from scenes.rendering.shading import Instance
from scenes.worlds.layout.true_relations import NEXT_TO_M
from scenes.worlds.world import World, WorldObject

Floats = NDArray[np.float64]
TOUCHING_M = 5e-4
"""The minimiser stops a little short of a gap of zero."""
CHANGES = frozenset({"changed", "moved", "missing", "appeared", "moved_since", "moved_away"})


class Oracle:
    """Answers questions of one visit again."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._chain = [visit]
        while self._chain[0].before is not None:
            self._chain.insert(0, self._chain[0].before)
        self._frame = 0
        self._left: dict[tuple[str, int], bool] = {}
        self._renderers: dict[int, Renderer] = {}
        self._seen: dict[int, dict[str, tuple[Visit, int]]] = {}

    def complaint(self, q: Question) -> str:
        """What is wrong with a gold answer; ``""`` = nothing."""
        self._frame = q.frame_id
        seen = self.seen(q.frame_id)
        if any(i not in seen for i in q.objects):
            return "points at a thing that was not seen"
        if q.family in CHANGES:
            return self._change(q, seen)
        if any(self.has_left(i, q.frame_id) for i in q.objects):
            return "points at a thing that has left"
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

    def seen(self, frame: int) -> dict[str, tuple[Visit, int]]:
        """Object id -> visit and frame, up to ``frame`` of this one, that showed enough of it last."""
        if frame in self._seen:
            return self._seen[frame]
        last: dict[str, tuple[Visit, int]] = {}
        self._seen[frame] = last
        for visit in self._chain:
            for k, ids in visit.instance_ids.items():
                if visit is not self.visit or k <= frame:
                    numbers, counts = np.unique(ids, return_counts=True)
                    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                        if number > 0 and count >= MIN_PIXELS:
                            last[f"w{number}"] = (visit, k)
        return last

    def has_left(self, i: str, frame: int) -> bool:
        """Whether the looks after the last sight of a thing show what is behind its place.

        By area, at three times the resolution of the looks, in the window around the thing's vertices.
        """
        if len(self._chain) == 1:
            return False
        if (i, frame) not in self._left:
            seen_in, seen_at = self.seen(frame)[i]
            thing = seen_in.world_at(seen_at).objects[i]
            alone = Renderer([Instance(number=1, mesh=thing.mesh)], [(0.0, 2.0, 0.0)])
            missed = sum(
                self._empty_pixels(visit, k, thing, alone)
                for visit in self._chain[self._chain.index(seen_in) :]
                for k in visit.glimpses
                if (visit is not seen_in or k > seen_at) and (visit is not self.visit or k <= frame)
            )
            self._left[i, frame] = missed > (DOUBT_PIXELS + CLEAR_PIXELS) / 2
        return self._left[i, frame]

    def _empty_pixels(self, visit: Visit, k: int, thing: WorldObject, alone: Renderer) -> float:
        """How many pixels of a look, not all whole, would show a thing and show what is behind it."""
        now = visit.world_at(k).objects.get(thing.id)
        if now is not None and np.array_equal(now.mesh.vertices, thing.mesh.vertices):
            return 0.0  # it is there, and hides what is behind it
        pose = visit.walk.world_from_camera[k].numpy()
        local = (thing.mesh.vertices - pose[:3, 3]) @ pose[:3, :3]
        if local[:, 2].min() < 0.05:
            return 0.0
        size = np.array([CAMERA.width, CAMERA.height])
        uv = local[:, :2] / local[:, 2:] * (CAMERA.fx, CAMERA.fy) + (CAMERA.cx, CAMERA.cy)
        low, high = np.clip(np.floor(uv.min(0)), 0, size), np.clip(np.ceil(uv.max(0)), 0, size)
        if (high - low).min() <= 0:
            return 0.0
        u, v = np.meshgrid(*(np.arange(3 * a, 3 * b) / 3 + 1 / 6 for a, b in zip(low, high, strict=True)))
        rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones_like(u)], -1).reshape(-1, 3)
        rays = (rays @ pose[:3, :3].T).astype(np.float32)
        near = alone.cast(pose[:3, 3], rays).depth_m
        if not np.isfinite(near).any():
            return 0.0
        far = self._renderer(visit.world_at(k)).cast(pose[:3, 3], rays).depth_m
        return float((near + BEHIND_M < far).sum()) / 9

    def _renderer(self, world: World) -> Renderer:
        if id(world) not in self._renderers:
            self._renderers[id(world)] = world.renderer()
        return self._renderers[id(world)]

    def _change(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
        left = {i for i in seen if self.has_left(i, q.frame_id)}
        if q.family in ("changed", "moved", "missing", "appeared"):
            wanted = self._changed(q, seen, left)
            named = ", ".join(sorted(self._object(i).category for i in wanted))
            same = set(q.objects) == wanted and q.value is not None and q.value.value == named
            return "" if same else f"{sorted(wanted)} for {q.objects}"
        if q.family == "moved_away":
            return "" if set(q.objects) <= left and q.reason == "moved" else f"{q.objects} has not left"
        assert q.value is not None
        (thing,) = [i for i in seen if self._fits(i, q.trace[0].arguments["query"])]
        before = Oracle(self.visit.before) if self.visit.before else self
        visit, k = before.seen(before.visit.frames[-1])[thing]
        start = np.array(visit.world_at(k).objects[thing].mesh.vertices.mean(0))
        now = np.array(self._object(thing).mesh.vertices.mean(0))
        moved = thing in left or float(np.linalg.norm(now - start)) > MOVED_M
        return "" if moved == q.value.value else f"moved: {moved}"

    def _changed(self, q: Question, seen: dict[str, tuple[Visit, int]], left: set[str]) -> set[str]:
        """What is otherwise than at the end of the visit before, of the kinds that a family asks for."""
        assert self.visit.before is not None
        before = Oracle(self.visit.before)
        last = self.visit.before.frames[-1]
        known = {i: at for i, at in before.seen(last).items() if not before.has_left(i, last)}
        missing = {i for i in left if i in known}
        shown = {i for i, (visit, _) in seen.items() if visit is self.visit and i not in left}
        moved, opened, new = set(missing), set[str](), set[str]()
        for i in shown:
            if i not in known:
                new |= {i} if self._stood_nowhere(self._object(i)) else set()
                continue
            visit, k = known[i]
            old, now = visit.world_at(k).objects[i], self._object(i)
            if math.dist(old.position, now.position) > MOVED_M:
                moved.add(i)
            elif old.mesh.vertices.shape != now.mesh.vertices.shape or old.open_front != now.open_front:
                opened.add(i)
        return {"changed": moved | opened | new, "moved": moved, "missing": missing, "appeared": new}[q.family]

    def _stood_nowhere(self, thing: WorldObject) -> bool:
        """Whether the visits before looked at the place of a thing, and saw what is behind it."""
        if thing.behind:
            return False  # it has come to light
        alone = Renderer([Instance(number=1, mesh=thing.mesh)], [(0.0, 2.0, 0.0)])
        empty = 0.0
        for visit in self._chain[:-1]:
            for k in visit.glimpses:
                empty += self._empty_pixels(visit, k, thing, alone)
                if empty > CLEAR_PIXELS:
                    return True
        return empty > (DOUBT_PIXELS + CLEAR_PIXELS) / 2

    def _object(self, i: str) -> WorldObject:
        visit, k = self.seen(self._frame)[i]
        return visit.world_at(k).objects[i]

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

    def _gap(self, a: str, b: str, *, flat: bool = False) -> float:
        """Distance of two boxes, or of their footprints."""
        (al, ah), (bl, bh) = self._bounds(a), self._bounds(b)
        kept = np.array([1.0, 0.0 if flat else 1.0, 1.0])

        def squared(x: Floats) -> float:
            return float(((kept * (self._to_world(a, x[:3]) - self._to_world(b, x[3:]))) ** 2).sum())

        start = np.concatenate([(al + ah) / 2, (bl + bh) / 2])
        bounds = [*zip(al, ah, strict=True), *zip(bl, bh, strict=True)]
        return math.sqrt(minimize(squared, start, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14}).fun)

    def _length(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
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

    def _direction(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
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

    def _selected(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> set[str]:
        call = q.trace[0].arguments
        there = {i for i in seen if not self.has_left(i, q.frame_id)}
        hits = there if call["query"] == "objects" else {i for i in there if self._fits(i, call["query"])}
        if "room" in call:
            hits = {i for i in hits if self._room_name(i) == call["room"]}
        if "reference" in call:
            anchors = [i for i in there if self._fits(i, call["reference"])]
            assert len(anchors) == 1
            hits = {i for i in hits if self._stands(i, call["relation"], anchors[0])}
        return hits

    def _stands(self, i: str, relation: str, anchor: str) -> bool:
        o, other = self._object(i), self._object(anchor)
        if relation in ("on", "in"):
            return o.support == anchor and o.predicate == relation
        if i == anchor or o.room != other.room or anchor == o.support or i == other.support:
            return False
        if {"rug", "window", "door"} & {o.category, other.category}:
            return False
        reach = sum(float(np.hypot(*(h - lo)[[0, 2]])) / 2 for lo, h in (self._bounds(i), self._bounds(anchor)))
        if float(np.hypot(*(self._center(i) - self._center(anchor))[[0, 2]])) > reach + NEXT_TO_M:
            return False
        gap = self._gap(i, anchor, flat=True)
        (a_low, a_high), (b_low, b_high) = self._heights(i), self._heights(anchor)
        if relation == "next to":
            smaller = min(float(np.hypot(*(h - lo)[[0, 2]])) for lo, h in (self._bounds(i), self._bounds(anchor)))
            near = min(NEXT_TO_M, max(0.1, 0.5 * smaller))
            return o.support == other.support and abs(a_low - b_low) < 0.05 and TOUCHING_M < gap < near
        if o.support or other.support or gap > TOUCHING_M:
            return False
        on_floor = a_low <= 0.05 and b_low <= 0.05 and a_high < b_high
        return a_high <= b_low + 0.01 or (on_floor and self._covered(i, anchor) >= 0.4)

    def _covered(self, i: str, anchor: str) -> float:
        """Share of random points in one footprint that lie in another."""
        (al, ah), (bl, bh) = self._bounds(i), self._bounds(anchor)
        points = np.random.default_rng(0).uniform(al, ah, (2000, 3))
        yaw = -self._object(anchor).yaw
        c, s = math.cos(yaw), math.sin(yaw)
        world = np.array([self._to_world(i, p) for p in points])
        x, z = c * world[:, 0] + s * world[:, 2], -s * world[:, 0] + c * world[:, 2]
        return float(((x >= bl[0]) & (x <= bh[0]) & (z >= bl[2]) & (z <= bh[2])).mean())

    def _heights(self, i: str) -> tuple[float, float]:
        low, high = self._bounds(i)
        return float(low[1]), float(high[1])

    def _count(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
        assert q.value is not None
        hits = self._selected(q, seen)
        return "" if hits == set(q.objects) and len(hits) == q.value.value else f"{sorted(hits)} for {q.objects}"

    def _bool(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
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

    def _room(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
        assert q.value is not None
        if q.family == "where_am_i":
            room = self.visit.world.rooms[self.visit.walk.rooms[q.frame_id]].label
        else:
            room = self._room_name(q.objects[0])
        return "" if room == q.value.value else f"{room} for {q.value.value}"

    def _color(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
        assert q.value is not None
        color = self._object(q.objects[0]).color
        return "" if color == q.value.value else f"{color} for {q.value.value}"

    def _age(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
        assert q.value is not None
        visit, k = seen[q.objects[0]]
        age = float(self.visit.walk.times_s[q.frame_id] - visit.walk.times_s[k])
        return "" if abs(age - float(q.value.value)) <= 0.051 else f"{age} for {q.value.value}"

    def _text(self, q: Question, seen: dict[str, tuple[Visit, int]]) -> str:
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
