"""``sightline questions``: scene questions with gold answers and tool traces, as JSONL, with a sheet to look at."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scenes.errors import InputError


def main(argv: Sequence[str]) -> int:
    """Run the command. Raises InputError for bad input."""
    args = _parser().parse_args(list(argv))
    if args.sheet is not None and args.sheet.suffix.lower() != ".png":
        raise InputError(f"expected --sheet with a .png name, got {args.sheet}")
    from tqdm import tqdm

    from finetune.question_data import write_questions

    seeds = _seeds(args.worlds)
    with tqdm(total=len(seeds), desc="worlds", file=sys.stderr, leave=False) as bar:

        def follow(done: int) -> None:
            bar.update(done - bar.n)

        summary = write_questions(
            args.out,
            seeds,
            dialogs_per_world=args.dialogs,
            visits=args.visits,
            progress=follow,
        )
    if args.sheet is not None:
        from finetune.question_sheet import write_sheet
        from scenes.questions.generate import generate

        write_sheet(args.sheet, list(generate(seeds[:1])))
    report = {
        "out": str(args.out),
        "dialogs": summary.dialogs,
        "questions": summary.questions,
        "splits": summary.splits,
        "families": summary.families,
        "left_out": len(summary.disagreements),
        "majority_baseline": round(summary.majority, 4),
    }
    print(json.dumps(report) if args.json else _lines(report))
    return 0


def _seeds(text: str) -> list[int]:
    """``A:B`` (B not included) or one seed."""
    first, _, stop = text.partition(":")
    try:
        start = int(first)
        end = int(stop) if stop else start + 1
    except ValueError:
        raise InputError(f"expected --worlds A:B or one seed, e.g. 100:110, got {text!r}") from None
    if start < 0 or end <= start:
        raise InputError(f"expected --worlds A:B with 0 <= A < B, got {text!r}")
    return list(range(start, end))


def _lines(report: dict[str, object]) -> str:
    families = report["families"]
    assert isinstance(families, dict)
    rows = [f"{name:>24} {count:5d}" for name, count in families.items()]
    head = (
        f"{report['dialogs']} dialogs, {report['questions']} questions in {report['out']}; splits {report['splits']}; "
        f"{report['left_out']} left out because tools and gold differ; "
        f"majority baseline {report['majority_baseline']}"
    )
    return "\n".join([head, *rows])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sightline questions", description=__doc__)
    parser.add_argument(
        "--worlds", required=True, metavar="A:B", help="seeds; last digit 8 is val, 9 is test, else train"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="must not exist yet")
    parser.add_argument("--dialogs", type=int, default=40, metavar="N", help="dialogs per world and visit")
    parser.add_argument("--visits", type=int, default=1, metavar="N")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw a sample on its frames")
    parser.add_argument("--json", action="store_true")
    return parser
