"""What people ask and the generator does not, with gold answers from the true graph (``evals.suites.human_gold``).

Which of two is nearer, whether there is more than one, "no, the other one": families ``new:...`` of the hand-written
phrasings. Yes and no are asked about equally often, or a guess would look like knowledge.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from evals.items import Gold, Item
from evals.suites.human_gold import Answer, Expectation, Situation, evaluate
from evals.suites.human_phrasings import HumanPhrasing, fill_turns
from evals.suites.human_words import by_family, named
from scenes.questions.asker import Asker, with_article
from scenes.questions.gold import Kind, members, related
from scenes.questions.lexicon import invented_word
from scenes.questions.visits import Visit
from scenes.records import BoxRecord, Direction, Reason, ToolStep, TypedValue
from scenes.types import SceneObject
from scenes.vocabulary import BASIC_COLORS, SPOKEN_RELATIONS, RelationWord

FAMILIES = (
    "new:small_talk",
    "new:nearer_to_me",
    "new:nearer_to_thing",
    "new:more_than_one",
    "new:bigger_than",
    "new:further_than",
    "new:else_on",
    "new:is_color",
    "new:is_in_room",
    "new:is_related",
    "new:same_room",
    "new:in_view_now",
    "new:correction",
    "new:correction_thing",
    "new:also_where",
    "new:teach_invented",
    "new:invented_unknown",
)
TRIES = 60
"""Draws of things before a family has no question at a moment."""


@dataclass(slots=True, kw_only=True)
class _Cast:
    """What the slots of one question stand for."""

    slots: dict[str, str] = field(default_factory=dict)
    things: dict[str, SceneObject] = field(default_factory=dict)
    values: dict[str, str | int | float] = field(default_factory=dict)
    kind: Kind | None = None
    gaze_px: tuple[float, float] | None = None


def new_items(visit: Visit, count: int, frames: Sequence[int] | None = None) -> list[Item]:
    """Up to ``count`` questions about one visit, families in turn, at moments when nothing may have left unnoticed."""
    rng = random.Random(f"new {visit.world.seed} {visit.number}")
    if frames is None:
        frames = visit.frames[0 if visit.before else len(visit.frames) // 4 :]
    sure = [f for f in frames if not any(p.doubt for p in visit.knowledge(f).things.values())]
    families = list(FAMILIES)
    rng.shuffle(families)
    out: list[Item] = []
    for attempt in range(count * 4 if sure else 0):
        if len(out) == count:
            break
        item = new_item(_asker(visit, rng.choice(sure), rng), families[attempt % len(families)], attempt)
        out += [] if item is None else [item]
    return out


def _asker(visit: Visit, frame: int, rng: random.Random) -> Asker:
    memory = visit.known(frame)
    graph = replace(memory, objects={i: o for i, o in memory.objects.items() if o.present})
    return Asker(rng=rng, visit=visit, frame=frame, split="test", graph=graph, remembered=memory)


def new_item(a: Asker, family: str, number: int) -> Item | None:
    """One question of a family at this moment; None where nothing fits it."""
    phrasings = by_family().get(family, ())
    if not phrasings:
        return None
    phrasing = a.rng.choice(phrasings)
    wanted = a.rng.random() < 0.5
    for attempt in range(TRIES):
        cast = _cast(a, phrasing)
        if cast is None:
            continue
        try:
            found = _evaluated(a, phrasing, cast)
        except KeyError:
            continue  # the graph lacks what the term asks for, e.g. the room of a thing
        if phrasing.expects is not None and phrasing.expects.gold is not None and found is None:
            continue  # no clear answer
        if isinstance(found, bool) and found is not wanted and attempt < TRIES - 1:
            continue
        if isinstance(found, frozenset) and not found and attempt < TRIES - 1:
            continue
        return _item(a, phrasing, cast, found, number)
    return None


def _evaluated(a: Asker, phrasing: HumanPhrasing, cast: _Cast) -> Answer | None:
    situation = Situation(
        graph=a.graph, world_from_camera=a.pose, things=cast.things, kind=cast.kind, values=cast.values
    )
    return evaluate(phrasing.expects or Expectation(kind="no_tool"), situation)


def _cast(a: Asker, phrasing: HumanPhrasing) -> _Cast | None:
    """Draw things for the slots; None where this draw does not work."""
    slots, cast = set(phrasing.slots), _Cast()
    if slots & {"invented", "a_invented"}:
        word = invented_word(a.rng)
        cast.slots |= {"invented": word, "a_invented": with_article(word)}
    if phrasing.family == "new:teach_invented" and not _gazed(a, cast):
        return None
    if slots & {"ref"} and not _reference(a, phrasing.family, cast):
        return None
    if slots & {"the", "bare", "a", "many"} and "$thing" not in cast.things and not _thing(a, phrasing.family, cast):
        return None
    if slots & {"the2", "bare2"}:
        second = a.named()
        if second is None or second[0] in cast.things.values():
            return None
        cast.things["$thing2"] = second[0]
        cast.slots |= {"the2": f"the {second[1].text}", "bare2": second[1].text}
    _values(a, slots, cast)
    cast.slots = {slot: cast.slots[slot] for slot in phrasing.slots if slot in cast.slots}
    return cast if set(cast.slots) == slots else None


def _gazed(a: Asker, cast: _Cast) -> bool:
    shown = [i for i in a.visit.pixels[a.frame] if i in a.graph.objects and a.graph.objects[i].label != "window"]
    if not shown:
        return False
    object_id = a.rng.choice(sorted(shown))
    cast.gaze_px = a.visit.gaze_at(object_id, a.frame, a.numpy_rng())
    cast.things["$gaze"] = a.graph.objects[object_id]
    return cast.gaze_px is not None


def _reference(a: Asker, family: str, cast: _Cast) -> bool:
    """A thing and, where a relation is asked for, what stands in it there."""
    found = a.named()
    if found is None:
        return False
    cast.things["$ref"], cast.slots["ref"] = found[0], f"the {found[1].text}"
    if family not in ("new:else_on", "new:is_related"):
        return True
    predicates: list[RelationWord] = [
        p for p in SPOKEN_RELATIONS if len(related(a.graph, p, found[0].id)) > (family == "new:else_on")
    ]
    if not predicates:
        return False
    predicate = a.rng.choice(predicates)
    cast.values["$rel"], cast.slots["rel"] = predicate, a.rng.choice(SPOKEN_RELATIONS[predicate])
    placed = related(a.graph, predicate, found[0].id)
    if family == "new:else_on" or a.rng.random() < 0.5:
        return _named_thing(a, a.rng.choice(placed), cast)
    return _thing(a, family, cast)


def _named_thing(a: Asker, obj: SceneObject, cast: _Cast) -> bool:
    """One given thing under a name that fits no other."""
    for kind in (Kind(name=obj.label), Kind(name=obj.label, color=obj.color)):
        if len(members(a.graph, kind)) == 1:
            cast.things["$thing"] = obj
            cast.slots |= named(kind.text, "")
            return True
    return False


def _thing(a: Asker, family: str, cast: _Cast) -> bool:
    if family in ("new:more_than_one", "new:correction"):
        kind = a.kind(0.2)
        if kind is None or (family == "new:correction" and len(members(a.graph, kind)) != 2):
            return False
        cast.kind = kind
        cast.slots |= named(kind.text, "")
        return True
    found = a.named()
    if found is None or found[0] in cast.things.values():
        return False
    if family == "new:is_color" and (found[1].color or not found[0].color):
        return False  # the colour would be in the question, or nobody knows it
    cast.things["$thing"] = found[0]
    cast.slots |= named(found[1].text, "")
    return True


def _values(a: Asker, slots: set[str], cast: _Cast) -> None:
    thing = cast.things.get("$thing")
    if "color" in slots and thing is not None:
        color = thing.color if a.rng.random() < 0.5 else a.rng.choice([c for c in BASIC_COLORS if c != thing.color])
        cast.values["$color"] = cast.slots["color"] = color
    if "room" in slots and thing is not None and thing.room in a.graph.rooms:
        own = a.graph.rooms[thing.room].label
        room = own if a.rng.random() < 0.5 else a.rng.choice(sorted(r.label for r in a.graph.rooms.values()))
        cast.values["$room"], cast.slots["room"] = room, f"the {room}"
    if "n" in slots:
        n = a.rng.randint(2, 6)
        cast.values["$n"], cast.slots["n"] = n, str(n)


def _item(a: Asker, phrasing: HumanPhrasing, cast: _Cast, found: Answer | None, number: int) -> Item:
    """The question; what the phrasing says before it is its opening."""
    world, texts = a.visit.world.seed, fill_turns(phrasing, cast.slots)
    dialog = f"h:w{world}-v{a.visit.number}-f{a.frame}-n{number}"
    gazed = cast.things.get("$gaze")
    return Item(
        id=f"{dialog}-{phrasing.id}",
        dialog=dialog,
        cluster=f"w{world}",
        family=phrasing.family,
        wording="human",
        opening=texts[:-1],
        text=texts[-1],
        gaze_px=cast.gaze_px if gazed is not None else None,
        gazed=gazed.id if gazed is not None else None,
        frame_id=a.frame,
        time_s=a.time_s,
        place={"world": world, "visit": a.visit.number},
        gold=_gold(a, phrasing, cast, found),
        trace=_trace(phrasing, cast),
    )


def _trace(phrasing: HumanPhrasing, cast: _Cast) -> tuple[ToolStep, ...]:
    """The call that answers it where one call does; none where several or none would."""
    family, slots = phrasing.family, cast.slots
    if family == "new:invented_unknown":
        word = slots.get("invented") or slots["a_invented"].split(" ", 1)[-1]
        return (ToolStep(name="where_is", arguments={"object": word}),)
    if family == "new:also_where":
        name = slots.get("bare2") or slots["the2"].removeprefix("the ")
        return (ToolStep(name="where_is", arguments={"object": name}),)
    return ()


def _gold(a: Asker, phrasing: HumanPhrasing, cast: _Cast, found: Answer | None) -> Gold:
    kind = phrasing.expects.kind if phrasing.expects is not None else "no_tool"
    if kind == "no_tool":
        return Gold(status="clarify", points=False, no_tool=True)
    if kind == "abstain":
        return Gold(status="abstained", reason=_reason(str(found)))
    if isinstance(found, frozenset):
        things = sorted((a.graph.objects[i] for i in found), key=lambda o: (o.label, o.id))
        value = TypedValue(kind="text", value=", ".join(o.label for o in things))
        return Gold(status="answered", value=value, lists=True, boxes=_boxes(things))
    if isinstance(found, Direction):
        thing = _pointed(a, phrasing, cast)
        value = TypedValue(kind="direction", value=round(found.azimuth_deg, 2), unit="deg")
        return Gold(status="answered", value=value, direction=found, boxes=_boxes([thing]))
    if kind == "length_m":
        thing = _pointed(a, phrasing, cast)
        metres = round(float(str(found)), 4)
        value = TypedValue(kind="length_m", value=metres, unit="m")
        return Gold(status="answered", value=value, boxes=_boxes([thing]))
    if kind not in ("bool", "count", "label", "color", "room") or not isinstance(found, (bool, int, str)):
        raise ValueError(f"{phrasing.id}: expected a value of the kind {kind}, got {found!r}")
    return Gold(status="answered", value=TypedValue(kind=kind, value=found), points=False)


def _boxes(things: Sequence[SceneObject]) -> dict[str, BoxRecord]:
    return {o.id: BoxRecord.from_box(o.box) for o in things}


def _pointed(a: Asker, phrasing: HumanPhrasing, cast: _Cast) -> SceneObject:
    """The one thing that an answer about a place or a length should point at."""
    gold = str(phrasing.expects.gold) if phrasing.expects is not None else ""
    if "farthest" in gold and cast.kind is not None:
        eye = a.pose[:3, 3].tolist()
        return max(members(a.graph, cast.kind), key=lambda o: _squared(o, eye))
    return next(cast.things[atom] for atom in ("$thing2", "$gaze", "$thing") if f"'{atom}'" in gold)


def _squared(obj: SceneObject, eye: Sequence[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(obj.box.center, eye, strict=True))


def _reason(text: str) -> Reason:
    if text != "never_seen":
        raise ValueError(f"expected the reason never_seen, got {text!r}")
    return "never_seen"
