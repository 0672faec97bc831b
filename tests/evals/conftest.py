"""One generated world with its items and with answers that are right by construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import pytest
import torch

from agent.conversation.turn import Outcome, TurnInput, to_grounded_answer
from evals.items import Item
from evals.predictions import Header, Prediction, new_header
from evals.stages.moment import map_object_id, true_context
from evals.suites.answers import question_item
from finetune.questions.writer import write_dialog
from scenes.questions.generate import visit_questions
from scenes.questions.visits import Visit, make_visits
from scenes.records import GroundedAnswer, ModelRef, Question, Timings, ToolCallRecord
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import Frame
from scenes.worlds.world import make_world
from tools.toolbox.context import NO_GAZE, Gaze
from tools.toolbox.facts import Fact
from tools.toolbox.snapshot import SnapshotContext
from tools.toolbox.toolbox import next_fact_number, run_tool

SEED = 9009
CAMERA = HEAD_CAMERA.resized(64, 48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Items, and the answers that the tools and the policy of the training data give to them."""

    items: tuple[Item, ...]
    answers: Mapping[str, GroundedAnswer]

    def header(self, **changes: object) -> Header:
        """The header of a run on these items."""
        return new_header("answers", 1, {"graph": "true", **changes}, self.items)

    def prediction(self, item: Item, answer: GroundedAnswer | None, header: Header | None = None) -> Prediction:
        """A line of that run."""
        of = header or self.header()
        return Prediction(id=item.id, suite=of.suite, version=of.version, config=of.config, answer=answer)


@pytest.fixture(scope="session")
def known() -> Known:
    """Two visits to one world."""
    items: list[Item] = []
    answers: dict[str, GroundedAnswer] = {}
    for visit in make_visits(make_world(SEED), 2):
        for _, group in groupby(visit_questions(visit, 44), key=lambda q: q.dialog):
            dialog = list(group)
            told = write_dialog(dialog, visit)
            if told.disagreements:
                continue
            moment = true_context(visit, dialog[0].frame_id)
            for question, (said, _) in zip(dialog, told.writer.given, strict=True):
                item = question_item(question, visit, "grammar")
                facts, records = _called(question, moment)
                outcome = Outcome(status=said.status, text=said.text, reason=said.reason, cite=said.cite)
                items.append(item)
                answer = to_grounded_answer(
                    outcome,
                    TurnInput(text=question.text, frame=_frame(visit, question)),
                    facts,
                    moment,
                    calls=records,
                    timings=Timings(),
                    model=ModelRef(base="gold", backend="test"),
                )
                answers[item.id] = GroundedAnswer.model_validate_json(answer.model_dump_json())  # as from a file
    return Known(items=tuple(items), answers=answers)


def _called(question: Question, moment: SnapshotContext) -> tuple[Sequence[Fact], Sequence[ToolCallRecord]]:
    moment.gazed = NO_GAZE if question.gaze_px is None else Gaze(object_id=map_object_id(question.objects[0]))
    facts: list[Fact] = []
    records: list[ToolCallRecord] = []
    number = 1
    for call in question.trace:
        result = run_tool(call.name, call.arguments, moment, number)
        number = next_fact_number(number, result)
        facts += result.facts
        artifact = dict(result.artifact) or None
        records.append(ToolCallRecord(name=call.name, arguments=call.arguments, result=result.text, artifact=artifact))
    return facts, records


def _frame(visit: Visit, question: Question) -> Frame:
    return Frame(
        id=question.frame_id,
        time_s=question.time_s,
        camera=CAMERA,
        rgb=torch.zeros((CAMERA.height, CAMERA.width, 3), dtype=torch.uint8),
        world_from_camera=visit.walk.world_from_camera[question.frame_id],
    )
