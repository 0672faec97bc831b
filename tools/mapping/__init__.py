"""The metric map: fusing depth into a surface, saving and drawing it, tracking against it, walking through it.

Knows nothing of things, names or models.
"""
