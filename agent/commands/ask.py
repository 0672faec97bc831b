"""The commands ``ask`` and ``chat``: one question, or a conversation. Imports nothing heavy until one runs."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.commands.sources import add_model, add_source, recording_of, session_of
from agent.commands.terminal import (
    EXIT_DONE,
    EXIT_ERROR,
    draw,
    event_lines,
    pixel,
    show,
    tell_forgotten,
    typed_events,
    undo,
)
from scenes.errors import InputError

IDLE_HELP = (
    "While nothing is typed for 20 seconds, packages of compiled kernels that are missing are built at the lowest "
    "priority, so that the next start is quick. SIGHTLINE_IDLE_BUILD is that time in seconds; 0 turns it off."
)


def add_commands(commands: Any) -> None:
    """Add ``ask`` and ``chat`` to the subparsers of the command line."""
    ask = commands.add_parser("ask", help="one question, headless")
    ask.add_argument("question")
    add_source(ask)
    ask.add_argument("--at", type=int, metavar="FRAME", help="the frame the question is about (default: the last)")
    ask.add_argument("--gaze", type=pixel, metavar="U,V", help="the pixel that the wearer looks at")
    ask.add_argument("--save", type=Path, metavar="FILE.png", help="draw the answer on the frame")
    add_model(ask)
    ask.set_defaults(run=run_ask)

    chat = commands.add_parser(
        "chat", help="talk in the terminal, or play a script; remembered with --map", epilog=IDLE_HELP
    )
    add_source(chat)
    chat.add_argument(
        "--at", type=int, metavar="FRAME", help="start at this frame (default: the first with a script, else the last)"
    )
    chat.add_argument(
        "--script", type=Path, metavar="FILE.jsonl", help='events: {"to_frame": N} or {"say": TEXT, "gaze": [u, v]}'
    )
    chat.add_argument("--save", type=Path, metavar="DIR", help="draw every answer into this folder")
    add_model(chat)
    chat.set_defaults(run=run_chat)


def run_ask(args: argparse.Namespace) -> int:
    """One question about one frame."""
    if not args.question.strip():
        raise InputError("expected a question, got an empty text; say what you want to know")
    recording = recording_of(args)
    with session_of(args, recording, args.at) as session:
        answer = session.say(args.question, args.gaze)
        show(answer, args.json)
        if args.map is not None:
            tell_forgotten(session, f"`sightline forget {args.map} --undo` brings it back until the next turn is over")
        if args.save is not None:
            draw(session, answer, args.question, args.save)
    return EXIT_ERROR if answer.status == "error" else EXIT_DONE


def run_chat(args: argparse.Namespace) -> int:
    """A conversation: a script, or what is typed."""
    from agent.conversation.events import Say, Undo
    from tools.kernels.package_building import IdleBuilder

    events = event_lines(args.script) if args.script is not None else None
    recording = recording_of(args)
    first = args.at
    if first is None and events is not None and recording is not None:
        first = recording.frame_ids[0]
    worst = EXIT_DONE
    with closing(IdleBuilder()) as builder, session_of(args, recording, first) as session:
        ingest_ms = 0.0
        for number, event in enumerate(events if events is not None else typed_events(session, builder.waiting), 1):
            if isinstance(event, Undo):
                undo(session)
                continue
            if not isinstance(event, Say):
                ingest_ms += session.to_frame(event.to_frame)
                continue
            answer = session.say(event.say, event.gaze, ingest_ms)
            ingest_ms = 0.0
            show(answer, args.json)
            tell_forgotten(session, "for good when the next turn or this chat is over; /undo brings it back")
            if args.save is not None:
                args.save.mkdir(parents=True, exist_ok=True)
                draw(session, answer, event.say, args.save / f"turn-{number:03d}.png")
            worst = EXIT_ERROR if answer.status == "error" else worst
        session.store.memory.purge()
    return worst
