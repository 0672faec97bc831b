"""Second visits that entered from another place: a generated world after things have moved, and a real kitchen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from torch import Tensor

from agent.maps.relocalisation import RecordingAlignment, align_recording
from evals.perception.localisation import build_map
from scenes.geometry import inverse, pose_error
from scenes.recordings import open_recording
from scenes.recordings.reading.base import Gravity
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import Frame
from scenes.worlds.capture.recorded import iter_visit
from scenes.worlds.dynamics.timeline import between_visits
from scenes.worlds.dynamics.walk import Walk, make_walk
from scenes.worlds.world import make_world
from tests.agent.maps.test_relocalisation import entered_at
from tools.localisation.features import PooledGradients
from tools.localisation.localiser import Localiser


@dataclass(kw_only=True)
class Moved:
    """Frames in a world of their own: a ``Recording`` without files."""

    frames: Sequence[Callable[[], Frame]]
    own_from_map: Tensor
    path: Path = Path("moved")
    format: str = "test"
    gravity: Gravity = field(default_factory=lambda: Gravity(source="format", confidence=1.0))
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Frame:
        frame = self.frames[index]()
        assert frame.world_from_camera is not None
        return frame.with_pose(self.own_from_map @ frame.world_from_camera)

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    @property
    def frame_ids(self) -> tuple[int, ...]:
        return tuple(range(len(self.frames)))


def error_of(found: RecordingAlignment, own_from_map: Tensor, world_from_camera: Tensor) -> tuple[float, float]:
    """Metres and degrees by which a placement puts a camera of the map's frame beside itself."""
    moved = found.map_from_world @ own_from_map @ world_from_camera
    distance, angle = pose_error(moved, world_from_camera)
    return float(distance), math.degrees(float(angle))


def every(walk: Walk, step: int, stop: int | None = None) -> Walk:
    """A walk of every n-th moment."""
    chosen = slice(0, stop, step)
    return replace(walk, world_from_camera=walk.world_from_camera[chosen], times_s=walk.times_s[chosen])


@pytest.mark.slow
def test_a_generated_world_is_recognised_after_things_have_moved() -> None:
    world, camera = make_world(11, rooms=3), HEAD_CAMERA.resized(320, 240)
    changed, _ = between_visits(world, 1, time_s=3 * 3600.0)
    first, second = make_walk(world), make_walk(changed, visit=1, start_s=3 * 3600.0)
    mapped = list(iter_visit(world, every(first, 6), camera))
    surface, index = build_map([r.frame for r in mapped], PooledGradients(keypoints=800), compile=False)
    seen = [r.frame for r in iter_visit(changed, every(second, 10, 60), camera)]
    own_from_map = entered_at(4.0, 2.0, -75.0)
    visit = Moved(frames=[lambda f=f: f for f in seen], own_from_map=own_from_map)
    found = align_recording(Localiser(surface, index), visit, len(visit) - 1)
    assert isinstance(found, RecordingAlignment)
    metres, degrees = error_of(found, own_from_map, second.world_from_camera[50])
    assert metres < 0.05
    assert degrees < 1.0


@pytest.mark.slow
@pytest.mark.realdata
def test_the_other_half_of_a_real_recording_is_moved_into_the_map_s_frame(shared_data: Path) -> None:
    kitchen = open_recording(shared_data / "redkitchen")
    surface, index = build_map([kitchen[i] for i in range(92, 125, 4)], PooledGradients(), compile=False)
    own_from_map = entered_at(-2.0, 5.0, 40.0)
    half = Moved(frames=[lambda i=i: kitchen[i] for i in range(126, 156, 6)], own_from_map=own_from_map)
    found = align_recording(Localiser(surface, index), half, len(half) - 1)
    assert isinstance(found, RecordingAlignment)
    pose = kitchen[150].world_from_camera
    assert pose is not None
    metres, degrees = error_of(found, own_from_map, pose)
    # The reference poses of this recording drift by about this much against themselves.
    assert metres < 0.10
    assert degrees < 3.0
    other = open_recording(shared_data / "hololens")
    lost = Moved(frames=[lambda i=i: other[i] for i in (0, 40)], own_from_map=inverse(own_from_map))
    assert not isinstance(align_recording(Localiser(surface, index), lost, 1), RecordingAlignment)
