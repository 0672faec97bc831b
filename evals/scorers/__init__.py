"""Scores as pure functions of a prediction and the truth."""
