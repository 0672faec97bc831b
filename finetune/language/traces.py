"""Training conversations: a question in a person's words, the right tool calls with real results, the right answer.

Every conversation is made on a fresh random scene, so a name, a number or a direction can only be right if it is copied
from the question or from a tool line.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from finetune.language.synthetic import random_scene
from finetune.language.trace_answers import tell_color, tell_main, tell_place, tell_saved
from finetune.language.trace_families import FAMILIES
from finetune.language.trace_slots import definite, name_for
from finetune.language.trace_writer import Conversation, Writer
from scenes.questions.phrasing import SPLITS, Split

__all__ = ["FAMILIES", "Conversation", "conversation", "iter_conversations"]

TURNS = ((1, 0.62), (2, 0.26), (3, 0.12))
"""How many user turns a conversation aims for."""


def _follow_up(w: Writer, name: str, before: str) -> str:
    """A turn that needs the one before it."""
    choices = ["it_distance", "it_color", "it_size", "it_where"]
    choices += ["also"] if before == "where_is" else []
    choices += ["it_forget"] if before in ("teach", "teach_named") else []
    family = w.rng.choice(choices)
    if family == "also":
        name = name_for(w)
        w.ask(family, {"the": definite(w, name)})
        tell_place(w, w.call("where_is", object=name))
        return name
    w.ask(family)
    if family == "it_distance":
        tell_main(w, w.call("measure", kind="distance", a=name))
    elif family == "it_color":
        tell_color(w, name)
    elif family == "it_size":
        tell_main(w, w.call("measure", kind="size", a=name))
    elif family == "it_where":
        tell_place(w, w.call("where_is", object=name))
    else:
        tell_saved(w, w.call("forget", target=name))
        return ""
    return name


def conversation(rng: random.Random, split: Split = "train", family: str | None = None) -> Conversation:
    """One conversation; ``family`` fixes that of the first turn."""
    scene = random_scene(rng)
    if rng.random() < 0.05:
        scene = replace(scene, world_from_camera=None)
    w = Writer(rng, scene, split)
    turns = rng.choices([t for t, _ in TURNS], [p for _, p in TURNS])[0]
    writers = {name: write for name, _, write in FAMILIES}
    name, before = "", family or ""
    for turn in range(turns):
        if turn:
            w.later()
        if turn and name and rng.random() < 0.75:
            name = _follow_up(w, name, before)
            continue
        if turn or family is None:
            before = rng.choices([f for f, _, _ in FAMILIES], [p for _, p, _ in FAMILIES])[0]
        name = writers[before](w)
    return w.done()


def iter_conversations(seed: int, split: Split = "train") -> Iterator[Conversation]:
    """Endless conversations; the same seed and split give the same ones, and no two splits share a stream."""
    rng = random.Random(seed * len(SPLITS) + SPLITS.index(split))
    while True:
        yield conversation(rng, split)
