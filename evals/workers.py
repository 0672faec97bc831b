"""Several processes hold dialogs side by side; each takes one scene after another. Only the first process writes."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from evals.holding import Plan, Timed, hold
from evals.items import Item
from evals.predictions import Header
from scenes.errors import InputError

POLL_S = 1.0
"""How often it is looked whether a process has died."""


def answers_of_workers(
    plan: Plan, header: Header, open_dialogs: Sequence[Sequence[Item]], done: frozenset[str], jobs: int
) -> Iterator[Timed]:
    """Answers as they come, in no order.

    Raises InputError: a process could not load what it needs, or died.
    """
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    scenes: Any = context.Queue()
    results: Any = context.Queue()
    by_scene = [list(group) for _, group in groupby(open_dialogs, key=lambda d: d[0].cluster)]
    jobs = min(jobs, len(by_scene))
    for scene in by_scene:
        scenes.put(scene)
    for _ in range(jobs):
        scenes.put(None)
    workers = [
        context.Process(target=_work, args=(plan, header, done, scenes, results), daemon=True) for _ in range(jobs)
    ]
    for worker in workers:
        worker.start()
    try:
        running = jobs
        while running:
            try:
                found = results.get(timeout=POLL_S)
            except queue.Empty:
                dead = [w.exitcode for w in workers if w.exitcode not in (None, 0)]
                if dead:
                    raise InputError(
                        f"expected {jobs} processes to work, one ended with code {dead[0]}; the answers so far are "
                        "kept: run the same command again"
                    ) from None
                continue
            if found is None:
                running -= 1
            elif isinstance(found, str):
                raise InputError(found)
            else:
                yield found
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _work(plan: Plan, header: Header, done: frozenset[str], scenes: Any, results: Any) -> None:
    """One process: scenes in, answers out; None at the end, a text where it cannot work."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    torch.set_num_threads(1)  # processes side by side are quicker than threads that wait for each other
    try:
        stage, system = plan.make_stage(), plan.make_system()
        while (scene := scenes.get()) is not None:
            for timed in hold(stage, system, header, scene, done):
                results.put(timed)
    except InputError as error:
        results.put(str(error))
        return
    results.put(None)
