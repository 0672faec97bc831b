"""Asks every item of a suite and writes raw answers: resumable, parallel over processes, with an ETA.

Nothing is scored here. A run that was killed goes on where it stopped: dialogs with a missing answer are held again
from their first turn, because later turns depend on earlier ones, and only what is missing is written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.holding import Plan, hold
from evals.items import Item, dialogs
from evals.predictions import Appender, Header, Prediction, open_to_append, read_run, write_start
from evals.workers import answers_of_workers
from scenes.errors import InputError

Follow = Callable[[int, int], None]
"""Called with (answers done, answers in all)."""


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
