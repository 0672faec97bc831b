"""Which model answers: the choice that a command line or a program makes, before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from agent.model.interface import Vlm
from agent.model.vlm import EMBEDDED, load_vlm


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model by its names."""

    spec: str = EMBEDDED
    """``embedded``, ``minilm``, a folder, a hub id, or ``openai:MODEL@URL``."""
    adapter: str | None = None
    """A LoRA folder on top; the embedded model brings its own."""

    def load(self) -> Vlm:
        """Load it. Raises ``agent.model.interface.ModelError``."""
        return load_vlm(self.spec, self.adapter)
