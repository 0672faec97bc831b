"""Speed of the tool core: compiled against its own eager twin and against peers, on the same input, in one run."""

from __future__ import annotations

from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """``sightline bench``; see ``evals.bench.command``, which is imported only here because it needs torch."""
    from evals.bench.command import run as run_command

    return run_command(argv)
