"""What a suite found: rows against targets for a person, one record for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    what: str
    value: float | None
    """None = could not be measured; ``note`` says why."""
    unit: str = ""
    target: float | None = None
    better: Better = "higher"
    count: int | None = None
    """What the figure is over: queries, objects, frames."""
    spread: float | None = None
    """Standard error, or half the range where ``note`` says so."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one suite."""

    suite: str
    rows: tuple[Row, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it ran on: data, seeds, split, versions."""
    items: tuple[Mapping[str, Any], ...] = ()
    """One record per query, world or frame, so that another program can score again."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rows = [asdict(row) | {"met": row.met} for row in self.rows]
        return {"suite": self.suite, "settings": dict(self.settings), "rows": rows, "items": list(self.items)}

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self.to_dict())

    def table(self) -> str:
        """The rows, aligned, for a terminal."""
        cells = [("what", "value", "target", "n", "")]
        cells += [(row.what, _value(row), _target(row), str(row.count or ""), _verdict(row)) for row in self.rows]
        widths = [max(len(line[i]) for line in cells) for i in range(5)]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells
        ]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _value(row: Row) -> str:
    if row.value is None:
        return "not measured"
    spread = f" ± {row.spread:.3g}" if row.spread is not None else ""
    return f"{row.value:.4g}{spread} {row.unit}".rstrip()


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    return f"{'≥' if row.better == 'higher' else '≤'} {row.target:g} {row.unit}".rstrip()


def _verdict(row: Row) -> str:
    verdict = {None: "", True: "met", False: "missed"}[row.met]
    return " ".join(part for part in (verdict, row.note and f"({row.note})") if part)
