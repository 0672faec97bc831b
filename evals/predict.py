"""Asks every item of a suite and writes raw answers: resumable, parallel over processes, with an ETA.

Nothing is scored here. A run that was killed goes on where it stopped: dialogs with a missing answer are held again
from their first turn, because later turns depend on earlier ones, and only what is missing is written.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.conversation.turn import Turn, TurnInput
from agent.model.vlm import ModelError
from evals.items import Item, dialogs
from evals.predictions import Appender, Header, Prediction, open_to_append, read_run, write_start
from evals.stages.base import Moment, Stage
from evals.systems.base import Asked, System
from scenes.errors import InputError
from scenes.records import GroundedAnswer

log = logging.getLogger(__name__)
Follow = Callable[[int, int], None]
"""Called with (answers done, answers in all)."""


class Plan(Protocol):
    """How a process asks the items of a run; it travels to other processes, so it holds settings only."""

    def make_stage(self) -> Stage:
        """Where dialogs happen."""
        ...

    def make_system(self) -> System:
        """What is asked; loads the model."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a run took."""

    asked: int
    """Answers written by this call."""
    kept: int
    """Answers that were in the file already."""
    wall_s: float
    agent_s: float
    """Of that, time inside the system."""
    stage_s: float
    """Of that, time to render frames and read graphs: making the world is not asking about it."""

    @property
    def overhead_ms(self) -> float:
        """Milliseconds an item that are neither the system's nor the stage's; of one process."""
        return 1e3 * max(self.wall_s - self.agent_s - self.stage_s, 0.0) / max(self.asked, 1)


def predict(
    path: Path, header: Header, items: Sequence[Item], plan: Plan, *, jobs: int = 1, follow: Follow | None = None
) -> Answered:
    """Write the answers that ``path`` lacks.

    Args:
        path: the run's file; begun where there is none.
        header: what this run is. A file of another configuration is refused.
        jobs: processes; with several, each takes one scene after another.
        follow: called after each answer.

    Raises InputError: the file holds another configuration, a model does not load.
    """
    kept = _kept(path, header)
    if kept is None:
        write_start(path, header, items)
    done = frozenset(kept or ())
    open_dialogs = [d for d in dialogs(items) if any(item.id not in done for item in d)]
    start, spent = time.perf_counter(), _Spent()
    with open_to_append(path) as file:
        count, lines = 0, Appender(file)
        for prediction in _answers(plan, header, open_dialogs, done, jobs, spent):
            lines.append(prediction)
            count += 1
            if follow is not None:
                follow(len(done) + count, len(items))
        lines.sync()
    return Answered(
        asked=count, kept=len(done), wall_s=time.perf_counter() - start, agent_s=spent.agent_s, stage_s=spent.stage_s
    )


def _kept(path: Path, header: Header) -> frozenset[str] | None:
    """Ids that are answered already; None where the file must be begun."""
    if not path.exists():
        return None
    run = read_run(path)
    if run.header.config != header.config:
        raise InputError(
            f"expected {path} to be of this configuration, it is of another: {_difference(run.header, header)}; "
            "name another --out, or delete it"
        )
    return frozenset(run.predictions)


def _difference(old: Header, new: Header) -> str:
    """Which settings differ, in words."""
    if (old.suite, old.version) != (new.suite, new.version):
        return f"suite {old.suite} version {old.version}, not {new.suite} version {new.version}"
    keys = sorted({*old.settings, *new.settings})
    changed = [k for k in keys if old.settings.get(k) != new.settings.get(k)]
    said = ", ".join(f"{k} {old.settings.get(k)!r}, not {new.settings.get(k)!r}" for k in changed)
    return said or "its items are others (the generator of questions has changed)"


@dataclass(slots=True)
class _Spent:
    agent_s: float = 0.0
    stage_s: float = 0.0


def _answers(
    plan: Plan,
    header: Header,
    open_dialogs: Sequence[Sequence[Item]],
    done: frozenset[str],
    jobs: int,
    spent: _Spent,
) -> Iterator[Prediction]:
    if not open_dialogs:
        return
    if jobs > 1:
        from evals.workers import answers_of_workers

        for prediction, agent_s, stage_s in answers_of_workers(plan, header, open_dialogs, done, jobs):
            spent.agent_s += agent_s
            spent.stage_s += stage_s
            yield prediction
        return
    began = time.perf_counter()
    stage, system = plan.make_stage(), plan.make_system()
    spent.stage_s += time.perf_counter() - began
    for prediction, agent_s, stage_s in hold(stage, system, header, open_dialogs, done):
        spent.agent_s += agent_s
        spent.stage_s += stage_s
        yield prediction


Timed = tuple[Prediction, float, float]
"""An answer, the seconds inside the system, and the seconds that the stage took for it."""


def hold(
    stage: Stage, system: System, header: Header, open_dialogs: Iterable[Sequence[Item]], done: frozenset[str]
) -> Iterator[Timed]:
    """Hold dialogs, turn after turn; yields what is not in ``done``."""
    for dialog in open_dialogs:
        began = time.perf_counter()
        with stage.open(dialog) as moment:
            stage_s = time.perf_counter() - began
            history: list[Turn] = []
            for item in dialog:
                held = [_ask(system, moment, item, k, history) for k in range(len(item.opening) + 1)]
                if item.id not in done:
                    stage_s += sum(reply.stage_s for reply in held)
                    yield _prediction(header, item, held[-1]), sum(reply.seconds for reply in held), stage_s
                    stage_s = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """What came of one turn."""

    answer: GroundedAnswer | None
    error: str | None
    confidence: float | None
    seconds: float
    """Inside the system."""
    stage_s: float


def _ask(system: System, moment: Moment, item: Item, k: int, history: list[Turn]) -> _Reply:
    """Turn ``k`` of an item: its opening, then the one that is judged; ``history`` grows by it.

    A failing model is an answer with an error; a bug in a system or a tool is too, under its own name.
    """
    began = time.perf_counter()
    looking = k == 0 and item.gaze_px is not None
    context = moment.context(item, looking=looking)
    question = TurnInput(text=(*item.opening, item.text)[k], frame=moment.frame, gaze=looking)
    asked = Asked(question=question, context=context, item=item, last=k == len(item.opening))
    turn: Turn | None = None
    error: str | None = None
    if system.model is not None:
        system.model.start()
    start = time.perf_counter()
    try:
        turn = system.answer(asked, history)
    except ModelError as problem:
        error = f"model: {problem}"
    except Exception as problem:
        log.exception("item %s", item.id)
        error = f"{type(problem).__name__}: {problem}"
    seconds = time.perf_counter() - start
    if turn is not None:
        history.append(turn)
    return _Reply(
        answer=None if turn is None else turn.answer,
        error=error,
        confidence=None if system.model is None else system.model.confidence,
        seconds=seconds,
        stage_s=start - began,
    )


def _prediction(header: Header, item: Item, reply: _Reply) -> Prediction:
    seed = item.place.get("world")
    return Prediction(
        id=item.id,
        suite=header.suite,
        version=header.version,
        config=header.config,
        seed=seed if isinstance(seed, int) else None,
        answer=reply.answer,
        error=reply.error,
        confidence=reply.confidence,
        wall_ms=round(reply.seconds * 1e3, 3),
    )


def progress_bar(total: int, done: int = 0, what: str = "answers") -> Follow:
    """A bar with an ETA on standard error."""
    from tqdm import tqdm

    bar = tqdm(total=total, initial=done, desc=what, unit="", file=sys.stderr, mininterval=0.5)

    def follow(now: int, of: int) -> None:
        bar.total = of
        bar.update(now - bar.n)
        if now >= of:
            bar.close()

    return follow
