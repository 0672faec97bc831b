"""Head-worn walks: through every room, stopping to look at what stands there.

The walker goes from stop to stop on shortest free paths. The head looks ahead while walking and at things while
standing, turns no faster than a head does, bobs with the steps, and looks down at low tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from scenes.geometry import look_at
from scenes.worlds.dynamics.clearance import ClearanceMap, Point, clearance_map
from scenes.worlds.layout.door_leaves import largest_connected_rooms
from scenes.worlds.layout.placing import BODY_RADIUS_M
from scenes.worlds.world import World, WorldObject

SIM_HZ = 30.0
"""Step of the simulation; frames are taken from it at their own rate."""
MAX_TURN_RAD_S = math.radians(130.0)
"""Comfortable head turns; people can go faster, but images blur."""
STOP_DISTANCE_M = (0.75, 1.6)
"""How far from a thing people stop to look at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkSettings:
    """How a visit goes."""

    fps: float = 5.0
    eye_height_m: float = 1.6
    speed_m_s: float = 1.0
    stops_per_room: int = 3
    look_s: float = 0.5
    """Time spent on each thing that is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """Timed poses of one visit."""

    times_s: NDArray[np.float64]
    """(N,) capture times, from ``start_s`` on."""
    world_from_camera: Tensor
    """(N, 4, 4) float64."""
    rooms: tuple[str, ...]
    """Room of the wearer at each pose."""

    def __len__(self) -> int:
        return len(self.times_s)


@dataclass(frozen=True, slots=True)
class _Leg:
    """Walk along ``path``, then look at ``targets`` one after the other."""

    path: list[Point]
    targets: list[tuple[float, float, float]]


def _interesting(world: World, room: str) -> list[WorldObject]:
    """Things worth a stop: what carries small things first, then the rest."""
    hidden = world.hidden
    carriers = {o.support for o in world.objects.values() if o.support and o.id not in hidden}
    # Nobody stops for a box under a table.
    standing = [o for o in world.objects.values() if o.room == room and not (o.support or o.tucked)]
    mine = [o for o in standing if o.category not in ("rug", "window", "door")]
    return sorted(mine, key=lambda o: (o.id not in carriers, -o.box.volume))


def _viewing_place(space: ClearanceMap, world: World, thing: WorldObject, rng: Generator) -> Point | None:
    """A place in the same room from which a person looks at a thing, in front of it if possible."""
    x, z = thing.box.center[0], thing.box.center[2]
    reach = max(thing.box.size[0], thing.box.size[2]) / 2
    front = np.array([math.sin(thing.yaw), math.cos(thing.yaw)])
    places = space.standing_places(BODY_RADIUS_M + 0.03)
    offset = places - np.array([x, z])
    distance = np.hypot(offset[:, 0], offset[:, 1])
    near = (distance > STOP_DISTANCE_M[0]) & (distance < STOP_DISTANCE_M[1] + reach)
    in_room = np.array([world.plan.room_at(float(a), float(b)) == thing.room for a, b in places[near]], dtype=bool)
    candidates, ahead = places[near][in_room], (offset[near][in_room] @ front) / distance[near][in_room]
    if len(candidates) == 0:
        return None
    score = ahead + 0.3 * rng.random(len(candidates)) - 0.25 * distance[near][in_room]
    best = candidates[int(score.argmax())]
    return float(best[0]), float(best[1])


def _targets(world: World, thing: WorldObject, rng: Generator) -> list[tuple[float, float, float]]:
    """The thing, and up to two of those that it carries."""
    hidden = world.hidden
    carried = [o for o in world.objects.values() if o.support == thing.id and o.id not in hidden]
    picks = [carried[i] for i in rng.permutation(len(carried))[:2]]
    return [o.box.center for o in (thing, *picks)]


def _room_order(world: World, entry: str) -> list[str]:
    """Depth first through the doors, so that the walk crosses as few rooms twice as it can."""
    neighbours: dict[str, list[str]] = {room.id: [] for room in world.plan.rooms}
    for door in world.open_doorways:
        a, b = door.rooms
        neighbours[a].append(b)
        neighbours[b].append(a)
    order: list[str] = []

    def visit(room: str) -> None:
        order.append(room)
        for other in sorted(neighbours[room]):
            if other not in order:
                visit(other)

    visit(entry)
    return order


def _plan(world: World, space: ClearanceMap, entry: str, settings: WalkSettings, rng: Generator) -> list[_Leg]:
    """All legs of a visit."""
    legs: list[_Leg] = []
    here: Point | None = None
    for room in _room_order(world, entry):
        stops = 0
        candidates = _interesting(world, room)
        # Mostly the best first, but not the same way each visit.
        order = np.argsort(np.arange(len(candidates)) + rng.uniform(0, 2.0, len(candidates)))
        for thing in (candidates[i] for i in order):
            if stops >= settings.stops_per_room:
                break
            goal = _viewing_place(space, world, thing, rng)
            path = None if goal is None else [goal] if here is None else space.path(here, goal)
            if goal is None or path is None:
                continue
            legs.append(_Leg(path, _targets(world, thing, rng)))
            here, stops = goal, stops + 1
    if not legs:
        raise ValueError(f"world {world.seed} has no place to stand")
    return legs


def _smooth(space: ClearanceMap, path: list[Point]) -> NDArray[np.float64]:
    """(N, 2) evenly spaced points 2 cm apart, rounded at corners as far as the furniture allows."""
    points = np.asarray(path, np.float64)
    if len(points) < 3:
        return points
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    at = np.arange(0, length[-1], 0.02)
    even = np.stack([np.interp(at, length, points[:, k]) for k in (0, 1)], axis=1)
    for sigma in (18.0, 10.0, 5.0):
        smooth = ndimage.gaussian_filter1d(even, sigma, axis=0, mode="nearest")
        ramp = np.clip(np.minimum(np.arange(len(even)), np.arange(len(even))[::-1]) / (3 * sigma), 0, 1)[:, None]
        smooth = even + (smooth - even) * ramp
        if all(space.clearance(float(x), float(z)) > BODY_RADIUS_M - 0.02 for x, z in smooth):
            return smooth
    return even


def _limited(current: float, wanted: float, step: float) -> float:
    """The next angle on the way to a wanted one, at most ``step`` away."""
    error = (wanted - current + math.pi) % (2 * math.pi) - math.pi
    return current + max(-step, min(step, 0.14 * error))


class _Walker:
    """The walker's state while legs are played; collects one pose per simulation step."""

    def __init__(self, settings: WalkSettings, start: Point, rng: Generator) -> None:
        self.settings, self.rng = settings, rng
        self.x, self.z = start
        self.yaw, self.pitch = float(rng.uniform(-math.pi, math.pi)), -0.1
        self.phase = 0.0
        self.speed = 0.0
        self.eyes: list[tuple[float, float, float]] = []
        self.gazes: list[tuple[float, float]] = []

    def step(self, wanted_yaw: float, wanted_pitch: float) -> None:
        """One simulation step on the spot: turn the head, record the pose."""
        limit = MAX_TURN_RAD_S / SIM_HZ
        self.yaw = _limited(self.yaw, wanted_yaw, limit)
        self.pitch = _limited(self.pitch, max(-1.05, min(0.5, wanted_pitch)), limit * 0.7)
        self.phase += 2 * math.pi * 1.9 / SIM_HZ * min(1.0, self.speed)
        t = len(self.eyes) / SIM_HZ
        sway = 0.006 * math.sin(0.9 * t) + 0.004 * math.sin(2.3 * t + 1)
        bob = 0.018 * math.sin(self.phase) * min(1.0, self.speed)
        side = 0.012 * math.sin(self.phase / 2) * min(1.0, self.speed) + sway
        right = (-math.cos(self.yaw), math.sin(self.yaw))
        height = self.settings.eye_height_m + bob
        self.eyes.append((self.x + side * right[0], height, self.z + side * right[1]))
        jitter = 0.004 * math.sin(5.1 * t) + 0.003 * math.sin(8.7 * t + 2)
        self.gazes.append((self.yaw + jitter, self.pitch + 0.5 * jitter + 0.006 * math.sin(self.phase)))

    def follow(self, path: NDArray[np.float64]) -> None:
        """Walk along evenly spaced points, speeding up and slowing down, looking ahead and a little around."""
        length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
        done, total = 0.0, float(length[-1])
        wander = float(self.rng.uniform(0, 6.28))
        while done < total:
            brake = math.sqrt(max(0.0, 2 * 0.9 * (total - done))) + 0.05
            self.speed = min(self.speed + 1.2 / SIM_HZ, self.settings.speed_m_s, brake)
            done += self.speed / SIM_HZ
            self.x, self.z = (float(np.interp(done, length, path[:, k])) for k in (0, 1))
            ahead = [float(np.interp(min(done + 0.7, total), length, path[:, k])) for k in (0, 1)]
            dx, dz = ahead[0] - self.x, ahead[1] - self.z
            wanted = math.atan2(dx, dz) if math.hypot(dx, dz) > 0.1 else self.yaw
            t = len(self.eyes) / SIM_HZ
            self.step(wanted + 0.45 * math.sin(0.9 * t + wander), -0.22 + 0.1 * math.sin(0.5 * t))
        self.speed = 0.0

    def look(self, target: tuple[float, float, float]) -> None:
        """Turn to a target and rest on it."""
        dx, dz = target[0] - self.x, target[2] - self.z
        yaw = math.atan2(dx, dz)
        pitch = math.atan2(target[1] - self.settings.eye_height_m, math.hypot(dx, dz))
        rest = round(self.settings.look_s * SIM_HZ)
        for _ in range(round(4 * SIM_HZ)):
            self.step(yaw, pitch)
            off = abs((yaw - self.yaw + math.pi) % (2 * math.pi) - math.pi)
            if off < 0.06:
                rest -= 1
            if rest <= 0:
                return


def _entry(world: World, visit: int) -> str:
    """The room by which a visit enters: each another one, but none that is shut off from most others."""
    rooms, joined = [room.id for room in world.plan.rooms], largest_connected_rooms(world.plan, world.leaves)
    return next(r for k in range(len(rooms)) if (r := rooms[(visit + k) % len(rooms)]) in joined)


def make_walk(
    world: World,
    *,
    visit: int = 0,
    start_s: float = 0.0,
    settings: WalkSettings | None = None,
    entry: str | None = None,
) -> Walk:
    """One visit to a world.

    Args:
        visit: number of the visit; each goes its own way, and enters by another room that is not shut off.
        start_s: capture time of the first frame.
        settings: see ``WalkSettings``.
        entry: id of the first room; by default the visit's number chooses.

    Raises:
        ValueError: an unknown entry room, or a world without free floor.
    """
    settings = settings or WalkSettings()
    rng = np.random.default_rng((4, world.seed, visit))
    rooms = [room.id for room in world.plan.rooms]
    if entry is not None and entry not in rooms:
        raise ValueError(f"expected an entry room of {rooms}, got {entry!r}")
    space = clearance_map(world)
    legs = _plan(world, space, entry or _entry(world, visit), settings, rng)
    walker = _Walker(settings, legs[0].path[0], rng)
    for leg in legs:
        if len(leg.path) > 1:
            walker.follow(_smooth(space, leg.path))
        for target in leg.targets:
            walker.look(target)
    return _sampled(world, walker, settings, start_s)


def _sampled(world: World, walker: _Walker, settings: WalkSettings, start_s: float) -> Walk:
    """Poses at the frame rate."""
    index = np.arange(0, len(walker.eyes), SIM_HZ / settings.fps).astype(int)
    eyes = np.array(walker.eyes)
    gazes = ndimage.gaussian_filter1d(np.array(walker.gazes), 2.0, axis=0, mode="nearest")
    yaw, pitch = gazes[index, 0], gazes[index, 1]
    ahead = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=1)
    eye = torch.from_numpy(eyes[index])
    poses = look_at(eye, eye + torch.from_numpy(ahead))
    rooms = tuple(world.plan.room_at(float(x), float(z)) for x, _, z in eyes[index])
    return Walk(times_s=start_s + index / SIM_HZ, world_from_camera=poses, rooms=rooms)
