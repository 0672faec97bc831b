"""Runs: resumed after a kill with identical scores, never mixed, the same with several processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from agent.conversation.turn import Outcome, Turn, to_grounded_answer
from agent.model.vlm import ModelError
from evals.items import Gold, Item
from evals.predict import predict
from evals.predictions import new_header, read_run
from evals.score import score_run, to_json
from evals.systems.base import Asked
from scenes.errors import InputError
from scenes.records import ModelRef, Timings, TypedValue
from scenes.types import Camera, Frame, SceneGraph
from tools.toolbox.snapshot import SnapshotContext

CAMERA = Camera(width=8, height=6, fx=8, fy=8, cx=4, cy=3)
SCENES, PER_SCENE = 5, 8


def suite() -> list[Item]:
    """Dialogs of two turns in a few scenes; the second turn's gold answer depends on the first."""
    items = []
    for scene in range(SCENES):
        for number in range(PER_SCENE):
            items += [
                Item(
                    id=f"s{scene}-{number}-{turn}",
                    dialog=f"s{scene}-{number}",
                    turn=turn,
                    cluster=f"s{scene}",
                    family=("first", "second")[turn],
                    wording="test",
                    text=f"how many {number}",
                    frame_id=0,
                    time_s=0.0,
                    gold=Gold(status="answered", value=TypedValue(kind="count", value=turn + 1)),
                )
                for turn in (0, 1)
            ]
    return items


@dataclass
class EmptyMoment:
    frame: Frame

    def context(self, item: Item, *, looking: bool) -> SnapshotContext:
        return SnapshotContext(graph=SceneGraph(map_id="m", time_s=0.0, objects={}, relations=(), rooms={}))


class EmptyStage:
    @contextmanager
    def open(self, dialog: Sequence[Item]) -> Iterator[EmptyMoment]:
        rgb = torch.zeros((CAMERA.height, CAMERA.width, 3), dtype=torch.uint8)
        yield EmptyMoment(Frame(id=0, time_s=0.0, camera=CAMERA, rgb=rgb))


class Counting:
    """Says which turn of its dialog this is, wrong in every third dialog, and fails where it is told to."""

    model = None

    def __init__(self, seconds: float, fails_on: str) -> None:
        self._seconds, self._fails_on = seconds, fails_on

    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        time.sleep(self._seconds)
        if asked.item.id == self._fails_on:
            raise ModelError("expected a model, got none")
        said = len(history) + 1 + (int(asked.item.text.split()[-1]) % 3 == 0)
        text = Outcome(status="answered", text=f"I count {said}.")
        model = ModelRef(base="counting", backend="test")
        answer = to_grounded_answer(text, asked.question, (), asked.context, calls=(), timings=Timings(), model=model)
        return Turn(answer=answer, messages=())


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingPlan:
    seconds: float = 0.0
    fails_on: str = ""

    def make_stage(self) -> EmptyStage:
        return EmptyStage()

    def make_system(self) -> Counting:
        return Counting(self.seconds, self.fails_on)


def run(path: Path, plan: CountingPlan | None = None, *, jobs: int = 1, **settings: object) -> dict[str, object]:
    """Predict and score; the scores."""
    items = suite()
    predict(path, new_header("test", 1, settings, items), items, plan or CountingPlan(), jobs=jobs)
    return scores(path)


def scores(path: Path) -> dict[str, object]:
    return to_json(score_run(read_run(path)))


def test_a_second_run_asks_nothing_again(tmp_path: Path):
    path = tmp_path / "p.jsonl"
    first, text = run(path), path.read_text()
    assert run(path) == first
    assert path.read_text() == text


def test_another_configuration_is_refused_with_what_differs(tmp_path: Path):
    path = tmp_path / "p.jsonl"
    run(path, system="agent", limit=10)
    with pytest.raises(InputError, match="limit 10, not 20"):
        run(path, system="agent", limit=20)


def test_other_items_under_the_same_settings_are_refused(tmp_path: Path):
    path, items = tmp_path / "p.jsonl", suite()
    run(path)
    other = [items[0].model_copy(update={"text": "how few"}), *items[1:]]
    with pytest.raises(InputError, match="generator of questions has changed"):
        predict(path, new_header("test", 1, {}, other), other, CountingPlan())


@pytest.mark.parametrize("seed", range(6))
def test_a_file_cut_at_any_byte_is_completed_to_identical_scores(tmp_path: Path, seed: int):
    path = tmp_path / "p.jsonl"
    whole = run(path)
    data, start = path.read_bytes(), path.read_bytes().index(b'{"kind":"answer"')
    path.write_bytes(data[: random.Random(seed).randrange(start, len(data))])
    assert run(path) == whole
    assert read_run(path).problems == ()


def test_a_run_killed_at_random_and_resumed_gives_identical_scores(tmp_path: Path):
    whole, path = run(tmp_path / "whole.jsonl"), tmp_path / "killed.jsonl"
    rng, kills = random.Random(0), 0
    for _ in range(4):
        command = [sys.executable, "-c", KILLED, str(path)]
        child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        deadline = time.monotonic() + 120
        seen = len(path.read_bytes()) if path.exists() else 0
        while child.poll() is None and time.monotonic() < deadline:
            if path.exists() and len(path.read_bytes()) > seen + rng.randrange(1500, 6000):
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
                break
            time.sleep(0.005)
    assert kills >= 2
    assert run(path) == whole | {"started": scores(path)["started"]}


KILLED = """
import sys
from pathlib import Path
from tests.evals.test_predict import CountingPlan, run
run(Path(sys.argv[1]), CountingPlan(seconds=0.02))
"""


def test_several_processes_give_the_scores_of_one(tmp_path: Path):
    assert run(tmp_path / "two.jsonl", jobs=2) == run(tmp_path / "one.jsonl")


def test_a_failing_model_is_an_error_with_its_reason_and_the_run_goes_on(tmp_path: Path):
    path = tmp_path / "p.jsonl"
    found = run(path, CountingPlan(fails_on="s2-1-0"))
    prediction = read_run(path).predictions["s2-1-0"]
    assert prediction.error == "model: expected a model, got none"
    whole = found["all"]
    assert isinstance(whole, dict)
    assert whole["outcomes"]["error"] == 1
    assert sum(whole["outcomes"].values()) == SCENES * PER_SCENE * 2


def test_a_process_that_dies_is_said_and_what_it_wrote_stays(tmp_path: Path):
    path = tmp_path / "p.jsonl"
    with pytest.raises(InputError, match="run the same command again"):
        run(path, replace(DYING), jobs=2)
    assert run(path) == run(tmp_path / "whole.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class DyingPlan(CountingPlan):
    def make_system(self) -> Counting:
        return Dying(0.0, "")


class Dying(Counting):
    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        if asked.item.cluster == "s3":
            os._exit(9)
        return super().answer(asked, history)


DYING = DyingPlan()
