"""Calibration against the golden values, and its axioms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.scorers.calibration import (
    aurc,
    aurc_optimal,
    brier,
    brier_multiclass,
    calibration_error,
    equal_mass_bins,
    equal_width_error,
    risk_coverage,
)


@pytest.mark.realdata
def test_calibration_equals_the_golden_values(shared_data: Path):
    cases = json.loads((shared_data / "golden_metrics" / "calibration.json").read_text())["cases"]
    for case in cases:
        given, out = case["input"], case["official_output"]
        if case["kind"] == "multiclass":
            top = [max(row) for row in given["probs"]]
            right = [
                float(row.index(max(row)) == label) for row, label in zip(given["probs"], given["labels"], strict=True)
            ]
            assert brier_multiclass(given["probs"], given["labels"]) == pytest.approx(out["brier_multiclass"], rel=1e-9)
            confidence, correct, out = top, right, out["top_label"]
        else:
            confidence, correct = given["confidence"], given["correct"]
        if any(isinstance(c, dict) for c in confidence):
            confidence = [float(c["$float"]) if isinstance(c, dict) else c for c in confidence]
        if "raises" in out:
            with pytest.raises(ValueError, match="confidence for each"):
                calibration_error(confidence, correct)
            continue
        if out.get("undefined"):
            assert calibration_error(confidence, correct) is None
            assert aurc(confidence, correct) is None
            continue
        assert calibration_error(confidence, correct) == pytest.approx(out["ece_equal_mass_15"], rel=1e-9, abs=1e-12), (
            case["id"]
        )
        width = out["ece_equal_width_15"]
        assert equal_width_error(confidence, correct) == (
            None if width is None else pytest.approx(width, rel=1e-9, abs=1e-12)
        )
        assert brier(confidence, correct) == pytest.approx(out["brier"], rel=1e-9, abs=1e-12)
        assert aurc(confidence, correct, ties="stable") == pytest.approx(out["aurc"], rel=1e-9, abs=1e-12), case["id"]
        assert aurc(confidence, correct) == pytest.approx(out["aurc_tie_expected"], rel=1e-9, abs=1e-12), case["id"]
        assert aurc_optimal(correct) == pytest.approx(out["aurc_optimal"], rel=1e-9, abs=1e-12)
        bins = equal_mass_bins(confidence, correct) or []
        assert [b.n for b in bins] == [b["n"] for b in out["equal_mass_bins"]]
        curve = risk_coverage(confidence, correct) or []
        assert [x for point in curve for x in point] == pytest.approx([x for p in out["risk_coverage"] for x in p])
    assert len(cases) == 27


def test_sure_and_right_has_no_error_and_sure_and_wrong_has_all():
    assert calibration_error([1.0] * 20, [1.0] * 20) == 0.0
    assert calibration_error([1.0] * 20, [0.0] * 20) == 1.0


def test_constant_confidence_risks_the_error_rate_at_any_coverage():
    assert aurc([0.5] * 10, [1, 0] * 5) == pytest.approx(0.5)
