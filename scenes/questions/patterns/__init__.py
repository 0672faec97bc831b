"""How people ask: phrasing groups per family, see ``grammar``."""

from __future__ import annotations

from scenes.questions.patterns.counting import COUNTING
from scenes.questions.patterns.finding import FINDING
from scenes.questions.patterns.follow_ups import FOLLOW_UPS
from scenes.questions.patterns.gazing import GAZING
from scenes.questions.patterns.measuring import MEASURING
from scenes.questions.patterns.talking import TALKING

PATTERNS: dict[str, tuple[str, ...]] = {**FINDING, **COUNTING, **MEASURING, **GAZING, **TALKING}
"""Families that open a conversation, and some that go on in it by name."""

__all__ = ("FOLLOW_UPS", "PATTERNS")
