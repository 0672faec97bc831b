"""Floors: reached or missed, and never missed by the run that they come from."""

from __future__ import annotations

import json
from pathlib import Path

from evals.floors import FILE, floors_of, measured, missed
from tests.evals.test_compare import scored


def test_a_run_reaches_the_floors_that_it_sets_and_a_worse_one_misses_them():
    run = scored(lambda i, n: n % 4 != 0)
    floors = measured(run, ("grounded_correct", "evidence"))
    assert missed(run, floors) == []
    worse = missed(scored(lambda i, n: n % 4 == 0), floors)
    assert [m.scorer for m in worse] == ["grounded_correct"]
    assert "expected grounded_correct of at least" in str(worse[0])


def test_the_committed_floors_are_two_errors_below_what_was_measured():
    floors = floors_of("smoke")
    assert "grounded_correct" in floors
    for floor in floors.values():
        assert abs(floor.floor - (floor.mean - 2 * floor.stderr)) < 2e-4
        assert floor.n >= 80
    assert set(json.loads(FILE.read_text())) == {"smoke"}


def test_a_suite_without_a_gate_has_no_floors(tmp_path: Path):
    assert floors_of("answers") == {}
