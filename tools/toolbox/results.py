"""What every tool function builds its result from."""

from __future__ import annotations

from typing import Any

from scenes.records import Reason, TypedValue
from scenes.types import SceneObject
from tools.toolbox.context import Fact, ToolContext, ToolResult
from tools.toolbox.phrases import (
    bearing_words,
    is_or_are,
    place_words,
    plain_name,
    seen_words,
)


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


def moved_line(ctx: ToolContext, obj: SceneObject, name: str) -> Fact:
    """Where a thing was that has moved away."""
    place, bearing = place_words(ctx.graph, obj), bearing_words(ctx, obj.box.center)
    was = ", ".join(x for x in (place, bearing) if x) or "somewhere else"
    have, were = ("have", "they were") if is_or_are(plain_name(obj)) == "are" else ("has", "it was")
    return Fact(id=obj.id, text=f"{name} {have} moved; {were} {was}; {seen_words(ctx, obj)}", object_ids=(obj.id,))
