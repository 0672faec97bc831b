"""Finding things of a scene graph by name, condition and relation. Reads a graph, never changes one."""
