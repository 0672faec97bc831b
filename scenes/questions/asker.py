"""Where a question is asked: one frame of a visit, what is known there, and how a thing can be named unmistakably."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from torch import Tensor

from scenes.questions.gold import Kind, direction_from, members
from scenes.questions.phrasing import Split, say
from scenes.questions.visits import Visit
from scenes.records import Direction, Reason, Status, ToolStep, TypedValue
from scenes.types import SceneGraph, SceneObject

T = TypeVar("T")
HELD_OUT_SHARE = 8
"""One in so many pairs of category and colour is named only in test questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question without its bookkeeping."""

    family: str
    text: str
    status: Status = "answered"
    reason: Reason | None = None
    value: TypedValue | None = None
    direction: Direction | None = None
    objects: tuple[str, ...] = ()
    trace: tuple[ToolStep, ...] = ()
    gaze_px: tuple[float, float] | None = None


Drafts = Sequence[Draft]
"""The turns of one dialog; none where the moment does not allow a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """One wearer at one frame."""

    rng: random.Random
    visit: Visit
    frame: int
    split: Split
    graph: SceneGraph = field(repr=False)
    """What the frames up to this one have shown, without things that have left their place since."""
    remembered: SceneGraph = field(repr=False)
    """The same, and the things that have left, each where it was last seen."""

    @property
    def pose(self) -> Tensor:
        """(4, 4) ``world_from_camera``."""
        return self.visit.walk.world_from_camera[self.frame]

    @property
    def time_s(self) -> float:
        """Capture time of the frame."""
        return self.visit.time_of(self.frame)

    def numpy_rng(self) -> np.random.Generator:
        """A NumPy generator that goes on from this one."""
        return np.random.default_rng(self.rng.getrandbits(32))

    @property
    def known(self) -> list[SceneObject]:
        """Objects that are asked about: all that are known but windows, which are parts of walls."""
        return [o for o in self.graph.objects.values() if o.label != "window"]

    def pick(self) -> SceneObject | None:
        """Some object that is known."""
        known = self.known
        return self.rng.choice(known) if known else None

    def may_say(self, kind: Kind) -> bool:
        """Held-out pairs of category and colour are said only in the test split."""
        return not kind.color or self.split == "test" or not held_out(kind)

    def named(self, tries: int = 12) -> tuple[SceneObject, Kind] | None:
        """An object and a name that fits no other known one."""
        for _ in range(tries):
            obj = self.pick()
            if obj is None:
                return None
            plain, colored = Kind(name=obj.label), Kind(name=obj.label, color=obj.color)
            kinds = [plain, *([colored] if obj.color and self.may_say(colored) else [])]
            if len(kinds) == 2 and self.rng.random() < 0.4:
                kinds.reverse()
            for kind in kinds:
                if len(members(self.graph, kind)) == 1:
                    return obj, kind
        return None

    def kind(self, colored: float = 0.35) -> Kind | None:
        """Some kind of thing that is known, perhaps with a colour that it has."""
        obj = self.pick()
        if obj is None:
            return None
        kind = Kind(name=obj.label, color=obj.color)
        return kind if self.rng.random() < colored and self.may_say(kind) else Kind(name=obj.label)

    def balanced(self, items: Sequence[T], answer: Callable[[T], object]) -> T | None:
        """One of some items, each answer as likely as any other: what is common is not asked about most."""
        groups: dict[object, list[T]] = {}
        for item in items:
            groups.setdefault(answer(item), []).append(item)
        return self.rng.choice(self.rng.choice(list(groups.values()))) if groups else None

    @property
    def room_in_turn(self) -> str:
        """Id of the room that this visit asks for where a room is the answer: another one in the next world, because
        every home has a living room, and the first one is where a visit begins."""
        rooms, seed = self.visit.world.plan.rooms, self.visit.world.seed
        return rooms[(seed + seed // 10 + self.visit.number) % len(rooms)].id

    def yes_or_no(self, items: Sequence[T], answer: Callable[[T], bool]) -> T | None:
        """One of some items, by the toss of a coin one of a yes or of a no; None where there are not both.

        So that both are asked equally often, whatever is easier to find.
        """
        return self.balanced(items, answer) if len({answer(item) for item in items}) == 2 else None

    def say(self, family: str, **slots: str) -> str:
        """A question of a family in this split's words."""
        return say(self.rng, family, self.split, slots)

    def direction(self, obj: SceneObject) -> Direction:
        """Where an object's centre is from here."""
        return direction_from(self.pose, obj.box.center)

    def the(self, kind: Kind) -> str:
        """``the red mug``."""
        return f"the {kind.text}" if self.rng.random() > 0.06 else kind.text


def held_out(kind: Kind) -> bool:
    """Whether a pair of category and colour is kept for the test split; the same on every machine."""
    return zlib.crc32(kind.text.encode()) % HELD_OUT_SHARE == 0


def step(name: str, /, **arguments: str) -> tuple[ToolStep, ...]:
    """A trace of one call."""
    return (ToolStep(name=name, arguments=arguments),)


def count_value(count: int) -> TypedValue:
    """A number of things."""
    return TypedValue(kind="count", value=count)


def bool_value(truth: bool) -> TypedValue:
    """Yes or no."""
    return TypedValue(kind="bool", value=truth)


def metres(value: float) -> TypedValue:
    """A length."""
    return TypedValue(kind="length_m", value=round(value, 4), unit="m")


def plural_noun(name: str) -> str:
    """English plural of a kind of thing, for the words of a question."""
    if name.endswith(("s", "x", "ch", "sh")):
        return name if name.endswith("s") and not name.endswith("ss") else name + "es"
    if name.endswith("f"):
        return name[:-1] + "ves"
    return name + "s"


def with_article(name: str) -> str:
    """``a mug``, ``an oven``."""
    if plural_noun(name) == name:
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
