"""A conversation -> the pieces that the encoder reads, each of which remembers the text it came from.

The newest user message stands first, then this turn's calls and their results, then the turns before, newest first, so
that what is cut off at ``MAX_TOKENS`` is the oldest. The tokenizer is uncased; spans are rendered from the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tokenizers import Tokenizer

from agent.model.protocol import Message, calls_of, text_of

MAX_TOKENS = 256
"""Of one dialogue; the encoder was trained on texts of up to 256 pieces."""
HISTORY_TURNS = 2
"""Turns before the newest one that are read."""
CLS, SEP = 101, 102
"""Ids of BERT's ``[CLS]`` and ``[SEP]``."""
_STAMP = re.compile(r"^\[[^\]]*?(, gaze)?\]\s*")
_DECIMAL = re.compile(r"\d+(?:\.\d+)+")
LINE = re.compile(r"^([a-z]\d+) (?=\S)")
"""A line that can be cited begins with its id."""


class Kind(IntEnum):
    """What a place in the model's memory is."""

    MARK = 0
    """A separator, or words of the form itself."""
    QUESTION = 1
    """The newest user message."""
    CALL = 2
    """A call of this turn."""
    HEADER = 3
    """A line of a result that cannot be cited: ``none: never seen: a mug``, an error."""
    LINE = 4
    """A line of a result that begins with its id."""
    HISTORY = 5
    """A turn before this one."""
    TOOL = 6
    ARGUMENT = 7
    VALUE = 8
    """A value of an enum, or a word that an argument's description quotes."""
    PICTURE = 9
    """A token of the vision tower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of text of one kind."""

    kind: Kind
    text: str
    line_id: str = ""
    """Of a line: what a citation names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the encoder reads: (L,) pieces with their kinds, parts and places in the parts' texts."""

    ids: tuple[int, ...]
    kinds: tuple[int, ...]
    part_of: tuple[int, ...]
    """Index into ``parts``; -1 for separators."""
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    first: tuple[bool, ...]
    """Whether a piece begins a word."""
    last: tuple[bool, ...]
    """Whether a piece ends a word."""
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def text(self, start: int, end: int) -> str:
        """The original text of the pieces from ``start`` to ``end``, both included."""
        return self.parts[self.part_of[start]].text[self.starts[start] : self.ends[end]]

    def tokens_of(self, *kinds: Kind) -> list[int]:
        """Pieces of these kinds."""
        return [i for i, kind in enumerate(self.kinds) if kind in kinds]

    def lines(self) -> dict[str, list[int]]:
        """The pieces of each line of this turn's results, by its id; of an id that came twice, of both lines."""
        out: dict[str, list[int]] = {}
        for i, part in enumerate(self.part_of):
            if part >= 0 and self.kinds[i] == Kind.LINE:
                out.setdefault(self.parts[part].line_id, []).append(i)
        return out


def read(messages: Sequence[Message], tokenizer: Tokenizer) -> Source:
    """Canonical messages, the last of which the model is to follow -> what the encoder reads.

    A system message is not read: its rules are in the weights and in the grammar.
    """
    return _source(list(_parts([m for m in messages if m["role"] != "system"])), tokenizer)


def question_of(messages: Sequence[Message]) -> str:
    """The newest user message without its time stamp."""
    texts = [text_of(message) for message in messages if message["role"] == "user"]
    return _STAMP.sub("", texts[-1]) if texts else ""


def _parts(messages: list[Message]) -> Iterator[Part]:
    users = [i for i, message in enumerate(messages) if message["role"] == "user"]
    newest = users[-1] if users else 0
    asked, *rest = messages[newest:] or [{"role": "user", "content": ""}]
    text = text_of(asked)
    stamp = _STAMP.match(text)
    if stamp and stamp[1]:
        yield Part(kind=Kind.MARK, text="gaze")
    yield Part(kind=Kind.QUESTION, text=text[stamp.end() if stamp else 0 :])
    for message in rest:
        yield from _turn_parts(message)
    for k in range(len(users) - 2, max(-1, len(users) - 2 - HISTORY_TURNS), -1):
        yield from _history_parts(messages[users[k] : users[k + 1]])


def _turn_parts(message: Message) -> Iterator[Part]:
    if message["role"] != "tool":
        for call in calls_of(message):
            yield Part(kind=Kind.CALL, text=f"{_spaced(call.name)}: {_values(call.arguments)}")
        return
    for line in text_of(message).split("\n"):
        named = LINE.match(line)
        if named:
            yield Part(kind=Kind.LINE, text=line, line_id=named[1])
        elif line.strip():
            yield Part(kind=Kind.HEADER, text=line)


def _history_parts(messages: list[Message]) -> Iterator[Part]:
    """A past turn: what was asked, the calls, and what was said in the end."""
    for message in messages:
        if message["role"] == "user":
            yield Part(kind=Kind.HISTORY, text=_STAMP.sub("", text_of(message)))
        elif message["role"] == "assistant":
            for call in calls_of(message):
                said = call.arguments.get("text")
                ends = "cite" in call.arguments and isinstance(said, str)
                yield Part(
                    kind=Kind.HISTORY, text=str(said) if ends else f"{_spaced(call.name)}: {_values(call.arguments)}"
                )
            if not message.get("tool_calls") and text_of(message).strip():
                yield Part(kind=Kind.HISTORY, text=text_of(message))


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _values(arguments: dict[str, object]) -> str:
    return ", ".join(str(value) for value in arguments.values())


def _source(parts: list[Part], tokenizer: Tokenizer) -> Source:
    ids, kinds, part_of, starts, ends, first, last = [CLS], [int(Kind.MARK)], [-1], [0], [0], [False], [False]
    for index, part in enumerate(parts):
        encoded = tokenizer.encode(part.text, add_special_tokens=False)
        room = MAX_TOKENS - len(ids) - 1
        if room < 1:
            break
        pieces, offsets = encoded.ids[:room], encoded.offsets[:room]
        begins = [*_word_begins(part.text, encoded.tokens, encoded.offsets), True]
        count = len(pieces)
        ids += [*pieces, SEP]
        kinds += [int(part.kind)] * count + [int(Kind.MARK)]
        part_of += [index] * count + [-1]
        starts += [start for start, _ in offsets] + [0]
        ends += [end for _, end in offsets] + [0]
        first += [*begins[:count], False]
        last += [*begins[1 : count + 1], False]
    return Source(
        ids=tuple(ids),
        kinds=tuple(kinds),
        part_of=tuple(part_of),
        starts=tuple(starts),
        ends=tuple(ends),
        first=tuple(first),
        last=tuple(last),
        parts=tuple(parts),
    )


def _word_begins(text: str, pieces: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[bool]:
    """Whether each piece begins a word; a number such as ``4.5`` is one word."""
    inside = {i for match in _DECIMAL.finditer(text) for i in range(match.start() + 1, match.end())}
    return [not piece.startswith("##") and at not in inside for piece, (at, _) in zip(pieces, offsets, strict=True)]
