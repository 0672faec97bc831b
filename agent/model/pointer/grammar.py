"""What may be chosen next, so that every finished run of choices is a valid call to one of the tools.

The grammar is a generator: it yields a ``Step`` with all that may be chosen and is sent the choice. Training runs the
same generator with the wanted call, and each step then says which choice is right; so training and use cannot differ.
JSON-schema keywords that cannot be enforced are refused, never dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from agent.model.pointer.choices import Choice, Of, SchemaError, Step, Unreachable, Vocabulary
from agent.model.pointer.items import ItemSet, Path, ends_turn, value_key
from agent.model.pointer.reading import Source
from agent.model.pointer.spans import Copied, Span, SpanPlanner, Written
from agent.model.pointer.words import joined, numbers_of
from agent.model.protocol import ToolCall, ToolSchema

SPANS = 4
"""Stretches that a copied value may be put together from: ``red`` of the question and ``mug`` of the turn before."""
ITEMS = 8
"""Most entries of an array that states no ``maxItems``."""
LARGEST = 1_000_000
"""Largest magnitude of a number whose schema gives no bound."""
SENTENCE_CHOICES = 64
"""Longest written text, in choices."""
UNBOUNDED = 400
"""Characters of a text that states no ``maxLength``."""
_REFUSED = frozenset(
    {"pattern", "multipleOf", "not", "if", "$ref", "allOf", "patternProperties", "contains", "propertyNames"}
)

Writing = Generator[Step, Choice, Any]


class CallGrammar:
    """Writes one call to one of ``tools`` about one source."""

    def __init__(
        self, tools: Sequence[ToolSchema], items: ItemSet, source: Source, vocabulary: Vocabulary, planner: SpanPlanner
    ) -> None:
        self._tools = {str(tool["function"]["name"]): tool for tool in tools}
        self._items, self._source, self._vocabulary = items, source, vocabulary
        self._planner = planner
        self._cited: list[str] = []
        self._ending = False
        self._names = planner.shortest(source, Copied())

    def call(self, wanted: ToolCall | None = None) -> Generator[Step, Choice, ToolCall]:
        """Steps of a whole call; returns it.

        Raises:
            Unreachable: ``wanted`` cannot be written.
            SchemaError: a schema keyword that cannot be enforced.
        """
        names = list(self._tools)
        name = yield from self._pick(names, [self._items.tools[n] for n in names], wanted.name if wanted else None)
        self._cited, self._ending = [], ends_turn(self._tools[name])
        schema = self._tools[name]["function"].get("parameters") or {"type": "object"}
        arguments = yield from self._object((name,), schema, wanted.arguments if wanted else None)
        return ToolCall(name=name, arguments=arguments)

    def _pick(self, values: Sequence[Any], items: Sequence[int], wanted: Any, end: bool = False) -> Writing:
        """One of ``values`` by its item; None for the end, where that is allowed, and right where nothing is wanted."""
        right = None
        if wanted is not None:
            if wanted not in values:
                raise Unreachable(f"{wanted!r} is not one of {list(values)[:8]}")
            right = Choice(Of.ITEM, items[list(values).index(wanted)])
        elif end:
            right = Choice(Of.WORD, 0)
        choice = yield Step(words=(0,) if end else (), items=items, right=right)
        return None if choice.of is Of.WORD else values[list(items).index(choice.number)]

    def _object(self, path: Path, schema: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> Writing:
        variants = schema.get("anyOf")
        if variants:
            schema = yield from self._variant(path, variants, wanted)
        properties: Mapping[str, Any] = schema.get("properties") or {}
        required = [name for name in properties if name in (schema.get("required") or ())]
        optional = [name for name in properties if name not in required]
        if wanted is not None and (odd := [n for n in wanted if n not in properties]):
            raise Unreachable(f"{path[0]} has no argument {odd[0]!r}")
        out: dict[str, Any] = {}
        for name in properties if self._ending else required:  # the end of a turn cites before it speaks
            if name in required or (yield from self._given((*path, name), wanted, name)):
                out[name] = yield from self._value((*path, name), properties[name], wanted, name)
        optional = [] if self._ending else optional
        while optional:
            given = None if wanted is None else next((n for n in optional if n in wanted), None)
            items = [self._items.arguments[*path, n] for n in optional]
            name = yield from self._pick(optional, items, given, end=True)
            if name is None:
                break
            out[name] = yield from self._value((*path, name), properties[name], wanted, name)
            optional = optional[optional.index(name) + 1 :]
        return {name: out[name] for name in properties if name in out}

    def _given(self, path: Path, wanted: Mapping[str, Any] | None, name: str) -> Writing:
        """Whether an optional argument is given."""
        item = Choice(Of.ITEM, self._items.arguments[path])
        right = None if wanted is None else item if name in wanted else Choice(Of.WORD, 0)
        choice = yield Step(words=(0,), items=(item.number,), right=right)
        return choice == item

    def _variant(self, path: Path, variants: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any] | None) -> Writing:
        """Which of several forms of an object, told apart by a property with one value; else the first form."""
        for name in variants[0].get("properties") or {}:
            options = [_only(v["properties"].get(name, {})) for v in variants if v.get("properties")]
            if len(options) == len(variants) and None not in options:
                items = [self._items.values[(*path, name), value_key(value)] for value in options]
                value = yield from self._pick(options, items, None if wanted is None else wanted.get(name, options))
                return variants[options.index(value)]
        return variants[0]

    def _value(self, path: Path, schema: Mapping[str, Any], wanted: Mapping[str, Any] | None, name: str) -> Writing:
        if wanted is not None and name not in wanted:
            raise Unreachable(f"{path[0]} needs {name!r}")
        return (
            yield from self._any(path, _plain(schema), None if wanted is None else wanted[name], wanted is not None)
        )

    def _any(self, path: Path, schema: Mapping[str, Any], wanted: Any, training: bool) -> Writing:
        """A value of a schema; ``wanted`` counts only in training."""
        if "enum" in schema or "const" in schema:
            return (yield from self._enum(path, schema, wanted))
        kind = schema.get("type", "string")
        if kind == "object" or "properties" in schema:
            return (yield from self._object(path, schema, wanted if training else None))
        if kind == "array":
            return (yield from self._array(path, schema, wanted if training else None))
        if kind in ("number", "integer"):
            return (yield from self._number(schema, kind == "integer", wanted))
        if kind == "boolean":
            options = [self._vocabulary.number["true"], self._vocabulary.number["false"]]
            right = Choice(Of.WORD, options[0 if wanted else 1]) if training else None
            choice = yield Step(words=options, right=right)
            return choice.number == options[0]
        if kind == "null":
            return None
        if kind != "string":
            raise SchemaError(f"expected a JSON type in a schema, got {kind!r}")
        return (yield from self._string(path, schema, wanted if training else None))

    def _enum(self, path: Path, schema: Mapping[str, Any], wanted: Any) -> Writing:
        """A value of an enum; its values without an item are ids of lines, chosen only by ``_cites``."""
        values = list(schema.get("enum") or [schema["const"]])
        known = [v for v in values if (path, value_key(v)) in self._items.values]
        if not known:
            return values[0]
        return (yield from self._pick(known, [self._items.values[path, value_key(v)] for v in known], wanted))

    def _array(self, path: Path, schema: Mapping[str, Any], wanted: Sequence[Any] | None) -> Writing:
        inner = _plain(schema.get("items") or {"type": "string"})
        low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", ITEMS))
        if inner.get("type", "string") == "string" and self._ending:
            return (yield from self._cites(inner, low, high, wanted))
        out: list[Any] = []
        while len(out) < high:
            if len(out) >= low:
                more = None if wanted is None else len(out) < len(wanted)
                if not (yield from self._more(path, more)):
                    break
            item = None if wanted is None else wanted[len(out)] if len(out) < len(wanted) else None
            if wanted is not None and item is None:
                raise Unreachable(f"{path[0]} needs {low} entries")
            out.append((yield from self._any((*path, "[]"), inner, item, wanted is not None)))
        return out

    def _more(self, path: Path, more: bool | None) -> Writing:
        argument = Choice(Of.ITEM, self._items.arguments[tuple(p for p in path if p != "[]")])
        right = None if more is None else argument if more else Choice(Of.WORD, 0)
        choice = yield Step(words=(0,), items=(argument.number,), right=right)
        return choice == argument

    def _cites(self, inner: Mapping[str, Any], low: int, high: int, wanted: Sequence[str] | None) -> Writing:
        """Ids of lines of this turn, each at most once, by the first piece of the line."""
        lines = self._source.lines()
        allowed = [i for i in inner.get("enum", lines) if i in lines]
        if "enum" in inner and len(allowed) < low:  # the lines were cut off: cite what the schema knows
            allowed, self._cited = [], list(inner["enum"][:low])
            return self._cited
        while len(self._cited) < high:
            free = [i for i in allowed if i not in self._cited]
            if not free:
                break
            right = None
            if wanted is not None:
                place = len(self._cited)
                if place < len(wanted) and wanted[place] not in free:
                    raise Unreachable(f"{wanted[place]} is no line of this turn")
                right = Choice(Of.TOKEN, lines[wanted[place]][0]) if place < len(wanted) else Choice(Of.WORD, 0)
            end = (0,) if len(self._cited) >= low else ()
            choice = yield Step(words=end, tokens=[lines[i][0] for i in free], right=right)
            if choice.of is Of.WORD:
                break
            self._cited.append(self._source.parts[self._source.part_of[choice.number]].line_id)
        return list(self._cited)

    def _number(self, schema: Mapping[str, Any], whole: bool, wanted: Any) -> Writing:
        """A number of the dialogue, or a digit; within the schema's bounds."""
        low = float(schema.get("minimum", schema.get("exclusiveMinimum", -LARGEST)))
        high = float(schema.get("maximum", schema.get("exclusiveMaximum", LARGEST)))

        def fits(value: float) -> bool:
            open_ends = value != schema.get("exclusiveMinimum") and value != schema.get("exclusiveMaximum")
            return low <= value <= high and open_ends and (not whole or value == int(value))

        places = {i: value for i, value in self._numbers().items() if fits(value)}
        digits = {self._vocabulary.digits[d]: float(d) for d in range(10) if fits(d)}
        if not places and not digits:
            return _between(low, high, whole, fits)
        right = None
        if wanted is not None:
            token = next((i for i, value in places.items() if value == float(wanted)), None)
            word = next((i for i, value in digits.items() if value == float(wanted)), None)
            if token is None and word is None:
                raise Unreachable(f"{wanted} stands nowhere")
            right = Choice(Of.TOKEN, token) if token is not None else Choice(Of.WORD, word or 0)
        choice = yield Step(words=list(digits), tokens=list(places), right=right)
        value = places[choice.number] if choice.of is Of.TOKEN else digits[choice.number]
        return int(value) if value == int(value) else value

    def _numbers(self) -> dict[int, float]:
        """Pieces with which a number begins, and the number."""
        source, out = self._source, {}
        starts = {(p, s): i for i, (p, s) in enumerate(zip(source.part_of, source.starts, strict=True)) if p >= 0}
        for index, part in enumerate(source.parts):
            for start, value in numbers_of(part.text):
                if (index, start) in starts:
                    out[starts[index, start]] = value
        return out

    def _string(self, path: Path, schema: Mapping[str, Any], wanted: str | None) -> Writing:
        limit = int(schema.get("maxLength", UNBOUNDED))
        if int(schema.get("minLength", 0)) > 1:
            raise SchemaError(f"expected minLength of at most 1, got {schema['minLength']}")
        if self._ending:
            return (yield from self._sentence(limit, wanted))
        return (yield from self._copy(limit, self._items.literals.get(path) or {}, wanted))

    def _copy(self, limit: int, literals: Mapping[str, int], wanted: str | None) -> Writing:
        """Spans of the dialogue and quoted words of the description, joined by spaces."""
        plan = None if wanted is None else self._planner.copied(wanted, self._source, literals)
        if wanted is not None and plan is None:
            raise Unreachable(f"{wanted!r} is not in the dialogue")
        said: list[str] = []
        words = {item: word for word, item in literals.items()}
        while len(said) < SPANS:
            room = limit - len(" ".join(said)) - bool(said)
            starts = [i for i, length in self._names.items() if length <= room]
            items = [item for item, word in words.items() if len(word) <= room]
            end = (0,) if said else ()
            if not (starts or items):
                break
            choice = yield Step(words=end, tokens=starts, items=items, right=_next(plan, len(said)))
            if choice.of is Of.WORD:
                break
            if choice.of is Of.ITEM:
                said.append(words[choice.number])
                continue
            last = yield from self._span_end(choice.number, Copied(), room, plan[len(said)] if plan else None)
            said.append(self._source.text(choice.number, last))
        return " ".join(said)

    def _span_end(self, start: int, rule: Copied | Written, room: int, planned: Span | int | None) -> Writing:
        ends = self._planner.ends(self._source, start, rule, room)
        right = Choice(Of.TOKEN, planned.end) if isinstance(planned, Span) else None
        if right is not None and right.number not in ends:
            raise Unreachable("a span longer than its argument")
        choice = yield Step(tokens=ends, right=right)
        return choice.number

    def _sentence(self, limit: int, wanted: str | None) -> Writing:
        """Words of the vocabulary and spans of this turn; numbers only from cited lines."""
        rule = Written.about(self._source, self._cited)
        plan = None if wanted is None else self._planner.written(wanted, self._source, rule, self._vocabulary.number)
        if wanted is not None and plan is None:
            raise Unreachable(f"cannot say {wanted!r}")
        said: list[tuple[str, bool]] = []
        spans = self._planner.shortest(self._source, rule)
        for place in range(SENTENCE_CHOICES):
            room = limit - len(joined(said)) - 1
            words = [i for i in self._vocabulary.sentence if len(self._vocabulary.words[i]) <= room]
            starts = [i for i, length in spans.items() if length <= room]
            right = None
            if plan is not None:
                entry = plan[place] if place < len(plan) else 0
                right = Choice(Of.TOKEN, entry.start) if isinstance(entry, Span) else Choice(Of.WORD, entry)
            choice = yield Step(words=[0, *words] if said else words, tokens=starts, right=right)
            if choice == Choice(Of.WORD, 0):
                break
            if choice.of is Of.WORD:
                said.append((self._vocabulary.words[choice.number], False))
                continue
            planned = plan[place] if plan is not None else None
            last = yield from self._span_end(choice.number, rule, room, planned)
            said.append((self._source.text(choice.number, last), True))
        return joined(said)


def _next(plan: Sequence[Span | int] | None, place: int) -> Choice | None:
    """The right choice at a place of a copied value."""
    if plan is None:
        return None
    if place >= len(plan):
        return Choice(Of.WORD, 0)
    entry = plan[place]
    return Choice(Of.TOKEN, entry.start) if isinstance(entry, Span) else Choice(Of.ITEM, entry)


def _between(low: float, high: float, whole: bool, fits: Callable[[float], bool]) -> float:
    """A number within bounds that none of the dialogue's is in."""
    options = (float(math.ceil(low)), math.ceil(low) + 1.0) if whole else (low, (low + high) / 2)
    value = next((option for option in options if fits(option)), None)
    if value is None:
        raise SchemaError(f"expected bounds that a number can keep, got {low:g} to {high:g}")
    return int(value) if whole else value


def _only(schema: Mapping[str, Any]) -> Any:
    """The one value that a property may have, or None."""
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return values[0] if len(values) == 1 else None


def _plain(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema without its ``null`` branch; refuses what the grammar cannot enforce."""
    odd = _REFUSED.intersection(schema)
    if odd:
        raise SchemaError(f"expected schema keywords that can be enforced, got {', '.join(sorted(odd))}")
    for key in ("anyOf", "oneOf"):
        branches = [b for b in schema.get(key, ()) if b.get("type") != "null"]
        if branches and "properties" not in branches[0]:
            return _plain({**{k: v for k, v in schema.items() if k != key}, **branches[0]})
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return {**schema, "type": next((kind for kind in kinds if kind != "null"), "null")}
    return schema
