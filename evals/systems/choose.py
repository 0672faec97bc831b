"""The systems by name: the agent, and the baselines of every report, all with the same model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.model.vlm import EMBEDDED, Vlm, embedded_folder, load_vlm
from evals.items import Item
from evals.systems.base import System
from scenes.errors import InputError

SYSTEMS = {
    "agent": "model, tools and picture, as shipped",
    "majority": "the most frequent answer of the family; no model",
    "blind": "the question alone: no picture, no tools",
    "captions-only": "captions of memory in the prompt, no tools",
    "graph-in-prompt": "the scene graph in the prompt, no tools",
    "oracle-tool": "the right tool calls are made for the model",
    "no-adapter": "as the agent, without the adapter",
}
"""Name -> what it is, for help and tables."""


def make_system(name: str, vlm: str, adapter: str | None, items: Callable[[], Sequence[Item]]) -> System:
    """Load a system. ``items``: of the suite, for the baseline that votes; called only by it.

    Raises InputError for another name, ModelError for a model that does not load.
    """
    if name == "majority":
        from evals.systems.majority import MajoritySystem

        return MajoritySystem(items())
    if name in ("agent", "no-adapter"):
        from evals.systems.agent import AgentSystem

        return AgentSystem(load_vlm(vlm, adapter) if name == "agent" else without_adapter(vlm))
    if name == "oracle-tool":
        from evals.systems.oracle_tool import OracleToolSystem

        return OracleToolSystem(load_vlm(vlm, adapter))
    from evals.systems.reading import ReadingSystem, captions, graph_lines

    read = {"blind": None, "captions-only": captions, "graph-in-prompt": graph_lines}
    if name not in read:
        raise InputError(f"expected --system one of {', '.join(SYSTEMS)}, got {name!r}")
    return ReadingSystem(load_vlm(vlm, adapter), read[name], "recall" if name == "captions-only" else "find_objects")


def without_adapter(vlm: str) -> Vlm:
    """The base model alone. Raises ModelError where it does not load."""
    if vlm != EMBEDDED:
        return load_vlm(vlm)
    from agent.model.vlm import LocalVlm

    return LocalVlm.load(str(embedded_folder() / "base"), None, name=EMBEDDED)
