"""What a golden file's cases are put through, and when an output counts as equal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Case = Mapping[str, Any]
Run = Callable[[Case, Mapping[str, Any]], Any]
"""(case, the file's header) -> what the port gives, in the shape of ``official_output``."""
Compare = Callable[[Case, Any, Any], str]
"""(case, official, port's) -> where they differ; empty where they are equal."""

FLOAT64, FLOAT32 = 1e-9, 1e-5
"""Relative tolerances for double and single precision."""
NEAR_ZERO = 1e-12
"""Absolute tolerance beside the relative one: sums of rounding errors are not a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One golden file."""

    metric: str
    """The file's name without its ending."""
    run: Run
    rtol: float = 0.0
    """Relative tolerance of numbers; 0 = exact."""
    atol: float = NEAR_ZERO
    """Absolute tolerance where ``rtol`` is not 0."""
    typed: bool = False
    """Whether 1, 1.0 and True are different."""
    not_covered: Mapping[str, str] = field(default_factory=dict)
    """Fields of the official output that no port gives -> why."""
    compare: Compare | None = None
    """Where equality is more than numbers, e.g. ranks inside a tie."""

    @property
    def tolerance(self) -> str:
        """In words."""
        return "exact" if not self.rtol else f"{self.rtol:g} relative, {self.atol:g} absolute"


def decoded(value: Any) -> Any:
    """JSON of a golden file with ``{"$float": "nan"}`` as numbers."""
    if isinstance(value, dict):
        return float(value["$float"]) if set(value) == {"$float"} else {k: decoded(v) for k, v in value.items()}
    return [decoded(v) for v in value] if isinstance(value, list) else value


def difference(check: Check, official: Any, mine: Any, where: str = "") -> str:
    """Where two outputs differ first, in words; empty where they agree."""
    if isinstance(official, Mapping):
        return _mapping_difference(check, official, mine, where)
    if isinstance(official, Sequence) and not isinstance(official, str):
        if not isinstance(mine, Sequence) or isinstance(mine, str) or len(mine) != len(official):
            return _said(where, official, mine)
        parts = (difference(check, o, m, f"{where}[{k}]") for k, (o, m) in enumerate(zip(official, mine, strict=True)))
        return next((p for p in parts if p), "")
    return "" if _same_scalar(check, official, mine) else _said(where, official, mine)


def _mapping_difference(check: Check, official: Mapping[str, Any], mine: Any, where: str) -> str:
    if not isinstance(mine, Mapping):
        return _said(where, official, mine)
    wanted = [k for k in official if k not in check.not_covered]
    extra = [k for k in mine if k not in official]
    if extra:
        return f"{where}: {', '.join(map(str, extra))} is not in the official output"
    for key in wanted:
        if key not in mine:
            return f"{where}.{key} is missing"
        found = difference(check, official[key], mine[key], f"{where}.{key}")
        if found:
            return found
    return ""


def _same_scalar(check: Check, official: Any, mine: Any) -> bool:
    if not isinstance(official, int | float) or official is None:
        return type(official) is type(mine) and official == mine
    if check.typed and type(official) is not type(mine):
        return False
    if not isinstance(mine, int | float):
        return False
    if math.isnan(official) or math.isnan(mine):
        return math.isnan(official) and math.isnan(mine)
    if not check.rtol or math.isinf(official):
        return official == mine
    return math.isclose(official, mine, rel_tol=check.rtol, abs_tol=check.atol)


def _said(where: str, official: Any, mine: Any) -> str:
    return f"{where or 'output'}: official {_short(official)}, port {_short(mine)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


class FilesMissing(Exception):
    """A case names a file that is not here, so it cannot be run: neither equal nor different."""
