"""``sightline eval``: run a suite, score a file again, compare two runs, make a report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenes.errors import InputError

if TYPE_CHECKING:
    from evals.predictions import Header
    from evals.stages.base import Stage

EXIT_DONE, EXIT_MISSED = 0, 1
PREDICTIONS, SCORES, TABLE = "predictions.jsonl", "scores.json", "table.md"


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code. Raises InputError for bad input."""
    args = _parser().parse_args(list(argv))
    return int(args.act(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sightline eval", description="Measure, on generated worlds or real data.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_run(verbs)
    score = verbs.add_parser("score", help="score a predictions file again; asks nothing")
    score.add_argument("file", type=Path, metavar="FILE.jsonl")
    score.add_argument("--json", action="store_true", help="print one JSON object")
    score.set_defaults(act=_score)
    compare = verbs.add_parser("compare", help="two runs, item by item: what differs, and whether that is decisive")
    compare.add_argument("a", type=Path, metavar="A.jsonl")
    compare.add_argument("b", type=Path, metavar="B.jsonl")
    compare.add_argument("--json", action="store_true", help="print one JSON object")
    compare.set_defaults(act=_compare)
    report = verbs.add_parser("report", help="one page of HTML and a Markdown table; the first run is told about")
    report.add_argument("files", type=Path, nargs="+", metavar="FILE.jsonl")
    report.add_argument("--html", type=Path, metavar="OUT.html", help="the page; one file that needs no other")
    report.add_argument("--markdown", type=Path, metavar="OUT.md", help="the tables (default: print them)")
    report.add_argument("--cards", type=int, default=24, metavar="N", help="failures on the page (default: 24)")
    report.add_argument("--no-pictures", action="store_true", help="do not render the frames of failures")
    report.set_defaults(act=_report)
    _add_golden(verbs)
    return parser


def _add_golden(verbs: Any) -> None:
    golden = verbs.add_parser("golden", help="compare the ports of official metrics with recorded official outputs")
    golden.add_argument("folder", type=Path, metavar="DIR", help="holds NAME.json, a file per metric")
    golden.add_argument("--files", type=Path, metavar="DIR", help="holds the pose files that some cases name")
    golden.add_argument("--out", type=Path, metavar="FILE.md", help="also write the page of results here")
    golden.add_argument("--json", action="store_true", help="print one JSON object")
    golden.set_defaults(act=_golden)


def _add_run(verbs: Any) -> None:
    from evals.suites.listing import QUESTION_SUITES, SUITES
    from evals.suites.options import GATED, add_arguments, add_smoke_arguments

    suites = verbs.add_parser("run", help="run a suite").add_subparsers(dest="suite", required=True, metavar="SUITE")
    for selection in QUESTION_SUITES:
        one = suites.add_parser(selection.name, help=selection.help, description=selection.help)
        (add_smoke_arguments if selection.name == GATED else add_arguments)(one)
        one.set_defaults(act=_run_questions)
    for suite in SUITES:
        one = suites.add_parser(suite.name, help=suite.help, description=suite.help)
        suite.add_arguments(one)
        one.add_argument("--json", action="store_true", help="print only the line of JSON")
        one.add_argument("--out", type=Path, metavar="FILE.json", help="also write the JSON here")
        one.set_defaults(act=_run_measurement, run=suite.run)


def _run_measurement(args: argparse.Namespace) -> int:
    """A suite of figures: its table, then one line of JSON."""
    report = args.run(args)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(report.to_json() + "\n", encoding="utf-8")
    if not args.json:
        print(report.table())
    print(report.to_json())
    return EXIT_DONE


def _run_questions(args: argparse.Namespace) -> int:
    """A suite of questions: predictions, then scores and a table beside them."""
    from evals.machine import machine, now, software
    from evals.predict import predict, progress_bar
    from evals.predictions import new_header
    from evals.suites.answers import VERSION
    from evals.suites.options import plan_of

    plan = plan_of(args)
    items = plan.items(progress_bar(len(plan.seeds), what="worlds"))
    if not items:
        raise InputError(f"expected at least one question of {plan.suite} in these worlds, got none; take more worlds")
    header = new_header(
        plan.suite, VERSION, plan.settings(), items, software=software(), machine=machine(), started=now()
    )
    path = args.out / PREDICTIONS
    took = predict(path, header, items, plan, jobs=args.jobs, follow=progress_bar(len(items)))
    print(
        f"{took.asked} answers in {took.wall_s:.1f} s, {took.kept} were there; "
        f"overhead {took.overhead_ms:.1f} ms an item",
        file=sys.stderr,
    )
    return _tell(path, args.json)


def _golden(args: argparse.Namespace) -> int:
    from evals.golden import run

    return run(args.folder, files=args.files, out=args.out, as_json=args.json)


def _score(args: argparse.Namespace) -> int:
    return _tell(args.file, args.json)


def _tell(path: Path, as_json: bool) -> int:
    """Score a file, write the summary beside it and print it."""
    from evals.floors import floors_of, missed
    from evals.predictions import read_run
    from evals.report.details import details
    from evals.report.tables import run_markdown
    from evals.score import score_run, to_json

    scored = score_run(read_run(path))
    text, summary = run_markdown(scored), to_json(scored) | details(scored)
    path.with_name(SCORES).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    path.with_name(TABLE).write_text(text, encoding="utf-8")
    for problem in scored.run.problems[:20]:
        print(f"{path.name}:{problem.line}: {problem.kind} {problem.id}: {problem.text}", file=sys.stderr)
    print(json.dumps(summary) if as_json else text, end="\n" if as_json else "")
    below = missed(scored, floors_of(scored.run.header.suite))
    for floor in below:
        print(f"missed: {floor}", file=sys.stderr)
    return EXIT_MISSED if below else EXIT_DONE


def _compare(args: argparse.Namespace) -> int:
    from evals.compare import compare, comparison_json, comparison_markdown
    from evals.predictions import read_run
    from evals.report.tables import run_name
    from evals.score import score_run

    a, b = score_run(read_run(args.a)), score_run(read_run(args.b))
    names = run_name(a), run_name(b)
    if names[0] == names[1]:
        names = f"A ({names[0]})", f"B ({names[1]})"
    found = compare(a, b, *names)
    print(json.dumps(comparison_json(found)) if args.json else comparison_markdown(found))
    return EXIT_DONE


def _report(args: argparse.Namespace) -> int:
    from evals.predictions import read_run
    from evals.report.tables import report_markdown
    from evals.score import score_run

    runs = [score_run(read_run(file)) for file in args.files]
    if args.html is not None:
        from evals.report.failures import failures_first
        from evals.report.page import page
        from evals.report.pictures import pictures

        shown = failures_first(runs[0].items)[: args.cards]
        drawn = {} if args.no_pictures else pictures(_stage_of(runs[0].run.header), shown)
        args.html.parent.mkdir(parents=True, exist_ok=True)
        args.html.write_text(page(runs, drawn, cards=args.cards), encoding="utf-8")
    text = report_markdown(runs)
    if args.markdown is not None:
        args.markdown.parent.mkdir(parents=True, exist_ok=True)
        args.markdown.write_text(text, encoding="utf-8")
    elif args.html is None:
        print(text)
    return EXIT_DONE


def _stage_of(header: Header) -> Stage:
    """Where the frames of a run come from; of a perceived graph too, the frames are the generated ones."""
    from evals.stages.true_graph import TrueGraphStage

    return TrueGraphStage(visits=int(header.settings.get("visits", 1)))
