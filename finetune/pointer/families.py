"""Conversations with more intents than ``finetune.language.traces`` has, on the same scenes, tools and checker.

Two things at once, comparisons, yes or no, corrections, small talk, names that nobody could know. Answers to yes/no
questions begin with yes or no. What is asked for but cannot be told from the tools' lines is not asked here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from finetune.language.synthetic import random_scene
from finetune.language.trace_families import FAMILIES as PLAIN_FAMILIES
from finetune.language.trace_slots import category_for, definite, known, name_for, relation_for
from finetune.language.trace_writer import (
    Conversation,
    Writer,
    miss,
    sentence,
    tell_changes,
    tell_color,
    tell_moved,
    tell_place,
)
from finetune.language.traces import conversation as plain_conversation
from finetune.pointer.small_talk import TALKS
from finetune.pointer.wording import dressed, worded
from scenes.questions.lexicon import COLORS, ROOMS, SMALL, invented_word
from scenes.questions.phrasing import Split, expansions, split_of
from scenes.types import SceneGraph, SceneObject
from tools.search.matching import plural
from tools.toolbox.context import Fact, ToolResult
from tools.toolbox.phrases import is_plural

ODD_OWNERS = (
    *("granny's", "grandpa's", "my boss's", "the baby's", "uncle bob's", "my", "my", "my", "our neighbour's"),
    *("Mia's", "Zoe's", "the cat's", "my sister's", "professor kim's", "old", "lucky"),
)
SIDES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("behind", ("behind me", "at my back", "behind my back")),
    ("left", ("on my left", "to my left", "to the left of me", "left of me")),
    ("right", ("on my right", "to my right", "to the right of me", "right of me")),
    ("ahead", ("in front of me", "ahead of me", "straight ahead", "before me")),
)
"""A word of the tools' directions, and how a wearer says it."""
SPOKEN_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
OLD_SHARE = 0.62
"""Share of conversations that are those of ``finetune.language.traces``."""
REPLACED = ("greeting", "thanks", "unsupported", "direction")
"""Families of ``finetune.language.traces`` that this module says better."""


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


class TooLong(ValueError):
    """Two lines that do not fit into one sentence."""


def conversation(rng: random.Random, split: Split = "train", own_share: float = 1 - OLD_SHARE) -> Conversation:
    """One conversation of either module's families; ``own_share`` is the share of this module's."""
    while True:
        try:
            return _conversation(rng, split, own_share)
        except TooLong:
            continue


def _conversation(rng: random.Random, split: Split, own_share: float) -> Conversation:
    if rng.random() >= own_share:
        families = [name for name, _, _ in PLAIN_FAMILIES if name not in REPLACED]
        weights = [weight for name, weight, _ in PLAIN_FAMILIES if name not in REPLACED]
        return plain_conversation(rng, split, rng.choices(families, weights)[0])
    scene = random_scene(rng)
    scene.graph = renamed(rng, scene.graph)
    writer = Writer(rng, scene, split)
    for turn in range(rng.choices((1, 2, 3), (0.7, 0.2, 0.1))[0]):
        if turn:
            writer.later()
        name = rng.choices([n for n, _, _ in FAMILIES], [w for _, w, _ in FAMILIES])[0]
        next(write for n, _, write in FAMILIES if n == name)(writer)
    return writer.done()


def _ask(w: Writer, family: str, slots: dict[str, str]) -> str:
    text = worded(w.rng, family, w.split, slots)
    w.ask_text(family, text)
    return text


def _two(w: Writer) -> tuple[str, str]:
    """Two different names."""
    first = name_for(w, never=0.05, loose=0.03, colored=0.25)
    for _ in range(20):
        second = name_for(w, never=0.05, loose=0.03, colored=0.25)
        if second != first:
            return first, second
    return first, invented_word(w.rng)


def _slots(w: Writer, first: str, second: str) -> dict[str, str]:
    return {"the": definite(w, first), "the2": definite(w, second)}


def told(text: str) -> str:
    """A line up to its semicolon: what a sentence says of it."""
    return text.rsplit(";", 1)[0]


def _usable(result: ToolResult) -> bool:
    return bool(result.facts) and result.reason is None


def _end_both(w: Writer, first: ToolResult, second: ToolResult) -> None:
    """Two results in one sentence; what was not found ends the turn as it does alone."""
    for result in (first, second):
        if not _usable(result):
            _unfound(w, result)
            return
    lines = [told(result.facts[0].text) for result in (first, second)]
    text = sentence(f"{lines[0]}, and {lines[1]}")
    if len(text) > 170:
        text = sentence(lines[0].split(", in ", 1)[0].split(", on ", 1)[0] + ", and " + lines[1].split(", on ", 1)[0])
    if len(text) > 175:
        raise TooLong(text)
    w.answer(text, first.facts[0].id, second.facts[0].id)


def _unfound(w: Writer, result: ToolResult) -> None:
    """The end where a thing is missing, ambiguous, moved or not seen again."""
    tell_place(w, result)


def _both_places(w: Writer) -> None:
    first, second = _two(w)
    _ask(w, "both_places", _slots(w, first, second))
    found = w.call("where_is", object=first)
    if not _usable(found):
        _unfound(w, found)
        return
    _end_both(w, found, w.call("where_is", object=second))


def _place_and_color(w: Writer) -> None:
    name = name_for(w, never=0.06, loose=0.03, colored=0.0)
    _ask(w, "place_and_color", {"the": definite(w, name)})
    place = w.call("where_is", object=name)
    if not _usable(place):
        _unfound(w, place)
        return
    looks = w.call("describe", object=name)
    fact = looks.facts[0]
    if fact.value is None or fact.value.kind != "color":
        w.answer(sentence(told(place.facts[0].text)), place.facts[0].id)
        return
    color = fact.text.split(",", 1)[0]
    text = sentence(f"{color}, and it is {_behind_verb(told(place.facts[0].text))}")
    if len(text) > 175:
        raise TooLong(text)
    w.answer(text, fact.id)


def _behind_verb(text: str) -> str:
    for verb in (" is ", " are "):
        if verb in text:
            return text.split(verb, 1)[1]
    return text


def _measured_two(kind: str, family: str, word: str, larger: bool) -> Callable[[Writer], None]:
    """Which of two has more or less of a measure; the sentence names it and gives both."""

    def write(w: Writer) -> None:
        first, second = _two(w)
        asked = _ask(w, family, _slots(w, first, second))
        results = []
        for name in (first, second):
            results.append(w.call("measure", kind=kind, a=name))
            if not _usable(results[-1]):
                _unfound(w, results[-1])
                return
        facts = [result.facts[0] for result in results]
        values = [float(fact.value.value) for fact in facts if fact.value is not None]
        if len(values) != 2 or abs(values[0] - values[1]) < 0.04 * max(values):
            w.answer(sentence(f"{facts[0].text}, and {facts[1].text}"), facts[0].id, facts[1].id)
            return
        best = max((0, 1), key=lambda k: values[k] if larger else -values[k])
        verb = " are " if " are " in facts[best].text else " is "
        name = facts[best].text.split(verb, 1)[0]
        text = f"{name}{verb}{word}: {facts[0].text}, {facts[1].text}"
        opened = f" {asked.lower()}"
        if " than " in opened and " or " not in opened:
            text = f"{'yes' if best == 0 else 'no'}, {text}"
        w.answer(sentence(text), facts[0].id, facts[1].id)

    return write


def _sizes(w: Writer) -> None:
    first, second = _two(w)
    _ask(w, "sizes", _slots(w, first, second))
    found = w.call("measure", kind="size", a=first)
    if not _usable(found):
        _unfound(w, found)
        return
    _end_both(w, found, w.call("measure", kind="size", a=second))


def _more_than_one(w: Writer) -> None:
    name = category_for(w, never=0.12)
    many = name if is_plural(name) else plural(name)
    asked = _ask(w, "more_than_one", {"bare": name, "many": many})
    result = w.call("find_objects", query=many if many in asked else name)
    if miss(w, result):
        return
    count = result.facts[0]
    if result.reason == "moved":
        _unfound(w, result)
        return
    number = int(count.value.value) if count.value is not None and count.value.kind == "count" else 0
    only = any(word in asked.lower() for word in ("only", "just"))
    yes = (number > 1) != only
    w.answer(f"{'Yes' if yes else 'No'}, I have seen {count.text}.", count.id)


def _threshold(family: str, more: bool) -> Callable[[Writer], None]:
    """Whether a thing is further away, or nearer, than a spoken distance."""

    def write(w: Writer) -> None:
        name = name_for(w, never=0.06, loose=0.03)
        unit = w.rng.choice(("metres", "meters", "m", "metres"))
        limit = w.rng.randint(1, 8)
        half = w.rng.random() < 0.2
        spoken = str(limit + 0.5) if half else w.rng.choice((SPOKEN_NUMBERS[limit - 1], str(limit)))
        if limit == 1 and not half and unit != "m":
            unit = unit[:-1]
        _ask(w, family, {"the": definite(w, name), "n": f"{spoken} {unit}"})
        result = w.call("measure", kind="distance", a=name)
        if not _usable(result):
            _unfound(w, result)
            return
        fact = result.facts[0]
        metres = float(fact.value.value) if fact.value is not None else 0.0
        w.answer(f"{'Yes' if (metres > limit + 0.5 * half) == more else 'No'}, {fact.text}.", fact.id)

    return write


def _side(w: Writer) -> None:
    name = name_for(w, never=0.06, loose=0.03)
    word, said = w.rng.choice(SIDES)
    _ask(w, "side", {"the": definite(w, name), "side": w.rng.choice(said)})
    result = w.call("where_is", object=name)
    if not _usable(result):
        _unfound(w, result)
        return
    fact = result.facts[0]
    where = fact.text.split(" away, ", 1)[-1].split(", on ", 1)[0].split(", in ", 1)[0].split(";", 1)[0]
    yes = word in where or (word == "ahead" and "in front" in where)
    w.answer(f"{'Yes' if yes else 'No'}, {told(fact.text)}.", fact.id)


def _turn(w: Writer) -> None:
    name = name_for(w, never=0.06, loose=0.03)
    _ask(w, "turn", {"the": definite(w, name)})
    tell_place(w, w.call("where_is", object=name))


def _is_color(w: Writer) -> None:
    name = name_for(w, never=0.05, loose=0.03, colored=0.0)
    obj = next((o for o in w.scene.graph.objects.values() if o.label == name), None)
    color = obj.color if obj is not None and obj.color and w.rng.random() < 0.5 else w.rng.choice(COLORS)
    _ask(w, "is_color", {"the": definite(w, name), "color": color})
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = result.facts[0]
    if fact.value is None or fact.value.kind != "color":
        w.answer("I do not know its color.", status="abstained", reason="unsupported")
        return
    w.answer(f"{'Yes' if fact.value.value == color else 'No'}, {fact.text.split(',', 1)[0]}.", fact.id)


def _room_slot(w: Writer, obj: SceneObject | None) -> str:
    room = w.scene.graph.rooms.get(obj.room) if obj is not None else None
    if room is not None and room.label and w.rng.random() < 0.5:
        return room.label
    return w.rng.choice(ROOMS)


def _is_in_room(w: Writer) -> None:
    name = name_for(w, never=0.05, loose=0.03)
    obj = next((o for o in w.scene.graph.objects.values() if o.label and o.label in name), None)
    asked = _room_slot(w, obj)
    _ask(w, "is_in_room", {"the": definite(w, name), "room": f"the {asked}"})
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = next((f for f in result.facts if f.value is not None and f.value.kind == "room"), None)
    if fact is None or fact.value is None:
        w.answer("I do not know the rooms here.", status="abstained", reason="unsupported")
        return
    w.answer(f"{'Yes' if fact.value.value == asked else 'No'}, {fact.text}.", fact.id)


def _is_on(w: Writer) -> None:
    relation, spoken, reference, ref = relation_for(w)
    name = name_for(w, never=0.05, loose=0.03, colored=0.1)
    held = [r for r in w.scene.graph.relations if w.scene.graph.objects[r.subject].label]
    if held and w.rng.random() < 0.6:
        true = w.rng.choice(held)
        name = w.scene.graph.objects[true.subject].label
        if w.rng.random() < 0.7 and w.scene.graph.objects[true.object].label:
            relation = spoken = true.predicate
            reference = w.scene.graph.objects[true.object].label
            ref = definite(w, reference)
    _ask(w, "is_on", {"the": definite(w, name), "rel": spoken, "ref": ref})
    result = w.call("find_objects", query=name, relation=relation, reference=reference)
    if miss(w, result):
        return
    if result.reason == "moved":
        _unfound(w, result)
        return
    count = result.facts[0]
    if len(result.facts) == 1:
        w.answer(f"No, I have seen {count.text}.", count.id)
    else:
        w.answer(f"Yes, I have seen {count.text}.", count.id)


def _room_only(w: Writer) -> None:
    name = name_for(w, never=0.08)
    _ask(w, "whereabouts_room", {"the": definite(w, name)})
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = next((f for f in result.facts if f.value is not None and f.value.kind == "room"), None)
    if fact is None:
        w.answer("I do not know the rooms here.", status="abstained", reason="unsupported")
    else:
        w.answer(sentence(fact.text), fact.id)


OPENERS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("where is {the}", "where_is", {}),
    ("where's {the}", "where_is", {}),
    ("have you seen {the}", "where_is", {}),
    ("how far away is {the}", "measure", {"kind": "distance"}),
    ("how big is {the}", "measure", {"kind": "size"}),
    ("how tall is {the}", "measure", {"kind": "height"}),
    ("describe {the}", "describe", {}),
)
"""What a correction may correct: words, tool, further arguments."""


def _tell(w: Writer, tool: str, result: ToolResult) -> None:
    if tool == "where_is" or not _usable(result):
        _unfound(w, result)
    else:
        w.answer(sentence(told(result.facts[0].text)), result.facts[0].id)


def _corrected(w: Writer) -> None:
    """A question, and then: no, I meant another thing."""
    first, second = _two(w)
    words, tool, more = w.rng.choice(OPENERS)
    w.ask_text("corrected", dressed(w.rng, words, {"the": definite(w, first)}))
    key = "a" if tool == "measure" else "object"
    _tell(w, tool, w.call(tool, **more, **{key: first}))
    w.later()
    _ask(w, "meant", {"the": definite(w, second)})
    _tell(w, tool, w.call(tool, **more, **{key: second}))


def _which_one(w: Writer) -> None:
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
    _tell(w, tool, result)
    if result.reason != "ambiguous":
        return
    w.later()
    facts = result.facts
    colors = [c for c in COLORS if any(f" {c} " in f" {f.text} " for f in facts)]
    if colors and w.rng.random() < 0.6:
        color = w.rng.choice(colors)
        _ask(w, "meant_color", {"color": color})
        argument = f"{color} {name}" if not name.startswith("my ") else f"{color} {name[3:]}"
        _tell(w, tool, w.call(tool, **more, **{key: argument}))
        return
    second = len(facts) == 2 and w.rng.random() < 0.5
    _ask(w, "other_one" if second else "first_one", {})
    _tell(w, tool, w.call(tool, **more, **{key: _called(facts[1 if second else 0])}))


def _called(fact: Fact) -> str:
    """The name by which a line tells its thing apart, as an argument; its id where the name holds one."""
    name = re.split(" is | are ", fact.text, maxsplit=1)[0].removeprefix("the ")
    return fact.id if name.endswith(f" {fact.id}") else name


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


def _own_names(w: Writer) -> None:
    """A thing that is there under a name that only its wearer knows, or one that nobody ever saw."""
    rng = w.rng
    name = odd_name(rng) if rng.random() < 0.35 else known(w).label
    words, tool, more = rng.choice(OPENERS)
    w.ask_text("own_names", dressed(rng, words, {"the": definite(w, name)}))
    key = "a" if tool == "measure" else "object"
    result = w.call(tool, **more, **{key: name})
    if tool == "describe" and _usable(result) and rng.random() < 0.5:
        w.answer(sentence(result.facts[0].text), result.facts[0].id)
    else:
        _tell(w, tool, result)


def _teach_own(w: Writer) -> None:
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


def _it_color(w: Writer) -> None:
    """A thing, and then its colour by "it"."""
    name = name_for(w, never=0.04, loose=0.02, colored=0.0)
    words, tool, more = w.rng.choice(OPENERS)
    w.ask_text("it_color", dressed(w.rng, words, {"the": definite(w, name)}))
    key = "a" if tool == "measure" else "object"
    _tell(w, tool, w.call(tool, **more, **{key: name}))
    w.later()
    w.ask_text("it_color", dressed(w.rng, w.rng.choice(("what color is it", "and its color", "which color")), {}))
    tell_color(w, name)


def _moved_since(w: Writer) -> None:
    name = name_for(w, never=0.1, loose=0.03)
    w.ask("moved_since", {"the": definite(w, name)})
    result = w.call("find_objects", query=name, when="moved")
    if result.facts and result.reason is None:
        tell_moved(w, result)
    else:
        _unfound(w, result)


def _appeared(w: Writer) -> None:
    w.ask("appeared")
    tell_changes(w, w.call("find_objects", query="objects", when="moved"), "new")


FAMILIES: tuple[tuple[str, float, Callable[[Writer], None]], ...] = (
    ("moved_since", 0.8, _moved_since),
    ("appeared", 0.4, _appeared),
    ("both_places", 1.3, _both_places),
    ("place_and_color", 0.7, _place_and_color),
    ("nearer", 1.6, _measured_two("distance", "nearer", "nearer", False)),
    ("taller", 0.8, _measured_two("height", "taller", "taller", True)),
    ("sizes", 0.6, _sizes),
    ("more_than_one", 1.0, _more_than_one),
    ("further", 1.2, _threshold("further", True)),
    ("within", 0.8, _threshold("within", False)),
    ("side", 1.5, _side),
    ("turn", 0.8, _turn),
    ("is_color", 0.9, _is_color),
    ("is_in_room", 0.9, _is_in_room),
    ("is_on", 0.9, _is_on),
    ("room_only", 0.8, _room_only),
    ("corrected", 1.0, _corrected),
    ("which_one", 1.3, _which_one),
    ("small_talk", 3.2, _small_talk),
    ("own_names", 2.0, _own_names),
    ("teach_own", 0.8, _teach_own),
    ("it_color", 0.5, _it_color),
)
"""Family, weight, writer."""
