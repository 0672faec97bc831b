"""What the terminal shows and reads: answers, progress, pictures, typed words, scripts, exit codes. Imports nothing
heavy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from scenes.errors import InputError

if TYPE_CHECKING:
    from agent.conversation.events import Event
    from agent.conversation.session import Session
    from agent.maps.map_store import Progress
    from scenes.records import GroundedAnswer

EXIT_DONE, EXIT_ERROR, EXIT_USAGE = 0, 1, 2


def pixel(text: str) -> tuple[float, float]:
    """``U,V`` as typed. Raises argparse's own error, which names what was expected."""
    try:
        u, v = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected U,V in pixels, e.g. 320,240; got {text!r}") from None
    return u, v


def progress(what: str) -> Progress:
    """A progress bar on standard error for work of seconds or more; in a log file a line every ten seconds."""
    from tqdm import tqdm

    interval_s = 0.1 if sys.stderr.isatty() else 10.0
    bar: tqdm | None = None

    def follow(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total, desc=what, unit="", delay=1.0, mininterval=interval_s, leave=False, file=sys.stderr)
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return follow


def show(answer: GroundedAnswer, as_json: bool) -> None:
    """Print an answer: its words, how it ended, where its things are; or one line of JSON."""
    if as_json:
        print(answer.model_dump_json(), flush=True)
        return
    status = answer.status if answer.reason is None else f"{answer.status}, {answer.reason.replace('_', ' ')}"
    print(answer.answer)
    print(f"  [{status}; frame {answer.frame.id}; {answer.timings_ms.total / 1000:.1f} s]")
    for anchor in answer.anchors:
        x, y, z = anchor.box.center
        print(f"  {anchor.object_id} {anchor.label or 'unnamed'}: ({x:.2f}, {y:.2f}, {z:.2f}) ± {anchor.sigma_m:.2f} m")


def tell_forgotten(session: Session, way_back: str) -> None:
    """Say on standard error what the turn forgot, and how it comes back."""
    names = session.store.memory.recoverable().values()
    if names:
        print(f"  forgotten: {', '.join(names)}; {way_back}", file=sys.stderr)


def undo(session: Session) -> None:
    """Bring back what the last turn forgot; say so."""
    from agent.conversation.undo import bring_back
    from tools.memory.forgetting import NothingForgottenError

    try:
        print(f"  brought back: {', '.join(bring_back(session.store))}", file=sys.stderr)
    except NothingForgottenError as error:
        print(f"  {error}", file=sys.stderr)


def draw(session: Session, answer: GroundedAnswer, question: str, path: Path) -> None:
    """Save an answer drawn on the asked frame. Raises InputError: no picture's name, or it cannot be written."""
    from agent.views.draw import draw_answer

    frame = session.asked_frame
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"expected --save with a .png or .jpg name, got {path}")
    try:
        draw_answer(frame, answer, question).save(path)
    except OSError as error:
        raise InputError(f"{path}: cannot write the picture: {error.strerror or error}") from error
    print(f"drawn on frame {frame.id}: {path}", file=sys.stderr)


def typed_events(
    session: Session, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[Event]:
    """Events from standard input: words, `/to FRAME`, `/gaze U,V WORDS` or `/undo`; ends with `/quit` or the input.

    ``waiting``: entered while nothing is asked.
    """
    from agent.conversation.events import Say, ToFrame, Undo

    print(
        f"At frame {session.asked_frame.id}. Say something; /to FRAME walks on, /gaze U,V WORDS looks at a pixel, "
        "/undo brings back what was just forgotten, /quit ends."
    )
    while True:
        try:
            with waiting():
                line = input("> ").strip()
        except EOFError:
            return
        command, _, rest = line.partition(" ")
        try:
            if command == "/quit":
                return
            if command == "/to":
                session.to_frame(int(rest))
                yield ToFrame(to_frame=int(rest))
            elif command == "/undo":
                yield Undo(undo=True)
            elif command == "/gaze":
                where, _, words = rest.partition(" ")
                yield Say(say=words, gaze=pixel(where))
            elif line:
                yield Say(say=line, gaze=None)
        except (ValueError, argparse.ArgumentTypeError) as error:
            print(f"  {error}")


def event_lines(path: Path) -> list[Event]:
    """The events of a script, all checked before the first one happens. Raises InputError."""
    from agent.conversation.events import parse_event

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a script of one JSON object a line, got {error}") from error
    return [parse_event(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
