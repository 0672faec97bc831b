"""What can happen in a session, as a script says it: one JSON object a line.

{"to_frame": 228}
{"say": "this is my bag", "gaze": [300, 160]}
{"undo": true}
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from scenes.errors import InputError


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class ToFrame(_Event):
    """The wearer walks on to a frame of the recording."""

    to_frame: int


class Say(_Event):
    """The wearer says something, perhaps looking at a pixel of the current frame."""

    say: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    gaze: tuple[float, float] | None = Field(None, strict=False)


class Undo(_Event):
    """What the last turn forgot comes back."""

    undo: Literal[True]


Event = ToFrame | Say | Undo
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
EXPECTED = 'expected {"to_frame": N}, {"say": TEXT, "gaze": [u, v]} or {"undo": true}'


def parse_event(line: str, where: str) -> Event:
    """One line of a script. Raises InputError that says where, what was expected and what came."""
    try:
        return _EVENT.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(f"{where}: {EXPECTED}, got {line.strip()[:80]!r} ({first['msg'].lower()})") from error
