"""How phrasing groups are written down.

A group is one line: ``[a|b]`` are free alternatives, ``{the}`` and its like are slots. The groups of a family are split
by their place in the list, so the wording of val and test groups is never trained on.
"""

from __future__ import annotations


def groups(text: str) -> tuple[str, ...]:
    """The lines of a block that are not empty."""
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())
