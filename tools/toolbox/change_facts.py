"""What has changed, as facts: a count, the names by the way they changed, and a line for a thing that says how.

``moved`` holds all that is not where it was when the visit began; ``gone`` those of them that were not found elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from scenes.records import TypedValue
from scenes.types import Change, SceneObject
from tools.search.graph_index import index_of
from tools.search.name_matching import plural
from tools.toolbox.context import ToolContext
from tools.toolbox.facts import Fact
from tools.toolbox.phrases import is_plural, joined, place_text, place_words, plain_name, with_article
from tools.toolbox.results import moved_away_fact

CHANGE_GROUPS = (
    ("moved", ("moved", "vanished")),
    ("gone", ("vanished",)),
    ("new", ("appeared",)),
    ("opened", ("opened",)),
    ("closed", ("closed",)),
)
"""Word of a group of changed things, and the kinds of change that it holds."""
MAX_LISTED_NAMES = 4
"""At most this many different names in a list."""


def names_with_counts(objects: Sequence[SceneObject]) -> str:
    """``2 mugs, a book and 4 more``: names with their number, in the given order."""
    counts = Counter(plain_name(o) for o in objects)
    names = [with_article(n) if k == 1 else f"{k} {plural(n)}" for n, k in counts.items()][:MAX_LISTED_NAMES]
    rest = len(objects) - sum(list(counts.values())[:MAX_LISTED_NAMES])
    return joined([*names, f"{rest} more"] if rest else names)


def group_facts(
    ctx: ToolContext, number: int, objects: Sequence[SceneObject], where: str
) -> tuple[list[Fact], dict[str, str]]:
    """The facts from ``number`` on, and which of them speaks of each group of ``CHANGE_GROUPS``.

    ``where`` narrows the place in words, with a space before it. The first fact lists all things; where that does not
    tell the groups apart, one fact for each follows, and one for the groups that are empty.
    """
    kind_of = index_of(ctx.graph).changed
    held = {word: [o for o in objects if kind_of[o.id] in kinds] for word, kinds in CHANGE_GROUPS}
    said = {word: f"{word}{where}: {names_with_counts(group)}" for word, group in held.items() if group}
    facts = [names_fact(f"f{number}", "; ".join(line for word, line in said.items() if word != "gone"), objects)]
    fact_of: dict[str, str] = {}
    for word, _ in CHANGE_GROUPS:
        if len(held[word]) == len(objects) and word != "gone":
            fact_of[word] = facts[0].id
        elif held[word]:
            facts.append(names_fact(f"f{number + len(facts)}", said[word], held[word]))
            fact_of[word] = facts[-1].id
    empty = [word for word, _ in CHANGE_GROUPS if not held[word]]
    if empty and ctx.graph.changes is not None:
        nothing = f"nothing{where} {'has' if empty == ['moved'] else 'is'} {joined(empty, last='or')}"
        value = TypedValue(kind="count", value=0)
        facts.append(Fact(id=f"f{number + len(facts)}", role="count", text=nothing, value=value))
        fact_of.update(dict.fromkeys(empty, facts[-1].id))
    return facts, fact_of


def names_fact(fact_id: str, text: str, objects: Sequence[SceneObject]) -> Fact:
    """A line that lists things, with all their names as its value."""
    value = TypedValue(kind="text", value=", ".join(plain_name(o) for o in objects))
    return Fact(id=fact_id, role="names", text=text, value=value, object_ids=tuple(o.id for o in objects))


def change_fact(ctx: ToolContext, obj: SceneObject, name: str, where: str) -> Fact:
    """How one thing changed, then ``where`` it is now, in words; of a thing that has left, where it was."""
    kind, log = index_of(ctx.graph).changed[obj.id], _logged(ctx, obj)
    if kind == "vanished" or not obj.present:
        return moved_away_fact(ctx, obj, name)
    many = is_plural(plain_name(obj))
    has, was, are, it = ("have", "were", "are", "they are") if many else ("has", "was", "is", "it is")
    if kind == "moved":
        start = place_text(log.from_box, obj.id, ctx.graph) if log else ""
        goal = place_words(ctx.graph, obj)
        how = " ".join(x for x in (has, "moved", start and f"from {start}", goal and f"and {it} now {goal}") if x)
    elif kind == "appeared":
        how = f"{are} new"
    else:
        how = f"{was} {kind}"
    short = f"{name} {how}"
    return Fact(id=obj.id, role="change", text=f"{short}; {it} {where}", short=short, object_ids=(obj.id,))


def _logged(ctx: ToolContext, obj: SceneObject) -> Change | None:
    return next((c for c in ctx.graph.changes or () if c.object_id == obj.id), None)


def change_rows(ctx: ToolContext, objects: Sequence[SceneObject]) -> list[dict[str, Any]]:
    """For the program: how each thing changed, between which times, from where to where (centres, metres)."""
    rows = []
    for obj in objects:
        log = _logged(ctx, obj)
        row: dict[str, Any] = {"id": obj.id, "kind": index_of(ctx.graph).changed[obj.id]}
        if log is not None:
            row |= {"since_s": log.since_s, "noticed_s": log.time_s}
            row |= {"from": log.from_box.center} if log.from_box else {}
            row |= {"to": log.to_box.center} if log.to_box else {}
        rows.append(row)
    return rows
