"""What each kind of room is furnished with."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomKind:
    """A kind of room: what it must have, may have, and how much lies around."""

    name: str
    must: tuple[str, ...]
    """Placed first, in this order (skipped only where no place is free)."""
    may: tuple[tuple[str, float], ...]
    """(category, probability), tried in order; the same category may come again."""
    walls: tuple[tuple[str, float], ...] = ()
    """Hung things with probabilities."""
    clutter: float = 1.0
    """Factor on the number of small things per surface."""


_ART = (("picture", 0.8), ("picture", 0.5), ("clock", 0.35), ("mirror", 0.15), ("wall shelf", 0.3))

ROOM_KINDS = (
    RoomKind(
        name="living room",
        must=("sofa", "coffee table", "tv stand"),
        may=(
            ("bookshelf", 0.8),
            ("armchair", 0.6),
            ("cabinet", 0.4),
            ("rug", 0.7),
            ("plant", 0.8),
            ("floor lamp", 0.7),
            ("guitar", 0.35),
            ("plant", 0.4),
            ("basket", 0.3),
            ("radiator", 0.4),
            ("ball", 0.25),
            ("backpack", 0.25),
            ("box", 0.15),
        ),
        walls=_ART,
    ),
    RoomKind(
        name="kitchen",
        must=("counter", "fridge", "oven", "sink", "table"),
        may=(
            ("bin", 0.8),
            ("counter", 0.5),
            ("cabinet", 0.3),
            ("stool", 0.3),
            ("plant", 0.25),
            ("box", 0.2),
            ("washing machine", 0.25),
            ("basket", 0.2),
        ),
        walls=(("clock", 0.6), ("picture", 0.4), ("wall shelf", 0.4)),
        clutter=1.3,
    ),
    RoomKind(
        name="bedroom",
        must=("bed", "nightstand", "wardrobe"),
        may=(
            ("nightstand", 0.5),
            ("dresser", 0.7),
            ("desk", 0.45),
            ("bookshelf", 0.25),
            ("rug", 0.5),
            ("plant", 0.3),
            ("suitcase", 0.35),
            ("basket", 0.3),
            ("shoe", 0.5),
            ("backpack", 0.4),
            ("floor lamp", 0.2),
            ("guitar", 0.2),
            ("box", 0.25),
            ("ball", 0.2),
            ("bin", 0.2),
        ),
        walls=_ART,
    ),
    RoomKind(
        name="bathroom",
        must=("sink", "toilet"),
        may=(
            ("bathtub", 0.7),
            ("washing machine", 0.6),
            ("basket", 0.5),
            ("bin", 0.5),
            ("stool", 0.3),
            ("radiator", 0.4),
            ("rug", 0.3),
            ("plant", 0.15),
        ),
        walls=(("mirror", 0.9), ("wall shelf", 0.4)),
    ),
    RoomKind(
        name="study",
        must=("desk", "bookshelf"),
        may=(
            ("bookshelf", 0.5),
            ("armchair", 0.4),
            ("cabinet", 0.4),
            ("bin", 0.6),
            ("plant", 0.6),
            ("floor lamp", 0.4),
            ("rug", 0.4),
            ("box", 0.35),
            ("guitar", 0.3),
            ("backpack", 0.4),
            ("suitcase", 0.15),
        ),
        walls=_ART,
    ),
    RoomKind(
        name="dining room",
        must=("table", "cabinet"),
        may=(
            ("dresser", 0.4),
            ("plant", 0.6),
            ("floor lamp", 0.4),
            ("rug", 0.4),
            ("bench", 0.3),
            ("basket", 0.2),
            ("radiator", 0.5),
        ),
        walls=_ART,
        clutter=1.2,
    ),
    RoomKind(
        name="hallway",
        must=("bench", "shoe"),
        may=(
            ("shoe", 0.7),
            ("dresser", 0.6),
            ("backpack", 0.6),
            ("suitcase", 0.3),
            ("box", 0.4),
            ("plant", 0.4),
            ("rug", 0.3),
            ("shoe", 0.3),
            ("ball", 0.15),
        ),
        walls=(("mirror", 0.7), ("picture", 0.5), ("clock", 0.3)),
    ),
    RoomKind(
        name="open office",
        must=("desk", "desk", "desk", "bookshelf"),
        may=(
            ("desk", 0.6),
            ("cabinet", 0.7),
            ("bin", 0.8),
            ("plant", 0.7),
            ("plant", 0.4),
            ("box", 0.4),
            ("backpack", 0.6),
            ("floor lamp", 0.3),
        ),
        walls=(("clock", 0.7), ("picture", 0.5), ("picture", 0.3)),
    ),
    RoomKind(
        name="meeting room",
        must=("table", "tv stand"),
        may=(("cabinet", 0.5), ("plant", 0.7), ("bin", 0.5), ("armchair", 0.2), ("radiator", 0.4)),
        walls=(("clock", 0.6), ("picture", 0.6)),
    ),
)

ROOM_KIND = {kind.name: kind for kind in ROOM_KINDS}

_APARTMENT = ("living room", "kitchen", "bedroom", "bathroom", "study", "bedroom", "hallway", "dining room", "bedroom")
_OFFICE = ("open office", "meeting room", "kitchen", "study", "hallway", "study", "bathroom", "meeting room", "study")


def choose_rooms(count: int, style: str, rng: Generator) -> tuple[tuple[str, str], ...]:
    """(kind, label) of each room. Labels are unique: a second bedroom is ``bedroom 2``.

    Args:
        style: ``apartment`` or ``office``.

    Raises:
        ValueError: for another style or a count outside 3..9.
    """
    lists = {"apartment": _APARTMENT, "office": _OFFICE}
    if style not in lists or not 3 <= count <= 9:
        raise ValueError(f"expected style apartment or office and 3..9 rooms, got {style!r} and {count}")
    names = lists[style]
    fixed, rest = list(names[:3]), list(names[3:])
    extra = [rest[i] for i in sorted(rng.permutation(len(rest))[: count - 3])]
    seen: dict[str, int] = {}
    out: list[tuple[str, str]] = []
    for name in fixed + extra:
        seen[name] = seen.get(name, 0) + 1
        shown = "office" if style == "office" and name == "study" else name
        out.append((name, shown if seen[name] == 1 else f"{shown} {seen[name]}"))
    return tuple(out)
