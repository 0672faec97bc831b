"""Tool schemas -> short texts that the encoder reads one by one: tools, arguments, values of enums, quoted words.

Each becomes one place in the model's memory, so choosing a tool or a value is pointing at it, whatever the tools are.
The texts do not depend on the dialogue: their states are computed once per set of tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.model.pointer.reading import Kind
from agent.model.protocol import ToolSchema

Path = tuple[str, ...]
"""Where a schema stands: the tool's name, then property names, ``[]`` for the items of an array."""
ENDS_TURN = "end the turn"
"""Description of a tool that ends a turn: its texts are written, its arrays of strings cite lines."""
LINE_ID = re.compile(r"[a-z]\d+")
_QUOTED = re.compile(r"'([^']{1,40})'")


@dataclass(slots=True, kw_only=True)
class ItemSet:
    """The items of some tools, in one numbering."""

    texts: list[str] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    tools: dict[str, int] = field(default_factory=dict)
    arguments: dict[Path, int] = field(default_factory=dict)
    values: dict[tuple[Path, str], int] = field(default_factory=dict)
    """By path and JSON of the value."""
    literals: dict[Path, dict[str, int]] = field(default_factory=dict)
    """Words in quotes in an argument's description: they may be its value, or a part of it."""

    def add(self, kind: Kind, text: str) -> int:
        """Number a new item."""
        self.texts.append(text)
        self.kinds.append(kind)
        return len(self.texts) - 1


def ends_turn(tool: ToolSchema) -> bool:
    """Whether a call to this tool ends the turn."""
    return str(tool["function"].get("description", "")).strip().lower().startswith(ENDS_TURN)


def items_of(tools: Sequence[ToolSchema]) -> ItemSet:
    """All items of a set of tools."""
    out = ItemSet()
    for tool in tools:
        function = tool["function"]
        name = str(function["name"])
        out.tools[name] = out.add(Kind.TOOL, f"{spaced(name)}: {function.get('description', '')}")
        _add_properties(out, (name,), function.get("parameters") or {}, cites=ends_turn(tool))
    return out


def spaced(name: str) -> str:
    """``findObjects``, ``find_objects`` -> ``find objects``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_.\-]+", " ", name)


def value_key(value: object) -> str:
    """How a value of an enum is looked up."""
    return json.dumps(value, sort_keys=True)


def _add_properties(out: ItemSet, path: Path, schema: Mapping[str, Any], *, cites: bool) -> None:
    for variant in (schema, *(schema.get("anyOf") or ())):
        for name, inner in (variant.get("properties") or {}).items():
            _add_argument(out, (*path, name), inner, cites=cites)


def _add_argument(out: ItemSet, path: Path, schema: Mapping[str, Any], *, cites: bool) -> None:
    """``cites``: ids of lines are left out, because they stand in the dialogue."""
    tool, label = spaced(path[0]), spaced(" ".join(part for part in path[1:] if part != "[]"))
    if path not in out.arguments and path[-1] != "[]":
        said = str(schema.get("description") or "")
        out.arguments[path] = out.add(Kind.ARGUMENT, f"{tool} {label}: {said}" if said else f"{tool} {label}")
        quoted = dict.fromkeys(_QUOTED.findall(said)) if schema.get("type") in (None, "string") else {}
        out.literals[path] = {word: out.add(Kind.VALUE, f"{tool} {label}: {word}") for word in quoted}
    for value in (*(schema.get("enum") or ()), *([schema["const"]] if "const" in schema else ())):
        key = (path, value_key(value))
        if key not in out.values and not (cites and isinstance(value, str) and LINE_ID.fullmatch(value)):
            out.values[key] = out.add(Kind.VALUE, f"{tool} {label}: {spaced(str(value))}")
    if isinstance(schema.get("items"), Mapping):
        _add_argument(out, (*path, "[]"), schema["items"], cites=cites)
    _add_properties(out, path, schema, cites=cites)
