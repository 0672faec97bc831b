"""What a tool says: facts that an answer can cite, each with the role that it plays, or a miss that says why not.

Programs read roles, typed values, short forms and misses. The text is for the model: its wording may change without
changing what a program makes of a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scenes.records import Reason, TypedValue

FactRole = Literal[
    "place",  # where a thing or a room is; with the reason "not_reobserved", where it was
    "moved_away",  # where a thing was that is no longer there
    "seen",  # when a thing was last seen
    "room",  # which room a thing is in
    "wearer",  # where the wearer is
    "count",  # how many things fit; the number is the value
    "names",  # the names of things that fit
    "change",  # how one thing changed
    "description",  # colour, size and place of one thing that was asked for by name
    "name",  # what the thing at the gaze is called, its size and place
    "unnamed",  # the thing at the gaze has no name; its size and place
    "color",  # the colour of the thing at the gaze
    "picture",  # what the vision model sees in a crop
    "distance",
    "size",  # all three lengths of a thing, or one of them
    "fit",  # whether one thing fits on or in another
    "depth",  # the depth at a pixel
    "route",  # how to walk to a place
    "note",  # a note that was found
    "saved_name",  # a name was taught
    "saved_note",  # a note was attached
    "forgotten",  # a name and its notes were deleted
]
"""What a fact says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One citable line of a tool result."""

    id: str
    """An object id (``o5``), or ``f`` and a number within the turn."""
    text: str
    """The line without its id."""
    role: FactRole
    short: str = ""
    """The part of ``text`` that one sentence says of it; where none is given, all of it."""
    value: TypedValue | None = None
    object_ids: tuple[str, ...] = ()
    """The objects that the line is about; they become anchors when it is cited."""

    def __post_init__(self) -> None:
        if not self.short:
            object.__setattr__(self, "short", self.text)

    @property
    def line(self) -> str:
        """The line as the model reads it."""
        return f"{self.id} {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Why a tool has nothing to say of what was asked."""

    reason: Reason
    asked: str = ""
    """The argument that was asked for, as it was given; ``""`` where the tool has none."""
    clause: str
    """The same in words, e.g. ``a piano`` (never seen), ``there is no depth at that pixel``."""
    choices: tuple[str, ...] = ()
    """Of an ambiguous name: names without article that tell apart what it may mean."""

    @property
    def line(self) -> str:
        """The line as the model reads it."""
        return f"none: {self.reason.replace('_', ' ')}: {self.clause}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool found: text for the model, facts for the checker, an artifact for the program."""

    text: str
    facts: tuple[Fact, ...] = ()
    """The fact that answers the call comes first. With a miss: one fact for each listed choice."""
    miss: Miss | None = None
    """Set where the tool found nothing to say, or several things and cannot choose."""
    reason: Reason | None = None
    """Why there is no plain answer, as an abstention would say it; that of the miss where there is one."""
    artifact: Mapping[str, Any] = field(default_factory=dict)
    """JSON-ready details: candidates and why each failed, exact numbers."""

    @property
    def main(self) -> Fact:
        """The fact that answers the call. Raises LookupError where the tool found nothing."""
        if self.miss is not None or not self.facts:
            raise LookupError(f"expected a result with an answer, got {self.text!r}")
        return self.facts[0]

    def find(self, role: FactRole) -> Fact | None:
        """The first fact of a role; None where the tool did not say that."""
        return next((f for f in self.facts if f.role == role), None)
