"""``sightline questions``: generated questions as conversations with gold traces, and a sheet to look at them."""
