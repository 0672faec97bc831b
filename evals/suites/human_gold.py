"""Right answers to questions that people ask and the generator does not: a small formal language over a true graph.

A term is a number, an atom (``$thing``) or a list of an operator and its arguments: ``["count", "$thing"]``. It is
data: checked when it is read (``check``), evaluated with the gold facts of ``scenes.questions.gold``. Knows no wording.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from torch import Tensor

from scenes.questions.gold import Kind, direction_from, edges_m, gap_m, members, related
from scenes.records import Direction
from scenes.types import SceneGraph, SceneObject
from scenes.vocabulary import RELATIONS, RelationWord

Term = str | int | float | Sequence["Term"]
ExpectedKind = Literal["count", "bool", "length_m", "label", "color", "room", "set", "direction", "abstain", "no_tool"]
Answer = bool | int | float | str | frozenset[str] | Direction

KINDS: tuple[str, ...] = get_args(ExpectedKind)
ARITY: Mapping[str, int] = {
    "color": 1,
    "contains": 2,
    "count": 1,
    "direction": 1,
    "distance": 2,
    "farthest": 1,
    "height": 1,
    "in_view": 1,
    "more_than": 2,
    "nearer": 3,
    "reason": 1,
    "related": 2,
    "room": 1,
    "room_id": 1,
    "same": 2,
    "volume": 1,
    "width": 1,
    "without": 2,
}
"""Operator -> number of its arguments; ``evals/data/README.md`` says what each means."""
REASONS = ("never_seen",)
ATOMS: Mapping[str, tuple[str, ...]] = {
    "$wearer": (),
    "$gaze": (),
    "$thing": ("the", "bare", "a", "many"),
    "$thing2": ("the2", "bare2"),
    "$ref": ("ref",),
    "$rel": ("rel",),
    "$color": ("color",),
    "$room": ("room",),
    "$n": ("n",),
}
"""Atom -> slots of which the wording must hold one; the wearer and the gaze need none."""
CLEARLY_AHEAD = 0.03
"""Two measures nearer to each other than this share of the larger are not compared, as in the generated questions
(``scenes.questions.about_several_objects.CLEARLY_AHEAD``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What kind of answer is right, and the term that gives it; no term where there is nothing to compute."""

    kind: ExpectedKind
    gold: Term | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the slots of one question stand for, and where it is asked."""

    graph: SceneGraph = field(repr=False)
    """The true graph of what has been seen."""
    world_from_camera: Tensor
    """(4, 4) float64, the wearer's pose."""
    things: Mapping[str, SceneObject] = field(default_factory=dict)
    """``$thing``, ``$thing2``, ``$ref``, ``$gaze`` -> the object that is meant."""
    kind: Kind | None = None
    """What ``$thing`` names where a kind is meant and not one object: ``count``, ``farthest``."""
    values: Mapping[str, str | int | float] = field(default_factory=dict)
    """``$rel`` (a stored predicate: "on" for "on top of"), ``$color``, ``$room`` (a label), ``$n`` (metres)."""


def check(term: Term, slots: Collection[str]) -> str | None:
    """What is wrong with a term for a wording with these slots, or None."""
    if isinstance(term, (int, float)):
        return None
    if isinstance(term, str):
        if term in REASONS:
            return None
        if term not in ATOMS:
            return f"unknown atom {term!r}, expected one of {', '.join((*ATOMS, *REASONS))}"
        needed = ATOMS[term]
        return f"{term} needs one of the slots {', '.join(needed)}" if needed and not set(needed) & set(slots) else None
    name, *arguments = term if term else ("",)
    if not isinstance(name, str) or name not in ARITY:
        return f"unknown operator {name!r}, expected one of {', '.join(ARITY)}"
    if len(arguments) != ARITY[name]:
        return f"{name} takes {ARITY[name]} arguments, got {len(arguments)}"
    return next((wrong for a in arguments if (wrong := check(a, slots))), None)


def evaluate(expectation: Expectation, situation: Situation) -> Answer | None:
    """The right answer; None where there is nothing to compute or no clear answer (see ``CLEARLY_AHEAD``).

    Lengths in metres, volumes in cubic metres, sets as object ids. Raises KeyError where the situation lacks what an
    atom stands for.
    """
    return None if expectation.gold is None else _value(expectation.gold, situation)


def relation_word(word: object) -> RelationWord:
    """A value as a relation. Raises ValueError: it is none."""
    for relation in RELATIONS:
        if relation == word:
            return relation
    raise ValueError(f"expected a relation of {RELATIONS}, got {word!r}")


def _value(term: Term, s: Situation) -> Answer | None:
    """The value of a term that is not a thing."""
    if isinstance(term, (int, float)):
        return term
    if isinstance(term, str):
        return s.values[term] if term in ATOMS else term
    name, *arguments = term
    if name in ("same", "contains", "more_than", "nearer", "without"):
        return _compared(str(name), arguments, s)
    if name == "reason":
        return _value(arguments[0], s)
    if name == "count":
        return len(members(s.graph, _kind(s)))
    if name == "related":
        return _ids(related(s.graph, relation_word(s.values[str(arguments[0])]), _thing(arguments[1], s).id))
    if name == "distance":
        return _distance_m(arguments[0], arguments[1], s)
    return _property(str(name), _thing(arguments[0], s), s)


def _property(name: str, thing: SceneObject, s: Situation) -> Answer:
    """A value of one thing."""
    match name:
        case "color":
            return thing.color
        case "room":
            return s.graph.rooms[thing.room].label
        case "room_id":
            return thing.room
        case "volume":
            return thing.box.volume
        case "height":
            return edges_m(thing.box)[2]
        case "width":
            return edges_m(thing.box)[0]
        case "direction":
            return direction_from(s.world_from_camera, thing.box.center)
        case "in_view":
            return direction_from(s.world_from_camera, thing.box.center).in_view
    raise KeyError(name)


def _compared(name: str, arguments: Sequence[Term], s: Situation) -> Answer | None:
    """A comparison of two values, or of two distances to a third thing."""
    if name == "nearer":
        first, second, reference = arguments
        a, b = (_distance_m(x, reference, s) for x in (first, second))
        return None if _close(a, b) else _thing(first if a < b else second, s).label
    if name in ("contains", "without"):
        found, thing = _value(arguments[0], s), _thing(arguments[1], s).id
        if not isinstance(found, frozenset):
            raise TypeError(f"expected a set of things for {name}, got {found!r}")
        return thing in found if name == "contains" else found - {thing}
    left, right = (_value(a, s) for a in arguments)
    if name == "same":
        return left == right
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
        raise TypeError(f"expected two numbers for {name}, got {left!r} and {right!r}")
    # A count is exact; a length or a volume is a measure.
    return None if isinstance(left, float) and _close(left, right) else left > right


def _thing(term: Term, s: Situation) -> SceneObject:
    """The object that a term stands for; "the other one" exists only where there are just two."""
    if not isinstance(term, str):
        found = members(s.graph, _kind(s))
        if len(found) != 2:
            raise KeyError(f"the other one: expected two {_kind(s).text}, got {len(found)}")
        return max(found, key=lambda o: math.dist(o.box.center, _eye(s)))
    return s.things[term]


def _distance_m(first: Term, second: Term, s: Situation) -> float:
    """From the eye to a thing's centre, as in the family ``distance``; between the surfaces of two things."""
    if second == "$wearer":
        return math.dist(_thing(first, s).box.center, _eye(s))
    return gap_m(_thing(first, s).box, _thing(second, s).box)


def _kind(s: Situation) -> Kind:
    if s.kind is None:
        raise KeyError("kind")
    return s.kind


def _eye(s: Situation) -> list[float]:
    return s.world_from_camera[:3, 3].tolist()


def _close(a: float, b: float) -> bool:
    return abs(a - b) < CLEARLY_AHEAD * max(abs(a), abs(b))


def _ids(objects: Sequence[SceneObject]) -> frozenset[str]:
    return frozenset(o.id for o in objects)
