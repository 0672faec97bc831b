"""Golden files of statistics and calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from evals.scorers.official import calibration, statistics
from evals.scorers.official.cases.check import FLOAT64, Case, Check, difference

Header = Mapping[str, Any]
_LIBRARY = "figures of other packages, recorded to show where they differ"
_SE_TOLERANCE = 0.02
"""Relative, of a standard error from 200,000 resamples: ten times its own Monte Carlo error."""


def _calibration(case: Case, header: Header) -> Any:
    given = case["input"]
    if case["kind"] == "binary":
        return _figures(given["confidence"], given["correct"])
    p, labels = np.asarray(given["probs"], np.float64), given["labels"]
    top = _figures(p.max(1), p.argmax(1) == np.asarray(labels))
    return {"brier_multiclass": calibration.brier_multiclass(p, labels), "top_label": top}


def _figures(confidence: Any, correct: Any) -> dict[str, Any]:
    found = calibration.calibration(confidence, correct)
    if found is None:
        return {"undefined": True}
    return {
        "ece_equal_mass_15": found.ece_equal_mass,
        "ece_equal_width_15": found.ece_equal_width,
        "brier": found.brier,
        "aurc": found.aurc,
        "aurc_tie_expected": found.aurc_tie_expected,
        "aurc_optimal": found.aurc_optimal,
        "e_aurc": found.aurc - found.aurc_optimal,
        "equal_mass_bins": [{"n": b.n, "conf": b.confidence, "acc": b.accuracy} for b in found.bins],
        "risk_coverage": [list(point) for point in found.risk_coverage],
    }


def _clustered(case: Case, header: Header) -> Any:
    values = [statistics.value_of(v) for v in case["input"]["values"]]
    clusters = case["input"].get("clusters")
    variance = statistics.variance_compatible(values)
    out = {
        "stderr": statistics.stderr_compatible(values),
        "std": math.sqrt(variance),
        "var": variance,
        "ci_t": {f"{lv:g}": _ends(statistics.t_interval_compatible(values, lv)) for lv in statistics.LEVELS},
    }
    if clusters is not None:
        out["stderr_clustered"] = statistics.stderr_compatible(values, clusters)
        out["ci_t_clustered"] = _ends(statistics.t_interval_compatible(values, clusters=clusters))
    return out


def _ends(interval: tuple[float, float]) -> dict[str, float]:
    return {"lower": interval[0], "upper": interval[1]}


def _paired(case: Case, header: Header) -> Any:
    a, b = case["input"]["a"], case["input"]["b"]
    match case["kind"]:
        case "mcnemar":
            return _mcnemar(a, b)
        case "bootstrap_exact":
            found = statistics.bootstrap_exact(_exact_differences(a, b))
            names = ("mean_difference", "std", "q025", "median", "q975", "p_le_0", "p_lt_0")
            values = (found.mean, found.std, found.low, found.median, found.high, found.p_at_most_0, found.p_below_0)
            return dict(zip(names, values, strict=True))
        case "bootstrap_mc":
            d = np.asarray(a, np.float64) - np.asarray(b, np.float64)
            low, high, error = statistics.bootstrap_percentile(d)
            analytic = float(d.std() / math.sqrt(len(d)))
            figures = {"low": low, "high": high, "standard_error": error, "analytic_standard_error": analytic}
            return {"mean_difference": float(d.mean()), **figures}
        case "permutation":
            d = _exact_differences(a, b)
            mean = float(sum(d, Fraction(0)) / len(d))
            return {"mean_difference": mean, "p_two_sided": statistics.sign_flip_exact(d)}
        case _:
            (t, t_p), (w, w_p) = statistics.paired_t_compatible(a, b), statistics.wilcoxon_compatible(a, b)
            return {"t": t, "t_pvalue": t_p, "wilcoxon": w, "wilcoxon_pvalue": w_p}


def _mcnemar(a: Sequence[Any], b: Sequence[Any]) -> dict[str, Any]:
    found = statistics.mcnemar_compatible(a, b)
    only_a, only_b = found.table[0][1], found.table[1][0]
    tests = {"exact": found.exact, "chi2_corrected": found.corrected, "chi2": found.plain}
    return {
        "table": [list(row) for row in found.table],
        "accuracy_difference": (only_a - only_b) / len(a) if len(a) else math.nan,
        **{name: {"statistic": s, "pvalue": p} for name, (s, p) in tests.items()},
        "mid_p": found.mid_p,
    }


def _exact_differences(a: Sequence[Any], b: Sequence[Any]) -> list[Fraction]:
    """In the decimals that the file shows, so that 0.3 - 0.1 is 0.2."""
    return [Fraction(str(x)) - Fraction(str(y)) for x, y in zip(a, b, strict=True)]


def _same_paired(case: Case, official: Any, mine: Any) -> str:
    """Monte Carlo quantiles within the tolerance that the case carries; all else as numbers."""
    exact = Check(metric="", run=_paired, rtol=FLOAT64)
    if case["kind"] != "bootstrap_mc":
        return difference(exact, official, mine)
    if "raises" in mine:
        return f"official {official}, port {mine}"
    for name in ("low", "high"):
        if not _near(official[name], mine[name], official["mc_tolerance"] + 1e-12):
            return f".{name}: official {official[name]}, port {mine[name]}"
    if not _near(official["standard_error"], mine["standard_error"], _SE_TOLERANCE * abs(official["standard_error"])):
        return f".standard_error: official {official['standard_error']}, port {mine['standard_error']}"
    names = ("mean_difference", "analytic_standard_error")
    return difference(exact, {k: official[k] for k in names}, {k: mine[k] for k in names})


def _near(official: float, mine: float, tolerance: float) -> bool:
    if math.isnan(official):
        return math.isnan(mine)
    return abs(official - mine) <= tolerance


CHECKS = (
    Check(
        metric="calibration",
        run=_calibration,
        rtol=FLOAT64,
        not_covered={"libraries": _LIBRARY, "equal_width_minus_torchmetrics": _LIBRARY},
    ),
    Check(metric="clustered_stderr", run=_clustered, rtol=FLOAT64),
    Check(metric="paired_tests", run=_paired, rtol=FLOAT64, compare=_same_paired),
)
