"""Which stretches of a dialogue may be copied, and how a wanted text is put together from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tokenizers import Tokenizer

from agent.model.pointer.reading import Kind, Source
from agent.model.pointer.words import NUMBER_WORDS, joined

SPAN_TOKENS = 60
"""Longest span."""


class Span(NamedTuple):
    """Pieces of the source from ``start`` to ``end``, both included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Copied:
    """The rule for names and notes: anything that was said or returned."""

    def allows(self, source: Source, token: int) -> bool:
        """Whether a piece may stand in a span."""
        return source.kinds[token] in (Kind.QUESTION, Kind.CALL, Kind.HEADER, Kind.LINE, Kind.HISTORY)


@dataclass(frozen=True, slots=True)
class Written:
    """The rule for spans of a sentence: this turn's lines and question; numbers only where a cited line has them."""

    tokens: frozenset[int]

    @classmethod
    def about(cls, source: Source, cited: Sequence[str]) -> Written:
        """The rule given what is cited: all of the cited lines behind their ids; of the rest what holds no number."""
        lines = source.lines()
        own = {i for name in cited for i in lines.get(name, ())}
        texts = {k: source.parts[source.part_of[k]] for k in own}
        own -= {k for k, part in texts.items() if source.starts[k] < len(part.line_id)}
        other = [i for i in source.tokens_of(Kind.QUESTION, Kind.HEADER) if not _numeric(source, i)]
        return cls(frozenset(own.union(other)))

    def allows(self, source: Source, token: int) -> bool:
        """Whether a piece may stand in a span."""
        return token in self.tokens


def _numeric(source: Source, token: int) -> bool:
    text = source.text(token, token).lower()
    return any(c.isdigit() for c in text) or text in NUMBER_WORDS


class SpanPlanner:
    """Finds spans: those that are allowed, and those that make up a wanted text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def shortest(self, source: Source, rule: Copied | Written) -> dict[int, int]:
        """Pieces with which a span may begin, each with the characters of the shortest one; computed once a rule."""
        out = {}
        begins = [i for i in range(len(source)) if source.first[i] and rule.allows(source, i)]
        spoken = [i for i in begins if source.text(i, i)[:1].isalnum()]
        for start in spoken or begins:
            end = start
            while not source.last[end] and rule.allows(source, end + 1):
                end += 1
            if source.last[end]:
                out[start] = source.ends[end] - source.starts[start]
        return out

    def ends(self, source: Source, start: int, rule: Copied | Written, room: int) -> list[int]:
        """Pieces with which a span that begins at ``start`` may end."""
        out = []
        for i in range(start, min(len(source), start + SPAN_TOKENS)):
            if source.part_of[i] != source.part_of[start] or not rule.allows(source, i):
                break
            if source.ends[i] - source.starts[start] > room:
                break
            if source.last[i]:
                out.append(i)
        return out

    def copied(self, wanted: str, source: Source, literals: Mapping[str, int]) -> list[Span | int] | None:
        """Spans and items of quoted words that make up ``wanted``, the longest first; None: it cannot be."""
        if wanted in literals:
            return [literals[wanted]]
        encoded = self._tokenizer.encode(wanted, add_special_tokens=False)
        plan: list[Span | int] = []
        at, rule = 0, Copied()
        while at < len(encoded.ids):
            span = self._longest(encoded.ids[at:], source, rule)
            if span is None:
                return None
            plan.append(span)
            at += span.end - span.start + 1
        said = " ".join(source.text(*span) for span in plan if isinstance(span, Span))
        return plan if said.casefold() == wanted.casefold() else None

    def written(self, wanted: str, source: Source, rule: Written, words: Mapping[str, int]) -> list[Span | int] | None:
        """Spans and words that make up a sentence; None: it cannot be.

        A span is used where it is at least two words long, or where its word is none of ``words``.
        """
        encoded = self._tokenizer.encode(wanted, add_special_tokens=False)
        names = {number: word for word, number in words.items()}
        plan: list[Span | int] = []
        at = 0
        while at < len(encoded.ids):
            word = words.get(encoded.tokens[at])
            single = at + 1 == len(encoded.ids) or not encoded.tokens[at + 1].startswith("##")
            span = self._longest(encoded.ids[at:], source, rule)
            if (
                span is not None
                and word is not None
                and single
                and self._said_by_wearer(encoded.ids[at:], source, span)
            ):
                plan.append(word)
                at += 1
            elif span is not None and (word is None or not single or span.end > span.start):
                plan.append(span)
                at += span.end - span.start + 1
            elif word is not None and single:
                plan.append(word)
                at += 1
            else:
                return None
        pieces = [(source.text(*p), True) if isinstance(p, Span) else (names[p], False) for p in plan]
        return plan if joined(pieces).casefold() == wanted.casefold() else None

    def _said_by_wearer(self, ids: Sequence[int], source: Source, span: Span) -> bool:
        """Whether a span of a tool's line is an article and then words of the question: those keep their letters."""
        if source.kinds[span.start] != Kind.HEADER or span.end == span.start:
            return False
        asked = Written(frozenset(source.tokens_of(Kind.QUESTION)))
        rest = self._longest(ids[1:], source, asked)
        return rest is not None and rest.end - rest.start + 1 >= span.end - span.start

    def _longest(self, ids: Sequence[int], source: Source, rule: Copied | Written) -> Span | None:
        """The longest span that agrees with the beginning of ``ids``; the first of several."""
        best: Span | None = None
        for start in range(len(source)):
            if source.ids[start] != ids[0] or not source.first[start] or not rule.allows(source, start):
                continue
            if not source.text(start, start)[:1].isalnum():
                continue
            end, k = None, start
            while (
                k < len(source)
                and k - start < min(len(ids), SPAN_TOKENS)
                and source.ids[k] == ids[k - start]
                and source.part_of[k] == source.part_of[start]
                and rule.allows(source, k)
            ):
                if source.last[k]:
                    end = k
                k += 1
            if end is not None and (best is None or end - start > best.end - best.start):
                best = Span(start, end)
        return best
