"""Golden files of tool use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.scorers.official.calls import bfcl_check, bfcl_decode, pass_hat_k
from evals.scorers.official.cases.check import FLOAT64, Case, Check, difference

Header = Mapping[str, Any]
_MODELS = {"dots": False, "underscores": True}
"""Model name -> whether dots in its function names become underscores; another name raises KeyError, as officially."""


def _check(case: Case, header: Header) -> Any:
    given = case["input"]
    verdict = bfcl_check.check_calls_compatible(
        given["function"],
        given["model_output"],
        given["possible_answer"],
        given["test_category"],
        dots_become_underscores=_MODELS[given.get("model_name", "dots")],
    )
    return {"valid": verdict.valid, "error_type": verdict.kind, "error": verdict.errors}


def _same_verdict(case: Case, official: Any, mine: Any) -> str:
    """The kind of error is compared only where there is one: a valid call has a placeholder in the official code."""
    if official["valid"]:
        return "" if mine["valid"] else f"official valid, port {mine['error_type']}"
    return difference(Check(metric="", run=_check, typed=True), official, mine)


def _decode(case: Case, header: Header) -> Any:
    given = case["input"]
    if given["format"] == "JSON":
        return bfcl_decode.decode_json_compatible(given["text"])
    return _as_json(bfcl_decode.decode_python_compatible(given["text"]))


def _as_json(value: Any) -> Any:
    """Tuples as lists and a None key as the string None, as the golden file shows them."""
    if isinstance(value, dict):
        return {str(k) if k is None else k: _as_json(v) for k, v in value.items()}
    return [_as_json(v) for v in value] if isinstance(value, list | tuple) else value


def _pass_hat_k(case: Case, header: Header) -> Any:
    given = case["input"]
    match case["kind"]:
        case "pass_hat_k":
            return pass_hat_k.pass_hat_k_compatible(given["num_trials"], given["success_count"], given["k"])
        case "is_successful":
            return pass_hat_k.is_successful(given["reward"])
        case "tasks":
            return pass_hat_k.tasks_compatible(given["simulations"])
        case "pass_k_reducer":
            return pass_hat_k.pass_k_reducer_compatible(given["values"], given["k"])
        case _:
            return pass_hat_k.pass_at_reducer_compatible(given["values"], given["k"])


CHECKS = (
    Check(metric="bfcl_ast_simple", run=_check, typed=True, compare=_same_verdict),
    Check(metric="bfcl_ast_parallel_multiple", run=_check, typed=True, compare=_same_verdict),
    Check(metric="bfcl_decode", run=_decode, typed=True),
    Check(metric="pass_hat_k", run=_pass_hat_k, rtol=FLOAT64),
)
