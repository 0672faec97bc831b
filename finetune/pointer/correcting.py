"""Turns that mend or complete the one before: another thing, the other of two, and its colour."""

from __future__ import annotations

import re
from dataclasses import replace

from finetune.language.trace_slots import definite, known, name_for
from finetune.language.trace_writer import (
    Writer,
    tell_color,
)
from finetune.pointer.telling import (
    OPENERS,
    ask,
    tell,
    two_names,
)
from finetune.pointer.wording import dressed
from scenes.questions.lexicon import COLORS
from tools.toolbox.context import Fact


def corrected(w: Writer) -> None:
    """A question, and then: no, I meant another thing."""
    first, second = two_names(w)
    words, tool, more = w.rng.choice(OPENERS)
    w.ask_text("corrected", dressed(w.rng, words, {"the": definite(w, first)}))
    key = "a" if tool == "measure" else "object"
    tell(w, tool, w.call(tool, **more, **{key: first}))
    w.later()
    ask(w, "meant", {"the": definite(w, second)})
    tell(w, tool, w.call(tool, **more, **{key: second}))


def which_one(w: Writer) -> None:
    """Several things fit; the wearer chooses by colour, or by the order in which they were named."""
    names = [o.label for o in w.scene.graph.objects.values() if o.label]
    twins = [n for n in dict.fromkeys(names) if names.count(n) > 1]
    obj = known(w)
    if not twins:  # name two things alike
        other = w.rng.choice([o for o in w.scene.graph.objects.values() if o.id != obj.id])
        objects = {**w.scene.graph.objects, other.id: replace(other, label=obj.label, label_source=obj.label_source)}
        w.scene.graph = replace(w.scene.graph, objects=objects)
    name = twins[0] if twins else obj.label
    words, tool, more = w.rng.choice(OPENERS)
    w.ask_text("which_one", dressed(w.rng, words, {"the": definite(w, name)}))
    key = "a" if tool == "measure" else "object"
    result = w.call(tool, **more, **{key: name})
    tell(w, tool, result)
    if result.reason != "ambiguous":
        return
    w.later()
    facts = result.facts
    colors = [c for c in COLORS if any(f" {c} " in f" {f.text} " for f in facts)]
    if colors and w.rng.random() < 0.6:
        color = w.rng.choice(colors)
        ask(w, "meant_color", {"color": color})
        argument = f"{color} {name}" if not name.startswith("my ") else f"{color} {name[3:]}"
        tell(w, tool, w.call(tool, **more, **{key: argument}))
        return
    second = len(facts) == 2 and w.rng.random() < 0.5
    ask(w, "other_one" if second else "first_one", {})
    tell(w, tool, w.call(tool, **more, **{key: _called(facts[1 if second else 0])}))


def _called(fact: Fact) -> str:
    """The name by which a line tells its thing apart, as an argument; its id where the name holds one."""
    name = re.split(" is | are ", fact.text, maxsplit=1)[0].removeprefix("the ")
    return fact.id if name.endswith(f" {fact.id}") else name


def it_color(w: Writer) -> None:
    """A thing, and then its colour by "it"."""
    name = name_for(w, never=0.04, loose=0.02, colored=0.0)
    words, tool, more = w.rng.choice(OPENERS)
    w.ask_text("it_color", dressed(w.rng, words, {"the": definite(w, name)}))
    key = "a" if tool == "measure" else "object"
    tell(w, tool, w.call(tool, **more, **{key: name}))
    w.later()
    w.ask_text("it_color", dressed(w.rng, w.rng.choice(("what color is it", "and its color", "which color")), {}))
    tell_color(w, name)
