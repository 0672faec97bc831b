"""Names that nobody could know: in the scene, asked for, and taught."""

from __future__ import annotations

import random
from dataclasses import replace

from finetune.language.trace_slots import definite, known
from finetune.language.trace_writer import (
    Writer,
    miss,
    sentence,
)
from finetune.pointer.telling import (
    OPENERS,
    tell,
    usable,
)
from finetune.pointer.wording import dressed
from scenes.questions.lexicon import SMALL, invented_word
from scenes.types import SceneGraph

ODD_OWNERS = (
    *("granny's", "grandpa's", "my boss's", "the baby's", "uncle bob's", "my", "my", "my", "our neighbour's"),
    *("Mia's", "Zoe's", "the cat's", "my sister's", "professor kim's", "old", "lucky"),
)


def renamed(rng: random.Random, graph: SceneGraph, share: float = 0.35) -> SceneGraph:
    """Some things get names that nobody could know: ``granny's zorblat``, ``Mia's mug``."""
    objects = dict(graph.objects)
    for key, obj in graph.objects.items():
        if obj.label and rng.random() < share:
            objects[key] = replace(obj, label=odd_name(rng), label_source="user", aliases=())
    return replace(graph, objects=objects)


def odd_name(rng: random.Random) -> str:
    """A name that no list holds."""
    noun = invented_word(rng) if rng.random() < 0.6 else rng.choice(SMALL)
    if rng.random() < 0.12:
        noun = f"{invented_word(rng)} {noun}"
    name = f"{rng.choice(ODD_OWNERS)} {noun}" if rng.random() < 0.5 else noun
    return name.title().replace("'S", "'s") if rng.random() < 0.1 else name


def own_names(w: Writer) -> None:
    """A thing that is there under a name that only its wearer knows, or one that nobody ever saw."""
    rng = w.rng
    name = odd_name(rng) if rng.random() < 0.35 else known(w).label
    words, tool, more = rng.choice(OPENERS)
    w.ask_text("own_names", dressed(rng, words, {"the": definite(w, name)}))
    key = "a" if tool == "measure" else "object"
    result = w.call(tool, **more, **{key: name})
    if tool == "describe" and usable(result) and rng.random() < 0.5:
        w.answer(sentence(result.facts[0].text), result.facts[0].id)
    else:
        tell(w, tool, result)


def teach_own(w: Writer) -> None:
    name = odd_name(w.rng)
    words = w.rng.choice(
        (
            "this is {the}",
            "remember this as {the}",
            "call this {the}",
            "this thing is {the}",
            "that's {the}, remember it",
            "from now on this is {the}",
            "save it as {the}",
            "what you see here is {the}",
            "note that this is {the}",
            "name this {the}",
        )
    )
    w.ask_text("teach_own", dressed(w.rng, words, {"the": name}), gaze=True)
    result = w.call("remember", name=name, target="gaze")
    if not miss(w, result):
        w.answer(f"OK, {result.facts[0].text}.", result.facts[0].id)
