"""The options of the suites of questions, and the plan that they make."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from evals.suites.answers import FIRST, SMOKE, STOP, AnswersPlan, Wording, unseen_seeds
from evals.systems.choose import SYSTEMS
from scenes.errors import InputError
from scenes.worlds.capture.sensors import SENSOR

WORDINGS: dict[str, tuple[Wording, ...]] = {
    "grammar": ("grammar",),
    "human": ("human",),
    "both": ("grammar", "human"),
}


GATED = "smoke"
"""The suite whose items are fixed."""


def add_smoke_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the gate: which model, and where to; what is asked is fixed."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: a temporary folder, which is named")
    parser.add_argument("--vlm", default="embedded", metavar="SPEC", help="as for `sightline ask`")
    parser.add_argument("--adapter", metavar="PATH", help="a LoRA adapter on top")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def smoke_plan(args: argparse.Namespace) -> AnswersPlan:
    """The plan of the gate."""
    if args.out is None:
        args.out = Path(tempfile.mkdtemp(prefix="sightline-smoke-"))
    return AnswersPlan(
        suite=GATED,
        seeds=SMOKE,
        visits=1,
        per_world=13,
        vlm=args.vlm,
        adapter=args.adapter,
        cache=args.out / "cache",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of one suite of questions."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="predictions, scores and table go here")
    parser.add_argument("--graph", choices=("true", "perceived"), default="true", help="what the tools read")
    parser.add_argument("--wording", choices=tuple(WORDINGS), default="both", help="whose words (default: both)")
    parser.add_argument(
        "--worlds", default=f"{FIRST}:{STOP}", metavar="A:B", help="seeds; only those that end in 9 are unseen"
    )
    parser.add_argument("--visits", type=int, metavar="N", help="visits to each world (default: 2, perceived: 1)")
    parser.add_argument("--per-world", type=int, default=30, metavar="N", help="dialogs per world and wording")
    parser.add_argument("--limit", type=int, metavar="N", help="about so many items, from all worlds in turn")
    parser.add_argument("--system", choices=tuple(SYSTEMS), default="agent", help="the agent, or a baseline")
    parser.add_argument("--vlm", default="embedded", metavar="SPEC", help="as for `sightline ask`")
    parser.add_argument("--adapter", metavar="PATH", help="a LoRA adapter on top")
    parser.add_argument("--sensor", default="headset", metavar="NAME", help="of the recordings of a perceived graph")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def plan_of(args: argparse.Namespace) -> AnswersPlan:
    """The plan of a command line. Raises InputError for what cannot be run."""
    if args.suite == GATED:
        return smoke_plan(args)
    if args.visits is None:
        args.visits = 1 if args.graph == "perceived" else 2
    for name in ("visits", "per_world", "jobs"):
        if getattr(args, name) < 1:
            raise InputError(f"expected --{name.replace('_', '-')} of 1 or more, got {getattr(args, name)}")
    if args.limit is not None and args.limit < 1:
        raise InputError(f"expected --limit of 1 or more, got {args.limit}")
    if args.graph == "perceived" and args.visits != 1:
        raise InputError("expected --visits 1 with --graph perceived: one recording is mapped, got another number")
    if args.sensor not in SENSOR:
        raise InputError(f"expected --sensor one of {', '.join(SENSOR)}, got {args.sensor!r}")
    return AnswersPlan(
        suite=args.suite,
        graph=args.graph,
        wordings=WORDINGS[args.wording],
        seeds=unseen_seeds(args.worlds),
        visits=args.visits,
        per_world=args.per_world,
        limit=args.limit,
        system=args.system,
        vlm=args.vlm,
        adapter=args.adapter,
        sensor=args.sensor,
        cache=args.out / "cache",
    )
