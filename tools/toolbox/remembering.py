"""Tools on memory: names that the wearer teaches, notes, and forgetting."""

from __future__ import annotations

from scenes.records import TypedValue
from tools.errors import ToolError
from tools.geometry.directions import ago_words
from tools.scene_graph.object_names import clean_name
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact, Miss, ToolResult
from tools.toolbox.phrases import is_or_are, plain_name, with_the
from tools.toolbox.references import UnresolvedReference, find_one
from tools.toolbox.results import miss_result, result_of

MAX_NOTES = 3
"""At most this many notes in one result."""


def recall(ctx: ToolContext, number: int, query: str, when: str | None = None) -> ToolResult:
    """Notes that fit a query."""
    notes = ctx.recall(query, when)[:MAX_NOTES]
    if not notes:
        clause = f"a note about {with_the(query.strip().lower())}"
        return miss_result(Miss(reason="never_seen", asked=query, clause=clause))
    facts = []
    for k, note in enumerate(notes):
        obj = ctx.graph.objects.get(note.object_id) if note.object_id else None
        about = f" on {with_the(plain_name(obj))}" if obj else ""
        text = f"note{about}, {ago_words(ctx.time_s - note.time_s)}: {note.text}"
        value, ids = TypedValue(kind="text", value=note.text), (obj.id,) if obj else ()
        facts.append(Fact(id=f"f{number + k}", role="note", text=text, value=value, object_ids=ids))
    return result_of(*facts)


def remember(ctx: ToolContext, number: int, name: str, target: str) -> ToolResult:
    """Save a name for a thing."""
    try:
        name = clean_name(name.lower())
    except ValueError as error:
        raise ToolError("a short name", str(error)) from error
    found = find_one(ctx, target, when="now")
    if isinstance(found, UnresolvedReference):
        return found.result()
    ctx.remember(name, found.object.id)
    text = f"saved as {with_the(name)}"
    value = TypedValue(kind="label", value=name)
    return result_of(Fact(id=found.object.id, role="saved_name", text=text, value=value, object_ids=(found.object.id,)))


def forget(ctx: ToolContext, number: int, target: str) -> ToolResult:
    """Delete a taught name and the notes of its object. The live context only sets them aside until the next turn is
    over, because a model may have misheard: see ``tools.memory.forgetting``."""
    found = find_one(ctx, target, dormant=True)
    if isinstance(found, UnresolvedReference):
        return found.result()
    ctx.forget(found.object.id)
    text = f"{found.name} {is_or_are(plain_name(found.object))} forgotten"
    return result_of(Fact(id=f"f{number}", role="forgotten", text=text, value=TypedValue(kind="bool", value=True)))


def annotate(ctx: ToolContext, number: int, target: str, text: str) -> ToolResult:
    """Attach a note to a thing."""
    found = find_one(ctx, target)
    if isinstance(found, UnresolvedReference):
        return found.result()
    note = " ".join(text.split())
    if not note:
        raise ToolError("the text of the note", "an empty text")
    ctx.annotate(found.object.id, note)
    text, value = f"noted on {found.name}: {note}", TypedValue(kind="text", value=note)
    return result_of(Fact(id=found.object.id, role="saved_note", text=text, value=value, object_ids=(found.object.id,)))
