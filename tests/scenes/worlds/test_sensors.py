"""Sensor models keep to their stated limits; changes over time are true and logged."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from scenes.geometry import backproject, pixel_grid, transform
from scenes.recordings import open_recording
from scenes.types import Camera
from scenes.worlds.capture.recorded import iter_recorded
from scenes.worlds.capture.sensors import SENSOR, SENSORS, ColorSensor, DepthSensor, expose, exposure_gains, measure
from scenes.worlds.capture.truth import read_events_truth, read_world_truth
from scenes.worlds.capture.writing import write_visits
from scenes.worlds.dynamics.timeline import Timeline, between_visits, change_world, during_visit
from scenes.worlds.dynamics.walk import Walk, WalkSettings, make_walk
from scenes.worlds.layout.footprints import footprint_overlap_m
from scenes.worlds.layout.true_relations import vertical
from scenes.worlds.world import make_world

SMALL = Camera(width=96, height=72, fx=69.0, fy=69.0, cx=48.0, cy=36.0)
WORLD = make_world(7)
ENDLESS = DepthSensor(step_m=1e-6)


def head(walk: Walk, count: int) -> Walk:
    return Walk(
        times_s=walk.times_s[:count], world_from_camera=walk.world_from_camera[:count], rooms=walk.rooms[:count]
    )


def flat(depth: float, shape: tuple[int, int] = (72, 96)) -> np.ndarray:
    return np.full(shape, depth, np.float32)


def test_depth_outside_the_range_is_invalid_and_inside_is_kept() -> None:
    sensor = replace(ENDLESS, near_m=0.5, far_m=4.0)
    none = np.zeros((72, 96), bool)
    for depth, kept in ((0.4, False), (0.6, True), (3.9, True), (4.1, False), (0.0, False)):
        out = measure(flat(depth), SMALL, none, sensor, np.random.default_rng(0))
        assert bool((out > 0).all()) is kept
        assert not kept or float((out - depth).abs().max()) < 1e-5


def test_depth_noise_has_the_published_spread() -> None:
    sensor = replace(ENDLESS, noise=1.0)
    for depth in (1.0, 3.0):
        camera, dull = replace(SMALL, width=400, height=400), np.zeros((400, 400), bool)
        out = measure(flat(depth, (400, 400)), camera, dull, sensor, np.random.default_rng(0))
        assert float((out - depth).std()) == pytest.approx(0.0012 + 0.0019 * (depth - 0.4) ** 2, rel=0.03)


def test_depth_comes_in_whole_steps() -> None:
    out = measure(flat(1.23456), SMALL, np.zeros((72, 96), bool), DepthSensor(step_m=0.005), np.random.default_rng(0))
    assert torch.unique(out).tolist() == pytest.approx([1.235])


def test_holes_open_at_edges_and_on_glossy_faces_only() -> None:
    camera = replace(SMALL, width=600, height=400)
    z, glossy = flat(2.0, (400, 600)), np.zeros((400, 600), bool)
    z[:, 400:] = 1.0
    glossy[:, :300] = True
    out = measure(z, camera, glossy, replace(ENDLESS, edge_px=1, glossy_holes=0.5), np.random.default_rng(0)).numpy()
    assert (out[:, :300] == 0).mean() == pytest.approx(0.5, abs=0.08)
    assert (out[:, 399:401] == 0).mean() == pytest.approx(0.8, abs=0.05)
    assert (out[:, 300:395] > 0).all()
    assert (out[:, 405:] > 0).all()


def test_exposure_drifts_slowly_with_the_stated_spread() -> None:
    gains = np.log(exposure_gains(20000, ColorSensor(exposure_spread=0.1), 5.0, np.random.default_rng(0)))
    assert gains.std() == pytest.approx(0.1, rel=0.1)
    assert np.abs(np.diff(gains)).mean() < 0.06


def test_surfaces_at_a_grazing_angle_return_nothing() -> None:
    # A floor 1.5 m below a level camera: v rows below the centre see it at z = 1.5 fy / (v - cy).
    v = np.arange(SMALL.height) + 0.5 - SMALL.cy
    z = np.where(v > 1, 1.5 * SMALL.fy / np.maximum(v, 1), 0.0)[:, None].repeat(SMALL.width, 1).astype(np.float32)
    out = measure(
        z, SMALL, np.zeros(z.shape, bool), replace(ENDLESS, grazing_deg=80.0), np.random.default_rng(0)
    ).numpy()
    angle = np.degrees(np.arctan2(1.0, v / SMALL.fy))
    middle = out[:, 48] > 0
    assert not middle[(v > 1) & (angle > 82)].any()
    assert middle[(angle < 78) & (v < v[-1])].all()


def test_a_still_perfect_colour_camera_changes_nothing_and_noise_is_unbiased() -> None:
    rgb = torch.full((72, 96, 3), 120, dtype=torch.uint8)
    rng = np.random.default_rng(0)
    assert torch.equal(expose(rgb, ColorSensor(), 1.0, (900.0, 0.0), rng), rgb)
    noisy = expose(rgb, ColorSensor(shot_noise=5.0, read_noise=2.0), 1.0, (0.0, 0.0), rng).float()
    assert float(noisy.mean()) == pytest.approx(120, abs=0.3)
    assert float(noisy.std()) == pytest.approx((2.0**2 + 25 * 120 / 255) ** 0.5, rel=0.1)


def test_a_turn_smears_along_its_direction_by_speed_times_shutter() -> None:
    rgb = torch.zeros(72, 96, 3, dtype=torch.uint8)
    rgb[:, 48] = 240
    out = expose(rgb, ColorSensor(exposure_s=0.01), 1.0, (800.0, 0.0), np.random.default_rng(0))[36, :, 0].float()
    lit = torch.nonzero(out > 0).flatten()
    assert int(lit.max() - lit.min()) == pytest.approx(8, abs=1)
    assert float(out.sum()) == pytest.approx(240, rel=0.05)


def test_separate_depth_camera_measures_the_same_surfaces() -> None:
    """Points of the late, offset depth image lie on the surfaces that the exact colour view sees."""
    sensor = SENSOR["spectacles"]
    assert sensor.depth is not None
    sensor = replace(sensor, depth=replace(sensor.depth, noise=0.0, edge_px=0, glossy_holes=0.0))
    walk = head(make_walk(WORLD, settings=WalkSettings(fps=30)), 16)
    pairs = list(iter_recorded(Timeline.unchanging(WORLD), walk, sensor, SMALL))
    with_depth = [frame for frame, _ in pairs if frame.depth_m is not None]
    assert [frame.id for frame in with_depth] == [2, 8, 14]
    renderer = WORLD.renderer()
    for frame in with_depth:
        assert frame.depth_camera is not None
        assert frame.depth_m is not None
        assert frame.depth_time_s == pytest.approx(frame.time_s - 2 / 30)
        assert frame.world_from_depth is not None
        grid = pixel_grid(frame.depth_camera.width, frame.depth_camera.height, torch.float64)
        points = transform(
            frame.world_from_depth, backproject(frame.depth_camera, grid, frame.depth_m.double()).reshape(-1, 3)
        )
        valid = frame.depth_m.reshape(-1) > 0
        eye = frame.world_from_depth[:3, 3].numpy()
        rays = points[valid].numpy() - eye
        # Cast from the eye towards each measured point: the first surface is met at exactly that point.
        again = renderer.cast(eye, rays.astype(np.float32)).depth_m
        assert np.median(np.abs(again - 1)) < 1e-3


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda s: s.name)
def test_every_sensor_records_frames_that_repeat(sensor) -> None:
    walk = head(make_walk(WORLD, settings=WalkSettings(fps=sensor.fps)), 3)
    timeline = Timeline.unchanging(WORLD)
    first, again = (list(iter_recorded(timeline, walk, sensor, SMALL)) for _ in range(2))
    for (a, exact), (b, _) in zip(first, again, strict=True):
        assert torch.equal(a.rgb, b.rgb)
        assert (a.depth_m is None) == (b.depth_m is None)
        assert (sensor.depth is not None) or a.depth_m is None
        assert float((a.rgb.float() - exact.frame.rgb.float()).abs().mean()) < 40


def test_a_change_keeps_what_it_does_not_name_and_stays_physical() -> None:
    after, events = change_world(WORLD, np.random.default_rng(1), time_s=5.0, moved=3, vanished=2, appeared=2)
    kinds = [e.kind for e in events]
    assert kinds.count("vanished") == 2
    assert 1 <= kinds.count("moved") <= 3
    assert kinds.count("appeared") == 2
    named = {e.object_id for e in events}
    for id, old in WORLD.objects.items():
        if id not in named:
            assert after.objects[id].box == old.box
    for event in events:
        if event.kind == "appeared":
            assert event.object_id not in WORLD.objects
        if event.kind == "moved":
            assert after.objects[event.object_id].support != WORLD.objects[event.object_id].support
            assert after.objects[event.object_id].category == WORLD.objects[event.object_id].category
    things = list(after.objects.values())
    for event in events:
        if event.after is None:
            continue
        me = after.objects[event.object_id]
        for other in things:
            if other.id in (me.id, me.support) or other.category == "rug":
                continue
            (a_low, a_high), (b_low, b_high) = vertical(me.box), vertical(other.box)
            apart = min(footprint_overlap_m(me.box, other.box), min(a_high, b_high) - max(a_low, b_low))
            assert apart < 1e-4


def test_the_world_before_a_change_stays_what_it_was() -> None:
    boxes = [o.box for o in WORLD.objects.values()]
    between_visits(WORLD, 1, time_s=0.0)
    assert [o.box for o in WORLD.objects.values()] == boxes


def test_nothing_moves_before_the_eyes_of_the_wearer() -> None:
    walk = make_walk(WORLD)
    timeline = during_visit(WORLD, walk, 0)
    assert len(timeline.moments) >= 3, "more than one change"
    for before, (time_s, world) in pairwise(timeline.moments):
        room = walk.rooms[int(np.searchsorted(walk.times_s, time_s))]
        new = [e for e in timeline.events if e.time_s == time_s]
        assert new
        assert all(room not in (e.room_before, e.room_after) for e in new)
        assert timeline.at(time_s - 0.01) is before[1]
        assert timeline.at(time_s) is world


def test_visits_are_written_with_their_events(tmp_path: Path) -> None:
    slow = replace(SENSOR["headset"], fps=0.3)
    first, second = write_visits(make_world(7), tmp_path / "home", 2, sensor=slow, camera=SMALL)
    assert read_events_truth(first).events == ()
    events = read_events_truth(second).events
    assert len(events) >= 3
    assert {"opened", "moved"} <= {e.kind for e in events}
    assert open_recording(second)[0].time_s >= 3 * 3600
    earlier = {o.id: o for o in read_world_truth(first).objects}
    later = {o.id: o for o in read_world_truth(second).objects}
    changed = {e.object_id for e in events}
    assert {id for id in {*earlier, *later} if earlier.get(id) != later.get(id)} <= changed
    assert (second / "ground_truth" / "depth").is_dir()
