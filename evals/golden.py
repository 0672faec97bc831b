"""``sightline eval golden DIR``: the ports of official metrics against what the official code gave.

A golden file holds a header and cases, each with an input and the official output or the class of the exception that
was raised. A case is equal only where the port gives that output within the file's tolerance, or raises that class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.scorers.official.cases.answers import CHECKS as ANSWERS
from evals.scorers.official.cases.calls import CHECKS as CALLS
from evals.scorers.official.cases.check import Case, Check, FilesMissing, decoded, difference
from evals.scorers.official.cases.geometry import CHECKS as GEOMETRY
from evals.scorers.official.cases.geometry import FILES
from evals.scorers.official.cases.graphs import CHECKS as GRAPHS
from evals.scorers.official.cases.statistics import CHECKS as STATISTICS
from scenes.errors import InputError

CHECKS: tuple[Check, ...] = (*ANSWERS, *GEOMETRY, *GRAPHS, *CALLS, *STATISTICS)
EXIT_EQUAL, EXIT_DIFFERENT = 0, 1
_IDS_SHOWN = 12


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
    not_run: tuple[str, ...]
    """Ids of cases that name files which are not here: neither equal nor different."""
    tolerance: str
    not_covered: Mapping[str, str]
    """Fields of the output that the port does not give -> why."""
    source: str = ""
    """Where the official code is, from the header."""
    known: bool = True
    """False: there is no port for a file of this name."""

    @property
    def equal(self) -> int:
        """Cases whose output is the official one."""
        return self.cases - len(self.differing) - len(self.not_run) if self.known else 0

    @property
    def ok(self) -> bool:
        """Whether nothing differs and a port is there."""
        return self.known and not self.differing

    def line(self) -> str:
        """``name  equal/cases  tolerance  what is left out  differing ids``."""
        if not self.known:
            return f"{self.metric:28} no port for this file ({self.cases} cases)"
        parts = [f"{self.metric:28} {self.equal:4}/{self.cases:<4} {self.tolerance}"]
        if self.not_covered:
            parts.append(f"without {', '.join(self.not_covered)}")
        if self.not_run:
            parts.append(f"not run, files missing: {_some(self.not_run)}")
        if self.differing:
            parts.append(f"differs: {_some([d.id for d in self.differing])}")
        return "  ".join(parts)


def check_golden(folder: Path, files: Path | None = None) -> list[MetricParity]:
    """Every ``*.json`` of a folder, by name.

    ``files``: where the pose files lie that some cases name instead of repeating. Raises InputError: no such folder,
    nothing in it, a file that is not golden.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"{folder}: expected a folder of golden files (NAME.json), found none")
    checks = {check.metric: check for check in CHECKS}
    return [check_file(path, checks.get(path.stem), files) for path in paths]


def check_file(path: Path, check: Check | None, files: Path | None = None) -> MetricParity:
    """One golden file; ``check`` None where no port is known. Raises InputError: not a golden file."""
    header, cases = _read(path)
    header = {**header, FILES: files}
    differing: list[CaseDifference] = []
    not_run: list[str] = []
    for case in cases if check is not None else ():
        try:
            text = _case_difference(check, case, header) if check is not None else ""
        except FilesMissing:
            not_run.append(str(case["id"]))
            continue
        if text:
            differing.append(CaseDifference(id=str(case["id"]), text=text))
    return MetricParity(
        metric=path.stem,
        cases=len(cases),
        differing=tuple(differing),
        not_run=tuple(not_run),
        tolerance=check.tolerance if check is not None else "",
        not_covered=check.not_covered if check is not None else {},
        source=str(header.get("official_repo", "")),
        known=check is not None,
    )


def run(folder: Path, *, files: Path | None = None, out: Path | None = None, as_json: bool = False) -> int:
    """The command: a line per metric, then the verdict; 1 where something differs or a file has no port.

    ``out``: also write the Markdown page there. Raises InputError as ``check_golden``.
    """
    found = check_golden(folder, files)
    if out is not None:
        out.write_text(parity_markdown(found), encoding="utf-8")
    if as_json:
        print(json.dumps([to_json(p) for p in found]))
    else:
        for parity in found:
            print(parity.line())
            for case in parity.differing[:_IDS_SHOWN]:
                print(f"    {case.id}: {case.text}")
        print(verdict(found))
    return EXIT_EQUAL if all(p.ok for p in found) else EXIT_DIFFERENT


def verdict(found: Sequence[MetricParity]) -> str:
    """One sentence."""
    cases, equal = sum(p.cases for p in found), sum(p.equal for p in found)
    missing, unknown = sum(len(p.not_run) for p in found), [p.metric for p in found if not p.known]
    said = f"{equal} of {cases} cases in {len(found)} files equal the official output"
    if missing:
        said += f", {missing} not run for want of files"
    return said + (f"; no port for {', '.join(unknown)}" if unknown else "")


def to_json(parity: MetricParity) -> dict[str, Any]:
    """One metric as a JSON object."""
    return {
        "metric": parity.metric,
        "known": parity.known,
        "cases": parity.cases,
        "equal": parity.equal,
        "differing": {d.id: d.text for d in parity.differing},
        "not_run": list(parity.not_run),
        "tolerance": parity.tolerance,
        "not_covered": dict(parity.not_covered),
    }


def parity_markdown(found: Sequence[MetricParity]) -> str:
    """The page ``evals/PARITY.md``."""
    rows = [
        f"| {p.metric} | {p.equal}/{p.cases} | {p.tolerance or 'no port'} | {_left_out(p)} | {p.source.split(' ')[0]} |"
        for p in found
    ]
    reasons = dict(reason for p in found for reason in p.not_covered.items())
    notes = [f"- `{name}`: {why}." for name, why in sorted(reasons.items())]
    return "\n".join(
        [
            "# Parity with official metrics",
            "",
            "Each official metric has two ports under `evals/scorers/official`: `*_compatible` gives what the official",
            "code gives, mistakes included, and `*_strict` what the metric should mean. This table, written by",
            "`sightline eval golden DIR --out evals/PARITY.md`, compares the first with recorded official outputs.",
            "",
            f"**{verdict(found)}.**",
            "",
            "| metric | equal | tolerance | not compared | official code |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Not compared:",
            "",
            *notes,
            "- cases that name pose files: run with `--files` and the folder that holds them.",
            "",
        ]
    )


def _left_out(parity: MetricParity) -> str:
    parts = [f"`{name}`" for name in parity.not_covered]
    if parity.not_run:
        parts.append(f"{len(parity.not_run)} cases that name pose files")
    return ", ".join(parts)


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _IDS_SHOWN} more" if len(ids) > _IDS_SHOWN else ""
    return ", ".join(ids[:_IDS_SHOWN]) + more


def _case_difference(check: Check, case: Case, header: Mapping[str, Any]) -> str:
    official = case["official_output"]
    raised = isinstance(official, Mapping) and "raises" in official
    try:
        mine = check.run(case, header)
    except FilesMissing:
        raise
    # The class of whatever a port raises is its output: the official code's exceptions are part of its behaviour.
    except Exception as error:  # noqa: BLE001
        mine = {"raises": getattr(error, "official_name", type(error).__name__)}
        if not raised:
            return f"raises {mine['raises']}: {error}"
    if check.compare is not None and not raised:
        return check.compare(case, official, mine)
    return difference(check, official, mine)


def _read(path: Path) -> tuple[Mapping[str, Any], Sequence[Case]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: expected a golden file in JSON: {error}") from error
    cases = content.get("cases") if isinstance(content, dict) else None
    keys = {"id", "kind", "input", "official_output"}
    if not isinstance(cases, list) or not _all_have(cases, keys):
        raise InputError(f"{path}: expected an object with a list of cases, each with {', '.join(sorted(keys))}")
    return decoded(content.get("header", {})), decoded(cases)


def _all_have(cases: Iterable[Any], keys: set[str]) -> bool:
    return all(isinstance(case, dict) and keys <= set(case) for case in cases)
