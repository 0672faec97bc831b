"""Words for tool lines: names, lists, sentences. Written so that a small model can answer by copying spans."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scenes.types import Box3D, Room, SceneGraph, SceneObject
from scenes.vocabulary import ARTICLES, QUANTIFIERS, RANK_OF_WORD
from tools.geometry.box_measures import nearest_point, width_depth_height
from tools.geometry.directions import Pose, ago_words, direction_to, direction_words, length_words
from tools.search.graph_index import taught_name
from tools.search.name_matching import singular
from tools.search.queries import support_of
from tools.toolbox.context import ToolContext

MAX_SUPPORT_GAP_M = 0.06
"""What carries a thing is at most this far from its foot."""
MAX_ALTERNATIVES = 3
"""More alternatives than this are counted, not listed."""


def plain_name(obj: SceneObject, color: str = "") -> str:
    """A name without article; with the colour where it was asked for: ``red mug``."""
    name = taught_name(obj) or obj.label or "unnamed thing"
    if not color or obj.color != color or color in name.split():
        return name
    first, _, rest = name.partition(" ")
    return f"{first} {color} {rest}" if rest and _is_owner(first) else f"{color} {name}"


def with_the(name: str) -> str:
    """A name as a known thing is called: ``the mug``, ``your bag`` (taught as "my bag"), ``bob's mug``."""
    first = name.split(" ", 1)[0]
    if first == "my":
        return "your" + name[2:]
    return name if first == "the" or _is_owner(first) else f"the {name}"


def with_article(name: str) -> str:
    """A name as any thing of the kind is called: ``a mug``, ``an oven``, ``your bag``, ``scissors``."""
    defined = with_the(name)
    if not defined.startswith("the ") or is_plural(name):
        return defined.removeprefix("the ") if defined.startswith("the ") else defined
    name = defined[4:]
    vowel = name[:1] in "aeiou" and not name.startswith(("uni", "usb", "use", "ute", "uku", "eu"))
    return f"an {name}" if vowel else f"a {name}"


def _is_owner(word: str) -> bool:
    return word in ("my", "your") or word.endswith(("'s", "s'"))


def is_plural(name: str) -> bool:
    """Whether a name takes "are": ``keys``, ``scissors``, ``books``."""
    head = name.rsplit(" ", 1)[-1]
    return head in ("glasses", "scissors", "headphones", "keys") or singular(head) != head


def is_or_are(name: str) -> str:
    """The verb that a name takes."""
    return "are" if is_plural(name) else "is"


def joined(parts: Sequence[str], last: str = "and") -> str:
    """Parts as one list in words: ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def asked_name(text: str) -> str:
    """The name in an argument, as it is said back: ``a red mug``, ``your bag``."""
    words = text.strip().lower().split()
    name = " ".join(w for w in words if w not in (*ARTICLES, *QUANTIFIERS) and w not in RANK_OF_WORD)
    return with_article(name) if name else "anything"


def place_words(graph: SceneGraph, obj: SceneObject) -> str:
    """What carries a thing and its room, as far as they are known: ``on the sofa in the kitchen``."""
    support, room = support_of(graph, obj), graph.rooms.get(obj.room)
    parts = [f"{support[0]} {with_the(plain_name(support[1]))}"] if support and support[1].label else []
    parts += [f"in {room_name(room)}"] if room and room.label else []
    return " ".join(parts)


def place_text(box: Box3D | None, own_id: str, graph: SceneGraph) -> str:
    """Where a box is, in words: the named thing that carries it, else its room; ``""`` when neither is known.

    ``own_id`` is the id of the thing that the box is of.
    """
    if box is None:
        return ""
    x, y, z = box.center
    foot = (x, y - box.size[1] / 2, z)
    under = [
        o
        for o in graph.objects.values()
        if o.id != own_id
        and o.label
        and o.box.volume > box.volume
        and math.dist(nearest_point(o.box, foot), foot) <= MAX_SUPPORT_GAP_M
    ]
    if under:
        # Of several, such as a table on a rug, the thing whose top is nearest carries it.
        return with_the(plain_name(min(under, key=lambda o: abs(o.box.center[1] + o.box.size[1] / 2 - foot[1]))))
    room = next((r for r in graph.rooms.values() if r.label and in_room(r, box.center)), None)
    return room_name(room) if room else ""


def in_room(room: Room, position: tuple[float, float, float]) -> bool:
    """Whether a point is over a room's floor: even-odd rule in the floor plane."""
    x, _, z = position
    polygon = room.floor_polygon
    inside = False
    for (x0, z0), (x1, z1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (z0 > z) != (z1 > z) and x < (x1 - x0) * (z - z0) / (z1 - z0) + x0:
            inside = not inside
    return inside


def bearing_words(ctx: ToolContext, point: tuple[float, float, float]) -> str:
    """Distance and direction of a point: ``2.4 m away, behind you to the left``; ``""`` when not localised."""
    if ctx.world_from_camera is None:
        return ""
    direction = direction_to(Pose.from_matrix(ctx.world_from_camera), ctx.camera, point)
    return f"{length_words(direction.distance_m)} away, {direction_words(direction)}"


def side_words(ctx: ToolContext, point: tuple[float, float, float]) -> str:
    """Direction of a point from the wearer: ``behind you to the left``; ``""`` when not localised."""
    if ctx.world_from_camera is None:
        return ""
    return direction_words(direction_to(Pose.from_matrix(ctx.world_from_camera), ctx.camera, point))


def seen_words(ctx: ToolContext, obj: SceneObject) -> str:
    """When a thing was last seen: ``in view`` or ``seen 12 s ago``."""
    if ctx.world_from_camera is not None:
        pose = Pose.from_matrix(ctx.world_from_camera)
        if direction_to(pose, ctx.camera, obj.box.center).in_view and ctx.time_s - obj.last_seen_s < 1.5:
            return "in view"
    return f"seen {ago_words(ctx.time_s - obj.last_seen_s)}"


def size_words(obj: SceneObject) -> str:
    """The three lengths of a thing: ``2.1 m wide, 90 cm deep and 80 cm tall``."""
    width, depth, height = (length_words(x) for x in width_depth_height(obj.box))
    return f"{width} wide, {depth} deep and {height} tall"


def distinct_names(ctx: ToolContext, objects: Sequence[SceneObject]) -> list[str]:
    """Names without article that tell objects apart: by name, colour, place or direction; by id as a last resort."""
    base = [plain_name(o) for o in objects]
    colored = [plain_name(o, o.color) for o in objects]
    held = [support_of(ctx.graph, o) for o in objects]
    placed = [
        f"{n} {s[0]} {with_the(plain_name(s[1]))}" if s and s[1].label else n for n, s in zip(base, held, strict=True)
    ]
    sides = [side_words(ctx, o.box.center) for o in objects]
    turned = [f"{n} {s}" if s else n for n, s in zip(base, sides, strict=True)]
    # A colour tells apart only if nobody is left with the bare name that they all share.
    all_colored = all(c != b or base.count(b) == 1 for c, b in zip(colored, base, strict=True))
    schemes = (base, *((colored,) if all_colored else ()), placed, turned)
    names = next((s for s in schemes if len(set(s)) == len(s)), None)
    if names is None:
        names = [f"{n} {o.id}" for n, o in zip(base, objects, strict=True)]
    return names


def room_name(room: Room) -> str:
    """A room with its article: ``the kitchen``; by its id while it has no name."""
    return f"the {room.label or room.id}"
