from __future__ import annotations

import json

import pytest

from evals.bench import gate, run
from evals.bench.command import ratios
from evals.bench.timing import Timing, interleaved


def timing(ms):
    return Timing(min_ms=ms, median_ms=ms, repeats=3)


def test_variants_take_turns():
    order = []
    result = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=3, warm_up=1)
    assert order == ["a", "b"] * 4
    assert result["a"].repeats == 3
    assert 0 <= result["a"].min_ms <= result["a"].median_ms
    with pytest.raises(ValueError, match="at least 1"):
        interleaved({}, repeats=0)


def test_ratios_are_compiled_over_the_others():
    found = ratios({"integrate": {"eager": timing(20.0), "compiled": timing(5.0), "open3d": timing(10.0)}})
    assert found == {"integrate compiled/eager": 0.25, "integrate compiled/open3d": 0.5}
    assert ratios({"integrate": {"eager": timing(20.0)}}) == {}


def test_the_gate_names_what_got_worse_and_what_is_missing(tmp_path):
    path = tmp_path / "baseline.json"
    gate.write_baseline({"track a": 0.5, "track b": 0.2, "kernel/tiny": 0.1}, path, tolerance=0.1)
    baseline = gate.read_baseline(path)
    assert gate.violations({"track a": 0.54, "track b": 0.1}, baseline) == []
    lines = gate.violations({"track a": 0.6}, baseline)
    assert len(lines) == 2
    assert lines[0].startswith("track a: 0.6 is above 0.55")
    assert "not measured" in lines[1]
    assert gate.violations({"track a": float("nan"), "track b": 0.1}, baseline) != []


def test_a_peer_that_is_not_installed_is_not_judged(tmp_path):
    path = tmp_path / "baseline.json"
    gate.write_baseline({"track compiled/eager": 0.2, "track compiled/small_gicp": 0.2}, path)
    baseline = gate.read_baseline(path)
    assert gate.violations({"track compiled/eager": 0.2}, baseline, missing=["small_gicp"]) == []
    assert len(gate.violations({"track compiled/eager": 0.2}, baseline)) == 1


def test_a_missing_or_foreign_baseline_is_one_clear_line(tmp_path):
    with pytest.raises(ValueError, match="expected a benchmark baseline"):
        gate.read_baseline(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ValueError, match="expected a benchmark baseline"):
        gate.read_baseline(tmp_path / "list.json")


def test_the_last_line_is_the_report(monkeypatch, capsys):
    """Without a compiler and without the peer, so that it is quick; the pipelines themselves are real."""
    monkeypatch.setattr("evals.bench.command.compiler_available", lambda: False)
    monkeypatch.setattr("evals.bench.command.FRAMES", 1)
    assert run(["--skip-kernels", "--skip-registration", "--no-peer", "--repeats", "1", "--voxels", "0.08"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["timings_ms"]["integrate@80mm"]["eager"]["median_ms"] > 0
    assert report["ratios"] == {}


def test_the_committed_baseline_holds_the_gated_jobs_only():
    baseline = gate.read_baseline()
    assert baseline
    assert all(name.startswith(gate.GATED) and 0 < bound.value < 1 for name, bound in baseline.items())
