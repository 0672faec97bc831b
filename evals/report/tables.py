"""Tables of a scored run, in Markdown that also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from evals.markdown import markdown_table
from evals.report.details import detail_lines
from evals.score import OUTCOMES, Group, Scored
from evals.scorers.headline import HEADLINE

COLUMNS = (
    (HEADLINE, "grounded correct"),
    ("answer", "answer"),
    ("grounding", "grounding"),
    ("evidence", "evidence"),
    ("acc_25", "Acc@0.25"),
    ("acc_50", "Acc@0.5"),
)


def group_rows(groups: Sequence[Group]) -> list[list[str]]:
    """A row a group: its size, its scores with standard errors, and how it ended."""
    shown = [(k, title) for k, title in COLUMNS if any(k in g.scores for g in groups)]
    head = ["", "n", *(title for _, title in shown), *OUTCOMES]
    rows = [head]
    for g in groups:
        cells = [g.scores[k].percent() if k in g.scores else "–" for k, _ in shown]
        rows.append([g.name, str(g.n), *cells, *(str(g.outcomes[o]) for o in OUTCOMES)])
    return rows


def run_name(scored: Scored) -> str:
    """What a run is called beside others: system, model, graph."""
    settings = scored.run.header.settings
    system, model = str(settings.get("system", scored.run.header.suite)), str(settings.get("vlm", ""))
    adapter = settings.get("adapter")
    parts = [system, *([f"{model}{f' + {adapter}' if adapter else ''}"] if model and model != "embedded" else [])]
    return ", ".join([*parts, *([f"{settings['graph']} graph"] if "graph" in settings else [])])


def verdict(scored: Scored) -> str:
    """One sentence: the headline with its interval."""
    found = scored.whole.scores.get(HEADLINE)
    if found is None:
        return "No item of this run has a headline: nothing in it needs evidence."
    return (
        f"Grounded correct: {100 * found.mean:.1f} % (95 % interval {100 * found.low:.1f} to {100 * found.high:.1f}, "
        f"standard error {100 * found.stderr:.1f}) of {found.n} items in {found.clusters} scenes."
    )


def run_markdown(scored: Scored) -> str:
    """The whole summary of a run as Markdown."""
    header = scored.run.header
    settings = ", ".join(f"{k} {_short(v)}" for k, v in header.settings.items())
    parts = [
        f"# {header.suite}",
        verdict(scored),
        f"Suite version {header.version}, configuration `{header.config}`: {settings}.",
    ]
    if header.machine or header.software:
        software = ", ".join(f"{k} {v}" for k, v in header.software.items())
        parts.append(f"Started {header.started} on {header.machine}; {software}.")
    counts = scored.run.problem_counts()
    if counts:
        parts.append("Lines that could not be used: " + ", ".join(f"{n} {k}" for k, n in counts.items()) + ".")
    parts.append(markdown_table(group_rows([scored.whole, *scored.wordings])))
    parts += detail_lines(scored)
    parts.append("By family:")
    parts.append(markdown_table(group_rows(scored.families)))
    return "\n\n".join(parts) + "\n"


def report_markdown(runs: Sequence[Scored]) -> str:
    """Several runs as Markdown: the first in full, the others in one table beside it."""
    parts = [run_markdown(runs[0])]
    if len(runs) > 1:
        rows = group_rows([run.whole for run in runs])
        for row, run in zip(rows[1:], runs, strict=True):
            row[0] = run_name(run)
        parts.append("All systems:\n\n" + markdown_table(rows) + "\n")
    return "\n".join(parts)


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) > 4:
        return f"{value[0]}, {value[1]}, ..., {value[-1]} ({len(value)})"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
