"""The strict variants of geometry, tool-call and statistics metrics on scenes with a known answer."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from evals.scorers.official import calibration, statistics
from evals.scorers.official.calls import bfcl_check, bfcl_decode, pass_hat_k
from evals.scorers.official.geometry import (
    depth,
    multi3drefer,
    pose_auc,
    reconstruction,
    relative_pose,
    scanrefer,
    scene_graph_topk,
    trajectory,
)


def test_an_exact_half_counts_in_the_strict_accuracy() -> None:
    assert scanrefer.accuracy_strict({"a": 0.5 - 1e-12, "b": 0.4}, ["a", "b", "c", "d"], 0.5) == 0.25
    assert scanrefer.accuracy_strict({}, [], 0.5) is None


def test_strict_matching_takes_the_most_hits() -> None:
    # The largest sum of overlaps pairs (0, 1), one hit; the other pairing has two.
    iou = np.array([[0.55, 0.99], [0.30, 0.51]])
    assert multi3drefer.query_f1_strict(iou, 0.5) == 1.0
    assert multi3drefer.query_f1_strict(np.zeros((0, 0)), 0.5) == 1.0
    assert multi3drefer.query_f1_strict(np.zeros((0, 2)), 0.5) == 0.0


def circle(n: int, radius: float = 1.0) -> trajectory.Trajectory:
    angles = np.linspace(0, 2 * math.pi, n, endpoint=False)
    rows = [
        [k, radius * math.cos(a), radius * math.sin(a), 0.1 * k, 0, 0, math.sin(a / 2), math.cos(a / 2)]
        for k, a in enumerate(angles)
    ]
    return trajectory.trajectory_of(rows)


def test_alignment_undoes_a_similarity() -> None:
    reference = circle(12)
    moved = trajectory.trajectory_of([[0, 5, -2, 1, 0, 0.6, 0, 0.8]]).poses[0]
    poses = moved @ reference.poses
    poses[:, :3, 3] *= 3
    estimate = trajectory.Trajectory(stamps_s=reference.stamps_s, poses=poses)
    found, how = trajectory.aligned(estimate, reference, rotate=True, scale=True)
    assert how.scale == pytest.approx(1 / 3)
    assert trajectory.absolute_errors(reference, found, "trans").max() < 1e-9
    assert trajectory.absolute_errors(reference, found, "angle_deg").max() < 1e-6


def test_strict_association_is_one_to_one() -> None:
    assert trajectory.matching_indices_compatible([0.0, 0.004], [0.001], 0.01) == ([0, 1], [0, 0])
    assert trajectory.matching_indices_strict([0.0, 0.004], [0.001], 0.01) == ([0], [0])


def test_a_constant_drift_has_that_relative_error() -> None:
    reference = circle(10)
    drift = reference.poses.copy()
    drift[:, 2, 3] += 0.01 * np.arange(10)
    estimate = trajectory.Trajectory(stamps_s=reference.stamps_s, poses=drift)
    pairs = relative_pose.pairs_strict(reference.poses, 1, "f")
    errors = relative_pose.relative_errors(reference, estimate, "trans", pairs)
    assert errors == pytest.approx(np.full(9, 0.01))


def test_strict_depth_refuses_what_is_no_depth_and_takes_images() -> None:
    true = np.array([[1.0, 2.0], [0.0, math.nan]])
    found = depth.depth_errors_strict(1.1 * np.nan_to_num(true), true)
    assert found is not None
    assert found["abs_rel"] == pytest.approx(0.1)
    assert found["d1"] == 1.0
    assert found["silog"] == pytest.approx(0.0, abs=1e-5)
    with pytest.raises(ValueError, match="expected positive depths"):
        depth.depth_errors_strict(-true, true)
    assert depth.depth_errors_strict(true, np.zeros_like(true)) is None


def test_a_distance_of_the_threshold_is_inside_in_the_strict_variant() -> None:
    a, b = [[0.0, 0, 0]], [[0.05, 0, 0]]
    assert reconstruction.reconstruction_compatible(a, b)["fscore"] == 0.0
    assert reconstruction.reconstruction_strict(a, b)["fscore"] == 1.0
    with pytest.raises(ValueError, match="finite"):
        reconstruction.reconstruction_strict([[math.nan, 0, 0]], b)


def test_strict_auc_is_the_exact_area() -> None:
    assert pose_auc.auc_strict([0.0, 2.5], [0.0, 5.0], 5) == pytest.approx(0.5)
    assert pose_auc.auc_strict([math.nan], [0.0], 5) == 0.0
    assert pose_auc.auc_strict([], [], 5) is None


def test_strict_triplet_recall_ranks_over_the_scene() -> None:
    truth = [(0, 1, 5, 2, 6), (1, 0, 6, 3, 5)]
    scored = [(0.9, 0, 1, 5, 2, 6), (0.8, 0, 1, 5, 1, 6), (0.7, 1, 0, 6, 3, 5)]
    assert scene_graph_topk.triplet_recall_strict(truth, scored, 2) == 0.5
    assert scene_graph_topk.triplet_recall_strict(truth, scored, 3) == 1.0


FUNCTIONS = [{"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}]


def test_greedy_matching_loses_what_the_best_assignment_finds() -> None:
    answers = [{"f": {"a": [1, 2]}}, {"f": {"a": [1]}}]
    calls = [{"f": {"a": 1}}, {"f": {"a": 2}}]
    assert not bfcl_check.check_calls_compatible(FUNCTIONS, calls, answers, "parallel").valid
    assert bfcl_check.calls_right_strict(FUNCTIONS, calls, answers)


def test_strict_calls_know_true_from_one_and_points_from_nothing() -> None:
    assert not bfcl_check.calls_right_strict(FUNCTIONS, [{"f": {"a": True}}], [{"f": {"a": [1]}}])
    assert not bfcl_check.calls_right_strict(FUNCTIONS, [{"f": {"a": "1.5"}}], [{"f": {"a": ["15"]}}])
    assert not bfcl_check.calls_right_strict(FUNCTIONS, [{"f": {}}], [{"f": {"a": [1]}}])
    assert bfcl_check.calls_right_strict(FUNCTIONS, [{"f": {}}], [{"f": {"a": [1, ""]}}])
    assert bfcl_check.calls_right_strict(FUNCTIONS, [], [])


def test_strict_decoding_refuses_positional_arguments_and_reads_fences() -> None:
    assert bfcl_decode.decode_strict("f(1, 2)") is None
    assert bfcl_decode.decode_strict("```python\n[f(a=+5)]\n```") == [{"f": {"a": 5}}]
    assert bfcl_decode.decode_strict('{"name": "f", "arguments": {"a": 1}}') == [{"f": {"a": 1}}]
    assert bfcl_decode.decode_strict("I cannot call a function.") is None


def test_no_text_can_run_code_or_forever() -> None:
    with pytest.raises(NameError):
        bfcl_decode.decode_python_compatible("f(a=__import__('os').getcwd()+'x')")
    with pytest.raises(OverflowError):
        bfcl_decode.decode_python_compatible("f(a=9**999999)")


def test_a_broken_trial_fails_and_the_task_stays() -> None:
    assert pass_hat_k.tasks_strict({"a": [True, None], "b": [True, True]}, 2) == 0.5
    assert pass_hat_k.tasks_strict({"a": [True]}, 2) is None
    with pytest.raises(ValueError, match="expected 1 <= k"):
        pass_hat_k.pass_hat_k_strict(2, 3, 1)


def test_confidence_that_is_the_hit_rate_is_calibrated() -> None:
    found = calibration.calibration([0.25] * 4, [1, 0, 0, 0])
    assert found is not None
    assert found.ece_equal_width == pytest.approx(0.0)
    assert found.aurc_tie_expected == pytest.approx(0.75)
    assert calibration.calibration([], []) is None


def test_exact_bootstrap_and_sign_flip_of_two_items() -> None:
    found = statistics.bootstrap_exact([Fraction(1), Fraction(0)])
    assert (found.mean, found.low, found.high, found.p_at_most_0) == (0.5, 0.0, 1.0, 0.25)
    assert statistics.sign_flip_exact([Fraction(1), Fraction(1)]) == 0.5
