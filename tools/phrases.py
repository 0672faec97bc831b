"""Words for tool lines: names, lists, sentences. Written so that a small model can answer by copying spans."""

from __future__ import annotations

from collections.abc import Sequence

from scenes.types import Room, SceneGraph, SceneObject
from tools.context import ToolContext
from tools.directions import Pose, ago_words, direction_to, direction_words, length_words
from tools.extents import width_depth_height
from tools.matching import fold, singular
from tools.queries import support_of, taught_name

MANY = 3
"""More alternatives than this are counted, not listed."""


def plain_name(obj: SceneObject, color: str = "") -> str:
    """A name without article; with the colour where it was asked for: ``red mug``."""
    name = taught_name(obj) or obj.label or "unnamed thing"
    if color and obj.color == color and color not in name.split():
        return f"{color} {name}"
    return name


def the(name: str) -> str:
    """``the mug``, ``your bag`` (taught as "my bag"), ``bob's mug``."""
    first = name.split(" ", 1)[0]
    if first == "my":
        return "your" + name[2:]
    return name if first in ("your", "the") or first.endswith(("'s", "s'")) else f"the {name}"


def a(name: str) -> str:
    """``a mug``, ``an oven``, ``your bag``, ``scissors``."""
    defined = the(name)
    if not defined.startswith("the ") or is_plural(name):
        return defined.removeprefix("the ") if defined.startswith("the ") else defined
    name = defined[4:]
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"


def is_plural(name: str) -> bool:
    """Whether a name takes "are": ``keys``, ``scissors``, ``books``."""
    head = name.rsplit(" ", 1)[-1]
    return head in ("glasses", "scissors", "headphones", "keys") or singular(head) != head


def be(name: str) -> str:
    """``is`` or ``are``."""
    return "are" if is_plural(name) else "is"


def joined(parts: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def asked_for(text: str) -> str:
    """What an argument asked for, as it is said back: ``a red mug``, ``your bag``."""
    words = text.strip().lower().split()
    while words and words[0] in ("the", "a", "an", "any", "some"):
        words = words[1:]
    name = " ".join(words)
    return a(name) if name else "anything"


def place_words(graph: SceneGraph, obj: SceneObject) -> str:
    """``on the sofa``, ``in the kitchen``, or ``""``."""
    support = support_of(graph, obj)
    if support and support[1].label:
        return f"{support[0]} {the(plain_name(support[1]))}"
    room = graph.rooms.get(obj.room)
    return f"in the {room.label}" if room and room.label else ""


def bearing_words(ctx: ToolContext, point: tuple[float, float, float]) -> str:
    """``2.4 m away, behind you to the left``, or ``""`` when the wearer is not localised."""
    if ctx.world_from_camera is None:
        return ""
    direction = direction_to(Pose.from_matrix(ctx.world_from_camera), ctx.camera, point)
    return f"{length_words(direction.distance_m)} away, {direction_words(direction)}"


def seen_words(ctx: ToolContext, obj: SceneObject) -> str:
    """``in view`` or ``seen 12 s ago``."""
    if ctx.world_from_camera is not None:
        pose = Pose.from_matrix(ctx.world_from_camera)
        if direction_to(pose, ctx.camera, obj.box.center).in_view and ctx.time_s - obj.last_seen_s < 1.5:
            return "in view"
    return f"seen {ago_words(ctx.time_s - obj.last_seen_s)}"


def size_words(obj: SceneObject) -> str:
    """``2.1 m wide, 90 cm deep and 80 cm tall``."""
    width, depth, height = (length_words(x) for x in width_depth_height(obj.box))
    return f"{width} wide, {depth} deep and {height} tall"


def distinct_names(ctx: ToolContext, objects: Sequence[SceneObject]) -> list[str]:
    """Names with article that tell objects apart: by name, colour, place or direction; by id as a last resort."""
    base = [plain_name(o) for o in objects]
    colored = [plain_name(o, o.color) for o in objects]
    placed = [f"{n} {place_words(ctx.graph, o)}".rstrip() for n, o in zip(base, objects, strict=True)]
    bearings = [bearing_words(ctx, o.box.center) for o in objects]
    turned = [f"{n} {b.split(', ', 1)[1]}" if b else n for n, b in zip(base, bearings, strict=True)]
    schemes = (base, colored, placed, turned)
    names = next((s for s in schemes if len(set(s)) == len(s)), None)
    if names is None:
        names = [f"{n} {o.id}" for n, o in zip(base, objects, strict=True)]
    return [the(n) for n in names]


def room_name(room: Room) -> str:
    """``the kitchen``."""
    return f"the {room.label or room.id}"


def same_name(x: str, y: str) -> bool:
    """Whether two names are the same but for articles, case and number."""
    return fold(x) == fold(y)
