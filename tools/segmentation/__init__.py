"""One frame cut into pieces of surface: by geometry, by the embedded network, or by a model that a user brings.

What the pieces of many frames become is the business of ``tools.scene_graph``.
"""
