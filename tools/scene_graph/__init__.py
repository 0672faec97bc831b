"""From pieces of surface to things: association over time, relations, rooms, what changed, what is gazed at, names."""
