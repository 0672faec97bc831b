"""Names that nobody could know: in the scene, asked for, and taught."""

from __future__ import annotations

import random
from dataclasses import replace

from finetune.language.trace_answers import tell_saved
from finetune.language.trace_slots import random_named_object
from finetune.language.trace_writer import Writer
from finetune.pointer.telling import PLAIN_QUESTIONS
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
    name = odd_name(w.rng) if w.rng.random() < 0.35 else random_named_object(w).label
    w.rng.choice(PLAIN_QUESTIONS).ask(w, name)


def teach_own(w: Writer) -> None:
    """A name of the wearer's own for what they look at."""
    name = odd_name(w.rng)
    w.ask("teach", {"name": name}, gaze=True)
    tell_saved(w, w.call("remember", name=name, target="gaze"))
