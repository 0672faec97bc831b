"""Turns that mend or complete the one before: another thing, the other of two, and its colour."""

from __future__ import annotations

from dataclasses import replace

from finetune.language.trace_answers import tell_color
from finetune.language.trace_slots import definite, name_for, random_named_object
from finetune.language.trace_writer import Writer
from finetune.pointer.telling import PLAIN_QUESTIONS, ask, two_names


def corrected(w: Writer) -> None:
    """A question, and then: no, I meant another thing."""
    first, second = two_names(w)
    question = w.rng.choice(PLAIN_QUESTIONS)
    question.ask(w, first)
    w.later()
    ask(w, "meant", {"the": definite(w, second)})
    question.answer(w, second)


def which_one(w: Writer) -> None:
    """Several things fit; the wearer chooses by colour, or by the order in which they were named."""
    name = _shared_name(w)
    question = w.rng.choice(PLAIN_QUESTIONS)
    result = question.ask(w, name)
    if result.miss is None or result.miss.reason != "ambiguous":
        return
    w.later()
    objects = [w.scene.graph.objects[i] for fact in result.facts for i in fact.object_ids]
    colors = sorted({obj.color for obj in objects if obj.color})
    if colors and w.rng.random() < 0.6:
        color = w.rng.choice(colors)
        ask(w, "meant_color", {"color": color})
        question.answer(w, f"{color} {name.removeprefix('my ')}")
        return
    choices = result.miss.choices
    second = len(choices) == 2 and w.rng.random() < 0.5
    ask(w, "other_one" if second else "first_one", {})
    place = 1 if second else 0
    told_apart_by_id = result.facts[place].id in choices[place].split()
    question.answer(w, result.facts[place].id if told_apart_by_id else choices[place])


def _shared_name(w: Writer) -> str:
    """A name that several things have; where none is, two things get one."""
    names = [o.label for o in w.scene.graph.objects.values() if o.label]
    twins = [n for n in dict.fromkeys(names) if names.count(n) > 1]
    if twins:
        return twins[0]
    obj = random_named_object(w)
    other = w.rng.choice([o for o in w.scene.graph.objects.values() if o.id != obj.id])
    objects = {**w.scene.graph.objects, other.id: replace(other, label=obj.label, label_source=obj.label_source)}
    w.scene.graph = replace(w.scene.graph, objects=objects)
    return obj.label


def it_color(w: Writer) -> None:
    """A thing, and then its colour by "it"."""
    name = name_for(w, absent=0.04, claimed=0.02, colored=0.0)
    w.rng.choice(PLAIN_QUESTIONS).ask(w, name)
    w.later()
    w.ask("it_color")
    tell_color(w, name)
