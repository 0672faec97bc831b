"""Worlds that a user describes, and meshes that a user brings."""
