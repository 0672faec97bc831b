"""What is true, and how it was recorded: shared types, geometry, recordings, generated worlds, questions."""
