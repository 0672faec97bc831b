"""``sightline questions``: scene questions with gold answers and tool traces, as JSONL, with a sheet to look at."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenes.errors import InputError
from scenes.questions.phrasing import phrasings

if TYPE_CHECKING:
    from finetune.questions.data import QuestionSummary

PHRASED_AS = {
    "taught_where": "where_is",
    "ambiguous": "where_is",
    "never_present": "where_is",
    "not_yet_seen": "where_is",
    "moved_away": "where_is",
}
"""Families that are asked in the words of another one."""


def main(argv: Sequence[str]) -> int:
    """Run the command. Raises InputError for bad input."""
    args = _parser().parse_args(list(argv))
    if args.sheet is not None and args.sheet.suffix.lower() != ".png":
        raise InputError(f"expected --sheet with a .png name, got {args.sheet}")
    from tqdm import tqdm

    from finetune.questions.data import write_questions
    from finetune.questions.sheet import write_sheet
    from scenes.questions.generate import generate, split_of_seed

    seeds = [s for s in _seeds(args.worlds) if args.split in (None, split_of_seed(s))]
    if not seeds:
        raise InputError(f"expected --worlds with seeds of the split {args.split}, got none in {args.worlds}")
    if args.visits < 1 or args.dialogs < args.visits:
        raise InputError(
            f"expected --visits 1 or more and --dialogs at least as many, got {args.visits}, {args.dialogs}"
        )
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
        write_sheet(args.sheet, list(generate(seeds[:1], args.dialogs, args.visits)), count=args.tiles)
    print(json.dumps(_report(args.out, summary)) if args.json else summary_table(args.out, summary))
    return 0


def _report(out: Path, summary: QuestionSummary) -> dict[str, object]:
    return {
        "out": str(out),
        "dialogs": summary.dialogs,
        "questions": summary.questions,
        "splits": summary.splits,
        "families": summary.families,
        "phrasings": {name: phrasings(PHRASED_AS.get(name, name)) for name in summary.families},
        "left_out": len(summary.disagreements),
        "left_out_by_family": summary.left_out,
        "never_asked": list(summary.never_asked),
        "majority_baseline": round(summary.majority, 4),
        "majority_by_family": {name: round(share, 4) for name, share in summary.majority_by_family.items()},
        "majority_yes_no": round(summary.mean_of(yes_no=True), 4),
        "majority_other": round(summary.mean_of(yes_no=False), 4),
    }


def summary_table(out: Path, summary: QuestionSummary) -> str:
    """What was written, a row a family: a family that was left out altogether has a row too."""
    from finetune.questions.data import ONE_ANSWER_FAMILIES, YES_NO_FAMILIES

    splits = ", ".join(f"{count} {name}" for name, count in summary.splits.items())
    rows = [
        f"{summary.questions} questions in {summary.dialogs} dialogs ({splits}) are in {out}",
        f"{len(summary.disagreements)} questions left out because the tools' answer and gold differ",
        "",
        f"{'family':<16}{'questions':>10}{'left out':>10}{'phrasings':>11}{'majority baseline':>19}",
    ]
    for name in (*summary.families, *(n for n in summary.left_out if n not in summary.families)):
        share = summary.majority_by_family.get(name)
        blind = "(one answer)" if name in ONE_ANSWER_FAMILIES else "(none left)" if share is None else f"{share:.0%}"
        counts = f"{summary.families.get(name, 0):>10}{summary.left_out.get(name, 0):>10}"
        end = "  yes or no" if name in YES_NO_FAMILIES else ""
        rows.append(f"{name:<16}{counts}{phrasings(PHRASED_AS.get(name, name)):>11}{blind:>19}{end}")
    rows += [
        f"{'mean':<16}{'':>31}{summary.majority:>19.0%}",
        f"{'mean of yes or no':<18}{'':>29}{summary.mean_of(yes_no=True):>19.0%}  (a coin: 50%)",
        f"{'mean of the rest':<18}{'':>29}{summary.mean_of(yes_no=False):>19.0%}",
    ]
    if summary.never_asked:
        rows.append(f"not asked at all: {', '.join(summary.never_asked)}")
    return "\n".join(rows)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sightline questions", description=__doc__)
    parser.add_argument(
        "--worlds", required=True, metavar="A:B", help="seeds; last digit 8 is val, 9 is test, else train"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="must not exist yet")
    parser.add_argument("--dialogs", type=int, default=40, metavar="N", help="dialogs per world, over all its visits")
    parser.add_argument(
        "--visits", type=int, default=1, metavar="N", help="visits to each world, with changes between and during them"
    )
    parser.add_argument("--split", choices=("train", "val", "test"), help="only the seeds of this split")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw a sample of the first world on its frames")
    parser.add_argument("--tiles", type=int, default=12, metavar="N", help="questions on the sheet")
    parser.add_argument("--json", action="store_true")
    return parser
