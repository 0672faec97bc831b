"""The command line: `sightline COMMAND`.

The composition root, and the only module of this package that may import ground truth, evals or finetune; it does so
lazily, so that `sightline --help` costs nothing. Exit codes: 0 done, 1 the answer is an error, 2 bad usage or input.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenes.errors import InputError

if TYPE_CHECKING:
    from agent.session import Session
    from scenes.records import GroundedAnswer

EXIT_DONE, EXIT_ERROR, EXIT_USAGE = 0, 1, 2


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
        return 130
    except BrokenPipeError:  # e.g. `sightline chat ... | head -1`
        sys.stderr.close()
        return EXIT_DONE


FORWARDED = {
    "finetune": "train the embedded base model or a LoRA adapter, and evaluate them",
    "bench": "speed against eager torch and against peers, in one run",
}
"""Commands whose own module reads the rest of the line."""


def _forward(command: str, rest: list[str]) -> int:
    if command == "finetune":
        from finetune.cli import main as run
    else:
        from evals.bench.cli import main as run
    return run(rest)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="sightline", description="A conversational assistant for AR glasses: map, memory, grounded answers."
    )
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    ask = commands.add_parser("ask", help="one question, headless")
    ask.add_argument("question")
    _add_source(ask)
    ask.add_argument("--at", type=int, metavar="FRAME", help="the frame the question is about (default: the last)")
    ask.add_argument("--gaze", type=_pixel, metavar="U,V", help="the pixel that the wearer looks at")
    ask.add_argument("--save", type=Path, metavar="FILE.png", help="draw the answer on the frame")
    _add_model(ask)
    ask.set_defaults(run=run_ask)

    chat = commands.add_parser("chat", help="talk in the terminal, or play a script; remembered with --map")
    _add_source(chat)
    chat.add_argument(
        "--at", type=int, metavar="FRAME", help="start at this frame (default: the first with a script, else the last)"
    )
    chat.add_argument(
        "--script", type=Path, metavar="FILE.jsonl", help='events: {"to_frame": N} or {"say": TEXT, "gaze": [u, v]}'
    )
    chat.add_argument("--save", type=Path, metavar="DIR", help="draw every answer into this folder")
    _add_model(chat)
    chat.set_defaults(run=run_chat)

    build = commands.add_parser("map", help="build map, scene graph and memory from a recording")
    build.add_argument("recording", type=Path)
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="the map's folder; must not exist yet")
    _add_model(build)
    build.set_defaults(run=run_map)

    info = commands.add_parser("info", help="what a recording or a map holds, and whether its calibration makes sense")
    info.add_argument("path", type=Path)
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.set_defaults(run=run_info)

    world = commands.add_parser("world", help="render a generated world as a recording with ground truth")
    world.add_argument("seed", type=int)
    world.add_argument("--out", type=Path, required=True, metavar="DIR")
    world.set_defaults(run=run_world)

    for name, text in FORWARDED.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recording", type=Path, metavar="PATH", help="a recorded walk")
    parser.add_argument(
        "--world", type=int, metavar="SEED", help="a generated world (rendered and mapped once, then cached)"
    )
    parser.add_argument("--map", type=Path, metavar="DIR", help="a map: continued if it exists, else built here")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vlm",
        default="embedded",
        metavar="SPEC",
        help="embedded (default), a model folder, a hub id, or openai:MODEL@URL",
    )
    parser.add_argument("--adapter", metavar="PATH", help="a LoRA adapter on top")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def _pixel(text: str) -> tuple[float, float]:
    try:
        u, v = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected U,V in pixels, e.g. 320,240; got {text!r}") from None
    return u, v


def _event_lines(path: Path) -> list[tuple[str, Event]]:
    """The events of a script with where each stands; raises InputError for the first line that is not one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a script of one JSON object a line, got {error}") from error
    events = [(f"{path}:{n}", line) for n, line in enumerate(lines, 1) if line.strip()]
    return [(where, parse_event(line, where)) for where, line in events]
