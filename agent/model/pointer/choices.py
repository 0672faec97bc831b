"""One step of writing: what may be chosen, what was chosen, and the words that the model may write itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class SchemaError(ValueError):
    """A schema that the grammar cannot enforce; the message names the keyword."""


class Unreachable(ValueError):
    """The wanted call cannot be written by this grammar from this source."""


class Of(IntEnum):
    """Which list a choice is from."""

    WORD = 0
    TOKEN = 1
    ITEM = 2


class Choice(NamedTuple):
    """One choice: a word of the vocabulary, a piece of the source, or an item of the tools."""

    of: Of
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """All that may be chosen, and in training the right choice."""

    words: Sequence[int] = ()
    tokens: Sequence[int] = ()
    items: Sequence[int] = ()
    right: Choice | None = None

    @property
    def forced(self) -> Choice | None:
        """The only choice, where there is one."""
        if len(self.words) + len(self.tokens) + len(self.items) != 1:
            return None
        if self.words:
            return Choice(Of.WORD, self.words[0])
        return Choice(Of.TOKEN, self.tokens[0]) if self.tokens else Choice(Of.ITEM, self.items[0])


class Vocabulary:
    """The words that the model may write itself, as numbers; the first ends a list, a value or a sentence."""

    END = "[SEP]"

    def __init__(self, words: Sequence[str]) -> None:
        """``words``: ``END`` first; ``true``, ``false`` and the digits among them.

        Raises:
            ValueError: one of these is missing.
        """
        self.words = tuple(words)
        self.number = {word: i for i, word in enumerate(self.words)}
        needed = [self.END, "true", "false", *"0123456789"]
        if self.words[:1] != (self.END,) or any(word not in self.number for word in needed):
            raise ValueError(f"expected words that begin with {self.END} and hold true, false and digits")
        self.digits = [self.number[digit] for digit in "0123456789"]
        values = {0, self.number["true"], self.number["false"], *self.digits}
        self.sentence = [i for i in range(len(self.words)) if i not in values]
        """What may stand in a written sentence."""
