"""``sightline eval golden DIR``: the ports of official metrics against what the official code gave.

A golden file holds a header and cases, each with an input and the official output or the class of the exception that
was raised. A case is equal only where the port gives that output within the file's tolerance, or raises that class.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.scorers.official.cases.answers import CHECKS as ANSWERS
from evals.scorers.official.cases.check import Case, Check, decoded, difference
from scenes.errors import InputError

CHECKS: tuple[Check, ...] = (*ANSWERS,)
EXIT_EQUAL, EXIT_DIFFERENT = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDifference:
    """One case whose output is not the official one."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricParity:
    """One golden file against its port."""

    metric: str
    cases: int
    differing: tuple[CaseDifference, ...]
    tolerance: str
    not_covered: Mapping[str, str]
    known: bool = True
    """False: there is no port for a file of this name."""

    @property
    def equal(self) -> int:
        """Cases whose output is the official one."""
        return self.cases - len(self.differing) if self.known else 0

    def line(self) -> str:
        """``name  equal/cases  tolerance  differing ids``."""
        if not self.known:
            return f"{self.metric:28} no port for this file"
        ids = ", ".join(d.id for d in self.differing[:12])
        more = f" and {len(self.differing) - 12} more" if len(self.differing) > 12 else ""
        part = f"  without {', '.join(self.not_covered)}" if self.not_covered else ""
        return f"{self.metric:28} {self.equal:4}/{self.cases:<4} {self.tolerance}{part}" + (
            f"  differs: {ids}{more}" if ids else ""
        )


def check_golden(folder: Path) -> list[MetricParity]:
    """Every ``*.json`` of a folder, by name. Raises InputError: no such folder, no file, a file that is not golden."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"{folder}: expected a folder of golden files (NAME.json), found none")
    checks = {check.metric: check for check in CHECKS}
    return [check_file(path, checks.get(path.stem)) for path in paths]


def check_file(path: Path, check: Check | None) -> MetricParity:
    """One golden file; ``check`` None where no port is known. Raises InputError: not a golden file."""
    header, cases = _read(path)
    if check is None:
        return MetricParity(
            metric=path.stem, cases=len(cases), differing=(), tolerance="", not_covered={}, known=False
        )
    found = ((case["id"], _case_difference(check, case, header)) for case in cases)
    return MetricParity(
        metric=path.stem,
        cases=len(cases),
        differing=tuple(CaseDifference(id=key, text=text) for key, text in found if text),
        tolerance=check.tolerance,
        not_covered=check.not_covered,
    )


def _case_difference(check: Check, case: Case, header: Mapping[str, Any]) -> str:
    official = case["official_output"]
    try:
        mine = check.run(case, header)
    # The class of whatever a port raises is its output: the official code's exceptions are part of its behaviour.
    except Exception as error:  # noqa: BLE001
        mine = {"raises": getattr(error, "official_name", type(error).__name__)}
        if not isinstance(official, Mapping) or "raises" not in official:
            return f"raises {mine['raises']}: {error}"
    if check.compare is not None and not (isinstance(official, Mapping) and "raises" in official):
        return check.compare(case, official, mine)
    return difference(check, official, mine)


def _read(path: Path) -> tuple[Mapping[str, Any], Sequence[Case]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: expected a golden file in JSON: {error}") from error
    cases = content.get("cases") if isinstance(content, dict) else None
    keys = {"id", "kind", "input", "official_output"}
    if not isinstance(cases, list) or not all(isinstance(c, dict) and keys <= set(c) for c in cases):
        raise InputError(f"{path}: expected an object with a list of cases, each with {', '.join(sorted(keys))}")
    return decoded(content.get("header", {})), decoded(cases)
