"""Generated questions as training conversations: the gold trace run on the real tools, the answer that follows from it.

Also the judge of that data: ``disagreement`` compares what the tools say with the question's own gold answer, which was
computed apart from them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from evals.stages.moment import short_id, true_context
from finetune.language.trace_writer import (
    Writer,
    miss,
    sentence,
    tell_changes,
    tell_count,
    tell_existence,
    tell_first,
    tell_list,
    tell_moved,
    tell_place,
    tell_saved,
)
from scenes.questions.visits import Visit
from scenes.records import Question
from tools.geometry.directions import direction_words
from tools.toolbox.answers import cited_facts, derive_value
from tools.toolbox.context import Fact, Gaze, ToolResult
from tools.toolbox.snapshot import NO_GAZE

PLACES = frozenset({"where_is", "direction", "it_where", "choose", "taught_where", "ambiguous"})
COUNTS = frozenset({"count", "count_relation", "count_room", "count_things"})
CHANGES = {"changed": "", "moved": "moved", "missing": "gone", "appeared": "new"}
"""Families about what has changed, with the group of ``tools.toolbox.change_facts`` that they ask for."""
SAVED = frozenset({"teach", "forget", "annotate"})
HELLO = {
    "greeting": "Hello! I remember where things are. What are you looking for?",
    "thanks": "You are welcome. What else are you looking for?",
}
"""The same words as in the traces on random scenes."""
OUT_OF_SCOPE = "I can only help with the things around you."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A dialog as a conversation, and where tools and gold disagree (empty: nowhere)."""

    writer: Writer
    disagreements: tuple[str, ...]


def tell(dialog: Sequence[Question], visit: Visit) -> Told:
    """Write a dialog. Raises ValueError where a gold answer would be refused by the checker."""
    writer = Writer(random.Random(dialog[0].id), true_context(visit, dialog[0].frame_id), dialog[0].split)
    wrong: list[str] = []
    for question in dialog:
        gazed = question.gaze_px is not None
        writer.scene.gazed = Gaze(object_id=short_id(question.objects[0])) if gazed else NO_GAZE
        writer.ask_text(question.family, question.text, gaze=gazed)
        result: ToolResult | None = None
        for call in question.trace:
            result = writer.call(call.name, **call.arguments)
        _answer(writer, question, result)
        complaint = disagreement(writer, question)
        if complaint:
            wrong.append(f"{question.id}: {complaint}")
    return Told(writer=writer, disagreements=tuple(wrong))


def disagreement(w: Writer, question: Question) -> str:
    """How the answer that follows from the tools differs from gold: status, reason, objects or value; else ``""``."""
    said, facts = w.given[-1]
    if (said.status, said.reason) != (question.status, question.reason):
        return f"expected {question.status}/{question.reason}, tools gave {said.status}/{said.reason}: {said.text}"
    if question.status == "abstained" or not question.trace:
        return ""
    objects = {i for f in cited_facts(said.cite, facts) for i in f.object_ids}
    wanted = {short_id(i) for i in question.objects}
    if question.family not in ("where_am_i", "forget") and objects != wanted:
        return f"expected objects {sorted(wanted)}, tools gave {sorted(objects)}: {said.text}"
    return _value_complaint(question, said.cite, facts)


def _value_complaint(question: Question, cite: Sequence[str], facts: Sequence[Fact]) -> str:
    gold, given = question.value, derive_value(cite, facts)
    if gold is None or question.status != "answered" or question.family in ("recall", "annotate"):
        return ""
    if given is None:
        return f"expected {gold.value}, tools gave no value"
    same = given.value == gold.value
    if gold.kind == "direction" and question.direction is not None:
        same = given.value == direction_words(question.direction)
    elif gold.kind == "bool":
        same = bool(given.value) == gold.value
    elif gold.kind in ("length_m", "duration_s"):
        same = abs(float(given.value) - float(gold.value)) <= (0.01 if gold.kind == "length_m" else 0.2)
    elif gold.kind == "text" and (question.family.startswith("list_") or question.family in CHANGES):
        # Of nothing the tools give the number.
        named = [] if given.value == 0 else str(given.value).split(", ")
        same = sorted(named) == sorted(str(gold.value).split(", ") if gold.value else [])
    return "" if same else f"expected {gold.value!r}, tools gave {given.value!r}"


def _answer(w: Writer, question: Question, result: ToolResult | None) -> None:
    family = question.family
    if result is None:
        if family in HELLO:
            w.answer(HELLO[family], status="clarify")
        else:
            w.answer(OUT_OF_SCOPE, status="abstained", reason="unsupported")
    elif family in PLACES:
        tell_place(w, result)
    elif family in COUNTS:
        tell_count(w, result)
    elif family in ("exist", "exist_relation"):
        tell_existence(w, result)
    elif family.startswith("list_"):
        tell_list(w, result)
    elif family in CHANGES:
        tell_changes(w, result, CHANGES[family])
    elif family == "moved_since":
        tell_moved(w, result)
    elif family in SAVED:
        tell_saved(w, result)
    elif family == "gaze_color":
        if not miss(w, result):
            w.answer(sentence(result.facts[1].text), result.facts[1].id)
    elif family in ("color", "it_color", "gaze_what"):
        if not miss(w, result):
            w.answer(sentence(result.facts[0].text.split(",", 1)[0]), result.facts[0].id)
    elif family in ("last_seen", "room_of"):
        if not miss(w, result):
            fact = result.facts[-1 if family == "last_seen" else 1]
            w.answer(sentence(fact.text), fact.id)
    else:
        tell_first(w, result)
