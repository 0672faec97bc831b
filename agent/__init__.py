"""A vision-language model that uses the tools.

Programs start at ``open_assistant``, the shell at ``agent.cli``. The rooms, each importing only from those after it:
``commands`` (of the command line), ``conversation`` (sessions and turns), ``maps`` and ``views``, ``model``. What a
model is told stands in ``prompts.py``.
"""

from agent.assistant import open_assistant

__all__ = ["open_assistant"]
