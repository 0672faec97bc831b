"""One reader a format. Each turns its own axes, units and times into those of ``scenes.types``."""
