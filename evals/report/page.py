"""One page of HTML that tells what scored runs found. It opens from a folder: no script, no outside file.

The verdict comes first, then what failed, then the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from evals.compare import compare
from evals.report.analysis import confidence, latencies, object_coherence, tool_confusion
from evals.report.charts import interval_bar, line_chart
from evals.report.failures import failure_card, failures_first
from evals.report.tables import group_rows, run_name, verdict
from evals.score import Scored
from evals.scorers.headline import HEADLINE

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #fff; --card: #f4f6f9; --line: #d5dbe3;
  --good: #1a7f4b; --bad: #b3261e; --mark: #1f6feb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa5b4; --paper: #12161c; --card: #1b2129;
  --line: #313a46; --good: #5bd08d; --bad: #ff8a80; --mark: #79b0ff; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1080px;
  margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 10px; } h3 { font-size: 15px; margin: 0; }
p { margin: 6px 0; } .soft { color: var(--soft); } .verdict { font-size: 18px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; display: block;
  overflow-x: auto; } th, td { padding: 4px 10px; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; } th:first-child, td:first-child { text-align: left; } th { color: var(--soft);
  font-weight: 600; } td.hot { font-weight: 700; color: var(--mark); } td.off { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; overflow: hidden; }
.card img { width: 100%; border-radius: 6px; display: block; margin-bottom: 8px; } .card p { font-size: 14px; }
.why { color: var(--bad); } .gold { color: var(--good); } code, pre { font: 12px/1.45 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0 0; color: var(--soft); }
summary { cursor: pointer; color: var(--soft); font-size: 13px; } svg { max-width: 100%; height: auto; }
svg.chart { width: 520px; display: block; margin-top: 10px; }
svg.bar { width: 220px; height: 14px; } .track { fill: var(--line); } .span { fill: var(--mark); opacity: .45; }
.mean { fill: var(--mark); } .grid { stroke: var(--line); } .tick, .axis { font-size: 11px; fill: var(--soft); }
.curve { fill: none; stroke-width: 2; } .legend { font-size: 12px; } .c0 { stroke: #1f6feb; } .c1 { stroke: #d97706; }
.c2 { stroke: #1a9a5c; } .c3 { stroke: #b3261e; } .c4 { stroke: #8250df; } .c5 { stroke: #0f8b8d; }
text.c0 { fill: #1f6feb; stroke: none; } text.c1 { fill: #d97706; stroke: none; }
text.c2 { fill: #1a9a5c; stroke: none; } text.c3 { fill: #d9473f; stroke: none; }
text.c4 { fill: #8250df; stroke: none; } text.c5 { fill: #0f8b8d; stroke: none; }
"""


def page(runs: Sequence[Scored], pictures: Mapping[str, str], *, cards: int = 24) -> str:
    """The page. The first run is the one that is told about; the others stand beside it.

    ``pictures``: item id -> data URL, for the failures of the first run; ``cards``: how many of those are shown.
    """
    main = runs[0]
    parts = [
        f"<h1>{escape(main.run.header.suite)}</h1>",
        f'<p class="soft">{escape(run_name(main))}, {len(main.items)} items</p>',
        f'<p class="verdict">{escape(verdict(main))}</p>',
        _bar(main),
        *(f"<p>{escape(text)}</p>" for text in compared(runs)),
        _problems(main),
        "<h2>What failed</h2>",
        _failures(main, pictures, cards),
        "<h2>Systems</h2>" if len(runs) > 1 else "<h2>Scores</h2>",
        _systems(runs),
        "<h2>By family</h2>",
        html_table(group_rows(main.families)),
        "<h2>Which tool was called</h2>",
        _confusion(main),
        "<h2>Confidence</h2>",
        _confidence(runs),
        "<h2>Latency</h2>",
        _latency(runs),
        "<h2>How this was made</h2>",
        _manifest(runs),
    ]
    body = "\n".join(part for part in parts if part)
    title = escape(f"{main.run.header.suite}: {run_name(main)}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def compared(runs: Sequence[Scored]) -> list[str]:
    """A sentence for each other run: whether it differs from the first one, decisively or not."""
    out = []
    for other in runs[1:]:
        found = compare(runs[0], other, run_name(runs[0]), run_name(other))
        headline = next((c for c in found.scorers if c.scorer == HEADLINE), None)
        if headline is not None:
            out.append(headline.words(found.name_a, found.name_b))
    return out


def html_table(rows: Sequence[Sequence[str]], marked: frozenset[tuple[int, int]] = frozenset()) -> str:
    """Rows as a table, the first one as its head; ``marked`` cells (row, column) stand out."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = []
    for r, row in enumerate(rows[1:], start=1):
        cells = "".join(
            f'<td class="hot">{escape(cell)}</td>' if (r, c) in marked else f"<td>{escape(cell)}</td>"
            for c, cell in enumerate(row)
        )
        body.append(f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _bar(run: Scored) -> str:
    found = run.whole.scores.get(HEADLINE)
    return interval_bar(found.mean, found.low, found.high) if found is not None else ""


def _problems(run: Scored) -> str:
    counts = run.run.problem_counts()
    if not counts:
        return ""
    said = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in counts.items())
    lines = "\n".join(f"line {p.line}: {p.kind} {p.id}: {p.text}" for p in run.run.problems[:50])
    return (
        f'<p class="why">Lines that could not be used: {escape(said)}.</p>'
        f"<details><summary>which</summary><pre>{escape(lines)}</pre></details>"
    )


def _failures(run: Scored, pictures: Mapping[str, str], cards: int) -> str:
    failed = failures_first(run.items)
    shown = failed[:cards]
    if not shown:
        return "<p>Nothing.</p>"
    html = "".join(failure_card(s, pictures.get(s.item.id)) for s in shown)
    left = f'<p class="soft">{len(shown)} of {len(failed)} are shown, families in turn.</p>'
    return f'{left}<div class="cards">{html}</div>'


def _systems(runs: Sequence[Scored]) -> str:
    rows = group_rows([run.whole for run in runs])
    for row, run in zip(rows[1:], runs, strict=True):
        row[0] = run_name(run)
    if len(runs) == 1:
        rows += group_rows(runs[0].wordings)[1:]
    parts = [html_table(rows)]
    share, things = object_coherence(runs[0])
    if share is not None:
        text = f"All answers about one thing right: {share.percent()} of {things} things asked about more than once."
        parts.append(f"<p>{escape(text)}</p>")
    return "".join(parts)


def _confusion(run: Scored) -> str:
    found = tool_confusion(run.items)
    if not found:
        return "<p>No item of this run names the tool that answers it.</p>"
    due, called = sorted({d for d, _ in found}), sorted({c for _, c in found})
    rows = [["due \\ called", *called]] + [[d, *(str(found[d, c] or "") for c in called)] for d in due]
    right = sum(n for (d, c), n in found.items() if d == c)
    marked = frozenset((r, called.index(d) + 1) for r, d in enumerate(due, start=1) if d in called)
    return f"<p>The right first tool in {right} of {found.total()} items.</p>" + html_table(rows, marked)


def _confidence(runs: Sequence[Scored]) -> str:
    found = [(run_name(run), c) for run in runs if (c := confidence(run.items)) is not None]
    if not found:
        return "<p>These models tell no confidence.</p>"
    rows = [["", "answers", "ECE (15 equal-mass bins)", "AURC"]]
    rows += [[name, str(c.n), f"{c.ece:.3f}", f"{c.aurc:.3f}"] for name, c in found]
    chart = line_chart(
        [(name, c.curve) for name, c in found],
        x="coverage: share of answers kept, the surest first",
        y="risk: share of those that are wrong",
        title="risk against coverage",
    )
    return html_table(rows) + chart


def _latency(runs: Sequence[Scored]) -> str:
    rows = [["", "stage", "median ms", "95th percentile ms", "answers"]]
    for run in runs:
        rows += [[run_name(run), x.stage, f"{x.median:.0f}", f"{x.p95:.0f}", str(x.n)] for x in latencies(run.items)]
    return html_table(rows) if len(rows) > 1 else "<p>No answer tells its timings.</p>"


def _manifest(runs: Sequence[Scored]) -> str:
    blocks = []
    for run in runs:
        h = run.run.header
        lines = [f"{k}: {v}" for k, v in h.model_dump(mode="json", exclude={"kind", "settings"}).items()]
        lines += [f"settings.{k}: {v}" for k, v in h.settings.items()]
        blocks.append(f"<h3>{escape(run_name(run))}</h3><pre>{escape(chr(10).join(lines))}</pre>")
    return "".join(blocks)
