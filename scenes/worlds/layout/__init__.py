"""The floor plan of a world, its walls and doors, and what is put where."""
