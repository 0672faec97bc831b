"""What a headset records on a walk through a world, frame by frame, with the exact view beside each frame.

Every frame has its own random choices, so that frames can be made in any order and by several processes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from scenes.rendering.render import HEAD_CAMERA, RenderedFrame, Renderer
from scenes.types import Camera, Frame
from scenes.worlds.capture.sensors import Sensor, exposure_gains, record
from scenes.worlds.dynamics.timeline import Timeline
from scenes.worlds.dynamics.walk import Walk
from scenes.worlds.world import World

KEPT_RENDERERS = 2
"""One of the world now, and one of the world before a change, which a delayed depth camera may still show."""


class Recorder:
    """Makes the frames of one visit. Same arguments, same frames, whatever their order.

    Args:
        timeline: the world, and how it changes.
        walk: where the wearer goes.
        sensor: the headset.
        camera: colour camera, and depth camera where the sensor has none of its own.
        visit: its number, for the noise.
        threads: of the ray caster; 0 takes all cores.
    """

    def __init__(
        self,
        timeline: Timeline,
        walk: Walk,
        sensor: Sensor,
        camera: Camera = HEAD_CAMERA,
        *,
        visit: int = 0,
        threads: int = 0,
    ) -> None:
        self.walk = walk
        self._sensor, self._camera = sensor, camera
        self._seed = (8, timeline.moments[0][1].seed, visit)
        self._gains = exposure_gains(len(walk), sensor.color, sensor.fps, np.random.default_rng(self._seed))
        self._renderers = _RendererCache(timeline, threads)

    def frame(self, index: int) -> tuple[Frame, RenderedFrame]:
        """(as recorded, exact) frame at a position of the walk; its id is the position."""
        walk, time_s = self.walk, float(self.walk.times_s[index])
        renderer = self._renderers.renderer(time_s)
        colour = renderer.render(self._camera, walk.world_from_camera[index], id=index, time_s=time_s)
        recorded = record(
            colour,
            self._depth_view(colour, index),
            self._sensor,
            gain=float(self._gains[index]),
            turn_px_s=_turn_px_s(walk, index, self._camera),
            rng=np.random.default_rng((*self._seed, index)),
        )
        return recorded, colour

    def _depth_view(self, colour: RenderedFrame, index: int) -> RenderedFrame | None:
        """What the depth camera saw for this colour frame: late, from its own place, or nothing new."""
        depth = self._sensor.depth
        taken = index - (depth.delay if depth else 0)
        if depth is None or taken < 0 or taken % depth.every:
            return None
        if depth.camera is None and depth.delay == 0 and not any(depth.camera_from_depth):
            return colour
        offset = torch.eye(4, dtype=torch.float64)
        offset[:3, 3] = torch.tensor(depth.camera_from_depth, dtype=torch.float64)
        time_s = float(self.walk.times_s[taken])
        pose = self.walk.world_from_camera[taken] @ offset
        camera = depth.camera or colour.frame.camera
        return self._renderers.renderer(time_s).render(camera, pose, id=index, time_s=time_s)


def iter_recorded(
    timeline: Timeline, walk: Walk, sensor: Sensor, camera: Camera = HEAD_CAMERA, *, visit: int = 0
) -> Iterator[tuple[Frame, RenderedFrame]]:
    """(as recorded, exact) frames of a visit, in order. Same arguments, same noise."""
    recorder = Recorder(timeline, walk, sensor, camera, visit=visit)
    for index in range(len(walk)):
        yield recorder.frame(index)


def iter_visit(world: World, walk: Walk, camera: Camera = HEAD_CAMERA) -> Iterator[RenderedFrame]:
    """Frames of a walk through an unchanging world, with exact ground truth; ids count from 0."""
    return iter_timeline(Timeline.unchanging(world), walk, camera)


def iter_timeline(timeline: Timeline, walk: Walk, camera: Camera = HEAD_CAMERA) -> Iterator[RenderedFrame]:
    """Frames of a walk through a world that may change on the way."""
    stage = _RendererCache(timeline)
    for index, time_s in enumerate(walk.times_s):
        renderer = stage.renderer(float(time_s))
        yield renderer.render(camera, walk.world_from_camera[index], id=index, time_s=float(time_s))


class _RendererCache:
    """The renderer of what holds at a time; builds one only when the world has changed."""

    def __init__(self, timeline: Timeline, threads: int = 0) -> None:
        self._timeline, self._threads = timeline, threads
        self._built: dict[int, Renderer] = {}

    def renderer(self, time_s: float) -> Renderer:
        world = self._timeline.at(time_s)
        if id(world) not in self._built:
            if len(self._built) == KEPT_RENDERERS:
                del self._built[next(iter(self._built))]
            self._built[id(world)] = world.renderer(self._threads)
        return self._built[id(world)]


def _turn_px_s(walk: Walk, index: int, camera: Camera) -> tuple[float, float]:
    """Image motion in the middle of the frame from the head's rotation, pixels per second."""
    a, b = max(index - 1, 0), min(index + 1, len(walk) - 1)
    if a == b:
        return 0.0, 0.0
    seconds = float(walk.times_s[b] - walk.times_s[a])
    ahead = walk.world_from_camera[a, :3, :3].T @ walk.world_from_camera[b, :3, 2]
    x, y, z = (float(v) for v in ahead)
    return -camera.fx * math.atan2(x, z) / seconds, -camera.fy * math.atan2(y, z) / seconds
