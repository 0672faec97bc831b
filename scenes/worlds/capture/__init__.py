"""A walk through a world as a recording: sensors, truth, files, several processes."""
