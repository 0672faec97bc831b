"""The commands of ``sightline``, a module for each group. Heavy imports happen when a command runs."""

from agent.commands import ask, doctor, info, localise, map, memory, world

GROUPS = (ask, map, localise, info, world, memory, doctor)
"""Each has ``add_commands(subparsers)``; in the order in which help shows them."""
