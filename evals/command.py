"""``sightline eval run SUITE``: run a suite, print its table, then one line of JSON."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    from evals.suites.listing import SUITES

    parser = argparse.ArgumentParser(prog="sightline eval", description="Measure, on generated worlds or real data.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    suites = verbs.add_parser("run", help="run a suite").add_subparsers(dest="suite", required=True, metavar="SUITE")
    for suite in SUITES:
        one = suites.add_parser(suite.name, help=suite.help, description=suite.help)
        suite.add_arguments(one)
        one.add_argument("--json", action="store_true", help="print only the line of JSON")
        one.add_argument("--out", type=Path, metavar="FILE.json", help="also write the JSON here")
        one.set_defaults(run=suite.run)
    args = parser.parse_args(argv)
    report = args.run(args)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(report.to_json() + "\n", encoding="utf-8")
    if not args.json:
        print(report.table())
    print(report.to_json())
    return 0
