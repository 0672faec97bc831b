"""The metrics of the mapping, depth and tracking suites against outputs of the public evaluations."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from evals.perception.depth import depth_metrics
from evals.perception.mapping import reconstruction
from evals.perception.tracking import associate, ate, umeyama


def golden(shared_data: Path, name: str):
    return json.loads((shared_data / "golden_metrics" / f"{name}.json").read_text())


def number(value):
    return float(value["$float"]) if isinstance(value, dict) else value


def test_an_alignment_undoes_a_rigid_motion():
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    target = rng.normal(size=(20, 3))
    source = (target - [1.0, 2.0, 3.0]) @ rotation
    assert ate(source, target)[0] < 1e-12
    assert ate(source, target, align=False)[0] > 1
    found, _ = umeyama(source, target)
    np.testing.assert_allclose(found, rotation, atol=1e-12)
    with pytest.raises(ValueError, match="line"):
        umeyama(np.zeros((5, 3)), np.zeros((5, 3)))


@pytest.mark.realdata
def test_trajectory_errors_agree_with_the_public_evaluation(shared_data):
    data = golden(shared_data, "evo_ape")
    shared, checked = data["header"]["shared_inputs"], 0
    for case in data["cases"]:
        given, expected = case["input"], case["official_output"]
        plain = case["kind"] == "ape" and given["relation"] == "trans" and "real" in case["tags"]
        if not plain or given.get("correct_scale") or given.get("n_to_align"):
            continue
        reference, estimate = (np.array(shared[given[k]], dtype=np.float64) for k in ("reference", "estimate"))
        gap, offset = given.get("max_diff", 0.01), given.get("offset", 0.0)
        # The shorter trajectory chooses its partners in the longer one.
        if len(estimate) <= len(reference):
            pairs = associate((estimate[:, 0] + offset).tolist(), reference[:, 0].tolist(), max_gap_s=gap)
            of_estimate, of_reference = zip(*pairs, strict=True)
        else:
            pairs = associate(reference[:, 0].tolist(), estimate[:, 0].tolist(), max_gap_s=gap, offset_s=offset)
            of_reference, of_estimate = zip(*pairs, strict=True)
        assert len(pairs) == expected["pairs"], case["id"]
        rmse, _ = ate(
            estimate[list(of_estimate), 1:4], reference[list(of_reference), 1:4], align=given.get("align", False)
        )
        assert rmse == pytest.approx(expected["stats"]["rmse"], rel=1e-9), case["id"]
        checked += 1
    assert checked >= 10


@pytest.mark.realdata
def test_reconstruction_scores_agree_with_the_public_evaluation(shared_data):
    checked = 0
    for case in golden(shared_data, "reconstruction")["cases"]:
        given, expected = case["input"], case["official_output"]
        if given.get("down_sample"):
            continue
        points = [
            np.array([[number(x) for x in p] for p in given[k]], dtype=np.float64).reshape(-1, 3)
            for k in ("pred", "target")
        ]
        if "raises" in expected:
            with pytest.raises(ValueError, match="finite"):
                reconstruction(*points, threshold_m=given["threshold"])
        else:
            found = reconstruction(*points, threshold_m=given["threshold"])
            for name, value in expected.items():
                assert found[name] == pytest.approx(number(value), rel=1e-9), (case["id"], name)
        checked += 1
    assert checked >= 10


@pytest.mark.realdata
def test_depth_metrics_agree_with_the_public_evaluation(shared_data):
    checked = 0
    for case in golden(shared_data, "depth_metrics")["cases"]:
        if case["kind"] != "eval_depth" or "normal" not in case["tags"]:
            continue
        dtype = getattr(torch, case["input"]["dtype"])
        found = depth_metrics(*(torch.tensor(case["input"][k], dtype=dtype) for k in ("pred", "target")))
        for name, value in case["official_output"].items():
            assert found[name] == pytest.approx(number(value), rel=1e-5, abs=1e-7), (case["id"], name)
        checked += 1
    assert checked >= 5


def test_depth_metrics_of_equal_depths_are_perfect():
    found = depth_metrics(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))
    assert (found["abs_rel"], found["d1"]) == (0.0, 1.0)
    assert not any(math.isnan(value) for value in found.values())
