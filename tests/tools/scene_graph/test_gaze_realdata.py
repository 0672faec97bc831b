"""Teaching by looking on a real head-worn recording: a rucksack on a sofa, which no detector weights know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scenes.recordings import open_recording
from tools.geometry.upright_boxes import contains
from tools.scene_graph.builder import SceneGraphBuilder

pytestmark = pytest.mark.realdata

TAUGHT_AT, TAUGHT_UV = 200, (361.0, 50.0)
"""Index of the frame and colour pixel where a person sees the rucksack."""
LATER = ((204, None), (208, None), (220, None), (225, (356.0, 270.0)), (228, None))


def test_a_look_at_the_bag_gives_one_thing_that_later_frames_keep(shared_data: Path) -> None:
    recording = open_recording(shared_data / "hololens")
    builder = SceneGraphBuilder("office")
    for index in range(190, TAUGHT_AT + 1, 5):
        builder.observe(recording[index])
    frame = recording[TAUGHT_AT]
    bag = builder.object_at(frame, TAUGHT_UV)
    assert isinstance(bag, str)
    builder.teach(bag, "my bag")
    first = builder.snapshot().objects[bag]
    gaze = builder.segmenter.segment_at(frame, TAUGHT_UV)
    assert hasattr(gaze, "point")
    assert contains(first.box, gaze.point[None], margin_m=0.02).all()  # type: ignore[union-attr]
    assert max(first.box.size) < 0.9
    for index, uv in LATER:
        builder.observe(recording[index])
        if uv is not None:
            assert builder.object_at(recording[index], uv) == bag
    after = builder.snapshot().objects[bag]
    assert after.label == "my bag"
    assert after.last_seen_s == recording[LATER[-1][0]].time_s or after.last_seen_s > frame.time_s
    assert np.linalg.norm(np.subtract(after.box.center, first.box.center)) < 0.25
    assert max(after.box.size) < 0.9
