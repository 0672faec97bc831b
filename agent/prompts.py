"""Every text that a model is told: system turns and standing questions.

The shipped weights were trained on these exact words: another byte here means training again. The one-line
descriptions of the tools stand beside the tools (``tools.toolbox``), and complaints about a reply beside the check that
makes them (``agent.conversation.graph``).
"""

from __future__ import annotations

SYSTEM_PROMPT = "You are Sightline. Use tools, then answer with ids that they returned."
"""System turn of a conversation."""

NAME_SYSTEM = "Look and say."
"""System turn of questions about one crop; no tools."""
NAME_QUESTION = "Name it and its color."
UNCLEAR = "unclear"
"""What a model says of a picture that shows nothing it can name."""

CAPTION_SYSTEM = "You describe what a head-worn camera sees."
"""System turn of captions; never said to the embedded model, which has learned to name single things only."""
CAPTION_QUESTION = "Describe this view in one sentence: the place, the things in it, and where they stand."
