"""The systems by name."""

from __future__ import annotations

from evals.systems.base import System
from scenes.errors import InputError

SYSTEMS = ("agent",)


def make_system(name: str, vlm: str, adapter: str | None) -> System:
    """Load a system. Raises InputError for another name, ModelError for a model that does not load."""
    from agent.model.vlm import load_vlm
    from evals.systems.agent import AgentSystem

    if name == "agent":
        return AgentSystem(load_vlm(vlm, adapter))
    raise InputError(f"expected --system one of {', '.join(SYSTEMS)}, got {name!r}")
