"""Holds dialogs of a suite with a system, turn after turn; what failed is an answer with an error, never a crash."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.conversation.turn import Turn, TurnInput
from agent.model.vlm import ModelError
from evals.items import Item
from evals.predictions import Header, Prediction
from evals.stages.base import Moment, Stage
from evals.systems.base import Asked, System
from scenes.records import GroundedAnswer

log = logging.getLogger(__name__)


class Plan(Protocol):
    """How a process asks the items of a run; it travels to other processes, so it holds settings only."""

    def make_stage(self) -> Stage:
        """Where dialogs happen."""
        ...

    def make_system(self) -> System:
        """What is asked; loads the model."""
        ...


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
