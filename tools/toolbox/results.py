"""What every tool function builds its result from."""

from __future__ import annotations

from typing import Any

from scenes.records import Reason, TypedValue
from scenes.types import SceneObject
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact, Miss, ToolResult
from tools.toolbox.phrases import bearing_words, is_plural, place_words, plain_name, seen_words


def length_value(metres: float) -> TypedValue:
    """Metres, to a tenth of a millimetre."""
    return TypedValue(kind="length_m", value=round(metres, 4), unit="m")


def result_of(*facts: Fact, reason: Reason | None = None, artifact: dict[str, Any] | None = None) -> ToolResult:
    """Facts as a result; their typed values go into the artifact too."""
    values = {f.id: f.value.model_dump() for f in facts if f.value is not None}
    return ToolResult(
        text="\n".join(f.line for f in facts),
        facts=facts,
        reason=reason,
        artifact={"values": values, **({"reason": reason} if reason else {}), **(artifact or {})},
    )


def miss_result(miss: Miss, facts: tuple[Fact, ...] = (), artifact: dict[str, Any] | None = None) -> ToolResult:
    """A miss as a result; ``facts`` say where each choice is."""
    return ToolResult(
        text="\n".join([miss.line, *(f.line for f in facts)]),
        facts=facts,
        miss=miss,
        reason=miss.reason,
        artifact={"reason": miss.reason, **(artifact or {})},
    )


def moved_away_fact(ctx: ToolContext, obj: SceneObject, name: str) -> Fact:
    """Where a thing was that has moved away."""
    place, bearing = place_words(ctx.graph, obj), bearing_words(ctx, obj.box.center)
    was = ", ".join(x for x in (place, bearing) if x) or "somewhere else"
    have, were = ("have", "they were") if is_plural(plain_name(obj)) else ("has", "it was")
    short = f"{name} {have} moved; {were} {was}"
    text = f"{short}; {seen_words(ctx, obj)}"
    return Fact(id=obj.id, role="moved_away", text=text, short=short, object_ids=(obj.id,))
