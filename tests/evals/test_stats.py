"""Statistics against the outputs of the official packages, and against what must hold of any test."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals.scorers.reliability import pass_hat_k, reliability, succeeded
from evals.stats import (
    bootstrap_means,
    clustered_stderr,
    detectable,
    holm,
    interval,
    items_needed,
    mcnemar,
    paired_difference,
    sign_flip_p,
    stderr,
)


def unwrapped(value: Any) -> Any:
    """Non-finite numbers of the golden files as floats."""
    if isinstance(value, dict):
        return float(value["$float"]) if set(value) == {"$float"} else {k: unwrapped(v) for k, v in value.items()}
    return [unwrapped(v) for v in value] if isinstance(value, list) else value


def golden(shared_data: Path, name: str) -> list[dict[str, Any]]:
    """The cases of one golden file."""
    return unwrapped(json.loads((shared_data / "golden_metrics" / f"{name}.json").read_text()))["cases"]


def same(given: float, expected: float) -> bool:
    """Equal to 1e-9, NaN to NaN."""
    return (math.isnan(given) and math.isnan(expected)) or math.isclose(given, expected, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.realdata
def test_clustered_errors_and_intervals_equal_the_official_ones(shared_data: Path):
    seen = 0
    for case in golden(shared_data, "clustered_stderr"):
        values, clusters, out = case["input"]["values"], case["input"].get("clusters"), case["official_output"]
        if out.get("raises"):
            with pytest.raises(ValueError, match="cluster"):
                clustered_stderr(values, clusters)
            seen += 1
            continue
        assert same(stderr(values), out["stderr"]), case["id"]
        if "stderr_clustered" in out:
            assert same(clustered_stderr(values, clusters), out["stderr_clustered"]), case["id"]
            found = interval(values, clusters)
            if found is not None and not math.isnan(out["stderr_clustered"]):
                assert same(found.low, out["ci_t_clustered"]["lower"]), case["id"]
                assert same(found.high, out["ci_t_clustered"]["upper"]), case["id"]
        seen += 1
    assert seen == 17


@pytest.mark.realdata
def test_mcnemar_equals_the_official_one_where_systems_differ(shared_data: Path):
    cases = [c for c in golden(shared_data, "paired_tests") if c["kind"] == "mcnemar"]
    assert len(cases) >= 10
    for case in cases:
        out, found = case["official_output"], mcnemar(case["input"]["a"], case["input"]["b"])
        assert [found.only_a, found.only_b] == [out["table"][0][1], out["table"][1][0]]
        assert same(found.exact, out["exact"]["pvalue"]), case["id"]
        if found.only_a + found.only_b:
            assert same(found.mid_p, out["mid_p"]), case["id"]
            assert same(found.corrected, out["chi2_corrected"]["pvalue"]), case["id"]
        else:  # the listed bug: the official correction calls two equal systems different
            assert (found.mid_p, found.corrected, out["chi2_corrected"]["pvalue"]) == (1.0, 1.0, 0.0)


@pytest.mark.realdata
def test_paired_bootstrap_equals_the_exact_one_for_few_and_the_official_one_for_many(shared_data: Path):
    exact = monte_carlo = 0
    for case in golden(shared_data, "paired_tests"):
        if not case["kind"].startswith("bootstrap") or "raises" in case["official_output"] or "nan" in case["tags"]:
            continue
        a, b, out = case["input"]["a"], case["input"]["b"], case["official_output"]
        found = paired_difference(a, b, list(range(len(a))), resamples=200_000)
        assert same(found.mean, out["mean_difference"])
        if case["kind"] == "bootstrap_exact":
            if len(a) <= 6:
                exact += 1
                assert same(found.low, out["q025"]), case["id"]
                assert same(found.high, out["q975"]), case["id"]
                d = np.subtract(a, b, dtype=np.float64)
                means = bootstrap_means(d, list(range(len(a))), 1, np.random.default_rng(0))
                assert same(float((means <= 1e-12).mean()), out["p_le_0"]), case["id"]
                assert math.isclose(float(means.std()), out["std"], abs_tol=1e-9), case["id"]
        else:
            monte_carlo += 1
            assert abs(found.low - out["low"]) <= out["mc_tolerance"], case["id"]
            assert abs(found.high - out["high"]) <= out["mc_tolerance"], case["id"]
    assert exact >= 3
    assert monte_carlo >= 3


@pytest.mark.realdata
def test_sign_flips_equal_the_official_permutation_test(shared_data: Path):
    cases = [c for c in golden(shared_data, "paired_tests") if c["kind"] == "permutation"]
    assert len(cases) >= 5
    for case in cases:
        d = np.subtract(case["input"]["a"], case["input"]["b"], dtype=np.float64)
        assert same(sign_flip_p(d.tolist()), case["official_output"]["p_two_sided"]), case["id"]


@pytest.mark.realdata
def test_pass_hat_k_equals_the_official_one(shared_data: Path):
    cases = golden(shared_data, "pass_hat_k")
    for case in cases:
        given, out = case["input"], case["official_output"]
        if case["kind"] == "pass_hat_k":
            if isinstance(out, dict):
                with pytest.raises((ValueError, TypeError)):
                    pass_hat_k(given["num_trials"], given["success_count"], given["k"])
            else:
                assert same(pass_hat_k(given["num_trials"], given["success_count"], given["k"]), out), case["id"]
        elif case["kind"] == "is_successful":
            assert succeeded(given["reward"]) is out, case["id"]
        elif case["kind"] == "tasks":
            rewards: dict[str, list[float]] = {}
            for s in given["simulations"]:
                rewards.setdefault(s["task_id"], []).extend([] if s["infra_error"] else [s["reward"]])
            found = reliability(rewards)
            assert len(found.mean) == out["max_k"]
            assert all(same(v, out["mean"][f"pass^{k}"]) for k, v in enumerate(found.mean, start=1)), case["id"]
    assert len(cases) == 46


def test_singleton_clusters_give_the_plain_standard_error():
    values = [0.1, 0.5, 0.9, 0.2]
    assert same(clustered_stderr(values, [1, 2, 3, 4]), stderr(values))


def test_two_equal_systems_are_called_different_at_most_five_times_in_a_hundred():
    """A thousand comparisons of two equal systems whose errors come by scenes."""
    rng, wrong = np.random.default_rng(7), 0
    clusters = [scene for scene in range(20) for _ in range(15)]
    for _ in range(1000):
        hardness = rng.uniform(0.2, 0.8, size=20)[np.array(clusters)]
        a, b = (rng.uniform(size=300) < hardness for _ in range(2))
        found = paired_difference(a.astype(float).tolist(), b.astype(float).tolist(), clusters, resamples=200, rng=rng)
        wrong += found.p < 0.05 and not found.low <= 0 <= found.high
    assert wrong <= 50


def test_a_real_difference_is_found():
    rng = np.random.default_rng(1)
    clusters = [scene for scene in range(20) for _ in range(20)]
    a, b = rng.uniform(size=400) < 0.7, rng.uniform(size=400) < 0.5
    found = paired_difference(a.astype(float).tolist(), b.astype(float).tolist(), clusters)
    assert found.p < 0.01
    assert found.low > 0


def test_one_scene_is_never_decisive():
    assert paired_difference([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], ["w1"] * 3).p == 1.0


def test_holm_is_between_the_single_p_and_bonferroni_and_keeps_the_order():
    p = [0.01, 0.04, 0.03, 0.5]
    adjusted = holm(p)
    assert adjusted == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert all(x <= y <= min(1, 4 * x) for x, y in zip(p, adjusted, strict=True))


def test_power_and_items_needed_agree():
    assert detectable(0.02) == pytest.approx(0.02 * (1.959964 + 0.841621), rel=1e-5)
    assert items_needed(detectable(0.02), 0.02, 300) == 300
    assert items_needed(detectable(0.02) / 2, 0.02, 300) == 1200
    assert items_needed(0.0, 0.02, 300) is None
