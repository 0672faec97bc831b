"""Claims about generated worlds: physics, truth, walks, determinism."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch

from scenes.geometry import backproject, pixel_grid, quaternion_to_matrix, transform
from scenes.types import Box3D, Camera
from scenes.vocabulary import BASIC_COLORS, RELATIONS
from scenes.worlds.dynamics.clearance import clearance_map
from scenes.worlds.dynamics.walk import MAX_TURN_RAD_S, WalkSettings, make_walk
from scenes.worlds.layout.footprints import footprint_gap_m, footprint_overlap_m
from scenes.worlds.layout.placing import BODY_RADIUS_M
from scenes.worlds.layout.true_relations import vertical, wall_id
from scenes.worlds.things.catalogue import CATEGORIES, build
from scenes.worlds.world import World, WorldObject, make_world

SEEDS = (1, 2, 7)


@cache
def world(seed: int) -> World:
    return make_world(seed)


def penetration_m(a: Box3D, b: Box3D) -> float:
    (a_low, a_high), (b_low, b_high) = vertical(a), vertical(b)
    return min(footprint_overlap_m(a, b), min(a_high, b_high) - max(a_low, b_low))


def in_box(box: Box3D, points: torch.Tensor, margin: float) -> torch.Tensor:
    rotation = quaternion_to_matrix(torch.tensor(box.quaternion_xyzw, dtype=torch.float64))
    local = (points - torch.tensor(box.center, dtype=torch.float64)) @ rotation
    return (local.abs() <= torch.tensor(box.size, dtype=torch.float64) / 2 + margin).all(-1)


def surface_points(o: WorldObject, count: int = 3000) -> np.ndarray:
    """Points spread evenly over a mesh."""
    rng = np.random.default_rng(0)
    corners = o.mesh.vertices[o.mesh.triangles].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    faces = corners[rng.choice(len(corners), count, p=area / area.sum())]
    return (rng.dirichlet((1, 1, 1), count)[:, :, None] * faces).sum(1)


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)
def test_every_category_builds_grounded_finite_and_of_plausible_size(category) -> None:
    for color in sorted(set(category.colors)):
        assert color in BASIC_COLORS
        shape = build(category.name, color, 5)
        low, high = shape.mesh.bounds
        assert np.isfinite(shape.mesh.vertices).all()
        assert low[1] == pytest.approx(0, abs=1e-5)
        assert low[[0, 2]] == pytest.approx(-high[[0, 2]], abs=1e-4)
        assert 0.01 < (high - low).max() < 2.7
        assert shape.mesh.triangles.max() < len(shape.mesh.vertices)
        assert len(shape.mesh.triangles) == len(shape.mesh.colors) == len(shape.mesh.materials)
        for s in shape.surfaces:
            assert s.x[0] < s.x[1]
            assert s.z[0] < s.z[1]
            assert -1e-6 <= s.y <= high[1] + 1e-6


def test_shapes_of_one_category_differ_from_instance_to_instance() -> None:
    for category in CATEGORIES:
        sizes = {
            tuple(np.round(np.ptp(build(category.name, category.colors[0], s).mesh.vertices, axis=0), 4))
            for s in range(4)
        }
        assert len(sizes) >= 3, category.name


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_interpenetrates_except_with_its_container(seed: int) -> None:
    things = list(world(seed).objects.values())
    for i, a in enumerate(things):
        for b in things[i + 1 :]:
            if a.support == b.id or b.support == a.id or "rug" in (a.category, b.category):
                continue
            if a.tucked or b.tucked:
                # It stands within the outline of a table: no part of the one's surface lies in the other's box.
                inner, outer = (a, b) if a.tucked else (b, a)
                points = torch.from_numpy(surface_points(outer)).double()
                assert not bool(in_box(inner.box, points, -0.002).any()), (a.id, a.category, b.id, b.category)
                continue
            assert penetration_m(a.box, b.box) < 1e-4, (a.id, a.category, b.id, b.category)


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_lies_inside_its_room(seed: int) -> None:
    w = world(seed)
    rects = {room.id: room.floor for room in w.plan.rooms}
    for o in w.objects.values():
        if o.category in ("window", "door"):
            continue  # in a wall
        low, high = o.mesh.bounds
        f = rects[o.room]
        assert f.x0 - 1e-4 <= low[0] <= high[0] <= f.x1 + 1e-4, (o.id, o.category)
        assert f.z0 - 1e-4 <= low[2] <= high[2] <= f.z1 + 1e-4, (o.id, o.category)
        assert low[1] >= -1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_are_tight_around_their_meshes(seed: int) -> None:
    for o in world(seed).objects.values():
        rotation = quaternion_to_matrix(torch.tensor(o.box.quaternion_xyzw, dtype=torch.float64))
        local = (
            torch.from_numpy(o.mesh.vertices).double() - torch.tensor(o.box.center, dtype=torch.float64)
        ) @ rotation
        half = torch.tensor(o.box.size, dtype=torch.float64) / 2
        torch.testing.assert_close(local.max(0).values, half, atol=1e-5, rtol=0)
        torch.testing.assert_close(local.min(0).values, -half, atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_are_geometrically_true(seed: int) -> None:
    w = world(seed)
    graph = w.scene_graph()
    walls = {wall_id(room, k) for room in w.plan.rooms for k in range(4)}
    counts = Counter(r.predicate for r in graph.relations)
    assert counts["on"] > 5
    assert counts["next to"] > 0
    for r in graph.relations:
        assert r.predicate in RELATIONS
        if r.predicate == "attached to":
            assert r.object in walls
            continue
        a, b = w.objects[r.subject], w.objects[r.object]
        assert a.room == b.room
        (a_low, a_high), (b_low, b_high) = vertical(a.box), vertical(b.box)
        if r.predicate == "on":
            # Upholstery and chair backs rise above the surface that carries; the thing still rests within the carrier.
            assert b_low < a_low <= b_high + 0.01
            assert footprint_overlap_m(a.box, b.box) > 0
        elif r.predicate == "in":
            assert b_low <= a_low
            assert a_high <= b_high + 0.02
            assert footprint_overlap_m(a.box, b.box) > 0
        elif r.predicate == "next to":
            assert 0 < footprint_gap_m(a.box, b.box) < 0.35
        elif r.predicate == "under":
            assert a_low < 0.05
            assert a_high < b_high
            assert footprint_overlap_m(a.box, b.box) > 0
        elif r.predicate == "above":
            assert a_low >= b_high - 0.011
            assert footprint_overlap_m(a.box, b.box) > 0


def test_things_rest_on_the_surface_that_carries_them() -> None:
    """A ray straight down from just above the base meets the carrier within a few millimetres."""
    w = world(7)
    renderer = w.renderer()
    checked = 0
    for o in w.objects.values():
        if not o.support:
            continue
        x, y, z = o.position
        carrier = w.objects[o.support]
        down = np.array([[0.0, -1.0, 0.0]], np.float32)
        alone = type(renderer)([i for i in w.instances() if i.number == carrier.number], w.lights)
        drop = float(alone.cast(np.array([x, y + 0.05, z]), down).depth_m[0]) - 0.05
        # Cushions are curved: things rest on their highest part.
        assert -0.03 < drop < 0.04, (o.category, carrier.category, drop)
        checked += 1
    assert checked > 20


def test_a_few_apartments_show_at_least_20_categories_and_most_have_a_mug() -> None:
    assert all(len({o.category for o in world(seed).objects.values()}) >= 20 for seed in SEEDS)
    mugs = sum(any(o.category == "mug" for o in make_world(seed).objects.values()) for seed in range(20, 30))
    assert mugs >= 7


def test_the_same_seed_gives_the_same_world_and_walk_and_another_seed_does_not() -> None:
    first, again, other = make_world(5), make_world(5), make_world(6)
    assert [(o.category, o.box) for o in first.objects.values()] == [
        (o.category, o.box) for o in again.objects.values()
    ]
    assert all(
        np.array_equal(a.mesh.vertices, b.mesh.vertices)
        for a, b in zip(first.objects.values(), again.objects.values(), strict=True)
    )
    assert [o.box for o in first.objects.values()] != [o.box for o in other.objects.values()]
    assert torch.equal(make_walk(first).world_from_camera, make_walk(again).world_from_camera)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_walk_stays_in_free_space_and_passes_every_room(seed: int) -> None:
    w = world(seed)
    walk, space = make_walk(w, settings=WalkSettings(fps=15)), clearance_map(w)
    eyes = walk.world_from_camera[:, :3, 3].numpy()
    clearance = np.array([space.clearance(float(x), float(z)) for x, _, z in eyes])
    # The head sways a little over the feet.
    assert clearance.min() > BODY_RADIUS_M - 0.08
    assert set(walk.rooms) == {room.id for room in w.plan.rooms}
    assert len(w.plan.rooms) >= 3
    assert 1.5 < eyes[:, 1].min() <= eyes[:, 1].max() < 1.7


def test_a_walk_is_smooth_upright_and_timed() -> None:
    walk = make_walk(world(7), settings=WalkSettings(fps=30))
    eyes = walk.world_from_camera[:, :3, 3]
    speed = (eyes[1:] - eyes[:-1]).norm(dim=-1) * 30
    assert float(speed.max()) < 1.6
    forward = walk.world_from_camera[:, :3, 2]
    turn = torch.acos((forward[1:] * forward[:-1]).sum(-1).clamp(-1, 1)) * 30
    assert float(turn.max()) < 1.3 * MAX_TURN_RAD_S
    assert bool((walk.world_from_camera[:, 1, 1] < 0).all())
    assert np.all(np.diff(walk.times_s) > 0)
    eye3 = torch.eye(3, dtype=torch.float64).expand(len(walk), 3, 3)
    rotation = walk.world_from_camera[:, :3, :3]
    torch.testing.assert_close(rotation.mT @ rotation, eye3, atol=1e-9, rtol=0)


def test_pixels_of_an_instance_lie_in_its_box_and_most_things_are_seen() -> None:
    w = world(7)
    camera = Camera(width=160, height=120, fx=114.0, fy=114.0, cx=80.0, cy=60.0)
    walk = make_walk(w, settings=WalkSettings(fps=2))
    renderer, grid = w.renderer(), pixel_grid(160, 120, torch.float64)
    best: Counter[int] = Counter()
    for i in range(len(walk)):
        rendered = renderer.render(camera, walk.world_from_camera[i])
        assert rendered.frame.depth_m is not None
        points = transform(
            walk.world_from_camera[i], backproject(camera, grid, rendered.frame.depth_m.double()).reshape(-1, 3)
        )
        ids = torch.from_numpy(rendered.instance_ids).reshape(-1)
        for number, count in rendered.pixel_counts().items():
            best[number] = max(best[number], count)
            if i % 4 == 0:
                assert bool(in_box(w.objects[f"w{number}"].box, points[ids == number], 1e-3).all())
    seen = [o for o in w.objects.values() if best[o.number] >= 12]
    assert len(seen) > 0.9 * len(w.objects)
    assert any(o.category == "mug" and best[o.number] >= 40 for o in seen)


@pytest.mark.parametrize(("kwargs", "text"), [({"rooms": 2}, "3..9"), ({"style": "castle"}, "apartment or office")])
def test_a_wrong_request_says_what_is_expected(kwargs, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make_world(1, **kwargs)


@pytest.mark.parametrize(("rooms", "style"), [(9, "apartment"), (6, "office")])
def test_large_worlds_have_all_their_rooms_connected(rooms: int, style: str) -> None:
    w = make_world(3, rooms=rooms, style=style)
    assert len(w.plan.rooms) == rooms
    assert len({room.label for room in w.plan.rooms}) == rooms
    assert set(make_walk(w).rooms) == {room.id for room in w.plan.rooms}
