"""The commands of ``sightline``, a module each. Heavy imports happen when a command runs."""
