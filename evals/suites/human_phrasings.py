"""Questions as people say them, written by hand and held out for ever: reading the file, checking it, filling slots.

``evals/data/human_phrasings.jsonl`` holds wordings only; the worlds give what fills the slots. Nothing is trained or
tuned on them. ``evals/data/README.md`` is the datasheet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.suites.human_gold import Expectation, ExpectedKind, check
from scenes.errors import InputError

PATH = Path(__file__).parent.parent / "data" / "human_phrasings.jsonl"
STYLES = (
    "child",
    "colloquial",
    "dialect",
    "elderly",
    "elliptic",
    "filler",
    "long_winded",
    "non_native",
    "polite",
    "rude",
    "self_correction",
    "slip",
    "spoken",
    "technician",
    "typo",
    "very_short",
)

_THING = ("the", "bare", "a", "many")
_SECOND = ("the2", "bare2")
_PLACED = (_THING, ("rel",), ("ref",))
_NAME = (("name",),)
_ABSENT = (("absent", "a_absent"),)
_INVENTED = (("invented", "a_invented"),)
_PAIR = (_THING, _SECOND)

FAMILY_SLOTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(("where_is", "direction", "last_seen", "room_of", "exist", "color", "describe"), (_THING,)),
    **dict.fromkeys(("distance", "size", "height", "width", "length", "route", "recall"), (_THING,)),
    **dict.fromkeys(("moved_since", "moved_away", "ambiguous"), (_THING,)),
    "count": (("many",),),
    "count_room": (("many",), ("room",)),
    "exist_relation": _PLACED,
    "count_relation": _PLACED,
    **dict.fromkeys(("count_things", "list_relation"), (("rel",), ("ref",))),
    "list_room": (("room",),),
    "superlative": (("rank",), ("bare", "many")),
    **dict.fromkeys(("distance_two", "fit_on", "fit_in"), _PAIR),
    **dict.fromkeys(("gaze_what", "gaze_color", "gaze_distance", "gaze_size", "where_am_i"), ()),
    **dict.fromkeys(("it_distance", "it_size", "it_color", "it_where"), ()),
    **dict.fromkeys(("changed", "moved", "missing", "appeared"), ()),
    **dict.fromkeys(("greeting", "thanks", "unsupported"), ()),
    **dict.fromkeys(("teach", "taught_where", "forget"), _NAME),
    "annotate": (_THING, ("note",)),
    "choose": (("choice", "color"),),
    **dict.fromkeys(("never_present", "not_yet_seen"), _ABSENT),
    "new:small_talk": (),
    **dict.fromkeys(("new:nearer_to_me", "new:bigger_than", "new:same_room"), _PAIR),
    **dict.fromkeys(("new:correction_thing", "new:also_where"), _PAIR),
    "new:nearer_to_thing": (*_PAIR, ("ref",)),
    **dict.fromkeys(("new:more_than_one", "new:in_view_now", "new:correction"), (_THING,)),
    "new:further_than": (_THING, ("n",)),
    **dict.fromkeys(("new:else_on", "new:is_related"), _PLACED),
    "new:is_color": (_THING, ("color",)),
    "new:is_in_room": (_THING, ("room",)),
    **dict.fromkeys(("new:teach_invented", "new:invented_unknown"), _INVENTED),
}
"""Family -> groups of slots: a wording holds at least one slot of each group, and none that is in no group. ``new:``
marks what people ask and the generator does not; such a line says itself what is right (``expects``)."""

_SLOT = re.compile(r"\{(\w*)\}")


class PhrasingError(InputError):
    """A line of the file cannot be used, or a wording cannot be filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanPhrasing:
    """One wording, slots open."""

    id: str
    family: str
    """A family of ``scenes.questions`` or one of its follow-ups, or ``new:<what>``."""
    text: str
    """What is said; where there are several turns, the last one, which is the one that is scored."""
    turns: tuple[str, ...]
    """All that is said in the order in which it is said; ``(text,)`` for one turn."""
    slots: tuple[str, ...]
    """Slots of all turns, in the order of their first mention."""
    style: tuple[str, ...]
    """Some of ``STYLES``."""
    expects: Expectation | None = None
    """What is right, where no generated question of the family says so."""


class _Expects(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    kind: ExpectedKind
    gold: list[Any] | None = None


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    id: str
    family: str
    text: str
    turns: list[str] | None = None
    slots: list[str]
    style: list[str]
    expects: _Expects | None = None


def normalised(text: str) -> str:
    """A wording without case and punctuation: what two wordings must not share."""
    return " ".join(re.sub(r"[^\w{}\s]", "", text.lower().replace("-", " ")).split())


def load_human_phrasings(path: Path = PATH) -> tuple[HumanPhrasing, ...]:
    """All wordings of a file, checked.

    Raises PhrasingError, with the number of the line, for a line that is no such record, an unknown family or style, an
    unknown or missing slot, a gold term that cannot be evaluated, or an id or a wording that was there before.
    """
    ids: dict[str, int] = {}
    said: dict[str, int] = {}
    phrasings: list[HumanPhrasing] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            phrasing = _checked(_Line.model_validate_json(line))
            for seen, key, what in ((ids, phrasing.id, "id"), (said, _key(phrasing), "text")):
                if key in seen:
                    raise PhrasingError(f"{what} {key!r} is already in line {seen[key]}; each is there once")
                seen[key] = number
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(map(str, first["loc"])) or "record"
            raise PhrasingError(f"{path.name}, line {number}: {where}: {first['msg']}") from e
        except PhrasingError as e:
            raise PhrasingError(f"{path.name}, line {number}: {e}") from e
        phrasings.append(phrasing)
    return tuple(phrasings)


def fill(phrasing: HumanPhrasing, slots: Mapping[str, str]) -> str:
    """The scored turn with its slots filled. Slot texts are put in as they are.

    Raises PhrasingError for a slot that the wording has and ``slots`` lacks, or the other way round.
    """
    return fill_turns(phrasing, slots)[-1]


def fill_turns(phrasing: HumanPhrasing, slots: Mapping[str, str]) -> tuple[str, ...]:
    """All turns with their slots filled, in order; raises as ``fill``."""
    if set(slots) != set(phrasing.slots):
        expected, received = ", ".join(sorted(phrasing.slots)) or "none", ", ".join(sorted(slots)) or "none"
        raise PhrasingError(f"{phrasing.id}: expected the slots {expected}; received {received}")
    return tuple(_SLOT.sub(lambda m: slots[m[1]], turn) for turn in phrasing.turns)


def _key(phrasing: HumanPhrasing) -> str:
    return " / ".join(map(normalised, phrasing.turns))


def _checked(line: _Line) -> HumanPhrasing:
    if wrong := next(_faults(line), None):
        raise PhrasingError(wrong)
    return HumanPhrasing(
        id=line.id,
        family=line.family,
        text=line.text,
        turns=tuple(line.turns or (line.text,)),
        slots=tuple(line.slots),
        style=tuple(line.style),
        expects=None if line.expects is None else Expectation(kind=line.expects.kind, gold=line.expects.gold),
    )


def _faults(line: _Line) -> Iterator[str]:
    """What is wrong with a record, worst first."""
    if line.family not in FAMILY_SLOTS:
        yield f"unknown family {line.family!r}, expected one of {', '.join(FAMILY_SLOTS)}"
        return
    turns = line.turns or [line.text]
    if turns[-1] != line.text or not all(t.strip() for t in turns):
        yield "the last of the turns must be the text, and none may be empty"
    yield from _slot_faults(line, list(dict.fromkeys(_SLOT.findall(" ".join(turns)))))
    if unknown := [s for s in line.style if s not in STYLES]:
        yield f"unknown style {unknown[0]!r}, expected one of {', '.join(STYLES)}"
    if not line.style:
        yield f"no style, expected one or more of {', '.join(STYLES)}"
    if line.family.startswith("new:") != (line.expects is not None):
        yield "expects must be given for a family of its own (new:...) and for no other"
    if line.expects is not None and line.expects.gold is not None and (wrong := check(line.expects.gold, line.slots)):
        yield f"gold: {wrong}"
    if line.expects is not None and (line.expects.gold is None) != (line.expects.kind == "no_tool"):
        yield "gold must be given for every kind but no_tool"


def _slot_faults(line: _Line, found: list[str]) -> Iterator[str]:
    groups = FAMILY_SLOTS[line.family]
    known = [slot for group in groups for slot in group]
    if unknown := [s for s in (*found, *line.slots) if s not in known]:
        yield f"unknown slot {unknown[0]!r} for {line.family}, expected {', '.join(known) or 'none'}"
    if missing := [g for g in groups if not set(g) & set(found)]:
        yield f"missing slot for {line.family}: the text needs {' or '.join(missing[0])}"
    if line.slots != found:
        yield f"slots must list those of the text in order: expected {found}, received {line.slots}"
