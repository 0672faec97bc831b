"""Errors of the tools that a model can mend."""

from __future__ import annotations

from collections.abc import Sequence


class ToolError(Exception):
    """A tool call that cannot be carried out as asked; the text goes back to the model.

    Says what was expected, what was received, and which choices there are.
    """

    def __init__(self, expected: str, received: str, choices: Sequence[str] = ()) -> None:
        self.expected = expected
        self.received = received
        self.choices = tuple(choices)
        hint = f" Choices: {', '.join(self.choices)}." if self.choices else ""
        super().__init__(f"Expected {expected}; received {received}.{hint}")
