"""BFCL: whether decoded calls fit the accepted answers.

Source of the definitions: berkeley-function-call-leaderboard, ``ast_eval/ast_checker.py`` (Apache-2.0), the Python
rules. A call is ``{name: {parameter: value}}``; an accepted answer ``{name: {parameter: [values]}}``, where "" among
the values means that the parameter may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
"""Type words of the documentation."""
_NESTED = ("array", "tuple")
_IGNORED = re.compile(r"[ \,\.\/\-\_\*\^]")
_SIMPLE, _PARALLEL = "simple_function_checker", "parallel_function_checker_no_order"
_WRONG_COUNT = "Wrong number of functions."

Call = Mapping[str, Mapping[str, Any]]
Answer = Mapping[str, Mapping[str, Sequence[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether calls fit, and if not what is wrong, in the leaderboard's words."""

    valid: bool
    kind: str | None = None
    errors: list[Any] = field(default_factory=list)


_FITS = Verdict(valid=True)


def check_calls_compatible(
    documentation: Sequence[Mapping[str, Any]],
    calls: Sequence[Call],
    answers: Sequence[Answer],
    category: str,
    *,
    dots_become_underscores: bool = False,
) -> Verdict:
    """Check the calls of one item.

    Args:
        documentation: the functions offered: name, parameters {properties, required}.
        calls: what the model called.
        answers: what was expected.
        category: its name says how: with "parallel" any order, with "multiple" the first one, else exactly one.
        dots_become_underscores: for models whose function names may hold no dots.

    Traps: values are compared by ``in``, so True equals 1 in dicts; strings ignore case, blanks and ``,./-_*^``;
    nested types are checked one level deep; the order-free match is greedy, so an earlier answer can take the call
    that a later one needs; an answer whose function is not documented raises TypeError, documentation without
    "required" KeyError.
    """
    if "parallel" in category:
        return _any_order(documentation, calls, answers, dots_become_underscores)
    multiple = "multiple" in category
    if len(calls) != (len(answers) if multiple else 1):
        kind = "multiple_function_checker" if multiple else _SIMPLE
        return Verdict(valid=False, kind=f"{kind}:wrong_count", errors=[_WRONG_COUNT])
    function = _documented(documentation, next(iter(answers[0]))) if multiple else documentation[0]
    return check_call_compatible(function, calls[0], answers[0], dots_become_underscores=dots_become_underscores)


def check_call_compatible(
    function: Any,
    call: Call,
    answer: Answer,
    *,
    dots_become_underscores: bool = False,
) -> Verdict:
    """Check one call against one accepted answer; traps as in ``check_calls_compatible``."""
    accepted = next(iter(answer.values()))
    name, details = function["name"], function["parameters"]["properties"]
    required = function["parameters"]["required"]
    if dots_become_underscores:
        name = name.replace(".", "_")
    if name not in call:
        return _wrong(f"{_SIMPLE}:wrong_func_name", f"Function name {name!r} not found in model output.")
    given = call[name]
    for parameter in required:
        if parameter not in given:
            return _wrong(f"{_SIMPLE}:missing_required", f"Missing required parameter: {parameter!r}.")
    for parameter, value in given.items():
        if parameter not in details or parameter not in accepted:
            return _wrong(f"{_SIMPLE}:unexpected_param", f"Unexpected parameter: {parameter!r}.")
        verdict = _check_value(parameter, value, details[parameter], accepted[parameter])
        if not verdict.valid:
            return verdict
    for parameter, values in accepted.items():
        if parameter not in given and "" not in values:
            said = f"Optional parameter {parameter!r} not provided and not marked as optional."
            return _wrong(f"{_SIMPLE}:missing_optional", said)
    return _FITS


def calls_right_strict(
    documentation: Sequence[Mapping[str, Any]], calls: Sequence[Call], answers: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether every expected call was made exactly once and nothing else, by the best assignment, in any order.

    Types are strict inside values too (True is not 1), and only case and outer blanks of strings are ignored.
    """
    if len(calls) != len(answers) or any(len(call) != 1 for call in calls):
        return False
    names = {f["name"] for f in documentation}
    fits = [[_fits_strictly(c, a, names) for a in answers] for c in calls]
    return any(all(fits[i][j] for i, j in enumerate(order)) for order in permutations(range(len(answers))))


def _any_order(
    documentation: Any, calls: Sequence[Call], answers: Sequence[Mapping[str, Any]], underscores: bool
) -> Verdict:
    if len(calls) != len(answers):
        return Verdict(valid=False, kind=f"{_PARALLEL}:wrong_count", errors=[_WRONG_COUNT])
    free = list(range(len(calls)))
    for number, answer in enumerate(answers):
        function = _documented(documentation, next(iter(answer)))
        problems: list[Any] = []
        for index in free:
            verdict = check_call_compatible(function, calls[index], answer, dots_become_underscores=underscores)
            if verdict.valid:
                free.remove(index)
                break
            sub = {"sub_error": verdict.errors, "sub_error_type": verdict.kind}
            items = {"model_output_item": calls[index], "possible_answer_item": answer}
            problems.append({f"Model Result Index {index}": {**sub, **items}})
        else:
            said = f"among index {free} of model output for index {number} of possible answers."
            errors = [f"Could not find a matching function {said}", *problems]
            return Verdict(valid=False, kind=f"{_PARALLEL}:cannot_find_match", errors=errors)
    return _FITS


def _documented(documentation: Any, name: str) -> Any:
    if not isinstance(documentation, list):
        return documentation
    return next((f for f in documentation if f["name"] == name), None)


def _check_value(parameter: str, value: Any, detail: Mapping[str, Any], accepted: Sequence[Any]) -> Verdict:
    word = detail["type"]
    wanted = TYPES[word]
    inner = TYPES[detail["items"]["type"]] if word in _NESTED else None
    if word == "tuple" and type(value) is tuple:
        value = list(value)
    if word == "float" and type(value) is int:
        value = float(value)
    verdict, variable = _check_type(parameter, value, accepted, word, wanted, inner)
    if not verdict.valid:
        return verdict
    if not variable:
        if wanted is dict:
            return _check_dict(value, accepted)
        if wanted is list and inner is dict:
            return _check_dicts(value, accepted)
        if wanted is str:
            return _check_string(parameter, value, accepted)
        if wanted is list:
            return _check_list(parameter, value, accepted)
    if value not in accepted:
        return _wrong("value_error:others", _not_accepted(parameter, value, accepted))
    return _FITS


def _check_type(
    parameter: str, value: Any, accepted: Sequence[Any], word: str, wanted: type, inner: type | None
) -> tuple[Verdict, bool]:
    """(verdict, whether the value is a "variable": of the answers' type rather than the documented one)."""
    of_answers = next((type(a) for a in accepted if a != ""), None)
    errors: list[Any] = []
    if type(value) is wanted:
        if inner is None or any(_items_fit(parameter, value, a, inner) for a in accepted):
            return _FITS, of_answers is not None and of_answers is not wanted
        said = f"Expected outer type {word} with inner type {inner!s}. Parameter value: {value!r}."
        errors = [f"Nested type checking failed for parameter {parameter!r}. {said}"]
    if of_answers is not None and type(value) is of_answers:
        if errors:
            return Verdict(valid=False, kind="type_error:nested", errors=errors), True
        return _FITS, True
    said = f"Expected type {word}, got {type(value).__name__}. Parameter value: {value!r}."
    errors.append(f"Incorrect type for parameter {parameter!r}. {said}")
    return Verdict(valid=False, kind="type_error:simple", errors=errors), False


def _items_fit(parameter: str, value: Sequence[Any], answer: Any, inner: type) -> bool:
    if type(answer) is not list:
        return True
    return all(_check_type(parameter, item, answer, str(inner), inner, None)[0].valid for item in value)


def _check_string(parameter: str, value: str, accepted: Sequence[Any]) -> Verdict:
    if _plain(value) in [_plain(a) for a in accepted if type(a) is str]:
        return _FITS
    return _wrong("value_error:string", _not_accepted(parameter, value, accepted) + " Case insensitive.")


def _check_list(parameter: str, value: Sequence[Any], accepted: Sequence[Any]) -> Verdict:
    if [_plain(v) for v in value] in [[_plain(v) for v in answer] for answer in accepted]:
        return _FITS
    return _wrong("value_error:list/tuple", _not_accepted(parameter, value, accepted))


def _check_dict(value: Mapping[str, Any], accepted: Sequence[Any]) -> Verdict:
    verdict = Verdict(valid=False, kind="dict_checker:unclear")
    for answer in accepted:
        if answer == "":
            continue
        problems = [*_dict_value_problem(value, answer), *_dict_key_problem(value, answer)]
        if not problems:
            return _FITS
        verdict = Verdict(valid=False, kind=problems[-1][0], errors=[text for _, text in problems])
    return verdict


def _dict_value_problem(value: Mapping[str, Any], answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    for key, item in value.items():
        if key not in answer:
            return [("value_error:dict_key", f"Unexpected dict key parameter: '{key}'.")]
        accepted = [_plain(a) for a in answer[key]]
        if _plain(item) not in accepted:
            return [("value_error:dict_value", _not_accepted(key, item, accepted))]
    return []


def _dict_key_problem(value: Mapping[str, Any], answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    for key, accepted in answer.items():
        if key not in value and "" not in accepted:
            return [("value_error:dict_key", f"Missing dict key parameter: '{key}'.")]
    return []


def _check_dicts(value: Sequence[Mapping[str, Any]], accepted: Sequence[Any]) -> Verdict:
    verdict = Verdict(valid=False, kind="list_dict_checker:unclear")
    for answer in accepted:
        if len(value) != len(answer):
            verdict = _wrong("value_error:list_dict_count", "Wrong number of dictionaries in the list.")
            continue
        verdicts = (_check_dict(item, [wanted]) for item, wanted in zip(value, answer, strict=True))
        bad = next((v for v in verdicts if not v.valid), None)
        if bad is None:
            return _FITS
        verdict = bad
    return verdict


def _fits_strictly(call: Call, answer: Mapping[str, Any], names: set[str]) -> bool:
    (name, given), (wanted, accepted) = next(iter(call.items())), next(iter(answer.items()))
    if name != wanted or name not in names or not set(given) <= set(accepted):
        return False
    missing = [p for p in accepted if p not in given]
    if any("" not in accepted[p] for p in missing):
        return False
    return all(any(_same_strictly(value, a) for a in accepted[p]) for p, value in given.items())


def _same_strictly(value: Any, answer: Any) -> bool:
    if isinstance(value, str) and isinstance(answer, str):
        return value.strip().casefold() == answer.strip().casefold()
    if isinstance(value, bool) or isinstance(answer, bool):
        return value is answer
    if isinstance(value, int | float) and isinstance(answer, int | float):
        return value == answer
    if isinstance(value, list | tuple) and isinstance(answer, list | tuple):
        return len(value) == len(answer) and all(_same_strictly(v, a) for v, a in zip(value, answer, strict=True))
    if isinstance(value, dict) and isinstance(answer, dict):
        # Inside a dict the answer lists the accepted values of each key.
        missing = [k for k in answer if k not in value]
        return (
            set(value) <= set(answer)
            and all("" in answer[k] for k in missing)
            and all(any(_same_strictly(v, a) for a in answer[k]) for k, v in value.items())
        )
    return value is None and answer is None


def _plain(value: Any) -> Any:
    return _IGNORED.sub("", value).lower().replace("'", '"') if type(value) is str else value


def _not_accepted(parameter: str, value: Any, accepted: Sequence[Any]) -> str:
    return f"Invalid value for parameter {parameter!r}: {value!r}. Expected one of {accepted}."


def _wrong(kind: str, text: str) -> Verdict:
    return Verdict(valid=False, kind=kind, errors=[text])
