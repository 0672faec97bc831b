"""Score a model of your own on generated questions, with the real tools and the real rules for answers.

    python examples/score_own_model.py --questions 40
    python examples/score_own_model.py --questions 40 --vlm embedded       # the same questions to another model

Any object that fills ``agent.model.interface.Vlm`` can answer; the one here reads key words and looks at no picture. An
answer is right when its status and the things that it points at are those of the gold answer. `sightline eval` measures
far more; this shows the seam.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from torch import Tensor

from agent.conversation.graph import Assistant, answer_question, build_assistant
from agent.conversation.turn import TurnInput
from agent.model.interface import Reply, Vlm
from agent.model.protocol import Message, ToolCall, ToolSchema, text_of
from scenes.questions.generate import visit_questions
from scenes.questions.visits import Visit, make_visit
from scenes.records import GroundedAnswer, Question
from scenes.rendering.render import HEAD_CAMERA
from scenes.types import Frame
from scenes.worlds.world import make_world
from tools.toolbox.context import Gaze
from tools.toolbox.snapshot import SnapshotContext

NAMED = re.compile(r"\b(?:the|a|an|my)\s+(.+?)(?:\W+(?:is|are|please|thanks|again|now))*\W*$", re.IGNORECASE)
FACT_ID = re.compile(r"^([a-z]\d+) (.*)", re.MULTILINE)
CAMERA = HEAD_CAMERA.resized(160, 120)


class KeywordModel:
    """Two calls a question: a tool that key words choose, then an answer that cites its first line."""

    base, adapter, backend = "key words", None, "python"
    recogniser = None

    def reply(
        self,
        messages: Sequence[Message],
        images: Sequence[Tensor] = (),
        tools: Sequence[ToolSchema] = (),
        *,
        grammar: str | None = None,
        limit: int = 256,
    ) -> Reply:
        """See ``agent.model.interface.Vlm.reply``."""
        last = messages[-1]
        call = self._answer(text_of(last)) if last["role"] == "tool" else self._look_up(text_of(last))
        return Reply(text="", call=call)

    def replies(
        self, messages: Sequence[Message], pictures: Sequence[Tensor], *, grammar: str, limit: int
    ) -> list[Reply]:
        """It names nothing."""
        return [Reply(text="unclear") for _ in pictures]

    def _look_up(self, question: str) -> ToolCall:
        named = NAMED.search(question)
        name = "gaze" if ", gaze]" in question else named[1] if named else "objects"
        if "how many" in question.lower() or name == "objects":
            return ToolCall(name="find_objects", arguments={"query": name})
        return ToolCall(name="where_is", arguments={"object": name[:80]})

    def _answer(self, result: str) -> ToolCall:
        fact = FACT_ID.search(result)
        if fact is None:
            missing = {"status": "abstained", "reason": "never_seen", "cite": [], "text": "I have not seen that."}
            return ToolCall(name="answer", arguments=missing)
        found = {"status": "answered", "cite": [fact[1]], "text": f"It is {fact[2]}."[:175]}
        return ToolCall(name="answer", arguments=found)


def moment(question: Question, visit: Visit) -> tuple[TurnInput, SnapshotContext]:
    """The question with the picture of its frame, and the moment as the tools see it."""
    pose = visit.walk.world_from_camera[question.frame_id]
    seen = visit.world_at(question.frame_id).renderer().render(CAMERA, pose, id=question.frame_id).frame
    frame = Frame(id=question.frame_id, time_s=question.time_s, camera=CAMERA, rgb=seen.rgb, world_from_camera=pose)
    context = SnapshotContext(
        graph=visit.known(question.frame_id), camera=CAMERA, world_from_camera=pose, time_s=question.time_s
    )
    if question.gaze_px is not None:
        context.gazed = Gaze(object_id=question.objects[0])
    return TurnInput(text=question.text, frame=frame, gaze=question.gaze_px is not None), context


def is_right(question: Question, answer: GroundedAnswer) -> bool:
    """Whether status and things agree with gold."""
    pointed = {anchor.object_id for anchor in answer.anchors}
    return answer.status == question.status and (question.status != "answered" or pointed == set(question.objects))


def scored(assistant: Assistant, seed: int, count: int) -> Iterator[tuple[Question, GroundedAnswer, bool]]:
    """First turns of dialogs about a generated world, each with its answer and whether that is right."""
    visit = make_visit(make_world(seed, rooms=3), step=24)
    first_turns = (question for question in visit_questions(visit, count) if question.turn == 0)
    for question in first_turns:
        asked, context = moment(question, visit)
        answer = answer_question(assistant, asked, context).answer
        yield question, answer, is_right(question, answer)


def main() -> None:
    """Ask, print each answer, and count per family."""
    parser = argparse.ArgumentParser(description="Score a model of your own on generated questions.")
    parser.add_argument("--seed", type=int, default=29, help="of the generated world")
    parser.add_argument("--questions", type=int, default=20, metavar="N")
    parser.add_argument("--vlm", metavar="SPEC", help="another model, as in `sightline ask --help`")
    args = parser.parse_args()

    model: Vlm = KeywordModel()
    if args.vlm is not None:
        from agent.model.vlm import load_vlm

        model = load_vlm(args.vlm)
    right, asked = Counter[str](), Counter[str]()
    for question, answer, good in scored(build_assistant(model), args.seed, args.questions):
        print(f"{'right' if good else 'wrong'}  {question.family}: {question.text} -> {answer.answer}")
        right[question.family] += good
        asked[question.family] += 1
    for family, count in asked.most_common():
        print(f"{family:16} {right[family]} of {count}")
    print(f"{model.base}: {right.total()} of {asked.total()} right")


if __name__ == "__main__":
    main()
