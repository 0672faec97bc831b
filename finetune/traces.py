"""Training conversations: a question in a person's words, the right tool calls with real results, the right answer.

Every conversation is made on a fresh random scene, so a name, a number or a direction can only be right if it is copied
from the question or from a tool line. Gold answers pass the same checker as the model's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from finetune.synthetic import NOTES, random_scene
from scenes.questions.lexicon import COLORS, NOUNS, OWNERS, ROOMS, invented_word, object_name
from scenes.questions.phrasing import SPLITS, Split, say
from scenes.types import SceneObject
from tools.answers import AnswerArguments, check_answer
from tools.context import Fact, ToolResult
from tools.matching import RANKS, plural
from tools.phrases import a, is_plural
from tools.snapshot import SnapshotContext
from tools.toolbox import next_fact_number, run_tool

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """OpenAI messages without a system turn. User texts carry no picture: the scene has none."""

    messages: tuple[Message, ...]
    families: tuple[str, ...]
    """One per user turn."""


class Writer:
    """Writes one conversation on one scene: asks, calls real tools, and answers from what they returned."""

    def __init__(self, rng: random.Random, scene: SnapshotContext, split: Split) -> None:
        self.rng, self.scene, self.split = rng, scene, split
        self.messages: list[Message] = []
        self.families: list[str] = []
        self.facts: list[Fact] = []
        self._next = 1

    def ask(self, family: str, gaze: bool = False, **slots: str) -> None:
        """A user turn; from here on facts are numbered anew."""
        self.ask_text(family, say(self.rng, family, self.split, slots), gaze)

    def ask_text(self, family: str, text: str, gaze: bool = False) -> None:
        """A user turn with given words."""
        stamp = f"[{self.scene.time_s:.1f} s{', gaze' if gaze else ''}] "
        self.messages.append({"role": "user", "content": [{"type": "text", "text": stamp + text}]})
        self.families.append(family)
        self.facts, self._next = [], 1

    def call(self, name: str, /, **arguments: Any) -> ToolResult:
        """A tool call and its real result."""
        result = run_tool(name, arguments, self.scene, self._next)
        self._next = next_fact_number(self._next, result)
        self.facts.extend(result.facts)
        call_id = self._called(name, arguments)
        self.messages.append({"role": "tool", "tool_call_id": call_id, "name": name, "content": result.text})
        return result

    def answer(self, text: str, *cite: str, status: str = "answered", reason: str | None = None) -> None:
        """The end of the turn. Raises ValueError if the checker would refuse it."""
        arguments = {"status": status, **({"reason": reason} if reason else {}), "cite": list(cite), "text": text}
        complaint = check_answer(AnswerArguments.model_validate(arguments), self.facts)
        if complaint:
            raise ValueError(f"gold answer refused: {complaint} {arguments}")
        self._called("answer", arguments)

    def later(self) -> None:
        """Some seconds pass between turns."""
        step = round(self.rng.uniform(2, 20), 1)
        self.scene.time_s = round(self.scene.time_s + step, 1)

    def done(self) -> Conversation:
        """The finished conversation."""
        return Conversation(messages=tuple(self.messages), families=tuple(self.families))

    def _called(self, name: str, arguments: dict[str, Any]) -> str:
        call_id = f"call_{len(self.messages)}"
        function = {"name": name, "arguments": arguments}
        call = {"id": call_id, "type": "function", "function": function}
        self.messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        return call_id


def sentence(text: str) -> str:
    """A span as a sentence: capital and full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def clause_of(result: ToolResult) -> str:
    """The words after ``none: <reason>: ``."""
    return result.text.split("\n", 1)[0].split(": ", 2)[2]


def miss(w: Writer, result: ToolResult) -> bool:
    """End the turn where a tool found nothing or several things; False when it found what was asked."""
    if not result.text.startswith("none: "):
        return False
    clause = clause_of(result)
    if result.reason == "ambiguous":
        w.answer(f"Which one: {clause}?", *(f.id for f in result.facts), status="clarify", reason="ambiguous")
    elif result.reason == "never_seen":
        w.answer(f"I have not seen {clause}.", status="abstained", reason="never_seen")
    elif result.reason == "not_localised":
        w.answer(f"I do not know where you are: {clause}.", status="abstained", reason="not_localised")
    else:
        w.answer(sentence(clause), status="abstained", reason=result.reason)
    return True


def tell_place(w: Writer, result: ToolResult) -> None:
    """The answer to where_is."""
    if miss(w, result):
        return
    fact = result.facts[0]
    span = fact.text.rsplit(";", 1)[0]
    if result.reason == "moved":
        w.answer(sentence(span), fact.id, status="abstained", reason="moved")
    elif result.reason == "not_localised":
        w.answer(f"I do not know where you are, but {span}.", fact.id, status="abstained", reason="not_localised")
    else:
        w.answer(sentence(span), fact.id)


def tell_first(w: Writer, result: ToolResult, opening: str = "") -> None:
    """The answer that is the first fact itself, up to its semicolon."""
    if not miss(w, result):
        fact = result.facts[0]
        span = fact.text.rsplit(";", 1)[0]
        w.answer(f"{opening}{span}." if opening else sentence(span), fact.id)


def known(w: Writer) -> SceneObject:
    """Some object with a name."""
    return w.rng.choice([o for o in w.scene.graph.objects.values() if o.label] or [_unseen()])


def _unseen() -> SceneObject:
    raise ValueError("a scene without any named object")


def name_for(w: Writer, never: float = 0.14, loose: float = 0.08) -> str:
    """A name as it goes into an argument: of a thing in the scene, or of one that was never there."""
    rng = w.rng
    if rng.random() < never:
        name = object_name(rng, invented=0.35)
        return f"my {name}" if rng.random() < 0.15 else name
    obj = known(w)
    name = obj.label
    if name.startswith("my ") and rng.random() < 0.2:
        name = name[3:]
    elif obj.label_source != "user" and rng.random() < loose:
        name = f"my {name}"
    elif obj.color and obj.label_source != "user" and rng.random() < 0.45:
        name = f"{obj.color} {name}"
    elif rng.random() < 0.05 and obj.label_source != "user":
        name = f"{rng.choice(COLORS)} {name}"
    return name


def definite(w: Writer, name: str) -> str:
    """A name as it is said: ``the red mug``, ``my bag``, ``anna's hat``, or bare in a hurry."""
    owned = name.startswith("my ") or "'s " in name
    article = "" if owned or w.rng.random() < 0.08 else w.rng.choice(("the ",) * 6 + ("that ", "this "))
    return article + name


def slots_for(w: Writer, name: str) -> dict[str, str]:
    """All ways a question may say a name."""
    bare = name.removeprefix("my ")
    return {"the": definite(w, name), "a": a(name) if not name.startswith("my ") else name, "bare": bare}


def category_for(w: Writer, never: float = 0.15) -> str:
    """A kind of thing without owner, perhaps with a colour."""
    name = name_for(w, never=never, loose=0.0)
    name = name.removeprefix("my ")
    return name.split("'s ", 1)[-1]


def _where_is(w: Writer) -> str:
    name = name_for(w)
    w.ask("where_is", **slots_for(w, name))
    result = w.call("where_is", object=name)
    tell_place(w, result)
    if result.reason == "ambiguous" and w.rng.random() < 0.8:
        _choose(w, result)
        return ""
    return name if result.facts and result.reason in (None, "moved") else ""


def _choose(w: Writer, result: ToolResult) -> None:
    """The wearer says which of several things is meant."""
    w.later()
    name = w.rng.choice(clause_of(result).replace(", or another", "").replace(" or ", ", ").split(", "))
    argument = name.removeprefix("the ")
    if argument.startswith("your "):
        argument = "my " + argument[5:]
    w.ask("choose", choice=f"the {argument}" if name.startswith("the ") else argument)
    tell_place(w, w.call("where_is", object=argument))


def _last_seen(w: Writer) -> str:
    name = name_for(w)
    w.ask("last_seen", **slots_for(w, name))
    result = w.call("where_is", object=name)
    fact = result.facts[0] if result.facts else None
    if miss(w, result) or fact is None:
        return ""
    head, tail = fact.text.rsplit("; ", 1)
    thing = _subject(head)
    if tail.startswith("seen "):
        w.answer(f"I saw {thing} {tail[5:]}.", fact.id)
    elif tail == "in view":
        w.answer(f"I see {thing} now.", fact.id)
    else:
        w.answer(f"I do not know where you are, but {head}.", fact.id, status="abstained", reason="not_localised")
    return name


def _subject(text: str) -> str:
    for verb in (" is ", " are ", " has ", " have "):
        if verb in text:
            return text.split(verb, 1)[0]
    return text


def _exist(w: Writer) -> str:
    name = category_for(w, never=0.35)
    many = name if is_plural(name) else plural(name)
    family, slots = "exist", {"a": a(name), "many": many, "bare": name}
    question = say(w.rng, family, w.split, slots)
    w.ask_text(family, question)
    tell_existence(w, w.call("find_objects", query=many if many in question else name))
    return ""


def tell_existence(w: Writer, result: ToolResult) -> None:
    """Yes with the place or the count, no with the kind, or never seen."""
    if miss(w, result):
        return
    count = result.facts[0]
    if len(result.facts) == 1:
        w.answer(f"No, I have seen {count.text}.", count.id)
    elif count.text.startswith("1 "):
        w.answer(f"Yes, {result.facts[-1].text}.", result.facts[-1].id)
    else:
        w.answer(f"Yes, I have seen {count.text}.", count.id)


RELATIONS = ("on", "in", "under", "next to")
_SPOKEN = {
    "on": ("on", "on", "on top of"),
    "in": ("in", "in", "inside"),
    "under": ("under", "under", "underneath", "below"),
    "next to": ("next to", "next to", "beside", "near", "by"),
}


def _relation(w: Writer, never: float = 0.06) -> tuple[str, str, str, str]:
    """(relation, as spoken, reference argument, reference as spoken), mostly one that holds."""
    rng, graph = w.rng, w.scene.graph
    true = [r for r in graph.relations if r.predicate in RELATIONS and graph.objects[r.object].label]
    if true and rng.random() < 0.85:
        relation = rng.choice(true)
        predicate, name = relation.predicate, graph.objects[relation.object].label
    else:
        predicate, name = rng.choice(RELATIONS), name_for(w, never=0.4)
    if rng.random() < never:
        name = object_name(rng)
    spoken = rng.choice(_SPOKEN[predicate])
    argument = "below" if spoken == "below" else predicate
    return argument, spoken, name, definite(w, name)


def _exist_relation(w: Writer) -> str:
    relation, spoken, reference, ref = _relation(w)
    name = category_for(w, never=0.2)
    many = name if is_plural(name) else plural(name)
    question = say(w.rng, "exist_relation", w.split, {"a": a(name), "many": many, "rel": spoken, "ref": ref})
    w.ask_text("exist_relation", question)
    query = many if many in question else name
    tell_existence(w, w.call("find_objects", query=query, relation=relation, reference=reference))
    return ""


def tell_count(w: Writer, result: ToolResult) -> None:
    """The counted fact."""
    if not miss(w, result):
        w.answer(f"I have seen {result.facts[0].text}.", result.facts[0].id)


def _count(w: Writer) -> str:
    many = plural(category_for(w))
    w.ask("count", many=many)
    tell_count(w, w.call("find_objects", query=many))
    return ""


def _count_relation(w: Writer) -> str:
    relation, spoken, reference, ref = _relation(w)
    many = plural(category_for(w))
    w.ask("count_relation", many=many, rel=spoken, ref=ref)
    tell_count(w, w.call("find_objects", query=many, relation=relation, reference=reference))
    return ""


def _room(w: Writer) -> str:
    rooms = [r.label for r in w.scene.graph.rooms.values() if r.label]
    return w.rng.choice(rooms) if rooms and w.rng.random() < 0.9 else w.rng.choice(ROOMS)


def _count_room(w: Writer) -> str:
    many, room = plural(category_for(w)), _room(w)
    w.ask("count_room", many=many, room=f"the {room}")
    tell_count(w, w.call("find_objects", query=many, room=room))
    return ""


def _list_room(w: Writer) -> str:
    room = _room(w)
    w.ask("list_room", room=f"the {room}")
    tell_list(w, w.call("find_objects", query="objects", room=room))
    return ""


def tell_list(w: Writer, result: ToolResult) -> None:
    """The listing fact, or the zero count."""
    if miss(w, result):
        return
    if len(result.facts) == 1:
        w.answer(f"I have seen {result.facts[0].text}.", result.facts[0].id)
    else:
        w.answer(sentence(result.facts[1].text), result.facts[1].id)


def _list_relation(w: Writer) -> str:
    relation, spoken, reference, ref = _relation(w)
    w.ask("list_relation", rel=spoken, ref=ref)
    tell_list(w, w.call("find_objects", query="objects", relation=relation, reference=reference))
    return ""


def _count_things(w: Writer) -> str:
    relation, spoken, reference, ref = _relation(w)
    w.ask("count_things", rel=spoken, ref=ref)
    tell_count(w, w.call("find_objects", query="objects", relation=relation, reference=reference))
    return ""


def _superlative(w: Writer) -> str:
    name, rank = category_for(w), w.rng.choice(list(RANKS))
    w.ask("superlative", bare=name, rank=rank)
    tell_first(w, w.call("find_objects", query=f"{rank} {name}"))
    return ""


def _moved(w: Writer) -> str:
    w.ask("moved")
    tell_list(w, w.call("find_objects", query="objects", when="moved"))
    return ""


def _color(w: Writer) -> str:
    name = name_for(w)
    w.ask("color", **slots_for(w, name))
    tell_color(w, name)
    return name


def tell_color(w: Writer, name: str) -> None:
    """Colour from the graph; where it has none, from a closer look."""
    result = w.call("describe", object=name)
    if miss(w, result):
        return
    fact = result.facts[0]
    if fact.value is not None and fact.value.kind == "color":
        w.answer(sentence(fact.text.split(",", 1)[0]), fact.id)
        return
    w.scene.looks = lambda object_id, question: w.rng.choice((*COLORS, ""))
    tell_first(w, w.call("look", target=name, question="what color is it?"))


def _describe(w: Writer) -> str:
    name = name_for(w)
    w.ask("describe", **slots_for(w, name))
    tell_first(w, w.call("describe", object=name))
    return name


def _distance(w: Writer) -> str:
    name = name_for(w)
    w.ask("distance", **slots_for(w, name))
    tell_first(w, w.call("measure", kind="distance", a=name))
    return name


def _distance_two(w: Writer) -> str:
    first, second = name_for(w, never=0.08), name_for(w, never=0.08)
    w.ask("distance_two", the=definite(w, first), the2=definite(w, second))
    tell_first(w, w.call("measure", kind="distance", a=first, b=second))
    return ""


def _sized(kind: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        name = name_for(w)
        w.ask(kind, **slots_for(w, name))
        tell_first(w, w.call("measure", kind=kind, a=name))
        return name

    return write


def _where_am_i(w: Writer) -> str:
    w.ask("where_am_i")
    tell_first(w, w.call("where_am_i"))
    return ""


def _gaze_what(w: Writer) -> str:
    w.ask("gaze_what", gaze=True)
    tell_gazed(w)
    return ""


def tell_gazed(w: Writer) -> None:
    """The name of what the wearer looks at; an unnamed thing is looked at closely."""
    result = w.call("describe", object="gaze")
    if miss(w, result):
        return
    fact = result.facts[0]
    if not fact.text.startswith("this thing has no name"):
        w.answer(sentence(fact.text.split(",", 1)[0]), fact.id)
        return
    name = a(object_name(w.rng))
    w.scene.looks = lambda object_id, question: w.rng.choice((name, name, ""))
    tell_first(w, w.call("look", target="gaze", question="what is this?"))


def _gaze_color(w: Writer) -> str:
    w.ask("gaze_color", gaze=True)
    result = w.call("describe", object="gaze")
    if miss(w, result):
        return ""
    fact, obj = result.facts[0], w.scene.graph.objects[result.facts[0].id]
    if obj.color and obj.label:
        w.answer(sentence(fact.text.split(",", 1)[0]), fact.id)
    elif obj.color:
        w.answer(f"It is {obj.color}.", fact.id)
    else:
        w.scene.looks = lambda object_id, question: w.rng.choice((*COLORS, ""))
        tell_first(w, w.call("look", target="gaze", question="what color is this?"))
    return ""


def _gaze_distance(w: Writer) -> str:
    w.ask("gaze_distance", gaze=True)
    tell_first(w, w.call("measure", kind="distance", a="gaze"))
    return ""


def _gaze_size(w: Writer) -> str:
    w.ask("gaze_size", gaze=True)
    tell_first(w, w.call("measure", kind="size", a="gaze"))
    return ""


def _taught(w: Writer) -> str:
    rng = w.rng
    name = object_name(rng, invented=0.4) if rng.random() < 0.6 else rng.choice(NOUNS)
    owner = rng.choices(("my ", f"{rng.choice(OWNERS)}'s ", ""), (6, 2, 3))[0]
    return owner + name


def tell_saved(w: Writer, result: ToolResult) -> bool:
    """Confirm what was saved, forgotten or noted; False when there was nothing to do it to."""
    if miss(w, result):
        return False
    w.answer(f"OK, {result.facts[0].text}.", result.facts[0].id)
    return True


def _teach(w: Writer) -> str:
    name = _taught(w)
    spoken = name if name.startswith("my ") or "'s " in name else w.rng.choice(("the ", "a ", "")) + name
    spoken = spoken.replace("a ", "an ", 1) if spoken.startswith("a ") and name[0] in "aeiou" else spoken
    w.ask("teach", gaze=True, name=spoken)
    return name if tell_saved(w, w.call("remember", name=name, target="gaze")) else ""


def _teach_named(w: Writer) -> str:
    target = name_for(w, never=0.06)
    name = _taught(w)
    spoken = name if name.startswith("my ") or "'s " in name else w.rng.choice(("the ", "")) + name
    w.ask("teach_named", the=definite(w, target), name=spoken)
    return name if tell_saved(w, w.call("remember", name=name, target=target)) else ""


def _forget(w: Writer) -> str:
    name = name_for(w)
    w.ask("forget", **slots_for(w, name))
    tell_saved(w, w.call("forget", target=name))
    return ""


def _annotate(w: Writer) -> str:
    name, note = name_for(w, never=0.06), _note(w)
    w.ask("annotate", note=note, **slots_for(w, name))
    tell_saved(w, w.call("annotate", target=name, text=note))
    return ""


def _note(w: Writer) -> str:
    if w.rng.random() < 0.6:
        return w.rng.choice(NOTES)
    return f"{w.rng.choice(('belongs to', 'goes with', 'needs a new', 'was in', 'has a'))} {invented_word(w.rng)}"


def _recall(w: Writer) -> str:
    rng, noted = w.rng, [n for n in w.scene.notes if n.object_id]
    name = name_for(w)
    if noted and rng.random() < 0.7:
        name = w.scene.graph.objects[rng.choice(noted).object_id or ""].label
    w.ask("recall", **slots_for(w, name))
    tell_first(w, w.call("recall", query=name))
    return ""


def _depth(w: Writer) -> str:
    camera = w.scene.camera
    u, v = w.rng.randrange(0, 700), w.rng.randrange(0, 500)
    depth = w.rng.uniform(0.3, 6.0) if w.rng.random() < 0.9 else None
    w.scene.depths = lambda x, y: depth if camera is not None and camera.contains(x, y) else None
    w.ask("depth", u=str(u), v=str(v))
    tell_first(w, w.call("measure_depth", u=u, v=v))
    return ""


def _greeting(w: Writer) -> str:
    w.ask("greeting")
    w.answer("Hello! I remember where things are. What are you looking for?", status="clarify")
    return ""


def _thanks(w: Writer) -> str:
    w.ask("thanks")
    w.answer("You are welcome. What else are you looking for?", status="clarify")
    return ""


def _unsupported(w: Writer) -> str:
    w.ask("unsupported")
    w.answer("I can only help with the things around you.", status="abstained", reason="unsupported")
    return ""


FAMILIES: tuple[tuple[str, float, Callable[[Writer], str]], ...] = (
    ("where_is", 6.0, _where_is),
    ("last_seen", 1.0, _last_seen),
    ("exist", 2.0, _exist),
    ("exist_relation", 1.5, _exist_relation),
    ("count", 1.5, _count),
    ("count_relation", 1.0, _count_relation),
    ("count_room", 1.0, _count_room),
    ("count_things", 1.0, _count_things),
    ("list_relation", 2.0, _list_relation),
    ("list_room", 1.0, _list_room),
    ("superlative", 1.5, _superlative),
    ("moved", 0.5, _moved),
    ("color", 1.5, _color),
    ("describe", 1.5, _describe),
    ("distance", 2.5, _distance),
    ("distance_two", 2.0, _distance_two),
    ("size", 1.0, _sized("size")),
    ("height", 0.7, _sized("height")),
    ("width", 0.7, _sized("width")),
    ("length", 0.7, _sized("length")),
    ("where_am_i", 1.0, _where_am_i),
    ("gaze_what", 1.5, _gaze_what),
    ("gaze_color", 0.7, _gaze_color),
    ("gaze_distance", 1.0, _gaze_distance),
    ("gaze_size", 0.7, _gaze_size),
    ("teach", 3.0, _teach),
    ("teach_named", 1.0, _teach_named),
    ("forget", 1.2, _forget),
    ("annotate", 1.2, _annotate),
    ("recall", 1.2, _recall),
    ("depth", 0.5, _depth),
    ("greeting", 0.5, _greeting),
    ("thanks", 0.5, _thanks),
    ("unsupported", 1.0, _unsupported),
)
"""Family, weight, writer. A writer returns the argument name of the thing the conversation is now about, or ``""``."""

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
        w.ask(family, the=definite(w, name))
        tell_place(w, w.call("where_is", object=name))
        return name
    w.ask(family)
    if family == "it_distance":
        tell_first(w, w.call("measure", kind="distance", a=name))
    elif family == "it_color":
        tell_color(w, name)
    elif family == "it_size":
        tell_first(w, w.call("measure", kind="size", a=name))
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
