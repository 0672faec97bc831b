"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(rows: Sequence[Sequence[str]], right: int = 1) -> str:
    """Rows as a table, the first one as its head; columns from ``right`` on are aligned to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [c.ljust(w) if k < right else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))]
        return f"| {' | '.join(cells)} |"

    rule = "|".join("-" * (w + 2) if k < right else "-" * (w + 1) + ":" for k, w in enumerate(widths))
    return "\n".join([line(rows[0]), f"|{rule}|", *(line(row) for row in rows[1:])])
