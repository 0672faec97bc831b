"""Which frames the depth suite measures."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import torch

from evals.bench.scene import RoomScene, pose
from evals.perception.depth import MIN_FRAMES_BEFORE, REFERENCE_POSES, _chosen, _ids, pose_sources, rows_of
from scenes.errors import InputError
from scenes.recordings import Recording
from scenes.types import Frame


@dataclass
class Named:
    frame_ids: tuple[int, ...]
    path: Path = Path("some")


EVERY_SECOND = cast(Recording, Named(tuple(range(0, 200, 2))))


def test_ids_choose_frames_and_the_first_ones_have_no_neighbours():
    assert list(_chosen(EVERY_SECOND, _ids("0:98"), 10)) == [20, 30, 40]
    assert list(_chosen(EVERY_SECOND, _ids("100:198"), 25)) == [50, 75]
    assert _chosen(EVERY_SECOND, None, 25).start == MIN_FRAMES_BEFORE


@pytest.mark.parametrize("text", ["500:600", "0:10"])
def test_ids_without_a_frame_to_measure_are_bad_input(text):
    with pytest.raises(InputError, match="expected --ids"):
        _chosen(EVERY_SECOND, _ids(text), 1)


def test_ids_that_are_no_span_are_bad_usage():
    with pytest.raises(argparse.ArgumentTypeError, match="FIRST:LAST"):
        _ids("12")


class Kitchen(Named):
    def __getitem__(self, index: int) -> Frame:
        return RoomScene().frame(pose((0.5, 1.2, 1.0), (0.0, 0.9, -0.5)), id=self.frame_ids[index])


def test_reference_poses_beside_a_recording_are_a_second_source(tmp_path):
    kitchen = cast(Recording, Kitchen((0, 2), path=tmp_path / "redkitchen"))
    assert set(pose_sources(kitchen)) == {"own poses"}
    file = tmp_path / REFERENCE_POSES["redkitchen"]
    file.parent.mkdir()
    lines = [f"seq-01/frame-00000{n}.color.png 1 0 0 0 0.5 0 {n} 525" for n in (0, 2)]
    file.write_text("\n".join(lines))
    sources = pose_sources(kitchen)
    corrected = sources["SfM poses"](1)
    assert corrected.id == 2
    assert corrected.world_from_camera is not None
    assert torch.allclose(corrected.world_from_camera[:3, 3], torch.tensor([-0.5, 0.0, -2.0], dtype=torch.float64))
    assert sources["own poses"](1).world_from_camera is not corrected.world_from_camera
    file.write_text(lines[0])
    with pytest.raises(InputError, match="every frame of redkitchen"):
        pose_sources(kitchen)


def test_a_frame_without_any_depth_counts_against_coverage_and_not_as_an_error_of_zero():
    nothing = {"abs_rel": float("nan"), "coverage": 0.0, "ms": 3.0}
    error, coverage, both, _ = rows_of([nothing, {"abs_rel": 0.08, "coverage": 0.6, "ms": 1.0}], "some")
    assert (error.value, error.count) == (0.08, 1)
    assert coverage.value == pytest.approx(0.3)
    assert both.value == 0.5
