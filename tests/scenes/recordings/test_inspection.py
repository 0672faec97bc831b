"""Inspection finds what is wrong with a recording, and nothing where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.cli import main
from scenes.recordings import inspect, open_recording
from tests.scenes.recordings.files import write_depth, write_hololens


def walk_to_a_wall(folder: Path, scale: float = 1.0, wrong_step: float = 1.0) -> None:
    """Four frames, each 1 m further towards a wall at z = -6; ``scale`` multiplies depth."""
    write_hololens(folder, count=4)
    for i in range(4):
        write_depth(folder / "depth" / f"{i + 3:05d}.png", np.full((6, 8), (6 - i * wrong_step) * 1000 * scale))
    rows = np.loadtxt(folder / "poses.txt")
    np.savetxt(folder / "poses.txt", rows)


def test_a_sound_recording_has_exact_depth_agreement(tmp_path: Path) -> None:
    walk_to_a_wall(tmp_path)
    report = inspect(open_recording(tmp_path), steps=(1, 2))
    assert [a.median_error_m for a in report.agreement] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert all(a.agreeing_share == 1.0 for a in report.agreement)
    assert report.path_length_m == pytest.approx(3.0)
    assert report.depth_valid_share == 1.0
    # The fixture walks 1 m in a thirtieth of a second.
    assert len(report.problems) == 1
    assert "faster" in report.problems[0]


def test_depth_that_contradicts_the_poses_is_a_problem(tmp_path: Path) -> None:
    walk_to_a_wall(tmp_path, wrong_step=0.5)
    report = inspect(open_recording(tmp_path), steps=(1,))
    assert report.agreement[0].median_error_m == pytest.approx(0.5)
    assert any("0% of depths agree" in problem for problem in report.problems)


def test_depth_in_a_wrong_unit_is_a_problem(tmp_path: Path) -> None:
    walk_to_a_wall(tmp_path, scale=0.01)
    assert any("depth unit" in problem for problem in inspect(open_recording(tmp_path)).problems)


def test_a_report_is_lines_and_json(tmp_path: Path) -> None:
    walk_to_a_wall(tmp_path)
    report = inspect(open_recording(tmp_path))
    assert json.loads(json.dumps(report.to_dict()))["frames"] == 4
    assert any(line.startswith("PROBLEM") for line in report.lines())
    assert "hololens, 4 frames (3 to 6)" in report.lines()[0]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "step", "stated_mm"),
    # What the data's own README states; the kitchen holds every second frame, so its i+5 lies between 2 and 3 here.
    [("redkitchen", 2, 5.2), ("redkitchen", 3, 5.2), ("hololens", 1, 4.5)],
)
def test_real_depth_agrees_as_stated(shared_data: Path, name: str, step: int, stated_mm: float) -> None:
    report = inspect(open_recording(shared_data / name), steps=(step,))
    assert report.agreement[0].median_error_m * 1000 == pytest.approx(stated_mm, abs=1.0)
    assert report.agreement[0].agreeing_share > 0.95
    assert report.problems == ()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "step", "stated_mm"),
    # The kitchen holds every second frame: two steps are four of the camera's. For the glasses nothing is stated.
    [("redkitchen", 2, 5.2), ("hololens", 1, 4.5), ("aria", 1, None)],
)
def test_the_command_opens_each_real_folder_and_reports_its_depth_agreement(
    shared_data: Path, name: str, step: int, stated_mm: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(shared_data / name), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    (agreement,) = [a for a in report["agreement"] if a["step"] == step]
    median_mm = 1000 * agreement["median_error_m"]
    assert median_mm == pytest.approx(stated_mm, abs=1.0) if stated_mm else median_mm < 5.0
    assert agreement["agreeing_share"] > 0.95
