"""Doors between rooms: their leaves hang clear of everything, and people pass only where one is open."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from scenes.geometry import look_at
from scenes.types import Camera
from scenes.worlds.capture.truth import world_truth
from scenes.worlds.dynamics.clearance import clearance_map
from scenes.worlds.dynamics.timeline import between_visits
from scenes.worlds.dynamics.walk import make_walk
from scenes.worlds.layout.door_leaves import DOOR, OPEN, largest_connected_rooms, leaves_at_visit, reachable_rooms
from scenes.worlds.layout.placing import BODY_RADIUS_M
from scenes.worlds.world import World, make_world, with_things

SEEDS = (1, 7, 12, 21)
CAMERA = Camera(width=64, height=48, fx=46.0, fy=46.0, cx=32.0, cy=24.0)


@functools.cache
def world(seed: int) -> World:
    return make_world(seed)


def standing(w: World, number: int, *, is_open: bool) -> World:
    """The same world with one door open or closed, all others open."""
    leaves = tuple(replace(leaf, open=is_open if leaf.number == number else True) for leaf in w.leaves)
    return with_things(replace(w, leaves=leaves), w.placed, w.next_number)


def shut(w: World) -> World | None:
    """A closed door that keeps some rooms apart, if this world has such a one."""
    worlds = (standing(w, leaf.number, is_open=False) for leaf in w.leaves)
    return next((x for x in worlds if len(largest_connected_rooms(x.plan, x.leaves)) < len(x.plan.rooms)), None)


@pytest.mark.parametrize("seed", SEEDS)
def test_most_doorways_have_a_leaf_and_most_leaves_stand_open(seed: int) -> None:
    w = world(seed)
    assert len(w.plan.doors) - 1 <= len(w.leaves) <= len(w.plan.doors)
    assert sum(not leaf.open for leaf in w.leaves) <= 1
    for leaf in w.leaves:
        thing = w.objects[leaf.id]
        assert (thing.category, thing.open_front) == (DOOR, OPEN if leaf.open else "")


@pytest.mark.parametrize("seed", SEEDS)
def test_an_open_leaf_meets_nothing_and_a_closed_one_fills_its_doorway(seed: int) -> None:
    w = world(seed)
    for leaf in w.leaves:
        hull = leaf.hull(leaf.open_deg)
        around = [p.hull for p in w.placed if p.category != "rug"]
        around += [other.hull(other.open_deg) for other in w.leaves if other is not leaf]
        assert not any(hull.overlaps(other) for other in around)
        o, closed = leaf.opening, standing(w, leaf.number, is_open=False).objects[leaf.id]
        along, across = (0, 2) if o.axis == "x" else (2, 0)
        low, high = closed.mesh.bounds
        assert (low[along], high[along]) == pytest.approx((o.low, o.high), abs=0.03)
        assert o.at - 0.2 < low[across] < o.at + 0.2
        assert high[1] == pytest.approx(o.top, abs=0.03)


def test_a_leaf_turns_about_its_hinge_without_changing_its_size() -> None:
    for leaf in world(7).leaves:
        points = [leaf.mesh(angle).vertices - np.array(leaf.hinge, np.float32) for angle in (0.0, 35.0, leaf.open_deg)]
        flat = [np.hypot(p[:, 0], p[:, 2]) for p in points]
        for a, b in combinations(flat, 2):
            assert np.abs(a - b).max() < 1e-4
        middle = [p.mean(0) for p in (points[0], points[2])]
        bearing = [math.atan2(m[2], m[0]) for m in middle]
        turned = abs((math.degrees(bearing[1] - bearing[0]) + 180) % 360 - 180)
        assert turned == pytest.approx(leaf.open_deg, abs=0.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_walk_passes_no_leaf(seed: int) -> None:
    w = world(seed)
    walk = make_walk(w)
    eyes = walk.world_from_camera[:, :3, 3].numpy()
    for leaf in w.leaves:
        hull = leaf.hull(leaf.turned_deg)
        low, high = np.array([hull.low[0], hull.low[2]]), np.array([hull.high[0], hull.high[2]])
        if leaf.open_deg < 87:  # the bounds of a slanting leaf hold free floor
            continue
        outside = np.maximum(np.maximum(low - eyes[:, [0, 2]], eyes[:, [0, 2]] - high), 0.0)
        assert np.hypot(outside[:, 0], outside[:, 1]).min() > BODY_RADIUS_M - 0.06, leaf.id


def test_nobody_walks_through_a_closed_door() -> None:
    found = next(x for seed in (*SEEDS, 30, 31) if (x := shut(world(seed))))
    rooms = largest_connected_rooms(found.plan, found.leaves)
    assert set(make_walk(found).rooms) <= rooms
    assert all(set(make_walk(found, visit=k).rooms) <= rooms for k in range(1, len(found.plan.rooms)))
    (closed,) = [leaf for leaf in found.leaves if not leaf.open]
    a, b = (next(r.rect.center for r in found.plan.rooms if r.id == room) for room in closed.opening.rooms)
    space, before = clearance_map(found), clearance_map(standing(found, closed.number, is_open=True))
    places = before.standing_places()
    near = [tuple(places[np.hypot(*(places - np.array(c)).T).argmin()].tolist()) for c in (a, b)]
    assert before.path(near[0], near[1]) is not None
    assert space.path(near[0], near[1]) is None


def test_a_closed_door_hides_what_is_behind_it() -> None:
    w = world(7)
    leaf = w.leaves[0]
    x, z = leaf.opening.center
    # From the room that it opens into, a metre and a half before it.
    dx, dz = (0.0, 1.5 * leaf.inward) if leaf.opening.axis == "x" else (1.5 * leaf.inward, 0.0)
    pose = look_at(torch.tensor([x + dx, 1.5, z + dz]).double(), torch.tensor([x, 1.4, z]).double())
    depth = []
    for is_open in (True, False):
        frame = standing(w, leaf.number, is_open=is_open).renderer().render(CAMERA, pose)
        assert frame.frame.depth_m is not None
        depth.append(float(frame.frame.depth_m[24, 32]))
        if not is_open:
            assert frame.instance_ids[24, 32] == leaf.number
    assert depth[0] > 1.7
    assert depth[1] == pytest.approx(1.5, abs=0.12)


def test_doors_change_between_visits_and_the_log_says_so() -> None:
    kinds = set()
    for seed in SEEDS:
        w = world(seed)
        for visit in range(1, 12):
            before = standing(w, w.leaves[0].number, is_open=visit % 2 == 0).leaves
            after = leaves_at_visit(w.plan, before, seed, visit)
            assert after == leaves_at_visit(w.plan, before, seed, visit)
            kinds |= {(a.open, b.open) for a, b in zip(before, after, strict=True)}
            if all(leaf.open for leaf in before):
                assert len(largest_connected_rooms(w.plan, after)) >= len(w.plan.rooms) - 1
    assert {(True, True), (True, False), (False, True)} <= kinds
    shut_first = standing(world(7), world(7).leaves[0].number, is_open=False)
    visit = next(k for k in range(1, 9) if leaves_at_visit(shut_first.plan, shut_first.leaves, 7, k)[0].open)
    after, events = between_visits(shut_first, visit, time_s=5.0)
    (event,) = [e for e in events if e.object_id == shut_first.leaves[0].id]
    assert (event.kind, event.front, event.time_s) == ("opened", OPEN, 5.0)
    assert event.before == shut_first.objects[event.object_id].box
    assert event.after == after.objects[event.object_id].box


def test_the_truth_says_which_door_can_be_passed() -> None:
    found = next(x for seed in SEEDS if (x := shut(world(seed))))
    truth = json.loads(world_truth(found).model_dump_json())
    (closed,) = [d for d in truth["doors"] if not d["open"]]
    thing = next(o for o in truth["objects"] if o["id"] == closed["leaf"])
    assert (thing["category"], thing["open_front"]) == ("door", "")
    assert reachable_rooms(found.plan, found.leaves, closed["rooms"][0]).isdisjoint({closed["rooms"][1]})


def test_a_seed_hangs_the_same_leaves_again() -> None:
    assert make_world(12).leaves == world(12).leaves
