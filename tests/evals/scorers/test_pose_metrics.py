"""Pose errors and recall against the outputs of official scripts and against published estimates."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from evals.scorers.pose_metrics import camera_from_world_of, median, pose_errors, read_poses, recall, upper_median
from scenes.errors import InputError
from scenes.geometry import inverse


def cases(shared_data: Path, name: str, tags: set[str]) -> list[dict[str, Any]]:
    content = json.loads((shared_data / "golden_metrics" / f"{name}.json").read_text())
    return [case for case in content["cases"] if set(case["tags"]) <= tags]


@pytest.mark.realdata
def test_medians_and_shares_are_those_of_dsacstar(shared_data: Path) -> None:
    for case in cases(shared_data, "localization_dsacstar", {"normal", "tie"}):
        frames = case["input"]["frames"]
        true = {str(i): torch.tensor(f["ground_truth"], dtype=torch.float64) for i, f in enumerate(frames)}
        found = {str(i): torch.tensor(f["estimate"], dtype=torch.float64) for i, f in enumerate(frames)}
        metres, degrees = pose_errors(found, true)
        official = case["official_output"]
        assert 100 * upper_median(metres) == pytest.approx(official["median_t_cm"], rel=1e-4, abs=1e-4)
        assert upper_median(degrees) == pytest.approx(official["median_R_deg"], rel=1e-2, abs=0.03)
        if "tie" not in case["tags"]:
            share = recall(metres, degrees, within_m=0.05, within_deg=5.0)
            assert 100 * share == pytest.approx(official["pct_5cm5deg"])


@pytest.mark.realdata
def test_medians_and_recall_are_those_of_hloc(shared_data: Path) -> None:
    for case in cases(shared_data, "localization_hloc", {"normal", "real"}):
        if not isinstance(case["input"].get("ground_truth"), dict):
            continue
        true = {n: inverse(camera_from_world_of(v)) for n, v in case["input"]["ground_truth"].items()}
        found = {n: inverse(camera_from_world_of(v)) for n, v in case["input"]["estimates"].items()}
        official = case["official_output"]
        if "median_t_m" not in official or len(true) != official["n"]:
            continue
        metres, degrees = pose_errors(found, true)
        assert median(metres) == pytest.approx(official["median_t_m"], abs=1e-4)
        assert median(degrees) == pytest.approx(official["median_R_deg"], abs=0.07)
        at_5 = next(r["recall"] for r in official["recall"] if r["t_m"] == 0.05)
        assert recall(metres, degrees, within_m=0.05, within_deg=5.0) == pytest.approx(at_5, abs=0.01)


@pytest.mark.realdata
def test_published_estimates_of_the_kitchen_score_as_the_official_script_says(shared_data: Path) -> None:
    folder = shared_data / "redkitchen_poses"
    content = json.loads((shared_data / "golden_metrics" / "localization_visloc_pgt.json").read_text())
    checked = 0
    for case in content["cases"]:
        scene = case["input"]["scenes"][0] if case["kind"] == "full_by_reference" else {"name": ""}
        if scene["name"] != "redkitchen":
            continue
        source = "sfm" if "/sfm/" in scene["pgt"] else "dslam"
        true = read_poses(folder / f"pgt_{source}_test.txt")
        threshold = case["input"]["threshold"]
        for method in ("as", "hloc", "dsac_rgbd"):
            metres, degrees = pose_errors(read_poses(folder / f"estimates_{source}" / f"{method}.txt"), true)
            share = recall(metres, degrees, within_m=threshold / 100, within_deg=threshold)
            assert len(metres) == 5000
            assert share == pytest.approx(case["official_output"]["recall"][method][0], abs=3e-4)
            checked += 1
    assert checked >= 3


def test_a_missing_or_broken_estimate_is_an_infinite_error() -> None:
    eye = torch.eye(4, dtype=torch.float64)
    metres, degrees = pose_errors({"a": eye, "b": eye * math.nan}, {"a": eye, "b": eye, "c": eye})
    assert metres.tolist() == [0.0, math.inf, math.inf]
    assert recall(metres, degrees, within_m=0.05, within_deg=5.0) == pytest.approx(1 / 3)
    assert median(metres) == math.inf


def test_thresholds_are_strict_and_medians_are_named() -> None:
    metres = torch.tensor([0.05, 0.01, 0.02, 0.03], dtype=torch.float64)
    degrees = torch.zeros(4, dtype=torch.float64)
    assert recall(metres, degrees, within_m=0.05, within_deg=5.0) == 0.75
    assert (median(metres), upper_median(metres)) == (0.025, 0.03)


def test_a_line_that_is_no_pose_is_named(tmp_path: Path) -> None:
    file = tmp_path / "poses.txt"
    file.write_text("a.png 1 0 0 0 1 2 3\nb.png 1 0 0\n")
    with pytest.raises(InputError, match="line 2"):
        read_poses(file)
    with pytest.raises(InputError, match="got nothing"):
        read_poses(tmp_path / "none.txt")
    file.write_text("a.png 2 0 0 0 1 2 3 525.0\n")
    assert read_poses(file)["a.png"][:3, 3].tolist() == [-1.0, -2.0, -3.0]
