"""Conversations with more intents than ``finetune.language.traces`` has, on the same scenes, tools and checker.

Two things at once, comparisons, yes or no, corrections, small talk, names that nobody could know.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from finetune.language.synthetic import random_scene
from finetune.language.trace_families import FAMILIES as PLAIN_FAMILIES
from finetune.language.trace_writer import (
    Conversation,
    Writer,
)
from finetune.language.traces import conversation as plain_conversation
from finetune.pointer.checking import appeared, is_color, is_in_room, is_on, moved_since, room_only, side, turn
from finetune.pointer.comparing import both_places, measured_two, more_than_one, place_and_color, sizes, threshold
from finetune.pointer.correcting import corrected, it_color, which_one
from finetune.pointer.naming import own_names, renamed, teach_own
from finetune.pointer.small_talk import TALKS
from finetune.pointer.telling import TooLong
from finetune.pointer.wording import dressed
from scenes.questions.phrasing import Split, expansions, split_of

OLD_SHARE = 0.62
"""Share of conversations that are those of ``finetune.language.traces``."""


REPLACED = ("greeting", "thanks", "unsupported", "direction")
"""Families of ``finetune.language.traces`` that this module says better."""


def conversation(rng: random.Random, split: Split = "train", own_share: float = 1 - OLD_SHARE) -> Conversation:
    """One conversation of either module's families; ``own_share`` is the share of this module's."""
    if rng.random() >= own_share:
        return plain_conversation(rng, split, plain_family(rng))
    while True:
        try:
            return write_conversation(rng, split).done()
        except TooLong:
            continue


def plain_family(rng: random.Random) -> str:
    """A family of ``finetune.language.traces`` that this module does not say better."""
    kept = [(name, weight) for name, weight, _ in PLAIN_FAMILIES if name not in REPLACED]
    return rng.choices([name for name, _ in kept], [weight for _, weight in kept])[0]


def write_conversation(rng: random.Random, split: Split, make: Callable[..., Writer] = Writer) -> Writer:
    """One conversation of this module as its writer; ``make`` is called with generator, scene and split.

    Raises:
        TooLong: two lines did not fit into one sentence; the next draw may.
    """
    scene = random_scene(rng)
    scene.graph = renamed(rng, scene.graph)
    writer = make(rng, scene, split)
    for number in range(rng.choices((1, 2, 3), (0.7, 0.2, 0.1))[0]):
        if number:
            writer.later()
        name = rng.choices([n for n, _, _ in FAMILIES], [w for _, w, _ in FAMILIES])[0]
        next(write for n, _, write in FAMILIES if n == name)(writer)
    return writer


def _small_talk(w: Writer) -> None:
    kind = w.rng.choice(list(TALKS))
    talk = TALKS[kind]
    own = [p for i, p in enumerate(talk.said) if split_of(i) == w.split]
    fill = w.rng.choice(talk.fill) if talk.fill else ""
    text = w.rng.choice(list(expansions(w.rng.choice(own)))).replace("{x}", "{the}")
    w.ask_text("small_talk", dressed(w.rng, text, {"the": fill}, noise=0.25))
    if talk.refused:
        w.answer(talk.reply, status="abstained", reason="unsupported")
    else:
        w.answer(talk.reply, status="clarify")


FAMILIES: tuple[tuple[str, float, Callable[[Writer], None]], ...] = (
    ("moved_since", 0.8, moved_since),
    ("appeared", 0.4, appeared),
    ("both_places", 1.3, both_places),
    ("place_and_color", 0.7, place_and_color),
    ("nearer", 1.6, measured_two("distance", "nearer", "nearer", False)),
    ("taller", 0.8, measured_two("height", "taller", "taller", True)),
    ("sizes", 0.6, sizes),
    ("more_than_one", 1.0, more_than_one),
    ("further", 1.2, threshold("further", True)),
    ("within", 0.8, threshold("within", False)),
    ("side", 1.5, side),
    ("turn", 0.8, turn),
    ("is_color", 0.9, is_color),
    ("is_in_room", 0.9, is_in_room),
    ("is_on", 0.9, is_on),
    ("room_only", 0.8, room_only),
    ("corrected", 1.0, corrected),
    ("which_one", 1.3, which_one),
    ("small_talk", 3.2, _small_talk),
    ("own_names", 2.0, own_names),
    ("teach_own", 0.8, teach_own),
    ("it_color", 0.5, it_color),
)
"""Family, weight, writer."""
