"""Drawers and doors open as real ones do; things lie under furniture and hang on walls, and the truth says so."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from scenes.worlds.dynamics.timeline import Event, change_world, during_visit
from scenes.worlds.dynamics.walk import make_walk
from scenes.worlds.layout.placing import BODY_RADIUS_M, hull_of
from scenes.worlds.things.catalogue import CATEGORIES, build
from scenes.worlds.things.fronts import opened
from scenes.worlds.things.shapes import Shape
from scenes.worlds.world import World, make_world

OPENABLE = ("dresser", "nightstand", "desk", "cabinet", "wardrobe", "tv stand", "counter", "fridge")


@cache
def world(seed: int) -> World:
    return make_world(seed)


def fronts_of(name: str) -> list[tuple[Shape, str]]:
    shape = build(name, "white", 3)
    return [(shape, front.name) for front in shape.fronts]


def test_the_furniture_that_people_open_can_be_opened() -> None:
    assert {c.name for c in CATEGORIES if build(c.name, c.colors[0], 1).fronts} == set(OPENABLE)


@pytest.mark.parametrize("name", OPENABLE)
def test_an_open_front_comes_forward_and_leaves_the_back_where_it_was(name: str) -> None:
    for shape, front in fronts_of(name):
        after = opened(shape, front)
        (low, high), (low2, high2) = shape.mesh.bounds, after.mesh.bounds
        assert high2[2] > high[2] + 0.1
        assert low2[2] == pytest.approx(low[2], abs=1e-5)
        assert low2[1] == pytest.approx(0.0, abs=1e-5)
        assert high2[1] == pytest.approx(high[1], abs=1e-5)
        assert after.mesh.triangles.max() < len(after.mesh.vertices)
        assert len(after.mesh.triangles) == len(after.mesh.colors) == len(after.mesh.materials)
        assert after.closed is shape


@pytest.mark.parametrize("name", OPENABLE)
def test_what_lies_behind_a_front_fits_into_the_closed_body(name: str) -> None:
    for shape, front in fronts_of(name):
        low, high = shape.mesh.bounds
        (moving,) = [f for f in shape.fronts if f.name == front]
        inside = [s for s in opened(shape, front).surfaces if s.front == front]
        assert inside
        for s in inside:
            assert s.predicate == "in"
            assert low[0] < s.x[0] < s.x[1] < high[0]
            assert low[2] < s.z[0] - moving.slide_m < s.z[1] - moving.slide_m < high[2]
            assert 0 < s.y < s.y + s.headroom < high[1] + 1e-6


def test_a_front_that_is_not_there_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="drawer 1"):
        opened(build("dresser", "white", 3), "door 7")


@cache
def history() -> tuple[tuple[World, ...], tuple[Event, ...]]:
    """Worlds in which fronts were opened and closed, one change after the other."""
    worlds, events = [world(7)], []
    for k in range(6):
        after, new = change_world(worlds[-1], np.random.default_rng(k), time_s=float(k), fronts=4)
        worlds.append(after)
        events += new
    return tuple(worlds), tuple(events)


def test_events_say_what_was_opened_and_closed_and_what_went_along() -> None:
    worlds, events = history()
    assert {"opened", "closed"} <= {e.kind for e in events}
    carried = [e for e in events if e.carried_by]
    assert carried, "something lay in a drawer that moved"
    for e in events:
        before, after = worlds[int(e.time_s)], worlds[int(e.time_s) + 1]
        if e.kind in ("opened", "closed"):
            assert e.front == (after if e.kind == "opened" else before).objects[e.object_id].open_front != ""
    for e in carried:
        before, after = worlds[int(e.time_s)], worlds[int(e.time_s) + 1]
        old, new, host = before.objects[e.object_id], after.objects[e.object_id], after.objects[e.carried_by]
        way = np.subtract(new.position, old.position)
        front = np.array([np.sin(host.yaw), 0.0, np.cos(host.yaw)])
        opening = bool(host.open_front)
        assert float(way @ front) * (1 if opening else -1) > 0.05, "along the drawer's way"
        assert np.linalg.norm(way - (way @ front) * front) < 1e-6
        assert np.subtract(new.box.center, old.box.center) == pytest.approx(way, abs=1e-5)


def test_things_behind_a_closed_front_are_hidden_and_still_in_it() -> None:
    worlds, _ = history()
    hidden = [(w, i) for w in worlds for i in w.hidden]
    assert hidden
    for w, i in hidden:
        thing, host = w.objects[i], w.objects[w.objects[i].support]
        (low, high), (inner_low, inner_high) = host.mesh.bounds, thing.mesh.bounds
        assert (low - 1e-4 <= inner_low).all()
        assert (inner_high <= high + 1e-4).all()
        assert any(r.subject == i and r.object == host.id and r.predicate == "in" for r in w.scene_graph().relations)
    w, i = hidden[0]
    thing, renderer = w.objects[i], w.renderer()
    middle = np.array(thing.box.center)
    outward = np.random.default_rng(0).normal(size=(500, 3))
    # Seen from anywhere two metres away, something else comes first.
    for eye in middle + 2.0 * outward / np.linalg.norm(outward, axis=1, keepdims=True):
        hits = renderer.cast(eye, (middle - eye)[None].astype(np.float32))
        assert int(renderer.numbers(hits)[0]) != thing.number


def test_an_open_front_touches_nothing_and_lets_people_pass() -> None:
    worlds, _ = history()
    for w in worlds[1:]:
        for p in w.placed:
            if not p.shape.open_front:
                continue
            hull = hull_of(p.shape, p.position, p.yaw)
            others = [q for q in w.placed if q.number != p.number and q.support != p.number and q.category != "rug"]
            assert not any(hull.overlaps(q.hull) for q in others)
        assert set(make_walk(w).rooms) == {room.id for room in w.plan.rooms}


def test_nothing_opens_into_the_way_of_the_wearer() -> None:
    checked = 0
    for seed in (1, 2, 9):
        w = world(seed)
        walk = make_walk(w)
        timeline = during_visit(w, walk, 1)
        assert len(timeline.moments) >= 2
        for start_s, later in timeline.moments[1:]:
            eyes = walk.world_from_camera[:, :3, 3].numpy()[walk.times_s >= start_s]
            for p in later.placed:
                if p.shape.open_front:
                    hull = p.hull
                    inside = (eyes[:, 0] > hull.low[0] - BODY_RADIUS_M) & (eyes[:, 0] < hull.high[0] + BODY_RADIUS_M)
                    inside &= (eyes[:, 2] > hull.low[2] - BODY_RADIUS_M) & (eyes[:, 2] < hull.high[2] + BODY_RADIUS_M)
                    corner = np.hypot(
                        np.maximum(np.maximum(hull.low[0] - eyes[:, 0], eyes[:, 0] - hull.high[0]), 0),
                        np.maximum(np.maximum(hull.low[2] - eyes[:, 2], eyes[:, 2] - hull.high[2]), 0),
                    )
                    assert not (inside & (corner <= BODY_RADIUS_M)).any()
                    checked += 1
    assert checked


def test_a_thing_under_another_has_it_overhead() -> None:
    found = 0
    for seed in (1, 2, 5, 9):
        w = world(seed)
        renderer = w.renderer()
        for r in w.scene_graph().relations:
            if r.predicate == "under":
                below, above = w.objects[r.subject], w.objects[r.object]
                top = np.add(below.box.center, (0, below.box.size[1] / 2 + 0.005, 0))
                hits = renderer.cast(top, np.array([[0.0, 1.0, 0.0]], np.float32))
                assert int(renderer.numbers(hits)[0]) == above.number
                found += 1
    assert found >= 3


def test_what_hangs_is_attached_to_the_wall_behind_it() -> None:
    for seed in (1, 2, 9):
        w = world(seed)
        renderer = w.renderer()
        attached = {r.subject: r.object for r in w.scene_graph().relations if r.predicate == "attached to"}
        hung = {o.id for o in w.objects.values() if o.category in ("picture", "clock", "mirror", "wall shelf")}
        assert hung
        assert set(attached) == {i for i in hung if not w.objects[i].support}
        for i, wall in attached.items():
            o = w.objects[i]
            assert wall.startswith(f"{o.room}-wall-")
            back = -np.array([np.sin(o.yaw), 0.0, np.cos(o.yaw)])
            behind = np.array(o.box.center) + back * (o.box.size[2] / 2 + 1e-3)
            hits = renderer.cast(behind, back[None].astype(np.float32))
            assert int(renderer.numbers(hits)[0]) == 0, "a wall"
            assert float(hits.depth_m[0]) < 0.06
