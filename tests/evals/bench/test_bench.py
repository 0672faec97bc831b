from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evals.bench import gate, run
from evals.bench.command import ratios
from evals.bench.machine import Machine
from evals.bench.timing import Timing, interleaved, ratio

MACHINE = Machine(cpu="some", isa="AVX2", threads=2, versions={"torch": "1"})


def timing(*ms):
    return Timing(times_ms=ms)


def written(path, runs):
    gate.write_baseline(runs, path, machine=MACHINE, input_name="a room")
    return gate.read_baseline(path)


def test_variants_take_turns():
    order = []
    result = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=3, warm_up=1)
    assert order == ["a", "b"] * 4
    assert result["a"].to_dict()["repeats"] == 3
    assert 0 <= result["a"].min_ms <= result["a"].median_ms
    with pytest.raises(ValueError, match="at least 1"):
        interleaved({}, repeats=0)


def test_ratios_are_compiled_over_the_others():
    found = ratios({"integrate": {"eager": timing(20.0), "compiled": timing(5.0), "open3d": timing(10.0)}})
    assert found == {"integrate compiled/eager": 0.25, "integrate compiled/open3d": 0.5}
    assert ratios({"integrate": {"eager": timing(20.0)}}) == {}


def test_a_load_that_comes_and_goes_does_not_change_a_ratio():
    """Always half of the other, while the machine is three times slower in two of five rounds."""
    slower = (1.0, 3.0, 1.0, 3.0, 1.0)
    one, other = timing(*(5 * s for s in slower)), timing(*(10 * s for s in slower))
    assert ratio(one, other) == 0.5
    with pytest.raises(ValueError, match="zip"):
        ratio(one, timing(1.0))


def test_the_tolerance_is_what_the_runs_themselves_spread(tmp_path):
    runs = [{"track a": 0.50, "track b": 0.2}, {"track a": 0.55, "track b": 0.2}, {"track a": 0.45, "track b": 0.2}]
    bounds = written(tmp_path / "baseline.json", runs).bounds
    assert bounds["track a"].value == 0.5
    assert bounds["track a"].tolerance == pytest.approx(2 * 0.10 / 0.5)
    assert bounds["track b"].tolerance == gate.MIN_TOLERANCE
    with pytest.raises(ValueError, match="at least 3 runs"):
        written(tmp_path / "few.json", runs[:2])


def test_the_gate_names_what_got_worse_and_what_is_missing(tmp_path):
    bounds = written(tmp_path / "baseline.json", [{"track a": 0.5, "track b": 0.2, "kernel/tiny": 0.1}] * 3).bounds
    assert gate.violations({"track a": 0.54, "track b": 0.1}, bounds) == []
    lines = gate.violations({"track a": 0.6}, bounds)
    assert len(lines) == 2
    assert lines[0].startswith("track a: 0.6 is above 0.55")
    assert "not measured" in lines[1]
    assert gate.violations({"track a": float("nan"), "track b": 0.1}, bounds) != []


def test_a_peer_that_is_not_installed_is_not_judged(tmp_path):
    run = {"track compiled/eager": 0.2, "track compiled/small_gicp": 0.2}
    bounds = written(tmp_path / "baseline.json", [run] * 3).bounds
    assert gate.violations({"track compiled/eager": 0.2}, bounds, missing=["small_gicp"]) == []
    assert len(gate.violations({"track compiled/eager": 0.2}, bounds)) == 1


def test_a_baseline_of_another_instruction_set_is_refused(tmp_path):
    baseline = written(tmp_path / "baseline.json", [{"track a": 0.5}] * 3)
    baseline.check_comparable(MACHINE, "a room")
    for machine, name in ((replace(MACHINE, isa="AVX512"), "a room"), (replace(MACHINE, threads=8), "a room")):
        with pytest.raises(ValueError, match="write a baseline of your own"):
            baseline.check_comparable(machine, name)
    with pytest.raises(ValueError, match="on a room, as the baseline"):
        baseline.check_comparable(MACHINE, "another room")
    newer = replace(MACHINE, versions={"torch": "2", "open3d": "1"})
    assert baseline.other_versions(newer) == ["torch 2 here, 1 in the baseline"]


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
    bounds = gate.read_baseline().bounds
    assert bounds
    assert all(name.startswith(gate.GATED) and 0 < bound.value < 1 for name, bound in bounds.items())
