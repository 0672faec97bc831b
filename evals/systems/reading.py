"""Baselines without tools: the model reads a text once, or nothing, and closes the turn.

- ``blind``: the question alone, no picture: what can be guessed from the words.
- ``captions-only``: the captions of memory that share words with the question, as in ReMEmbR (Anwar et al., 2024): what
  was seen when and in which room, without places of things. The captions are perfect: they name what was really seen.
- ``graph-in-prompt``: a line for each thing with its centre and size in metres, as in ConceptGraphs (Gu et al., 2024),
  as many as the prompt holds, those that share words with the question first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from agent.conversation.turn import Outcome, Turn, checked_outcome, to_grounded_answer, tools_for
from agent.model.protocol import Message, ToolCall, call_message, tool_message
from agent.model.vlm import ModelError, Reply, Vlm
from evals.scorers.spoken import singular, tokens
from evals.systems.base import Asked
from evals.systems.recording import RecordingVlm
from scenes.records import ModelRef, Timings, ToolCallRecord
from scenes.types import SceneObject
from tools.toolbox.answers import ANSWER_NAME, AnswerArguments
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact
from tools.toolbox.phrases import joined, plain_name, with_article
from tools.toolbox.toolbox import tool_schemas

CAPTIONS, GRAPH_LINES = 5, 24
"""How many lines fit beside a question in the embedded model's prompt."""
NAMES_A_CAPTION = 6
Facts = Callable[[Asked], Sequence[Fact]]
NOT_SUPPORTED = "I could not find support for an answer."


class ReadingSystem:
    """One prompt, one reply. ``read``: the lines that the model is given; None = not even the picture."""

    def __init__(self, vlm: Vlm, read: Facts | None, source: str) -> None:
        self.model = RecordingVlm(vlm)
        self._read, self._source = read, source

    def answer(self, asked: Asked, history: Sequence[Turn]) -> Turn:
        """See ``System.answer``. Earlier turns are given as they were said."""
        start = time.perf_counter()
        facts = list(self._read(asked)) if self._read is not None else []
        messages: list[Message] = [m for turn in history[-2:] for m in turn.messages]
        own = self._question(asked)
        records: tuple[ToolCallRecord, ...] = ()
        if self._read is not None:
            text = "\n".join(fact.line for fact in facts) or "nothing"
            own += [call_message(ToolCall(name=self._source, arguments={"query": asked.question.text[:80]}), "read")]
            own += [tool_message(self._source, text, "read")]
            records = (ToolCallRecord(name=self._source, arguments={}, result=text),)
        outcome, reply = self._closed([*messages, *own], asked, facts)
        total = (time.perf_counter() - start) * 1e3
        answer = to_grounded_answer(
            outcome,
            asked.question,
            facts,
            asked.context,
            calls=records,
            timings=Timings(prefill=reply.prefill_ms, decode=reply.decode_ms, total=total),
            model=ModelRef(base=self.model.base, adapter=self.model.adapter, backend=self.model.backend),
        )
        said: Message = {"role": "assistant", "content": answer.answer}
        return Turn(answer=answer, messages=({"role": "user", "content": asked.question.prompt}, said))

    def _question(self, asked: Asked) -> list[Message]:
        words = {"type": "text", "text": asked.question.prompt}
        picture = [{"type": "image"}] if self._read is not None else []
        return [{"role": "user", "content": [*picture, words]}]

    def _closed(self, messages: Sequence[Message], asked: Asked, facts: Sequence[Fact]) -> tuple[Outcome, Reply]:
        """The model's closing call; where it breaks the contract an abstention, as in the agent after its complaint.

        Without lines to cite nothing has to be cited.
        """
        schemas = tools_for(facts) if facts else tool_schemas()
        images = [asked.question.frame.rgb] if self._read is not None else []
        closing = [s for s in schemas if s["function"]["name"] == ANSWER_NAME]
        reply = self.model.reply(messages, images, closing)
        if reply.call is None:
            return Outcome(status="abstained", reason="unsupported", text=NOT_SUPPORTED), reply
        if facts:
            verdict = checked_outcome(reply.call.arguments, facts)
            if isinstance(verdict, Outcome):
                return verdict, reply
            return Outcome(status="abstained", reason="unsupported", text=NOT_SUPPORTED), reply
        try:
            said = AnswerArguments.model_validate({"cite": (), **reply.call.arguments})
        except ValueError as error:
            raise ModelError(f"expected an answer, got {reply.text[:80]!r}") from error
        reason = said.reason if said.status != "answered" else None
        return Outcome(status=said.status, text=said.text.strip(), reason=reason), reply


def captions(asked: Asked) -> list[Fact]:
    """What was seen at each time: names and room, no places; the captions that share words with the question first."""
    by_time: dict[tuple[float, str], list[SceneObject]] = {}
    for obj in asked.context.graph.objects.values():
        by_time.setdefault((round(obj.last_seen_s), obj.room), []).append(obj)
    texts = []
    for (time_s, room), objects in sorted(by_time.items(), reverse=True):
        for k in range(0, len(objects), NAMES_A_CAPTION):
            names = joined([with_article(plain_name(o, o.color)) for o in objects[k : k + NAMES_A_CAPTION]])
            known = asked.context.graph.rooms.get(room)
            where = f" in the {known.label}" if known is not None and known.label else ""
            texts.append(f"{max(0, round(asked.context.time_s - time_s))} s ago{where}: {names}")
    texts.sort(key=lambda text: -_shared(asked, text))
    return [Fact(id=f"f{k}", text=text, role="seen") for k, text in enumerate(texts[:CAPTIONS], start=1)]


def graph_lines(asked: Asked) -> list[Fact]:
    """A line for each thing, those that share words with the question first, then the nearest."""
    context: ToolContext = asked.context
    objects = sorted(context.graph.objects.values(), key=lambda o: -_shared(asked, f"{o.color} {o.label}"))
    out = []
    for obj in objects[:GRAPH_LINES]:
        room = context.graph.rooms.get(obj.room)
        x, y, z = (f"{v:.1f}" for v in obj.box.center)
        w, h, d = (f"{v:.1f}" for v in obj.box.size)
        where = f" in the {room.label}" if room is not None and room.label else ""
        text = f"{plain_name(obj, obj.color)}{where} at ({x}, {y}, {z}), {w} x {h} x {d} m"
        out.append(Fact(id=obj.id, text=text, role="description", object_ids=(obj.id,)))
    return out


def _shared(asked: Asked, text: str) -> int:
    """How many different words of the question a text has."""
    wanted = {singular(w) for w in tokens(asked.question.text)}
    return len(wanted & {singular(w) for w in tokens(text)})
