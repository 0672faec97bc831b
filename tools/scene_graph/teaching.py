"""Names for mapped objects: what the wearer says, and what a namer sees in their best views."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from tools.errors import ToolError
from tools.scene_graph.map_objects import MapObject
from tools.scene_graph.object_names import Namer, clean_name

RENAME_FACTOR = 1.5
"""The namer looks again when the best view is this much better than the one it saw."""


class NameTakenError(ToolError):
    """Another object already has that name."""


def teach(thing: MapObject, objects: Mapping[str, MapObject], name: str) -> None:
    """Give one of the objects the wearer's own name. Raises as ``SceneGraphBuilder.teach``."""
    try:
        clean = clean_name(name)
    except ValueError as error:
        raise ToolError("a short name", str(error)) from error
    taken = next((t for t in objects.values() if t.taught.casefold() == clean.casefold() and t.id != thing.id), None)
    if taken is not None:
        raise NameTakenError("a name that no other thing has", f'"{clean}", the name of {taken.id}', (taken.id,))
    thing.taught, thing.pinned = clean, True


def name_pending(objects: Mapping[str, MapObject], namer: Namer, limit: int) -> int:
    """Let the namer look at up to ``limit`` objects that are due; returns how many it looked at."""
    due = [
        t
        for t in objects.values()
        if t.confirmed and not t.taught and t.views.score > RENAME_FACTOR * t.named_at_score and t.views.best
    ]
    due = sorted(due, key=lambda t: (t.named_at_score > 0, -t.views.score))[:limit]
    if not due:
        return 0
    guesses = namer.name([[torch.from_numpy(v.crop.copy()) for v in t.views.best] for t in due])
    for thing, guess in zip(due, guesses, strict=True):
        thing.named_at_score = thing.views.score
        thing.namer_labels.add(guess.label.strip().lower(), guess.confidence)
        thing.label_source = guess.source
        thing.namer_color = guess.color or thing.namer_color
    return len(due)
