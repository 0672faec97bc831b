"""Generated questions as training conversations: the gold trace run on the real tools, the answer that follows from it.

Also the judge of that data: ``disagreement`` compares what the tools say with the question's own gold answer, which was
computed apart from them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.stages.moment import map_object_id, true_context
from finetune.language.trace_answers import (
    GREETING,
    OUT_OF_SCOPE,
    THANKS,
    tell_changes,
    tell_count,
    tell_described_color,
    tell_description,
    tell_existence,
    tell_gazed_name,
    tell_known_gazed_color,
    tell_list,
    tell_main,
    tell_miss,
    tell_moved,
    tell_place,
    tell_room,
    tell_saved,
    tell_seen,
)
from finetune.language.trace_writer import Writer
from scenes.questions.visits import Visit
from scenes.records import Question
from tools.geometry.directions import direction_words
from tools.toolbox.answers import cited_facts, derive_value
from tools.toolbox.context import NO_GAZE, Gaze
from tools.toolbox.facts import Fact, ToolResult

PLACE_FAMILIES = frozenset({"where_is", "direction", "it_where", "choose", "taught_where", "ambiguous"})
COUNT_FAMILIES = frozenset({"count", "count_relation", "count_room", "count_things"})
CHANGE_FAMILIES = {"changed": "", "moved": "moved", "missing": "gone", "appeared": "new"}
"""Families about what has changed, with the group of ``tools.toolbox.change_facts`` that they ask for."""
LOOK_FAMILIES: dict[str, Callable[[Writer, ToolResult], bool]] = {
    "color": tell_described_color,
    "it_color": tell_described_color,
    "gaze_color": tell_known_gazed_color,
    "gaze_what": tell_gazed_name,
}
"""Families about how a thing looks, with what tells it where the graph knows it."""
SAVING_FAMILIES = frozenset({"teach", "forget", "annotate"})
SMALL_TALK = {"greeting": GREETING, "thanks": THANKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDialog:
    """A dialog as a conversation, and where tools and gold disagree (empty: nowhere)."""

    writer: Writer
    disagreements: tuple[str, ...]


def write_dialog(dialog: Sequence[Question], visit: Visit) -> WrittenDialog:
    """A dialog as a conversation with real tool calls.

    Raises ValueError where the checker would refuse a gold answer.
    """
    writer = Writer(random.Random(dialog[0].id), true_context(visit, dialog[0].frame_id), dialog[0].split)
    wrong: list[str] = []
    for question in dialog:
        gazed = question.gaze_px is not None
        writer.scene.gazed = Gaze(object_id=map_object_id(question.objects[0])) if gazed else NO_GAZE
        writer.ask_text(question.family, question.text, gaze=gazed)
        result: ToolResult | None = None
        for call in question.trace:
            result = writer.call(call.name, **call.arguments)
        _answer(writer, question, result)
        complaint = disagreement(writer, question)
        if complaint:
            wrong.append(f"{question.id}: {complaint}")
    return WrittenDialog(writer=writer, disagreements=tuple(wrong))


def disagreement(w: Writer, question: Question) -> str:
    """How the answer that follows from the tools differs from gold: status, reason, objects or value; else ``""``."""
    said, facts = w.given[-1]
    if (said.status, said.reason) != (question.status, question.reason):
        return f"expected {question.status}/{question.reason}, tools gave {said.status}/{said.reason}: {said.text}"
    if question.status == "abstained" or not question.trace:
        return ""
    objects = {i for f in cited_facts(said.cite, facts) for i in f.object_ids}
    wanted = {map_object_id(i) for i in question.objects}
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
    elif gold.kind == "text" and (question.family.startswith("list_") or question.family in CHANGE_FAMILIES):
        # Of nothing the tools give the number.
        named = [] if given.value == 0 else str(given.value).split(", ")
        same = sorted(named) == sorted(str(gold.value).split(", ") if gold.value else [])
    return "" if same else f"expected {gold.value!r}, tools gave {given.value!r}"


def _answer(w: Writer, question: Question, result: ToolResult | None) -> None:
    family = question.family
    if result is None:
        if family in SMALL_TALK:
            w.answer(SMALL_TALK[family], status="clarify")
        else:
            w.answer(OUT_OF_SCOPE, status="abstained", reason="unsupported")
    elif family in PLACE_FAMILIES:
        tell_place(w, result)
    elif family in COUNT_FAMILIES:
        tell_count(w, result)
    elif family in ("exist", "exist_relation"):
        tell_existence(w, result)
    elif family.startswith("list_"):
        tell_list(w, result)
    elif family in CHANGE_FAMILIES:
        tell_changes(w, result, CHANGE_FAMILIES[family])
    elif family == "moved_since":
        tell_moved(w, result)
    elif family in SAVING_FAMILIES:
        tell_saved(w, result)
    elif family in LOOK_FAMILIES:
        if not tell_miss(w, result) and not LOOK_FAMILIES[family](w, result):
            w.answer("I do not know.", status="abstained", reason="unsupported")
    elif family == "last_seen":
        tell_seen(w, result)
    elif family == "room_of":
        tell_room(w, result)
    elif family == "describe":
        tell_description(w, result)
    else:
        tell_main(w, result)
