"""Records that cross a process or a disk: the answer contract, as pydantic models.

Everything here is versioned JSON. Types for use inside the process are in ``scenes.types``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scenes.types import Box3D

QUESTION_SCHEMA_VERSION = 1
ANSWER_SCHEMA_VERSION = 2
"""Version 1 called the ``evidence`` of a citation ``claim``; it is still read."""
MAX_ANSWER_CHARS = 175
"""One glanceable sentence on a glasses display."""

Status = Literal["answered", "abstained", "clarify", "error"]
Reason = Literal[
    "never_seen", "moved", "not_reobserved", "ambiguous", "not_localised", "unsupported", "no_depth", "out_of_range"
]
ValueKind = Literal["count", "bool", "length_m", "label", "color", "direction", "room", "text", "duration_s"]


class Record(BaseModel):
    """Base of all records: unknown fields are an error, values do not change after construction."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BoxRecord(Record):
    """An oriented box; see ``scenes.types.Box3D``."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    quaternion_xyzw: tuple[float, float, float, float]

    @classmethod
    def from_box(cls, box: Box3D) -> BoxRecord:
        """The record of a box."""
        return cls(center=box.center, size=box.size, quaternion_xyzw=box.quaternion_xyzw)

    def to_box(self) -> Box3D:
        """The box of a record."""
        return Box3D(center=self.center, size=self.size, quaternion_xyzw=self.quaternion_xyzw)


class Direction(Record):
    """Where something is as the wearer sees it: azimuth positive to the right, elevation positive up."""

    azimuth_deg: float = Field(ge=-180.0, le=180.0)
    elevation_deg: float = Field(ge=-90.0, le=90.0)
    distance_m: float = Field(ge=0.0)
    clock: int = Field(ge=1, le=12)
    in_view: bool


class Anchor(Record):
    """A place in the world that an answer points at."""

    object_id: str
    label: str
    box: BoxRecord
    sigma_m: float = Field(ge=0.0)
    """One standard deviation of the box centre, metres."""
    confidence: float = Field(ge=0.0, le=1.0)
    first_seen_s: float
    last_seen_s: float
    evidence_frames: tuple[int, ...] = ()
    map_id: str
    direction: Direction | None = None


class TypedValue(Record):
    """A machine-readable answer."""

    kind: ValueKind
    value: int | float | bool | str
    unit: str | None = None


class Citation(Record):
    """One line that a tool returned in this turn and that the answer rests on."""

    evidence: str
    """The line, without its id."""
    source: str
    """Its id: that of a fact or of an object."""


class ToolCallRecord(Record):
    """One tool call of a turn, as it happened."""

    name: str
    arguments: dict[str, Any]
    result: str
    """The text that the model read."""
    artifact: dict[str, Any] | None = None
    latency_ms: float = 0.0
    error: str | None = None


class FrameRef(Record):
    """The frame that a question was about."""

    id: int
    time_s: float
    world_from_camera: tuple[tuple[float, float, float, float], ...] | None
    """Four rows; None when the wearer is not localised."""


class ModelRef(Record):
    """What produced the words."""

    base: str
    adapter: str | None = None
    backend: str


class ToolStep(Record):
    """One call of a gold trace."""

    name: str
    arguments: dict[str, Any]


class Question(Record):
    """A question about a visit up to one frame, with its gold answer. Nothing in it depends on a later frame."""

    schema_version: Literal[1] = QUESTION_SCHEMA_VERSION
    id: str
    """Unique within a data set; names the world, the visit, the frame and the family."""
    family: str
    split: Literal["train", "val", "test"]
    world_seed: int
    visit: int
    frame_id: int
    """The asked frame: its number in the visit."""
    time_s: float
    dialog: str
    """Questions with the same dialog id are turns of one conversation, in the order of ``turn``."""
    turn: int = 0
    text: str
    gaze_px: tuple[float, float] | None = None
    status: Status
    reason: Reason | None = None
    value: TypedValue | None = None
    direction: Direction | None = None
    """Where the one gold object is from the wearer, for questions about a place."""
    objects: tuple[str, ...] = ()
    """Gold object ids of the world that the answer should point at."""
    trace: tuple[ToolStep, ...] = ()
    """Tool calls that answer it; a name in an argument stands for the words of the question."""
    evidence_frames: tuple[int, ...] = ()
    """Frames up to the asked one that show the gold objects best."""


class Timings(Record):
    """Milliseconds per stage of a turn."""

    ingest: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
    tools: float = 0.0
    graph: float = 0.0
    total: float = 0.0


class GroundedAnswer(Record):
    """The answer contract: text, typed value, 3D anchors, and the evidence for each."""

    schema_version: Literal[2] = ANSWER_SCHEMA_VERSION
    answer: str
    """One glanceable sentence (``MAX_ANSWER_CHARS``); optional detail after the first newline."""
    status: Status
    reason: Reason | None = None
    value: TypedValue | None = None
    anchors: tuple[Anchor, ...] = ()
    citations: tuple[Citation, ...] = ()
    tool_calls: tuple[ToolCallRecord, ...] = ()
    frame: FrameRef
    timings_ms: Timings = Timings()
    model: ModelRef

    @model_validator(mode="before")
    @classmethod
    def _read_version_1(cls, data: Any) -> Any:
        """Records that were stored before version 2 open as version 2."""
        if not isinstance(data, Mapping) or data.get("schema_version") != 1:
            return data
        citations = [_evidence_from_claim(c) for c in data.get("citations", ())]
        return {**data, "schema_version": ANSWER_SCHEMA_VERSION, "citations": citations}


def _evidence_from_claim(citation: Any) -> Any:
    if not isinstance(citation, Mapping) or "claim" not in citation:
        return citation
    return {"evidence" if key == "claim" else key: value for key, value in citation.items()}
