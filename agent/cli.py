"""The command line: `sightline COMMAND`.

The composition root: with ``agent.commands.world`` the only module of this package that may import ground truth, evals
or finetune. All of it is lazy, so that `sightline --help` costs nothing; a group of commands has a module of its own.
Exit codes: 0 done, 1 the answer is an error, 2 bad usage or input.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from agent import commands
from agent.commands.terminal import EXIT_DONE, EXIT_USAGE
from scenes.errors import InputError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] and arguments[0] in FORWARDED:
        return _guarded(lambda: _forward(arguments[0], arguments[1:]))
    parser = build_parser()
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    if args.command is None:
        parser.print_help()
        return EXIT_USAGE
    return _guarded(lambda: args.run(args))


def _guarded(run: Callable[[], int]) -> int:
    try:
        return run()
    except InputError as error:
        print(f"sightline: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("sightline: interrupted; nothing half-written was kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # e.g. `sightline chat ... | head -1`
        sys.stderr.close()
        return EXIT_DONE


FORWARDED = {
    "finetune": "train the embedded base model or a LoRA adapter, and evaluate them",
    "questions": "write scene questions with gold answers and tool traces from generated worlds",
    "eval": "measure localisation, mapping, the scene graph, ... on generated worlds or real data",
    "bench": "speed against eager torch and against peers, in one run",
}
"""Commands whose own module reads the rest of the line."""


def _forward(command: str, rest: list[str]) -> int:
    if command == "finetune":
        from finetune.cli import main as run
    elif command == "questions":
        from finetune.questions.command import main as run
    elif command == "eval":
        from evals.command import main as run
    else:
        from evals.bench import run
    return run(rest)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="sightline", description="A conversational assistant for AR glasses: map, memory, grounded answers."
    )
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for group in commands.GROUPS:
        group.add_commands(subparsers)
    for name, text in FORWARDED.items():
        subparsers.add_parser(name, help=text, add_help=False)
    return parser


def entry() -> NoReturn:
    """The console script: ``main``, without waiting at the end for kernels that are still being compiled."""
    code = main()
    compiled = sys.modules.get("tools.kernels.compiled")
    if compiled is not None and compiled.is_compiling():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    entry()
